// Shape of a decoder of the Llama family (Llama, Qwen2, Qwen3, Gemma 3), under the names of Hugging
// Face's config.json where it has one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/config.h"
#include "core/base/json.h"
#include "core/lm/model/rope.h"

namespace retort {

/// What a normalisation multiplies with: x / sqrt(mean(x^2) + eps) * (offset + weight).
struct NormConfig {
  double eps = 1e-5;
  double offset = 0;  // Gemma stores its weights less 1
};

enum class Activation { kSilu, kGeluTanh };

struct ModelConfig {
  int vocab_size = 0;           // V: rows of the embedding; a tokenizer may have fewer ids
  int hidden_size = 64;         // D
  int intermediate_size = 176;  // F
  int num_hidden_layers = 3;    // L
  int num_attention_heads = 2;  // H
  int num_key_value_heads = 2;  // G
  int head_dim = 32;            // K
  int max_position_embeddings = 256;
  double rope_theta = 10000;
  RopeScaling rope_scaling;
  double rms_norm_eps = 1e-5;
  bool tie_word_embeddings = true;
  bool attention_bias = false;  // of q, k, v and o
  bool qkv_bias = false;        // of q, k and v alone (Qwen2)
  bool mlp_bias = false;
  bool qk_norm = false;
  // Gemma's block: (1 + weight) in every norm, a norm also behind attention and MLP, tanh-GELU, the
  // embedding times sqrt(D).
  bool gemma_block = false;
  int query_pre_attn_scalar = 0;  // scores are divided by its root; 0 is head_dim
  // Sliding attention: the layers marked here see the last sliding_window positions, their own
  // included. [L], or empty when no layer slides; sliding_window is 0 then.
  std::vector<bool> sliding_layers;
  int sliding_window = 0;
  double rope_local_base_freq = 0;  // unscaled base of sliding layers; 0: they turn as the others
  bool operator==(const ModelConfig&) const = default;

  /// Reads the shape keys of a `model:` section; vocab_size comes from the tokenizer.
  static ModelConfig FromConfig(ConfigSection& section);
  /// config.json as `transformers` writes it, of model type llama, qwen2, qwen3 or gemma3_text.
  Json ToHuggingFace(int bos_id, int eos_id, int pad_id) const;
  /// Error(kData) naming `where` for anything missing, contradictory or unsupported.
  static ModelConfig FromHuggingFace(const Json& config, const std::string& where);

  bool Slides(int layer) const;
  RopeConfig Rope(int layer) const;
  NormConfig Norm() const { return {rms_norm_eps, gemma_block ? 1.0 : 0.0}; }
  Activation MlpActivation() const {
    return gemma_block ? Activation::kGeluTanh : Activation::kSilu;
  }
  /// What attention scores and embeddings are multiplied with, rounded to float32.
  float AttentionScale() const;
  float EmbeddingScale() const;

  int64_t ParameterCount() const;
  /// Multiply-adds times two for one token with `context` positions before and at it: 2 x
  /// (parameters used in matrix products) + 4 x H x K x positions attended, over the layers.
  double FlopsPerToken(int64_t context) const;
};

/// A reason why no Hugging Face model type could hold the shape, and the key to name for it.
struct ConfigContradiction {
  std::string key;
  std::string why;
};
std::optional<ConfigContradiction> FindContradiction(const ModelConfig& config);

/// Largest values that a config may hold.
struct ConfigLimits {
  static constexpr int kWidth = 1 << 20;
  static constexpr int kLayers = 1 << 12;
  static constexpr int kHeads = 1 << 12;
  static constexpr int kPositions = 1 << 24;
  static constexpr int kVocabulary = 1 << 24;
};

/// Random initialisation of a new model.
struct InitConfig {
  double std = 0.08;           // of every matrix and the embedding
  bool scale_residual = true;  // o_proj and down_proj divided by sqrt(2 L)
};

}  // namespace retort
