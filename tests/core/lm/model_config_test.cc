#include "core/lm/model/model_config.h"

#include <gtest/gtest.h>

#include "tests/core/lm/goldens.h"

namespace retort {
namespace {

Json LlamaJson() { return GoldenJson("llama_tied/config.json"); }

std::string Refusal(const Json& json) {
  return MessageOf([&] { ModelConfig::FromHuggingFace(json, "dir/config.json"); });
}

void ExpectRefusal(const Json& json, const std::string& fragment) {
  const std::string message = Refusal(json);
  EXPECT_NE(message.find(fragment), std::string::npos) << message;
  EXPECT_NE(message.find("dir/config.json"), std::string::npos) << message;
}

TEST(ModelConfig, ReadsWhatTransformers5Writes) {
  const ModelConfig config = ModelConfig::FromHuggingFace(LlamaJson(), "config.json");
  ModelConfig expected;
  expected.vocab_size = 40;
  expected.hidden_size = 48;
  expected.intermediate_size = 32;
  expected.num_hidden_layers = 2;
  expected.num_attention_heads = 3;
  expected.num_key_value_heads = 1;
  expected.head_dim = 16;
  expected.max_position_embeddings = 64;
  expected.rope_theta = 10000;
  expected.rms_norm_eps = 1e-6;
  EXPECT_EQ(config, expected);
}

TEST(ModelConfig, WhatItWritesReadsBackEqual) {
  for (const bool qk_norm : {false, true}) {
    ModelConfig config = SmallConfig();
    config.qk_norm = qk_norm;
    config.mlp_bias = !qk_norm;
    config.rope_theta = 123456.5;
    const Json json = config.ToHuggingFace(1, 2, 0);
    EXPECT_EQ(ModelConfig::FromHuggingFace(ParseJson(DumpJson(json), "x"), "x"), config);
    EXPECT_EQ(json.at("model_type"), qk_norm ? "qwen3" : "llama");
    EXPECT_EQ(json.at("eos_token_id"), 2);
  }
  EXPECT_TRUE(SmallConfig().ToHuggingFace(1, 2, -1).at("pad_token_id").is_null());
}

TEST(ModelConfig, ReadsTheRotaryBaseInEveryForm) {
  Json old = LlamaJson();
  old.erase("rope_parameters");
  old["rope_theta"] = 500000;
  old["rope_scaling"] = nullptr;
  EXPECT_EQ(ModelConfig::FromHuggingFace(old, "x").rope_theta, 500000);
  old["rope_scaling"] = {{"rope_type", "default"}};
  EXPECT_EQ(ModelConfig::FromHuggingFace(old, "x").rope_theta, 500000);
  Json both = LlamaJson();
  both["rope_theta"] = 10000.0;
  EXPECT_EQ(ModelConfig::FromHuggingFace(both, "x").rope_theta, 10000);
}

TEST(ModelConfig, RefusesAMissingOrContradictoryRotaryBase) {
  Json json = LlamaJson();
  json.erase("rope_parameters");
  ExpectRefusal(json, "neither rope_theta nor rope_parameters");
  json["rope_theta"] = 0;
  ExpectRefusal(json, "rope_theta must be a number above 0");
  json["rope_parameters"] = {{"rope_type", "default"}};
  ExpectRefusal(json, "rope_parameters.rope_theta is missing");
  json["rope_parameters"]["rope_theta"] = 10000;
  json["rope_theta"] = 20000;
  ExpectRefusal(json, "contradicts");
}

TEST(ModelConfig, RefusesRotaryScalingByName) {
  Json json = LlamaJson();
  json["rope_parameters"]["rope_type"] = "yarn";
  ExpectRefusal(json, "rope_parameters.rope_type \"yarn\"");
  json = LlamaJson();
  json["rope_scaling"] = {{"type", "linear"}, {"factor", 2}};
  ExpectRefusal(json, "rope_scaling.type \"linear\"");
  json = LlamaJson();
  json["rope_parameters"] = {{"full_attention", {{"rope_theta", 10000}}}};
  ExpectRefusal(json, "by layer type (full_attention)");
}

TEST(ModelConfig, RefusesOtherModels) {
  Json json = LlamaJson();
  json["model_type"] = "gemma3_text";
  ExpectRefusal(json, "model_type \"gemma3_text\" is not supported; supported: llama, qwen3");
  json.erase("model_type");
  ExpectRefusal(json, "model_type null");
  json = LlamaJson();
  json["hidden_act"] = "gelu";
  ExpectRefusal(json, "hidden_act \"gelu\"");
  json = LlamaJson();
  json["use_sliding_window"] = true;
  ExpectRefusal(json, "use_sliding_window true");
}

TEST(ModelConfig, RefusesMissingMistypedAndContradictoryShapes) {
  Json json = LlamaJson();
  json.erase("hidden_size");
  ExpectRefusal(json, "key hidden_size is missing");
  json = LlamaJson();
  json["num_hidden_layers"] = -1;
  ExpectRefusal(json, "num_hidden_layers must be an integer in 1..4096, got -1");
  json["num_hidden_layers"] = "2";
  ExpectRefusal(json, "num_hidden_layers must be an integer in 1..4096, got \"2\"");
  json["num_hidden_layers"] = 1e300;
  ExpectRefusal(json, "num_hidden_layers must be an integer");
  json = LlamaJson();
  json["num_key_value_heads"] = 2;
  ExpectRefusal(json, "num_attention_heads 3 is not a multiple of num_key_value_heads 2");
  json = LlamaJson();
  json["tie_word_embeddings"] = "yes";
  ExpectRefusal(json, "tie_word_embeddings must be true or false");
  ExpectRefusal(Json::array(), "top level must be an object");
}

TEST(ModelConfig, HeadWidthAndKeyHeadsFollowFromTheRestWhenAbsent) {
  Json json = LlamaJson();
  json.erase("head_dim");
  json.erase("num_key_value_heads");
  const ModelConfig config = ModelConfig::FromHuggingFace(json, "x");
  EXPECT_EQ(config.head_dim, 16);
  EXPECT_EQ(config.num_key_value_heads, 3);
  json["hidden_size"] = 50;
  ExpectRefusal(json, "head_dim is not given");
}

TEST(ModelConfig, AcceptsAnyFormOfEosTokenId) {
  Json json = LlamaJson();
  json["eos_token_id"] = {1, 106};
  EXPECT_EQ(ModelConfig::FromHuggingFace(json, "x").vocab_size, 40);
}

ModelConfig FromYaml(const std::string& yaml) {
  const auto document = ConfigDocument::Parse(yaml, "exp.yaml", {});
  ConfigSection root = document->Root();
  ConfigSection section = root.Section("model");
  const ModelConfig config = ModelConfig::FromConfig(section);
  document->Finish();
  return config;
}

TEST(ModelConfig, ReadsAnExperimentFile) {
  const ModelConfig config = FromYaml(
      "model: {num_hidden_layers: 4, hidden_size: 128, intermediate_size: 352, "
      "num_attention_heads: 4}\n");
  EXPECT_EQ(config.hidden_size, 128);
  EXPECT_EQ(config.num_key_value_heads, 4);
  EXPECT_EQ(config.head_dim, 32);
  EXPECT_EQ(FromYaml("model: {}\n"), ModelConfig());
}

TEST(ModelConfig, ReportsContradictionsInAnExperimentFile) {
  const auto message = [](const std::string& yaml) {
    return MessageOf([&] { FromYaml(yaml); }, ExitCode::kConfig);
  };
  EXPECT_NE(message("model: {num_attention_heads: 3, num_key_value_heads: 2}\n")
                .find("not a multiple of num_key_value_heads 2"),
            std::string::npos);
  EXPECT_NE(message("model: {qk_norm: true, mlp_bias: true}\n").find("model.mlp_bias"),
            std::string::npos);
  EXPECT_NE(message("model: {head_dim: 33}\n").find("head_dim 33 is odd"), std::string::npos);
  EXPECT_NE(message("model: {hidden_sice: 64}\n").find("hidden_size"), std::string::npos);
}

// By hand for V 23, D 32, F 40, L 2, H 4, G 2, K 8: tables 2*23*32 = 1472; a layer's matrices
// 32*32 + 2*32*16 + 32*32 + 3*32*40 = 6912, norms 64, biases 32+16+16+32 + 40+40+32 = 208.
TEST(ModelConfig, CountsParametersAndFlops) {
  const ModelConfig config = SmallConfig();
  EXPECT_EQ(config.ParameterCount(), 1472 + 2 * (6912 + 64 + 208) + 32);
  EXPECT_EQ(config.FlopsPerToken(10), 2.0 * (2 * 6912 + 23 * 32) + 4.0 * 2 * 32 * 10);
}

}  // namespace
}  // namespace retort
