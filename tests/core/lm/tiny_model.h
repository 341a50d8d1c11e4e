// Small random models and batches for the tests of ops and engine.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/strings.h"
#include "core/lm/model/decoder.h"
#include "core/lm/model/weights.h"
#include "core/lm/tokenizer/tokenizer.h"

namespace retort::testing_models {

/// 22 tokens like ring sorting: <pad> <bos> <eos> <unk> and w0 .. w17.
inline std::unique_ptr<Tokenizer> TinyTokenizer() {
  std::vector<std::string> words;
  for (int i = 0; i < 18; ++i) words.push_back(StrCat("w", i));
  return MakeWordLevelTokenizer(words);
}

/// Grouped-query attention, odd widths and a vocabulary that fill no register evenly.
inline ModelConfig TinyConfig() {
  ModelConfig config;
  config.vocab_size = 22;
  config.hidden_size = 40;
  config.intermediate_size = 52;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.head_dim = 12;
  config.max_position_embeddings = 64;
  return config;
}

/// Large enough that ops and batches are split over threads.
inline ModelConfig WideConfig() {
  ModelConfig config = TinyConfig();
  config.hidden_size = 128;
  config.intermediate_size = 344;
  config.num_key_value_heads = 4;
  config.head_dim = 32;
  return config;
}

/// Keys and values so small that logits are not kept beside them: tokens run again for theirs.
inline ModelConfig NarrowConfig() {
  ModelConfig config = TinyConfig();
  config.num_hidden_layers = 1;
  config.num_key_value_heads = 1;
  config.head_dim = 4;
  return config;
}

/// A tokenizer of `size` ids, the special ones included.
inline std::unique_ptr<Tokenizer> TokenizerOf(int size) {
  std::vector<std::string> words;
  for (int i = 4; i < size; ++i) words.push_back(StrCat("w", i));
  return MakeWordLevelTokenizer(words);
}

inline DecoderWeights RandomWeights(const ModelConfig& config, uint64_t seed = 1) {
  // A standard deviation that makes sampled text varied but far from uniform.
  return InitWeights(config, {.std = 0.2, .scale_residual = true},
                     Rng::DeriveKey({"tiny_model", seed}));
}

}  // namespace retort::testing_models
