// Keys and values of past tokens, one slot a token, pooled for all sequences. Which slots belong to
// which prefix is the PrefixTree's business. Not thread-safe; row-parallel writers touch disjoint
// slots.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "core/lm/model/model_config.h"
#include "core/lm/model/precision.h"

namespace retort {

struct KvCache {
  /// Zeros for `slots` tokens on `device`, float32 or bfloat16.
  KvCache(const ModelConfig& config, int64_t slots, at::Device device,
          Precision precision = Precision::kFloat32);
  int64_t slots;
  at::Tensor keys;    // [L, slots, G, K]
  at::Tensor values;  // [L, slots, G, K]
  static int64_t BytesPerSlot(const ModelConfig& config, Precision precision = Precision::kFloat32);
};

}  // namespace retort
