// Batched decoding service: the only way a search reaches a model. Token ids in, token ids out.
//
// Generate and Score are blocking and thread-safe: callers on many threads share one continuous
// batch. A row's result depends only on (prompt ids, sampling, row key), never on what else is in
// the batch, on threads, or on what the prefix tree held.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/config.h"
#include "core/base/rng.h"
#include "core/lm/model/model_config.h"
#include "core/lm/model/precision.h"
#include "core/lm/tokenizer/tokenizer.h"

namespace retort {

struct DecoderWeights;  // core/lm/model/weights.h; callers of MakeLocalEngine include it

struct SamplingParams {
  double temperature = 1.0;  // 0: greedy, ties to the lowest id
  int top_k = 0;             // 0: off
  double top_p = 1.0;        // nucleus over the tempered distribution; 1: off
  double min_p = 0.0;        // keep p >= min_p * p_max; 0: off
  int max_new_tokens = 64;
  std::vector<int32_t> stop_ids;        // included in the completion's ids
  std::vector<std::string> stop_texts;  // checked on the decoded stream

  static SamplingParams FromConfig(ConfigSection& section);
};

struct GenerateRequest {
  std::vector<int32_t> prompt_ids;  // at least one
  SamplingParams sampling;
  RngKey row_key;
};

enum class FinishReason : uint8_t { kStopId, kStopText, kLength };

/// Counts go by content: a token is shared where an earlier row of the same call starts with the
/// same tokens, computed otherwise. They depend on the requests alone, never on the batch, the
/// prefix tree or other callers; what really ran is in EngineStats.
struct Usage {
  int64_t prefill_computed = 0;    // prompt tokens no earlier row of this call has
  int64_t prefill_shared = 0;      // prompt tokens that an earlier row of this call has too
  int64_t decoded = 0;             // tokens sampled
  double flops = 0;                // of computed prompt tokens and of completion tokens fed back
  double first_token_seconds = 0;  // from submission to the first sampled token
  double seconds = 0;              // from submission to the end
};

struct Completion {
  std::vector<int32_t> token_ids;
  std::vector<float> log_probs;  // of each token under the untempered, untruncated distribution
  FinishReason finish = FinishReason::kLength;
  Usage usage;
};

struct ScoreRequest {
  std::vector<int32_t> prompt_ids;
  std::vector<int32_t> completion_ids;
};

struct ScoreResult {
  std::vector<float> log_probs;  // of each completion token
  Usage usage;
};

struct EngineInfo {
  std::string model_sha256;  // of the weights; "scripted" for scripted engines
  ModelConfig config;
  std::string description;  // "native avx512, 2 threads" for reports; no part of any key
};

/// What a served model was asked, and what it charged for by its own counts and the prices of the
/// config. A request counts once, however often it was tried.
struct ServedUse {
  int64_t requests = 0;  // answered
  int64_t attempts = 0;
  int64_t prompt_tokens = 0;
  int64_t completion_tokens = 0;
  double money = 0;
  ServedUse& operator+=(const ServedUse& other);
};

/// Whole-life counters, for benchmarks and tests.
struct EngineStats {
  int64_t computed_tokens = 0;  // rows run through the model
  int64_t unique_tokens = 0;    // distinct (prefix, token) positions asked for, call by call
  int64_t steps = 0;            // forward calls
  int64_t evicted_slots = 0;
  double busy_seconds = 0;  // inside forward and sampling
  ServedUse served{};       // of an engine that asks a server
  double MeanBatch() const {
    return steps ? static_cast<double>(computed_tokens) / static_cast<double>(steps) : 0;
  }
};

class Engine {
 public:
  virtual ~Engine() = default;
  virtual std::vector<Completion> Generate(std::span<const GenerateRequest> requests) = 0;
  virtual std::vector<ScoreResult> Score(std::span<const ScoreRequest> requests) = 0;
  virtual const EngineInfo& Info() const = 0;
  virtual EngineStats Stats() const = 0;
};

struct EngineConfig {
  int max_batch = 256;           // rows in one forward
  int64_t kv_memory_mb = 512;    // pool of KV slots
  bool prefix_cache = true;      // keep finished prefixes for later requests
  std::string kernels = "auto";  // auto | scalar | avx2 | avx512 | avx512_bf16 | composite
  std::string device = "auto";   // auto | cpu | cuda
  // float32 | bfloat16: of weights, inputs of matrix products, keys and values. bfloat16 is faster
  // where there are such products: on a GPU, and on processors with AVX512-BF16.
  std::string precision = "float32";

  static EngineConfig FromConfig(ConfigSection& section);
  Precision NumberPrecision() const {
    return precision == "bfloat16" ? Precision::kBfloat16 : Precision::kFloat32;
  }
};

/// The LibTorch engine. `weights` are packed or moved as the config asks; `tokenizer`, which must
/// outlive the engine, decides which ids exist (CheckVocabulary) and reads stop texts. Owns a
/// scheduler thread and `threads` workers.
std::unique_ptr<Engine> MakeLocalEngine(const EngineConfig& config, DecoderWeights weights,
                                        const Tokenizer& tokenizer, int threads);

/// Answers from a function, for tests and dry runs: completion ids for (prompt ids, row key).
using Script = std::function<std::vector<int32_t>(std::span<const int32_t> prompt, RngKey row_key)>;
std::unique_ptr<Engine> MakeScriptedEngine(Script script, ModelConfig config);

/// Records every request and answer as JSON lines in `path`, in submission order of each caller.
std::unique_ptr<Engine> MakeRecordingEngine(Engine& inner, Env& env, const std::string& path);

/// Checks every answer against a second engine (ids equal, log-probabilities within `tolerance`);
/// throws Error(kInternal) naming the first difference.
std::unique_ptr<Engine> MakeCheckingEngine(Engine& inner, Engine& reference, double tolerance);

}  // namespace retort
