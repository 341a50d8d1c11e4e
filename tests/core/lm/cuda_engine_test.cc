// The engine on a GPU: against transformers, and against the native kernels of the CPU. Skipped
// visibly where there is no device; the same operators run on the CPU in golden_models_test.cc.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/base/error.h"
#include "core/lm/checkpoint/checkpoint.h"
#include "core/lm/engine/device.h"
#include "core/lm/engine/engine.h"
#include "tests/core/lm/goldens.h"
#include "tests/core/lm/tiny_model.h"

namespace retort {
namespace {

using testing_models::NarrowConfig;
using testing_models::RandomWeights;
using testing_models::TinyConfig;
using testing_models::TinyTokenizer;
using testing_models::TokenizerOf;
using testing_models::WideConfig;

constexpr int kGoldenVocabulary = 40;

/// `samples` rows for each of `problems` prompts of different lengths.
std::vector<GenerateRequest> Requests(uint64_t problems, uint64_t samples) {
  std::vector<GenerateRequest> requests;
  for (uint64_t p = 0; p < problems; ++p) {
    Rng rng = Rng::Derive({"cuda_engine_test", p});
    std::vector<int32_t> ids = {1};
    while (ids.size() < 3 + p) ids.push_back(4 + static_cast<int32_t>(rng.NextBelow(18)));
    for (uint64_t s = 0; s < samples; ++s) {
      requests.push_back({.prompt_ids = ids,
                          .sampling = {.max_new_tokens = 20, .stop_ids = {2}, .stop_texts = {}},
                          .row_key = Rng::DeriveKey({p, s})});
    }
  }
  return requests;
}

/// What `requests` were answered, as requests to score it.
std::vector<ScoreRequest> ToScore(const std::vector<GenerateRequest>& requests,
                                  const std::vector<Completion>& completions) {
  std::vector<ScoreRequest> scores;
  for (size_t i = 0; i < requests.size(); ++i) {
    scores.push_back(
        {.prompt_ids = requests[i].prompt_ids, .completion_ids = completions[i].token_ids});
  }
  return scores;
}

double LargestDifference(const std::vector<ScoreResult>& a, const std::vector<ScoreResult>& b) {
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    for (size_t t = 0; t < a[i].log_probs.size(); ++t) {
      const auto difference =
          static_cast<double>(a[i].log_probs[t]) - static_cast<double>(b[i].log_probs[t]);
      largest = std::max(largest, std::abs(difference));
    }
  }
  return largest;
}

class CudaEngine : public testing::Test {
 protected:
  void SetUp() override {
    if (ResolveDevice("auto") != "cuda") GTEST_SKIP() << "no CUDA device";
  }
  static std::unique_ptr<Engine> Make(EngineConfig config, const ModelConfig& model) {
    static const std::unique_ptr<Tokenizer> kTokenizer = TinyTokenizer();
    return MakeLocalEngine(config, RandomWeights(model), *kTokenizer, 2);
  }
};

class CudaGoldenModel : public CudaEngine, public testing::WithParamInterface<const char*> {};

INSTANTIATE_TEST_SUITE_P(Checkpoints, CudaGoldenModel, testing::ValuesIn(kGoldenModels));

TEST_P(CudaGoldenModel, ContinuationsEqualThoseOfTransformers) {
  const Json golden = GoldenJson(std::string(GetParam()) + "_logits.json");
  const auto tokenizer = TokenizerOf(kGoldenVocabulary);
  const auto engine = MakeLocalEngine(
      {.device = "cuda"}, LoadCheckpoint(RealEnv(), GoldenPath(GetParam())), *tokenizer, 1);
  for (size_t i = 0; i < golden.at("sequences").size(); ++i) {
    const auto expected = golden.at("greedy").at(i).get<std::vector<int32_t>>();
    const GenerateRequest request{
        .prompt_ids = golden.at("sequences").at(i).get<std::vector<int32_t>>(),
        .sampling = {.temperature = 0,
                     .max_new_tokens = static_cast<int>(expected.size()),
                     .stop_ids = {},
                     .stop_texts = {}},
        .row_key = {}};
    EXPECT_EQ(engine->Generate({&request, 1})[0].token_ids, expected);
  }
}

TEST_P(CudaGoldenModel, ScoresEqualThoseOfTheCpu) {
  const Json golden = GoldenJson(std::string(GetParam()) + "_logits.json");
  const auto tokenizer = TokenizerOf(kGoldenVocabulary);
  const DecoderWeights weights = LoadCheckpoint(RealEnv(), GoldenPath(GetParam()));
  std::vector<ScoreRequest> requests;
  for (size_t i = 0; i < golden.at("sequences").size(); ++i) {
    requests.push_back({.prompt_ids = golden.at("sequences").at(i).get<std::vector<int32_t>>(),
                        .completion_ids = golden.at("greedy").at(i).get<std::vector<int32_t>>()});
  }
  for (const auto& [precision, tolerance] :
       {std::pair{"float32", 1e-4}, std::pair{"bfloat16", 0.15}}) {
    const auto cpu = MakeLocalEngine({.device = "cpu", .precision = precision},
                                     CloneWeights(weights), *tokenizer, 2);
    const auto cuda = MakeLocalEngine({.device = "cuda", .precision = precision},
                                      CloneWeights(weights), *tokenizer, 2);
    EXPECT_LE(LargestDifference(cuda->Score(requests), cpu->Score(requests)), tolerance)
        << precision;
  }
}

TEST_F(CudaEngine, SamplesWhatTheCpuSamples) {
  const auto requests = Requests(12, 16);
  for (const ModelConfig& model : {TinyConfig(), WideConfig(), NarrowConfig()}) {
    for (const EngineConfig& config :
         {EngineConfig{.device = "cuda"}, EngineConfig{.max_batch = 7, .device = "cuda"},
          EngineConfig{.prefix_cache = false, .device = "cuda"},
          EngineConfig{.kv_memory_mb = 1, .device = "cuda"}}) {
      const auto cuda = Make(config, model);
      const auto cpu = Make({.device = "cpu"}, model);
      const auto engine = MakeCheckingEngine(*cuda, *cpu, 1e-4);  // throws at the first difference
      engine->Generate(requests);
      engine->Generate(requests);
    }
  }
}

/// Buffers on the device grow then, and what reads them is recorded again.
TEST_F(CudaEngine, ALargerBatchThanAnyBeforeItChangesNothing) {
  const auto cuda = Make({.max_batch = 4096, .device = "cuda"}, WideConfig());
  const auto cpu = Make({.device = "cpu"}, WideConfig());
  const auto engine = MakeCheckingEngine(*cuda, *cpu, 1e-4);
  for (const uint64_t samples : {4, 400, 4}) engine->Generate(Requests(6, samples));
}

TEST_F(CudaEngine, Bfloat16IsCloseToTheCpusBfloat16) {
  const auto requests = Requests(12, 16);
  for (const ModelConfig& model : {TinyConfig(), WideConfig()}) {
    const auto cpu = Make({.device = "cpu", .precision = "bfloat16"}, model);
    const auto cuda = Make({.device = "cuda", .precision = "bfloat16"}, model);
    const auto scores = ToScore(requests, cuda->Generate(requests));
    EXPECT_LE(LargestDifference(cuda->Score(scores), cpu->Score(scores)), 0.1);
  }
}

TEST_F(CudaEngine, NativeKernelsOfTheCpuAreRefused) {
  try {
    Make({.kernels = "scalar", .device = "cuda"}, TinyConfig());
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kConfig);
    EXPECT_EQ(std::string(error.what()),
              "kernels: scalar - these kernels run on the CPU, but device is cuda - set kernels: "
              "auto or device: cpu");
  }
}

}  // namespace
}  // namespace retort
