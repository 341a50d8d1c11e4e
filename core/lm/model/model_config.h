// Shape of a Llama-family decoder, under the names of Hugging Face's config.json.
#pragma once

#include <cstdint>
#include <string>

#include "core/base/config.h"
#include "core/base/json.h"

namespace retort {

struct ModelConfig {
  int vocab_size = 0;
  int hidden_size = 64;         // D
  int intermediate_size = 176;  // F
  int num_hidden_layers = 3;    // L
  int num_attention_heads = 2;  // H
  int num_key_value_heads = 2;  // G
  int head_dim = 32;            // K
  int max_position_embeddings = 256;
  double rope_theta = 10000;
  double rms_norm_eps = 1e-5;
  bool tie_word_embeddings = true;
  bool attention_bias = false;
  bool mlp_bias = false;
  bool qk_norm = false;
  bool operator==(const ModelConfig&) const = default;

  /// Reads the shape keys of a `model:` section; vocab_size comes from the tokenizer.
  static ModelConfig FromConfig(ConfigSection& section);
  /// config.json of model type llama, as `transformers` writes it.
  Json ToHuggingFace(int bos_id, int eos_id, int pad_id) const;
  /// Error(kData) naming `where` for anything missing, contradictory or unsupported.
  static ModelConfig FromHuggingFace(const Json& config, const std::string& where);

  int64_t ParameterCount() const;
  /// Multiply-adds times two for one token with `context` positions attended: 2 x (parameters used
  /// in matrix products) + 4 x L x H x K x context.
  double FlopsPerToken(int64_t context) const;
};

/// Random initialisation of a new model.
struct InitConfig {
  double std = 0.08;           // of every matrix and the embedding
  bool scale_residual = true;  // o_proj and down_proj divided by sqrt(2 L)
};

}  // namespace retort
