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

/// Forwards on a device other than the CPU, over a cache of its own there.
class DeviceForward {
 public:
  virtual ~DeviceForward() = default;
  /// Logits [R, V] float32 on the CPU, valid until the next call; sets `batch.cache`.
  virtual const at::Tensor& Run(TokenBatch& batch) = 0;
};

/// Slots of keys and values: those that are kept, and behind them some that last for one forward.
struct CacheSize {
  int64_t kept = 0;
  int64_t scratch = 0;
  int64_t slots() const { return kept + scratch; }
};

class ForwardRunner {
 public:
  /// Error(kConfig) for kernels this processor or device does not run and for a cache it has no
  /// room for, Error(kUnavailable) for a device that is not there.
  ForwardRunner(const EngineConfig& config, DecoderWeights weights, CacheSize size, int threads);

  /// One forward of a batch whose sequences do not read what another of them writes; `batch.cache`
  /// is set here. Returns the logits [V] of each row of logit_rows (of every row when it is empty),
  /// valid until the next call.
  const std::vector<const float*>& Run(TokenBatch& batch);

  const ModelConfig& config() const { return weights_.config; }
  /// "native avx512, 2 threads", "composite on cpu, 2 threads" or "native cuda in bfloat16".
  const std::string& description() const { return description_; }
  /// Idle between calls of Run.
  ThreadPool& pool() { return pool_; }

 private:
  void UseNativeOps(const std::string& kernels, Precision precision, int threads);
  void UseCompositeOps(const std::string& device, Precision precision, int threads);
  void UseCuda(CacheSize size, Precision precision, int threads);
  int PartsFor(const TokenBatch& batch) const;
  void RunParts(const TokenBatch& batch, int parts);
  void CollectLogits();

  DecoderWeights weights_;
  ThreadPool pool_;
  ThreadPool no_threads_{1};
  std::unique_ptr<DecoderOps> ops_;                    // splits each op over the pool
  std::vector<std::unique_ptr<DecoderOps>> part_ops_;  // one a thread, for batches split in parts
  std::unique_ptr<KvCache> cache_;                     // null with device_
  std::unique_ptr<DeviceForward> device_;              // instead of ops_
  std::vector<TokenBatch> parts_;
  std::vector<at::Tensor> part_logits_;
  std::vector<const float*> logits_;
  std::string description_;
};

}  // namespace retort
