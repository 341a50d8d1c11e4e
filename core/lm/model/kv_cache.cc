#include "core/lm/model/kv_cache.h"

#include <ATen/ATen.h>

#include "core/base/error.h"

namespace retort {

KvCache::KvCache(const ModelConfig& config, int64_t slot_count, at::Device device,
                 Precision precision)
    : slots(slot_count) {
  RETORT_CHECK(slot_count > 0, "a KV cache needs at least one slot");
  const auto options = at::TensorOptions()
                           .dtype(precision == Precision::kBfloat16 ? at::kBFloat16 : at::kFloat)
                           .device(device);
  keys = at::zeros({config.num_hidden_layers, slots, config.num_key_value_heads, config.head_dim},
                   options);
  values = at::zeros_like(keys);
}

int64_t KvCache::BytesPerSlot(const ModelConfig& config, Precision precision) {
  return int64_t{2} * config.num_hidden_layers * config.num_key_value_heads * config.head_dim *
         (precision == Precision::kBfloat16 ? 2 : 4);
}

}  // namespace retort
