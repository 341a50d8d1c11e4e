// The goldens under tests/data/lm, and small helpers of the tests of core/lm.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "core/base/env.h"
#include "core/base/error.h"
#include "core/base/json.h"
#include "core/lm/model/decoder.h"

namespace retort {

inline std::string GoldenPath(const std::string& name) {
  return StrCat(RETORT_TEST_DATA, "/lm/", name);
}

inline Json GoldenJson(const std::string& name) {
  return ParseJson(RealEnv().ReadFile(GoldenPath(name)), name);
}

/// A fresh folder for one test.
inline std::string FreshDir(const std::string& name) {
  const std::string dir = StrCat(testing::TempDir(), name, "_", getpid());
  RealEnv().RemoveTree(dir);
  RealEnv().CreateDirs(dir);
  return dir;
}

/// The same, but with RETORT_EXPORT_DIR set it stays there for tests/data/lm/check_export.py.
inline std::string ExportDir(const std::string& name) {
  const char* kept = std::getenv("RETORT_EXPORT_DIR");
  return kept == nullptr ? FreshDir(name) : JoinPath(kept, name);
}

/// The message of the retort::Error that `call` throws with `code`; "" (and a failure) otherwise.
template <typename Call>
std::string MessageOf(const Call& call, ExitCode code = ExitCode::kData) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error was thrown";
  return "";
}

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

/// A small model that uses every option: grouped queries, biases away from 0, an untied head.
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
