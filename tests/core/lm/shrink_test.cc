#include "core/lm/checkpoint/shrink.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/core/lm/goldens.h"

namespace retort {
namespace {

DecoderWeights SmallWeights(bool tied) {
  ModelConfig config = SmallConfig();
  config.num_hidden_layers = 4;
  config.tie_word_embeddings = tied;
  return InitWeights(config, {}, Rng::DeriveKey({uint64_t{1}, "shrink"}));
}

TEST(KeepLayers, KeepsTheseAndNothingElseOfTheStack) {
  const DecoderWeights whole = SmallWeights(false);
  DecoderWeights kept = whole;
  KeepLayers(kept, {0, 3});
  EXPECT_EQ(kept.config, WithLayers(whole.config, {0, 3}));
  EXPECT_EQ(kept.config.num_hidden_layers, 2);
  ASSERT_EQ(kept.layers.size(), 2U);
  EXPECT_TRUE(kept.layers[0].q.weight.is_same(whole.layers[0].q.weight));
  EXPECT_TRUE(kept.layers[1].down.weight.is_same(whole.layers[3].down.weight));
  EXPECT_TRUE(kept.embedding.weight.is_same(whole.embedding.weight));
  EXPECT_TRUE(kept.head.weight.is_same(whole.head.weight));
}

TEST(KeepLayers, ALayerThatSlidesGoesOnSliding) {
  ModelConfig config;
  config.num_hidden_layers = 3;
  config.sliding_layers = {true, false, true};
  config.sliding_window = 8;
  EXPECT_EQ(WithLayers(config, {1, 2}).sliding_layers, (std::vector<bool>{false, true}));
  EXPECT_EQ(WithLayers(config, {1, 2}).sliding_window, 8);
  EXPECT_TRUE(WithLayers(config, {1}).sliding_layers.empty());
  EXPECT_EQ(WithLayers(config, {1}).sliding_window, 0);
}

TEST(KeepLayers, RefusesLayersThatAreNotThereOrNotAscending) {
  for (const std::vector<int64_t>& layers :
       {std::vector<int64_t>{}, {4}, {1, 0}, {1, 1}, {-1, 0}}) {
    DecoderWeights weights = SmallWeights(true);
    MessageOf([&] { KeepLayers(weights, layers); }, ExitCode::kInternal);
  }
}

TEST(TrimVocabulary, DropsTheLastRowsOfEmbeddingAndHead) {
  for (const bool tied : {true, false}) {
    const DecoderWeights whole = SmallWeights(tied);
    DecoderWeights trimmed = whole;
    TrimVocabulary(trimmed, 20);
    EXPECT_EQ(trimmed.config.vocab_size, 20);
    EXPECT_TRUE(trimmed.embedding.weight.equal(whole.embedding.weight.narrow(0, 0, 20)));
    EXPECT_TRUE(trimmed.head.weight.equal(whole.head.weight.narrow(0, 0, 20)));
    EXPECT_EQ(trimmed.head.weight.is_same(trimmed.embedding.weight), tied);
  }
}

TEST(NarrowValues, TakesSixteenBitsOnlyWhereTheyHoldEveryValue) {
  const auto narrowed_to = [](at::ScalarType stored, float extra) {
    DecoderWeights weights = SmallWeights(true);
    for (const auto& [name, tensor] : NamedParameters(weights)) {
      *tensor = tensor->to(stored).to(at::kFloat);
    }
    weights.head.weight = weights.embedding.weight;
    weights.final_norm[0] = extra;
    const std::string before = WeightsSha256(weights);
    NarrowValues(weights);
    EXPECT_TRUE(weights.head.weight.is_same(weights.embedding.weight));
    const at::ScalarType type = weights.embedding.weight.scalar_type();
    for (const auto& [name, tensor] : NamedParameters(weights)) {
      EXPECT_EQ(tensor->scalar_type(), type);
      *tensor = tensor->to(at::kFloat);
    }
    EXPECT_EQ(WeightsSha256(weights), before);
    return type;
  };
  EXPECT_EQ(narrowed_to(at::kBFloat16, 1), at::kBFloat16);
  EXPECT_EQ(narrowed_to(at::kHalf, 1), at::kHalf);
  EXPECT_EQ(narrowed_to(at::kFloat, 1), at::kFloat);
  EXPECT_EQ(narrowed_to(at::kHalf, 1e6F), at::kFloat);
}

}  // namespace
}  // namespace retort
