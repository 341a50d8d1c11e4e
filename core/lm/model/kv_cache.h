// Keys and values of past tokens, one slot a token, pooled for all sequences. Which slots belong to
// which prefix is the PrefixTree's business. Not thread-safe; row-parallel writers touch disjoint
// slots.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "core/lm/model/model_config.h"

namespace retort {

struct KvCache {
  /// float32 zeros for `slots` tokens on `device`.
  KvCache(const ModelConfig& config, int64_t slots, at::Device device);
  int64_t slots;
  at::Tensor keys;    // [L, slots, G, K]
  at::Tensor values;  // [L, slots, G, K]
  static int64_t BytesPerSlot(const ModelConfig& config);
};

}  // namespace retort
