// Forwards on a GPU. A step of decoding is hundreds of small kernels, which take longer to launch
// than to run, so each such step is recorded once as a CUDA graph and then replayed. Built with
// RETORT_CUDA only.
#pragma once

#include <memory>

#include "core/lm/engine/forward_runner.h"

namespace retort {

/// Weights lie on the device and outlive it, matrices in `precision`. The cache takes memory for
/// the slots that batches have used, not for all of `size`, and grows with them.
std::unique_ptr<DeviceForward> MakeCudaForward(const DecoderWeights& weights, CacheSize size,
                                               Precision precision);

}  // namespace retort
