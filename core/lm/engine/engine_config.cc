#include <limits>

#include "core/lm/engine/engine.h"

namespace retort {

SamplingParams SamplingParams::FromConfig(ConfigSection& section) {
  SamplingParams params;
  section.Float("temperature", &params.temperature, {.min = 0, .max = 100});
  section.Int("top_k", &params.top_k, {.min = 0, .max = std::numeric_limits<int32_t>::max()});
  section.Float("top_p", &params.top_p, {.min = 0, .max = 1, .exclusive_min = true});
  section.Float("min_p", &params.min_p, {.min = 0, .max = 1});
  section.Int("max_new_tokens", &params.max_new_tokens, {.min = 1, .max = 1 << 20});
  section.StringList("stop_texts", &params.stop_texts);
  return params;
}

EngineConfig EngineConfig::FromConfig(ConfigSection& section) {
  EngineConfig config;
  section.Int("max_batch", &config.max_batch, {.min = 1, .max = 65536});
  section.Int("kv_memory_mb", &config.kv_memory_mb, {.min = 1, .max = 1 << 24});
  section.Bool("prefix_cache", &config.prefix_cache);
  section.Choice("kernels", &config.kernels,
                 {"auto", "scalar", "avx2", "avx512", "avx512_bf16", "composite"});
  section.Choice("device", &config.device, {"auto", "cpu", "cuda"});
  section.Choice("precision", &config.precision, {"float32", "bfloat16"});
  return config;
}

}  // namespace retort
