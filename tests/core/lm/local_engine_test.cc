#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <bit>
#include <set>
#include <thread>
#include <vector>

#include "core/base/error.h"
#include "core/lm/engine/engine.h"
#include "core/lm/engine/sampler.h"
#include "tests/core/lm/tiny_model.h"

namespace retort {
namespace {

using testing_models::NarrowConfig;
using testing_models::RandomWeights;
using testing_models::TinyConfig;
using testing_models::TinyTokenizer;
using testing_models::TokenizerOf;
using testing_models::WideConfig;

constexpr int32_t kEos = 2;

/// On the CPU: answers of the same bits are promised there.
std::unique_ptr<Engine> MakeEngine(EngineConfig config, const ModelConfig& model, int threads = 1) {
  static const std::unique_ptr<Tokenizer> kTokenizer = TinyTokenizer();
  config.device = "cpu";
  return MakeLocalEngine(config, RandomWeights(model), *kTokenizer, threads);
}

/// So much memory a token that one MiB holds 125 of them.
ModelConfig HungryConfig() {
  ModelConfig config = TinyConfig();
  config.num_hidden_layers = 4;
  config.num_key_value_heads = 4;
  config.head_dim = 64;
  config.max_position_embeddings = 512;
  return config;
}

std::vector<int32_t> Prompt(uint64_t problem, int64_t length) {
  Rng rng = Rng::Derive({"local_engine_test", problem});
  std::vector<int32_t> ids = {1};
  while (std::ssize(ids) < length) ids.push_back(4 + static_cast<int32_t>(rng.NextBelow(18)));
  return ids;
}

/// `samples` rows for each of `problems` prompts of different lengths.
std::vector<GenerateRequest> Requests(uint64_t problems, uint64_t samples) {
  std::vector<GenerateRequest> requests;
  for (uint64_t p = 0; p < problems; ++p) {
    for (uint64_t s = 0; s < samples; ++s) {
      requests.push_back({.prompt_ids = Prompt(p, 3 + static_cast<int64_t>(p % 9)),
                          .sampling = {.max_new_tokens = 12, .stop_ids = {kEos}, .stop_texts = {}},
                          .row_key = Rng::DeriveKey({p, s})});
    }
  }
  return requests;
}

/// Everything of an answer that may not depend on how it was computed, log-probabilities by bits.
struct Answer {
  std::vector<int32_t> ids;
  std::vector<uint32_t> log_prob_bits;
  FinishReason finish;
  std::vector<double> counts;
  bool operator==(const Answer&) const = default;
};

std::vector<Answer> Answers(const std::vector<Completion>& completions) {
  std::vector<Answer> answers;
  for (const Completion& c : completions) {
    Answer answer{.ids = c.token_ids, .log_prob_bits = {}, .finish = c.finish, .counts = {}};
    for (const float p : c.log_probs) answer.log_prob_bits.push_back(std::bit_cast<uint32_t>(p));
    answer.counts = {static_cast<double>(c.usage.prefill_computed),
                     static_cast<double>(c.usage.prefill_shared),
                     static_cast<double>(c.usage.decoded), c.usage.flops};
    answers.push_back(answer);
  }
  return answers;
}

/// Distinct (prefix, token) positions that a model must see to give these completions.
int64_t UniqueTokens(const std::vector<GenerateRequest>& requests,
                     const std::vector<Completion>& completions) {
  std::set<std::vector<int32_t>> prefixes;
  for (size_t i = 0; i < requests.size(); ++i) {
    std::vector<int32_t> ids = requests[i].prompt_ids;
    const auto& tail = completions[i].token_ids;
    ids.insert(ids.end(), tail.begin(), tail.end() - 1);
    while (!ids.empty() && prefixes.insert(ids).second) ids.pop_back();
  }
  return std::ssize(prefixes);
}

int64_t AllTokens(const std::vector<GenerateRequest>& requests,
                  const std::vector<Completion>& completions) {
  int64_t n = 0;
  for (size_t i = 0; i < requests.size(); ++i) {
    n += std::ssize(requests[i].prompt_ids) + std::ssize(completions[i].token_ids) - 1;
  }
  return n;
}

/// One row by the book: a whole forward for each token, LibTorch's operators, no cache.
std::vector<int32_t> ByTheBook(const DecoderWeights& weights, const GenerateRequest& request) {
  const c10::InferenceMode guard;
  const auto ops = MakeCompositeOps();
  std::vector<int64_t> ids(request.prompt_ids.begin(), request.prompt_ids.end());
  std::vector<int32_t> completion;
  while (std::ssize(completion) < request.sampling.max_new_tokens &&
         (completion.empty() || completion.back() != kEos)) {
    TokenBatch batch;
    batch.ids = ids;
    for (int64_t p = 0; p < std::ssize(ids); ++p) batch.positions.push_back(p);
    batch.sequence_offsets = {0, std::ssize(ids)};
    batch.logit_rows = {std::ssize(ids) - 1};
    const at::Tensor logits = DecoderForward(weights, batch, *ops).contiguous();
    const SampledToken token = SampleToken({logits.const_data_ptr<float>(), 22}, request.sampling,
                                           request.row_key, std::ssize(completion));
    completion.push_back(token.id);
    ids.push_back(token.id);
  }
  return completion;
}

TEST(LocalEngine, GeneratesWhatAWholeForwardForEachTokenGives) {
  const auto requests = Requests(4, 3);
  for (const ModelConfig& model : {TinyConfig(), NarrowConfig()}) {
    const auto completions = MakeEngine({}, model)->Generate(requests);
    for (size_t i = 0; i < requests.size(); ++i) {
      EXPECT_EQ(completions[i].token_ids, ByTheBook(RandomWeights(model), requests[i]));
    }
  }
}

struct Variant {
  std::string name;
  EngineConfig config;
  int threads = 1;
};

std::vector<Variant> Variants() {
  std::vector<Variant> variants = {
      {"batch of one", {.max_batch = 1}},
      {"batch of five", {.max_batch = 5}},
      {"two threads", {}, 2},
      {"three threads, batch of 40", {.max_batch = 40}, 3},
      {"no prefix cache", {.prefix_cache = false}},
      {"starved", {.kv_memory_mb = 1}},
      {"starved, batch of seven", {.max_batch = 7, .kv_memory_mb = 1}},
      {"starved, no prefix cache", {.kv_memory_mb = 1, .prefix_cache = false}}};
  for (const Isa isa : kIsas) {
    if (IsaSupported(isa)) variants.push_back({IsaName(isa), {.kernels = IsaName(isa)}});
  }
  return variants;
}

TEST(LocalEngine, AnswersHaveTheSameBitsHoweverTheyAreComputed) {
  const auto requests = Requests(10, 8);
  for (const std::string precision : {"float32", "bfloat16"}) {
    for (const ModelConfig& model : {HungryConfig(), NarrowConfig()}) {
      const auto expected =
          Answers(MakeEngine({.precision = precision}, model)->Generate(requests));
      for (Variant& variant : Variants()) {
        variant.config.precision = precision;
        const auto engine = MakeEngine(variant.config, model, variant.threads);
        EXPECT_EQ(Answers(engine->Generate(requests)), expected) << variant.name;
        EXPECT_EQ(Answers(engine->Generate(requests)), expected) << variant.name << ", again";
      }
    }
  }
}

TEST(LocalEngine, Bfloat16OfLibTorchsOperatorsIsCloseToThatOfTheNativeKernels) {
  const auto requests = Requests(10, 4);
  for (const ModelConfig& model : {TinyConfig(), WideConfig()}) {
    const auto native = MakeEngine({.precision = "bfloat16"}, model);
    const auto composite = MakeEngine({.kernels = "composite", .precision = "bfloat16"}, model);
    const auto completions = native->Generate(requests);
    std::vector<ScoreRequest> scores;
    for (size_t i = 0; i < requests.size(); ++i) {
      scores.push_back({requests[i].prompt_ids, completions[i].token_ids});
    }
    const auto answers = composite->Score(scores);
    for (size_t i = 0; i < answers.size(); ++i) {
      for (size_t t = 0; t < answers[i].log_probs.size(); ++t) {
        EXPECT_NEAR(answers[i].log_probs[t], completions[i].log_probs[t], 0.3);
      }
    }
  }
}

/// So many logits that the threads share the rows' sampling.
TEST(LocalEngine, RowsSampledSideBySideGetTheSameBits) {
  constexpr int kVocabulary = 4100;
  ModelConfig model = TinyConfig();
  model.vocab_size = kVocabulary;
  const auto tokenizer = TokenizerOf(kVocabulary);
  auto requests = Requests(6, 8);
  for (size_t i = 0; i < requests.size(); i += 3) requests[i].sampling.stop_texts = {"7"};
  std::vector<std::vector<Answer>> answers;
  for (const int threads : {1, 2, 3}) {
    for (const int max_batch : {256, 20}) {
      const auto engine = MakeLocalEngine({.max_batch = max_batch, .device = "cpu"},
                                          RandomWeights(model), *tokenizer, threads);
      answers.push_back(Answers(engine->Generate(requests)));
    }
  }
  for (const auto& each : answers) EXPECT_EQ(each, answers.front());
}

TEST(LocalEngine, AStarvedPoolEvictsAndComputesAgain) {
  const auto requests = Requests(40, 4);
  const auto engine = MakeEngine({.kv_memory_mb = 1}, HungryConfig());
  const auto completions = engine->Generate(requests);
  EXPECT_GT(engine->Stats().evicted_slots, 0);
  EXPECT_GE(engine->Stats().computed_tokens, UniqueTokens(requests, completions));
}

TEST(LocalEngine, RowsAskedOneByOneGetTheSameBits) {
  const auto requests = Requests(5, 4);
  const auto engine = MakeEngine({}, TinyConfig());
  const auto together = Answers(engine->Generate(requests));
  for (size_t i = 0; i < requests.size(); ++i) {
    Answer alone = Answers(engine->Generate({&requests[i], 1}))[0];
    alone.counts = together[i].counts;  // sharing is counted within a call
    EXPECT_EQ(alone, together[i]);
  }
}

int64_t ComputedBeyondUnique(const ModelConfig& model, int max_batch) {
  const auto requests = Requests(3, 64);
  const auto engine = MakeEngine({.max_batch = max_batch}, model);
  const auto completions = engine->Generate(requests);
  const int64_t unique = UniqueTokens(requests, completions);
  EXPECT_EQ(engine->Stats().unique_tokens, unique);
  return engine->Stats().computed_tokens - unique;
}

TEST(LocalEngine, NothingIsComputedTwiceForManySamplesOfOnePrompt) {
  EXPECT_EQ(ComputedBeyondUnique(TinyConfig(), 4), 0);
  EXPECT_EQ(ComputedBeyondUnique(TinyConfig(), 256), 0);
  EXPECT_EQ(ComputedBeyondUnique(NarrowConfig(), 256), 0);
}

TEST(LocalEngine, WithoutKeptLogitsOnlyLateRowsRunATokenAgain) {
  // A batch of 4 admits 32 rows at once; the other 160 may find their prompt's last logits gone.
  const int64_t again = ComputedBeyondUnique(NarrowConfig(), 4);
  EXPECT_GT(again, 0);
  EXPECT_LT(again, 160);
}

TEST(LocalEngine, ALaterCallFindsThePrefixesOfAnEarlierOne) {
  const auto requests = Requests(3, 16);
  const auto engine = MakeEngine({}, TinyConfig());
  const auto first = engine->Generate(requests);
  const int64_t computed = engine->Stats().computed_tokens;
  EXPECT_EQ(Answers(engine->Generate(requests)), Answers(first));
  EXPECT_EQ(engine->Stats().computed_tokens, computed);
}

TEST(LocalEngine, WithoutThePrefixCacheNothingIsShared) {
  const auto requests = Requests(3, 16);
  const auto engine = MakeEngine({.prefix_cache = false}, TinyConfig());
  const auto completions = engine->Generate(requests);
  EXPECT_EQ(engine->Stats().computed_tokens, AllTokens(requests, completions));
}

TEST(LocalEngine, UsageCountsSharingWithinTheCall) {
  std::vector<GenerateRequest> requests = Requests(1, 2);
  for (GenerateRequest& r : requests) {
    r.prompt_ids = {1, 5, 6, 7};
    r.sampling.max_new_tokens = 1;
  }
  requests.push_back(requests[0]);
  requests[2].prompt_ids = {1, 5, 9};
  const ModelConfig model = TinyConfig();
  const auto completions = MakeEngine({}, model)->Generate(requests);
  EXPECT_EQ(completions[0].usage.prefill_computed, 4);
  EXPECT_EQ(completions[0].usage.prefill_shared, 0);
  EXPECT_EQ(completions[1].usage.prefill_computed, 0);
  EXPECT_EQ(completions[1].usage.prefill_shared, 4);
  EXPECT_EQ(completions[2].usage.prefill_computed, 1);
  EXPECT_EQ(completions[2].usage.prefill_shared, 2);
  double flops = 0;
  for (int64_t context = 1; context <= 4; ++context) flops += model.FlopsPerToken(context);
  EXPECT_DOUBLE_EQ(completions[0].usage.flops, flops);
  EXPECT_DOUBLE_EQ(completions[1].usage.flops, 0);
  EXPECT_DOUBLE_EQ(completions[2].usage.flops, model.FlopsPerToken(3));
}

TEST(LocalEngine, UsageHasTimesAndDecodedTokens) {
  const auto requests = Requests(1, 1);
  const auto completions = MakeEngine({}, TinyConfig())->Generate(requests);
  const Usage& usage = completions[0].usage;
  EXPECT_EQ(usage.decoded, std::ssize(completions[0].token_ids));
  EXPECT_GT(usage.first_token_seconds, 0);
  EXPECT_GE(usage.seconds, usage.first_token_seconds);
}

TEST(LocalEngine, StopsAtAStopIdAndKeepsIt) {
  auto requests = Requests(1, 40);
  for (auto& r : requests) r.sampling.max_new_tokens = 40;
  int stopped = 0;
  for (const Completion& c : MakeEngine({}, TinyConfig())->Generate(requests)) {
    const auto eos = std::find(c.token_ids.begin(), c.token_ids.end(), kEos);
    if (c.finish == FinishReason::kStopId) {
      EXPECT_EQ(eos + 1, c.token_ids.end());
      ++stopped;
    } else {
      EXPECT_EQ(c.finish, FinishReason::kLength);
      EXPECT_EQ(eos, c.token_ids.end());
      EXPECT_EQ(std::ssize(c.token_ids), 40);
    }
  }
  EXPECT_GT(stopped, 0);
}

TEST(LocalEngine, StopsWhereTheDecodedTextHoldsAStopText) {
  const auto tokenizer = TinyTokenizer();
  auto requests = Requests(1, 40);
  for (auto& r : requests) {
    r.sampling.max_new_tokens = 40;
    r.sampling.stop_ids.clear();
    r.sampling.stop_texts = {"w3 w", "w17"};
  }
  int stopped = 0;
  for (const Completion& c : MakeEngine({}, TinyConfig())->Generate(requests)) {
    const auto has_stop = [&](size_t length) {
      const std::string text = tokenizer->Decode({c.token_ids.data(), length});
      return text.find("w3 w") != std::string::npos || text.find("w17") != std::string::npos;
    };
    EXPECT_FALSE(has_stop(c.token_ids.size() - 1));
    EXPECT_EQ(has_stop(c.token_ids.size()), c.finish == FinishReason::kStopText);
    stopped += c.finish == FinishReason::kStopText ? 1 : 0;
  }
  EXPECT_GT(stopped, 0);
}

TEST(LocalEngine, ScoreGivesExactlyTheLogProbsOfGenerate) {
  const auto requests = Requests(6, 5);
  for (const ModelConfig& model : {TinyConfig(), NarrowConfig()}) {
    const auto completions = MakeEngine({}, model)->Generate(requests);
    std::vector<ScoreRequest> scores;
    for (size_t i = 0; i < requests.size(); ++i) {
      scores.push_back({requests[i].prompt_ids, completions[i].token_ids});
    }
    for (const int max_batch : {3, 256}) {
      const auto engine = MakeEngine({.max_batch = max_batch}, model);
      for (int again = 0; again < 2; ++again) {
        const auto results = engine->Score(scores);
        for (size_t i = 0; i < scores.size(); ++i) {
          EXPECT_EQ(results[i].log_probs, completions[i].log_probs) << i;
        }
      }
    }
  }
}

TEST(LocalEngine, ScoreOfNothingIsNothing) {
  const auto results = MakeEngine({}, TinyConfig())->Score(std::vector<ScoreRequest>{{{1, 4}, {}}});
  EXPECT_TRUE(results[0].log_probs.empty());
}

TEST(LocalEngine, ManyCallersShareOneBatchAndGetTheirOwnAnswers) {
  const auto requests = Requests(24, 4);
  const auto expected = Answers(MakeEngine({}, WideConfig())->Generate(requests));
  const auto engine = MakeEngine({.max_batch = 32}, WideConfig(), 2);
  std::vector<std::vector<Answer>> answers(8);
  {
    std::vector<std::jthread> callers;
    for (size_t caller = 0; caller < answers.size(); ++caller) {
      callers.emplace_back([&, caller] {
        for (size_t i = caller * 12; i < (caller + 1) * 12; i += 4) {
          const auto part = Answers(engine->Generate(std::span(requests).subspan(i, 4)));
          answers[caller].insert(answers[caller].end(), part.begin(), part.end());
          const ScoreRequest score{requests[i].prompt_ids, part[0].ids};
          EXPECT_EQ(engine->Score({&score, 1})[0].log_probs.size(), part[0].ids.size());
        }
      });
    }
  }
  for (size_t caller = 0; caller < answers.size(); ++caller) {
    for (size_t i = 0; i < 12; ++i) {
      Answer answer = answers[caller][i];
      answer.counts = expected[caller * 12 + i].counts;  // sharing is counted within a call
      EXPECT_EQ(answer, expected[caller * 12 + i]);
    }
  }
  EXPECT_GT(engine->Stats().MeanBatch(), 4.0);
}

TEST(LocalEngine, CompositeKernelsAnswerLikeNativeOnes) {
  auto requests = Requests(4, 2);
  for (auto& r : requests) r.sampling.temperature = 0;
  const auto native = MakeEngine({}, TinyConfig())->Generate(requests);
  const auto engine = MakeEngine({.kernels = "composite"}, TinyConfig());
  const auto composite = engine->Generate(requests);
  for (size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ(composite[i].token_ids, native[i].token_ids);
    for (size_t t = 0; t < native[i].log_probs.size(); ++t) {
      EXPECT_NEAR(composite[i].log_probs[t], native[i].log_probs[t], 1e-4F);
    }
  }
  EXPECT_EQ(engine->Info().description, "composite on cpu, 1 threads");
}

/// The message of the Error that `call` throws with `code`.
template <typename Call>
std::string Message(const Call& call, ExitCode code) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code);
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return "";
}

TEST(LocalEngine, ARequestThatCanNeverFitNamesTheKey) {
  const auto engine = MakeEngine({.kv_memory_mb = 1}, HungryConfig());
  auto requests = Requests(1, 1);
  requests[0].sampling.max_new_tokens = 300;
  const auto message = Message([&] { engine->Generate(requests); }, ExitCode::kConfig);
  EXPECT_NE(message.find("kv_memory_mb"), std::string::npos) << message;
  requests[0].sampling.max_new_tokens = 3;
  EXPECT_EQ(engine->Generate(requests).size(), 1U) << "other requests are not hurt";
}

TEST(LocalEngine, ARequestPastTheModelsPositionsIsRefused) {
  auto requests = Requests(1, 1);
  requests[0].sampling.max_new_tokens = 1000;
  const auto message =
      Message([&] { MakeEngine({}, TinyConfig())->Generate(requests); }, ExitCode::kConfig);
  EXPECT_NE(message.find("max_position_embeddings"), std::string::npos) << message;
}

TEST(LocalEngine, IdsOutsideTheVocabularyAndEmptyPromptsAreRefused) {
  const auto engine = MakeEngine({}, TinyConfig());
  auto requests = Requests(1, 1);
  requests[0].prompt_ids = {1, 22};
  EXPECT_THROW(engine->Generate(requests), Error);
  requests[0].prompt_ids.clear();
  EXPECT_THROW(engine->Generate(requests), Error);
}

TEST(LocalEngine, ATokenizerWithMoreIdsThanTheModelIsRefused) {
  const auto tokenizer = TinyTokenizer();
  ModelConfig config = TinyConfig();
  config.vocab_size = 21;
  const auto message =
      Message([&] { MakeLocalEngine({}, RandomWeights(config), *tokenizer, 1); }, ExitCode::kData);
  EXPECT_NE(message.find("21 token ids, the tokenizer has 22"), std::string::npos) << message;
}

TEST(LocalEngine, WeightsThatGiveNoFiniteLogitsFailEveryCall) {
  DecoderWeights weights = RandomWeights(TinyConfig());
  weights.final_norm.fill_(NAN);
  const auto tokenizer = TinyTokenizer();
  const auto engine = MakeLocalEngine({}, weights, *tokenizer, 1);
  const auto requests = Requests(1, 2);
  EXPECT_NE(Message([&] { engine->Generate(requests); }, ExitCode::kData), "");
  EXPECT_NE(Message([&] { engine->Generate(requests); }, ExitCode::kData), "");
}

TEST(LocalEngine, DescribesItsKernels) {
  const auto engine = MakeEngine({.kernels = "scalar"}, TinyConfig(), 2);
  EXPECT_EQ(engine->Info().description, "native scalar, 2 threads");
  EXPECT_EQ(engine->Info().model_sha256, WeightsSha256(RandomWeights(TinyConfig())));
}

}  // namespace
}  // namespace retort
