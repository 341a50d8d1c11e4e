// Every golden checkpoint on both sets of ops against transformers (tests/data/lm/make_goldens.py
// states the versions), by single forwards and through the engine.
#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/lm/checkpoint/checkpoint.h"
#include "core/lm/engine/engine.h"
#include "core/lm/model/decoder.h"
#include "tests/core/lm/goldens.h"
#include "tests/core/lm/tiny_model.h"

namespace retort {
namespace {

using testing_models::TokenizerOf;

constexpr int kGoldenVocabulary = 40;

at::Tensor GoldenLogits(const Json& rows) {
  std::vector<float> flat;
  for (const Json& row : rows) {
    for (const Json& value : row) flat.push_back(value.get<float>());
  }
  return at::tensor(flat).view({static_cast<int64_t>(rows.size()), -1});
}

std::vector<GenerateRequest> GreedyRequests(const Json& golden) {
  std::vector<GenerateRequest> requests;
  const auto length = static_cast<int>(golden.at("greedy").at(0).size());
  for (const Json& prompt : golden.at("sequences")) {
    requests.push_back(
        {.prompt_ids = prompt.get<std::vector<int32_t>>(),
         .sampling = {.temperature = 0, .max_new_tokens = length, .stop_ids = {}, .stop_texts = {}},
         .row_key = {}});
  }
  return requests;
}

class GoldenModel : public testing::TestWithParam<const char*> {
 protected:
  void ExpectLogits(const DecoderWeights& weights, DecoderOps& ops) const {
    for (size_t i = 0; i < golden_.at("sequences").size(); ++i) {
      const auto ids = golden_.at("sequences").at(i).get<std::vector<int64_t>>();
      const at::Tensor logits = DecoderForward(weights, PackSequences({ids}), ops);
      const at::Tensor expected = GoldenLogits(golden_.at("logits").at(i));
      EXPECT_LE((logits - expected).abs().max().item<double>(), 1e-4);
    }
  }
  void ExpectContinuations(const std::string& kernels) const {
    const auto tokenizer = TokenizerOf(kGoldenVocabulary);
    const auto engine =
        MakeLocalEngine({.kernels = kernels, .device = "cpu"}, weights_, *tokenizer, 1);
    const auto completions = engine->Generate(GreedyRequests(golden_));
    for (size_t i = 0; i < completions.size(); ++i) {
      EXPECT_EQ(completions[i].token_ids, golden_.at("greedy").at(i).get<std::vector<int32_t>>());
    }
  }
  DecoderWeights weights_ = LoadCheckpoint(RealEnv(), GoldenPath(GetParam()));
  Json golden_ = GoldenJson(std::string(GetParam()) + "_logits.json");
};

INSTANTIATE_TEST_SUITE_P(Checkpoints, GoldenModel, testing::ValuesIn(kGoldenModels));

TEST_P(GoldenModel, CompositeLogitsEqualThoseOfTransformers) {
  ExpectLogits(weights_, *MakeCompositeOps());
}

TEST_P(GoldenModel, NativeLogitsEqualThoseOfTransformers) {
  const c10::InferenceMode guard;
  PackWeights(weights_);
  ThreadPool pool(1);
  ExpectLogits(weights_, *MakeNativeOps(pool));
}

TEST_P(GoldenModel, CompositeContinuationsEqualThoseOfTransformers) {
  ExpectContinuations("composite");
}

TEST_P(GoldenModel, NativeContinuationsEqualThoseOfTransformers) { ExpectContinuations("auto"); }

TEST(GoldenModels, RowsBeyondTheTokenizerAreNeverSampled) {
  const DecoderWeights weights = LoadCheckpoint(RealEnv(), GoldenPath("qwen2_sliding"));
  const auto tokenizer = TokenizerOf(11);
  const auto engine = MakeLocalEngine({.device = "cpu"}, weights, *tokenizer, 1);
  for (const double temperature : {0.0, 5.0}) {
    const GenerateRequest request{.prompt_ids = {1, 5, 9},
                                  .sampling = {.temperature = temperature,
                                               .max_new_tokens = 60,
                                               .stop_ids = {},
                                               .stop_texts = {}},
                                  .row_key = {}};
    const std::vector<Completion> completions = engine->Generate({&request, 1});
    for (const int32_t id : completions[0].token_ids) EXPECT_LT(id, 11);
    // Renormalised over what the tokenizer has: the eleven probabilities sum to one.
    double sum = 0;
    for (int32_t id = 0; id < 11; ++id) {
      const ScoreRequest score{.prompt_ids = {1, 5, 9}, .completion_ids = {id}};
      sum += std::exp(static_cast<double>(engine->Score({&score, 1})[0].log_probs[0]));
    }
    EXPECT_NEAR(sum, 1, 1e-5);
  }
}

}  // namespace
}  // namespace retort
