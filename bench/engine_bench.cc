// Engine throughput: native kernels against the same model through LibTorch's operators, and prefix
// sharing against none. Counts are exact; rates are medians of interleaved rounds after a warm-up.
// Prints lines for people and scripts; asserts nothing.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/lm/engine/engine.h"
#include "core/lm/model/weights.h"

namespace {

using namespace retort;  // a program of one file, nothing includes it

constexpr int kRounds = 7;
constexpr int kPromptTokens = 12;
constexpr int kNewTokens = 20;

/// The shape of the shipped ring-sorting teacher: 0.80M parameters.
ModelConfig TeacherShape() {
  ModelConfig config;
  config.vocab_size = 22;
  config.hidden_size = 128;
  config.intermediate_size = 344;
  config.num_hidden_layers = 4;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 4;
  config.head_dim = 32;
  config.max_position_embeddings = 64;
  return config;
}

std::unique_ptr<Tokenizer> WordTokenizer() {
  std::vector<std::string> words;
  for (int i = 0; i < 18; ++i) words.push_back(StrCat("w", i));
  return MakeWordLevelTokenizer(words);
}

/// `samples` rows for each of `prompts` prompts that no other round has.
std::vector<GenerateRequest> Requests(uint64_t round, uint64_t prompts, uint64_t samples) {
  std::vector<GenerateRequest> requests;
  for (uint64_t p = 0; p < prompts; ++p) {
    Rng rng = Rng::Derive({"engine_bench", round, p});
    std::vector<int32_t> ids = {1};
    while (ids.size() < kPromptTokens) ids.push_back(4 + static_cast<int32_t>(rng.NextBelow(18)));
    for (uint64_t s = 0; s < samples; ++s) {
      requests.push_back(
          {.prompt_ids = ids,
           .sampling = {.max_new_tokens = kNewTokens, .stop_ids = {}, .stop_texts = {}},
           .row_key = Rng::DeriveKey({"sample", round, p, s})});
    }
  }
  return requests;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// Sampled tokens a second: `rows` at a time until about `tokens` are there.
double TokensPerSecond(Engine& engine, uint64_t round, uint64_t rows, uint64_t tokens) {
  const uint64_t calls = std::max<uint64_t>(1, tokens / (rows * kNewTokens));
  std::vector<std::vector<GenerateRequest>> requests;
  for (uint64_t call = 0; call < calls; ++call) {
    requests.push_back(Requests(round * 100000 + call, rows, 1));
  }
  const double start = MonotonicSeconds();
  for (const auto& call : requests) engine.Generate(call);
  const double seconds = MonotonicSeconds() - start;
  return static_cast<double>(calls * rows * kNewTokens) / seconds;
}

void CompareKernels(const DecoderWeights& weights, const Tokenizer& tokenizer, int threads) {
  const auto native = MakeLocalEngine({.device = "cpu"}, weights, tokenizer, threads);
  const auto composite =
      MakeLocalEngine({.kernels = "composite", .device = "cpu"}, weights, tokenizer, threads);
  std::printf("native is \"%s\", composite is \"%s\"\n", native->Info().description.c_str(),
              composite->Info().description.c_str());
  for (const uint64_t rows : {1, 256}) {
    const uint64_t tokens = rows == 1 ? 800 : 256 * kNewTokens;
    std::vector<double> ours, theirs, ratios;
    for (uint64_t round = 0; round <= kRounds; ++round) {
      const double a = TokensPerSecond(*native, round, rows, tokens);
      const double b = TokensPerSecond(*composite, round, rows, tokens);
      if (round == 0) continue;  // warm-up
      ours.push_back(a);
      theirs.push_back(b);
      ratios.push_back(a / b);
    }
    std::printf(
        "batch %d: native %.0f tok/s, composite %.0f tok/s, ratio %.2f (median of %d "
        "interleaved)\n",
        static_cast<int>(rows), Median(ours), Median(theirs), Median(ratios), kRounds);
  }
}

/// Adds the (prefix, token) positions of the requests and their completions.
void AddPositions(const std::vector<GenerateRequest>& requests,
                  const std::vector<Completion>& completions,
                  std::set<std::vector<int32_t>>* prefixes) {
  for (size_t i = 0; i < requests.size(); ++i) {
    std::vector<int32_t> ids = requests[i].prompt_ids;
    const auto& tail = completions[i].token_ids;
    ids.insert(ids.end(), tail.begin(), tail.end() - 1);
    while (!ids.empty() && prefixes->insert(ids).second) ids.pop_back();
  }
}

void CompareSharing(const DecoderWeights& weights, const Tokenizer& tokenizer, int threads) {
  const auto on = MakeLocalEngine({.device = "cpu"}, weights, tokenizer, threads);
  const auto off =
      MakeLocalEngine({.prefix_cache = false, .device = "cpu"}, weights, tokenizer, threads);
  std::set<std::vector<int32_t>> positions;
  std::vector<double> with, without, ratios;
  for (uint64_t round = 0; round <= kRounds; ++round) {
    const auto requests = Requests(round, 8, 64);
    const double start = MonotonicSeconds();
    const auto completions = on->Generate(requests);
    const double middle = MonotonicSeconds();
    off->Generate(requests);
    const double end = MonotonicSeconds();
    AddPositions(requests, completions, &positions);
    if (round == 0) continue;  // warm-up
    const double tokens = static_cast<double>(requests.size()) * kNewTokens;
    with.push_back(tokens / (middle - start));
    without.push_back(tokens / (end - middle));
    ratios.push_back((end - middle) / (middle - start));
  }
  std::printf(
      "best-of-64: prefix sharing %.0f tok/s, without %.0f tok/s, ratio %.2f "
      "(median of %d interleaved)\n",
      Median(with), Median(without), Median(ratios), kRounds);
  const auto unique = static_cast<double>(positions.size());
  std::printf("best-of-64: computed/unique tokens %.4f with sharing, %.4f without\n",
              static_cast<double>(on->Stats().computed_tokens) / unique,
              static_cast<double>(off->Stats().computed_tokens) / unique);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    const auto cores = static_cast<int>(std::thread::hardware_concurrency());
    const int threads = argc > 1 ? std::atoi(argv[1]) : std::max(1, cores);
    std::printf("engine_bench: %s, %d threads, %d prompt and %d new tokens a row\n",
                ProcessorName().c_str(), threads, kPromptTokens, kNewTokens);
    const auto tokenizer = WordTokenizer();
    const DecoderWeights weights = InitWeights(
        TeacherShape(), {.std = 0.08, .scale_residual = true}, Rng::DeriveKey({"engine_bench"}));
    CompareKernels(weights, *tokenizer, threads);
    CompareSharing(weights, *tokenizer, threads);
  } catch (const Error& error) {
    std::fprintf(stderr, "engine_bench: %s\n", error.what());
    return static_cast<int>(error.code());
  }
  return 0;
}
