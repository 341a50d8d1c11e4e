#include "core/lm/model/model_config.h"

#include <algorithm>
#include <cmath>

#include "core/base/strings.h"

namespace retort {

std::optional<ConfigContradiction> FindContradiction(const ModelConfig& c) {
  if (c.num_attention_heads % c.num_key_value_heads != 0) {
    return ConfigContradiction{
        "num_key_value_heads",
        StrCat("num_attention_heads ", c.num_attention_heads,
               " is not a multiple of num_key_value_heads ", c.num_key_value_heads)};
  }
  if (c.head_dim % 2 != 0) {
    return ConfigContradiction{
        "head_dim", StrCat("head_dim ", c.head_dim, " is odd; rotary positions turn pairs")};
  }
  if (c.qk_norm && c.mlp_bias) {
    return ConfigContradiction{
        "mlp_bias", "qk_norm with mlp_bias has no Hugging Face model type to be saved as"};
  }
  return std::nullopt;
}

ModelConfig ModelConfig::FromConfig(ConfigSection& section) {
  ModelConfig c;
  section.Int("hidden_size", &c.hidden_size, {1, ConfigLimits::kWidth});
  section.Int("intermediate_size", &c.intermediate_size, {1, ConfigLimits::kWidth});
  section.Int("num_hidden_layers", &c.num_hidden_layers, {1, ConfigLimits::kLayers});
  section.Int("num_attention_heads", &c.num_attention_heads, {1, ConfigLimits::kHeads});
  c.num_key_value_heads = c.num_attention_heads;
  section.Int("num_key_value_heads", &c.num_key_value_heads, {1, ConfigLimits::kHeads});
  if (c.num_attention_heads > 0 && c.hidden_size % c.num_attention_heads == 0) {
    c.head_dim = c.hidden_size / c.num_attention_heads;
  }
  section.Int("head_dim", &c.head_dim, {2, ConfigLimits::kWidth});
  section.Int("max_position_embeddings", &c.max_position_embeddings, {1, ConfigLimits::kPositions});
  section.Float("rope_theta", &c.rope_theta, {.min = 0, .exclusive_min = true});
  section.Float("rms_norm_eps", &c.rms_norm_eps, {.min = 0, .exclusive_min = true});
  section.Bool("tie_word_embeddings", &c.tie_word_embeddings);
  section.Bool("attention_bias", &c.attention_bias);
  section.Bool("mlp_bias", &c.mlp_bias);
  section.Bool("qk_norm", &c.qk_norm);
  if (c.num_key_value_heads > 0) {
    if (const auto found = FindContradiction(c)) section.Fail(found->key, found->why);
  }
  return c;
}

bool ModelConfig::Slides(int layer) const {
  return !sliding_layers.empty() && sliding_layers[static_cast<size_t>(layer)];
}

RopeConfig ModelConfig::Rope(int layer) const {
  if (Slides(layer) && rope_local_base_freq > 0) return {rope_local_base_freq, {}};
  return {rope_theta, rope_scaling};
}

float ModelConfig::AttentionScale() const {
  const int scalar = query_pre_attn_scalar > 0 ? query_pre_attn_scalar : head_dim;
  return 1.0F / std::sqrt(static_cast<float>(scalar));
}

float ModelConfig::EmbeddingScale() const {
  return gemma_block ? std::sqrt(static_cast<float>(hidden_size)) : 1.0F;
}

int64_t ModelConfig::ParameterCount() const {
  const int64_t d = hidden_size, f = intermediate_size, k = head_dim;
  const int64_t q = num_attention_heads * k, kv = num_key_value_heads * k;
  int64_t layer = d * (q + 2 * kv) + q * d + 3 * d * f + (gemma_block ? 4 : 2) * d;
  if (attention_bias || qkv_bias) layer += q + 2 * kv;
  if (attention_bias) layer += d;
  if (mlp_bias) layer += 2 * f + d;
  if (qk_norm) layer += 2 * k;
  const int64_t tables = (tie_word_embeddings ? 1 : 2) * static_cast<int64_t>(vocab_size) * d;
  return tables + num_hidden_layers * layer + d;
}

double ModelConfig::FlopsPerToken(int64_t context) const {
  const double d = hidden_size, f = intermediate_size, k = head_dim, layers = num_hidden_layers;
  const double q = num_attention_heads * k, kv = num_key_value_heads * k;
  const double products = layers * (2 * d * q + 2 * d * kv + 3 * d * f) + d * vocab_size;
  const auto sliding =
      static_cast<double>(std::count(sliding_layers.begin(), sliding_layers.end(), true));
  const auto whole = static_cast<double>(context);
  const auto window = static_cast<double>(std::min(context, int64_t{sliding_window}));
  return 2 * products + 4 * q * ((layers - sliding) * whole + sliding * window);
}

}  // namespace retort
