// Runs the decoder for the engine: owns the weights, the pool of keys and values, the ops and the
// worker threads, on the CPU with native kernels or anywhere with LibTorch's. Not thread-safe: it
// belongs to the engine's scheduler.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/thread_pool.h"
#include "core/lm/engine/engine.h"
#include "core/lm/model/decoder.h"
#include "core/lm/model/kv_cache.h"
#include "core/lm/model/weights.h"

namespace retort {

class ForwardRunner {
 public:
  /// `slots` of keys and values are allocated at once. Error(kConfig) for kernels this processor or
  /// device does not run, Error(kUnavailable) for a device that is not there.
  ForwardRunner(const EngineConfig& config, DecoderWeights weights, int64_t slots, int threads);

  /// One forward of a batch whose sequences do not read what another of them writes; `batch.cache`
  /// is set here. Returns the logits [V] of each row of logit_rows (of every row when it is empty),
  /// valid until the next call.
  const std::vector<const float*>& Run(TokenBatch& batch);

  const ModelConfig& config() const { return weights_.config; }
  /// "native avx512, 2 threads" or "composite on cpu, 2 threads".
  const std::string& description() const { return description_; }

 private:
  void UseNativeOps(const std::string& kernels, Precision precision, int threads);
  void UseCompositeOps(const std::string& device, int threads);
  int PartsFor(const TokenBatch& batch) const;
  void RunParts(const TokenBatch& batch, int parts);
  void CollectLogits();

  DecoderWeights weights_;
  ThreadPool pool_;
  ThreadPool no_threads_{1};
  std::unique_ptr<DecoderOps> ops_;                    // splits each op over the pool
  std::vector<std::unique_ptr<DecoderOps>> part_ops_;  // one a thread, for batches split in parts
  std::unique_ptr<KvCache> cache_;
  std::vector<TokenBatch> parts_;
  std::vector<at::Tensor> part_logits_;
  std::vector<const float*> logits_;
  std::string description_;
};

}  // namespace retort
