// Throughput of a checkpoint (a Hugging Face folder or a .gguf file) through the engine, in the
// shape of llama.cpp's llama-bench and llama-batched-bench: prefill of one prompt, then decoding of
// a batch that shares a prompt. Prints one line a round for llama_cpp_peer.sh and
// transformers_peer.py; asserts nothing. PRECISION: float32 | bfloat16, as in engine.precision;
// DEVICE: cpu | cuda | composite, the last LibTorch's operators on the GPU.
//
//   llama_bench MODEL THREADS PRECISION DEVICE load
//   llama_bench MODEL THREADS PRECISION DEVICE prefill TOKENS ROUNDS
//   llama_bench MODEL THREADS PRECISION DEVICE decode BATCH PROMPT_TOKENS NEW_TOKENS ROUNDS
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/env.h"
#include "core/base/error.h"
#include "core/lm/checkpoint/model_path.h"
#include "core/lm/engine/engine.h"

namespace {

using namespace retort;  // a program of one file, nothing includes it

/// As many ids as the model has rows; nothing is ever decoded to text.
std::unique_ptr<Tokenizer> TokenizerOf(int size) {
  std::vector<std::string> words;
  for (int i = 4; i < size; ++i) words.push_back(StrCat("w", i));
  return MakeWordLevelTokenizer(words);
}

/// A prompt that no other round has.
std::vector<int32_t> Prompt(int tokens, int vocabulary, uint64_t round) {
  Rng rng = Rng::Derive({"llama_bench", round});
  std::vector<int32_t> ids;
  while (std::ssize(ids) < tokens) {
    ids.push_back(static_cast<int32_t>(rng.NextBelow(static_cast<uint64_t>(vocabulary))));
  }
  return ids;
}

struct Seconds {
  double wall = MonotonicSeconds();
  double cpu = ProcessCpuSeconds();
};

/// Tokens a second of wall time and of the process's CPU time.
void PrintRate(const char* what, double tokens, const Seconds& start) {
  const Seconds end;
  std::printf("%s: %.1f tok/s, %.1f tok/CPU-s\n", what, tokens / (end.wall - start.wall),
              tokens / (end.cpu - start.cpu));
}

GenerateRequest Request(std::vector<int32_t> prompt, int new_tokens, uint64_t sample) {
  return {.prompt_ids = std::move(prompt),
          .sampling = {.max_new_tokens = new_tokens, .stop_ids = {}, .stop_texts = {}},
          .row_key = Rng::DeriveKey({"llama_bench", sample})};
}

void Prefill(Engine& engine, int tokens, int rounds) {
  for (int round = 0; round <= rounds; ++round) {  // the first warms up
    const auto request = Request(
        Prompt(tokens, engine.Info().config.vocab_size, static_cast<uint64_t>(round)), 1, 0);
    const Seconds start;
    engine.Generate({&request, 1});
    if (round > 0) PrintRate("prefill", tokens, start);
  }
}

/// Only decoding is timed: the prompt is in the prefix cache when the batch comes.
void Decode(Engine& engine, int batch, int prompt_tokens, int new_tokens, int rounds) {
  for (int round = 0; round <= rounds; ++round) {
    const auto prompt =
        Prompt(prompt_tokens, engine.Info().config.vocab_size, static_cast<uint64_t>(round));
    const auto warm = Request(prompt, 1, 0);
    engine.Generate({&warm, 1});
    std::vector<GenerateRequest> requests;
    for (int b = 0; b < batch; ++b) {
      requests.push_back(Request(prompt, new_tokens, static_cast<uint64_t>(b)));
    }
    const Seconds start;
    engine.Generate(requests);
    if (round > 0) PrintRate("decode", static_cast<double>(batch) * new_tokens, start);
  }
}

int Run(const std::vector<std::string>& arguments) {
  const auto number = [&](size_t i) { return std::atoi(arguments.at(i).c_str()); };
  const std::string& path = arguments.at(0);
  const Seconds start;
  DecoderWeights weights = LoadModelWeights(RealEnv(), path);
  const Seconds read;
  const auto tokenizer = TokenizerOf(weights.config.vocab_size);
  const Seconds made;
  const bool composite = arguments.at(3) == "composite";
  const EngineConfig config{.kv_memory_mb = arguments.at(3) == "cpu" ? 512 : 4096,
                            .kernels = composite ? "composite" : "auto",
                            .device = composite ? "cuda" : arguments.at(3),
                            .precision = arguments.at(2)};
  const auto engine = MakeLocalEngine(config, std::move(weights), *tokenizer, number(1));
  const Seconds ready;
  const std::string& mode = arguments.at(4);
  if (mode == "load") {
    std::printf(
        "%s, %s: weights read in %.2f s, engine made in %.2f s (%.2f CPU-s together), peak "
        "resident %.0f MB\n",
        ProcessorName().c_str(), engine->Info().description.c_str(), read.wall - start.wall,
        ready.wall - made.wall, read.cpu - start.cpu + ready.cpu - made.cpu,
        static_cast<double>(PeakResidentBytes()) / 1e6);
  } else if (mode == "prefill") {
    Prefill(*engine, number(5), number(6));
  } else {
    Decode(*engine, number(5), number(6), number(7), number(8));
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    if (argc < 6) {
      std::fprintf(stderr, "usage: see the head of bench/llama_bench.cc\n");
      return static_cast<int>(retort::ExitCode::kUsage);
    }
    return Run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "llama_bench: %s\n", error.what());
    return 1;
  }
}
