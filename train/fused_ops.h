// The decoder's operators for training on the CPU in float32: every operator that costs time is one
// autograd node over our own kernels (train_kernels.h) instead of a dozen LibTorch operators, whose
// overhead and passes over memory dominate at a few million parameters. The composite operators
// stay the oracle. Without a key/value cache only. Not thread-safe; one object a thread.
#pragma once

#include <memory>

#include "core/lm/model/decoder.h"
#include "train/train_kernels.h"

namespace retort {

std::unique_ptr<DecoderOps> MakeFusedTrainingOps(const TrainKernels& kernels = BestTrainKernels());

}  // namespace retort
