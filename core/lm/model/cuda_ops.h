// The decoder's operators on a GPU, for inference with a cache: our kernels between cuBLAS's matrix
// products. Built with RETORT_CUDA only.
#pragma once

#include <memory>

#include "core/lm/model/decoder.h"

namespace retort {

/// Work is queued on the calling thread's current stream. One thread at a time.
class CudaOps : public DecoderOps {
 public:
  /// Queues the copy of what the operators read of `batch` (ids, positions, slots), which they take
  /// from there and not from their own argument, but for its number of rows and its cache. Comes
  /// before each forward; addresses on the device change only when a batch is larger than any
  /// before it, and `Generation` with them.
  virtual void Upload(const TokenBatch& batch) = 0;
  virtual int64_t Generation() const = 0;
};

/// Weights lie on the device, matrices in `precision`, like the cache; head_dim is at most 256.
std::unique_ptr<CudaOps> MakeCudaOps(Precision precision);

}  // namespace retort
