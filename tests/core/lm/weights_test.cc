#include "core/lm/model/weights.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "tests/core/lm/goldens.h"

namespace retort {
namespace {

std::map<std::string, at::Tensor> ByName(const DecoderWeights& weights) {
  const auto named = NamedParameters(weights);
  return {named.begin(), named.end()};
}

TEST(Weights, NamesAreThoseOfHuggingFaceAndCountEveryParameterOnce) {
  ModelConfig config = SmallConfig();
  const auto untied = ByName(InitWeights(config, {}, RngKey{1, 1}));
  EXPECT_TRUE(untied.contains("model.embed_tokens.weight"));
  EXPECT_TRUE(untied.contains("model.layers.1.self_attn.k_proj.bias"));
  EXPECT_TRUE(untied.contains("model.layers.0.mlp.down_proj.weight"));
  EXPECT_TRUE(untied.contains("lm_head.weight"));
  config.tie_word_embeddings = true;
  EXPECT_FALSE(ByName(InitWeights(config, {}, RngKey{1, 1})).contains("lm_head.weight"));
  int64_t parameters = 0;
  for (const auto& [name, tensor] : untied) parameters += tensor.numel();
  EXPECT_EQ(parameters, SmallConfig().ParameterCount());
}

TEST(Weights, InitialValuesDependOnKeyAndNameOnly) {
  ModelConfig shallow = SmallConfig(), deep = SmallConfig();
  deep.num_hidden_layers = 3;
  const InitConfig init = {.scale_residual = false};
  const auto a = ByName(InitWeights(shallow, init, RngKey{1, 1}));
  const auto b = ByName(InitWeights(deep, init, RngKey{1, 1}));
  for (const auto& [name, tensor] : a) EXPECT_TRUE(at::equal(tensor, b.at(name))) << name;
  const std::string q = "model.layers.0.self_attn.q_proj.weight";
  EXPECT_FALSE(at::equal(a.at(q), ByName(InitWeights(shallow, init, RngKey{1, 2})).at(q)));
  EXPECT_FALSE(at::equal(a.at(q), a.at("model.layers.1.self_attn.q_proj.weight")));
}

TEST(Weights, InitialValuesAreNormalWithTheConfiguredScale) {
  ModelConfig config = SmallConfig();
  config.hidden_size = 128;
  config.intermediate_size = 256;
  const auto weights = ByName(InitWeights(config, {.std = 0.08}, RngKey{3, 4}));
  const at::Tensor& up = weights.at("model.layers.0.mlp.up_proj.weight");
  const at::Tensor z = up / 0.08;
  EXPECT_NEAR(z.mean().item<double>(), 0, 0.03);
  EXPECT_NEAR(z.std().item<double>(), 1, 0.02);
  EXPECT_NEAR(z.pow(4).mean().item<double>(), 3, 0.2);  // the fourth moment of a normal
  const double residual = 0.08 / std::sqrt(2.0 * 2);
  EXPECT_NEAR(weights.at("model.layers.0.mlp.down_proj.weight").std().item<double>(), residual,
              0.02 * residual);
  EXPECT_TRUE(weights.at("model.norm.weight").eq(1).all().item<bool>());
  EXPECT_TRUE(weights.at("model.layers.1.self_attn.o_proj.bias").eq(0).all().item<bool>());
}

TEST(Weights, AnOddNumberOfValuesIsFilledToTheEnd) {
  ModelConfig config = SmallConfig();
  config.vocab_size = 3;
  config.hidden_size = 33;
  const DecoderWeights weights = InitWeights(config, {}, RngKey{3, 4});
  EXPECT_TRUE(weights.embedding.weight.ne(0).all().item<bool>());
}

TEST(Weights, ACloneSharesNothingAndKeepsTheTie) {
  ModelConfig config = SmallConfig();
  config.tie_word_embeddings = true;
  DecoderWeights weights = InitWeights(config, {}, RngKey{1, 1});
  weights.embedding.weight.requires_grad_();
  const DecoderWeights clone = CloneWeights(weights);
  const std::string before = WeightsSha256(weights);
  for (const auto& [name, tensor] : NamedParameters(clone)) {
    EXPECT_FALSE(tensor.requires_grad()) << name;
    tensor.add_(1);
  }
  EXPECT_EQ(WeightsSha256(weights), before);
  EXPECT_TRUE(clone.head.weight.is_same(clone.embedding.weight));
}

TEST(Weights, HashSeesEveryValueNameAndShape) {
  DecoderWeights weights = InitWeights(SmallConfig(), {}, RngKey{1, 1});
  std::set<std::string> hashes = {WeightsSha256(weights)};
  for (auto& [name, tensor] : NamedParameters(weights)) {
    at::Tensor last = tensor->view({-1})[tensor->numel() - 1];
    last.add_(0.5);
    EXPECT_TRUE(hashes.insert(WeightsSha256(weights)).second) << name;
  }
  weights.layers[0].gate.weight = weights.layers[0].gate.weight.view({32, 40});
  EXPECT_TRUE(hashes.insert(WeightsSha256(weights)).second);
}

TEST(Weights, EmptyOnTheMetaDeviceTakesNoMemory) {
  ModelConfig config = SmallConfig();
  config.hidden_size = config.intermediate_size = 1 << 20;
  const DecoderWeights weights = EmptyWeights(config, at::kMeta);
  EXPECT_EQ(weights.layers[0].gate.weight.numel(), int64_t{1} << 40);
}

}  // namespace
}  // namespace retort
