// What the tests of train share: small models, examples, folders of their own.
#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/base/env.h"
#include "core/base/error.h"
#include "core/base/rng.h"
#include "core/lm/model/weights.h"
#include "core/trace/types.h"

namespace retort {

/// The message of the Error that `call` throws, "" if it throws none.
template <typename Call>
std::string ErrorOf(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

/// An empty folder that no other test uses.
inline std::string TestFolder(const std::string& name) {
  const auto* info = testing::UnitTest::GetInstance()->current_test_info();
  std::string folder =
      StrCat("retort_train_", info->test_suite_name(), "_", info->name(), "_", name);
  for (char& c : folder) c = c == '/' ? '_' : c;
  const std::string dir = JoinPath(testing::TempDir(), folder);
  RealEnv().RemoveTree(dir);
  RealEnv().CreateDirs(dir);
  return dir;
}

inline ModelConfig TinyModel() {
  ModelConfig model;
  model.vocab_size = 13;
  model.hidden_size = 16;
  model.intermediate_size = 24;
  model.num_hidden_layers = 2;
  model.num_attention_heads = 2;
  model.num_key_value_heads = 1;
  model.head_dim = 8;
  model.max_position_embeddings = 64;
  return model;
}

/// Examples of varied lengths: bos, prompt, completion, eos (ids 1 and 2).
inline std::vector<Example> RandomExamples(int count, uint64_t seed) {
  Rng rng = Rng::Derive({seed, "examples"});
  const auto word = [&rng] { return static_cast<int32_t>(3 + rng.NextBelow(10)); };
  std::vector<Example> examples;
  for (int i = 0; i < count; ++i) {
    Example example;
    example.problem_id = StrCat("problem-", i);
    example.source = "gold";
    example.prompt_ids = {1};
    for (uint64_t n = rng.NextBelow(8); n > 0; --n) example.prompt_ids.push_back(word());
    for (uint64_t n = rng.NextBelow(8); n > 0; --n) example.completion_ids.push_back(word());
    example.completion_ids.push_back(2);
    example.weight = i % 3 == 0 ? 0.5f : 1.0f;
    examples.push_back(std::move(example));
  }
  return examples;
}

inline std::vector<const Example*> Pointers(const std::vector<Example>& examples) {
  std::vector<const Example*> pointers;
  for (const Example& example : examples) pointers.push_back(&example);
  return pointers;
}

inline double MaxDifference(const at::Tensor& a, const at::Tensor& b) {
  return (a.detach() - b.detach()).abs().max().item<double>();
}

}  // namespace retort
