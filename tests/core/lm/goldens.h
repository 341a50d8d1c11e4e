// Small models and batches that the tests of core/lm share.
#pragma once

#include <cstdint>
#include <vector>

#include "core/lm/model/decoder.h"
#include "tests/core/lm/test_files.h"

namespace retort {

/// The checkpoints of tests/data/lm/make_goldens.py.
inline constexpr const char* kGoldenModels[] = {
    "llama_tied",    "llama_biased_sharded", "llama3_scaled_float16",
    "qwen2_sliding", "qwen3_bfloat16",       "gemma3_sharded"};

/// Whole sequences laid end to end, all logits wanted.
inline TokenBatch PackSequences(const std::vector<std::vector<int64_t>>& sequences) {
  TokenBatch batch;
  batch.sequence_offsets = {0};
  for (const auto& sequence : sequences) {
    for (size_t i = 0; i < sequence.size(); ++i) {
      batch.ids.push_back(sequence[i]);
      batch.positions.push_back(static_cast<int64_t>(i));
    }
    batch.sequence_offsets.push_back(batch.rows());
  }
  return batch;
}

/// A Gemma block on SmallConfig's shape, with windows of five tokens on the first layer.
inline ModelConfig SmallGemmaConfig() {
  ModelConfig config;
  config.vocab_size = 23;
  config.hidden_size = 32;
  config.intermediate_size = 40;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 3;
  config.num_key_value_heads = 1;
  config.head_dim = 12;
  config.max_position_embeddings = 64;
  config.rope_theta = 1e6;
  config.rope_scaling = {.type = RopeScaling::Type::kLinear, .factor = 8};
  config.rope_local_base_freq = 10000;
  config.qk_norm = config.gemma_block = true;
  config.query_pre_attn_scalar = 20;
  config.sliding_layers = {true, false};
  config.sliding_window = 5;
  return config;
}

/// A small model that uses every option of Llama: grouped queries, biases away from 0, an untied
/// head.
inline ModelConfig SmallConfig() {
  ModelConfig config;
  config.vocab_size = 23;
  config.hidden_size = 32;
  config.intermediate_size = 40;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.head_dim = 8;
  config.max_position_embeddings = 64;
  config.tie_word_embeddings = false;
  config.attention_bias = true;
  config.mlp_bias = true;
  return config;
}

}  // namespace retort
