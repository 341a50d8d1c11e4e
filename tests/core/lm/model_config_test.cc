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
  expected.max_position_embeddings = 96;
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
  ExpectRefusal(json, "rope_parameters.rope_type \"yarn\" is not supported; supported: default, ");
  json = LlamaJson();
  json["rope_scaling"] = {{"type", "dynamic"}, {"factor", 2}};
  ExpectRefusal(json, "rope_scaling.type \"dynamic\"");
  json = LlamaJson();
  json["rope_parameters"]["partial_rotary_factor"] = 0.5;
  ExpectRefusal(json, "rope_parameters.partial_rotary_factor 0.5 is not supported");
  json = LlamaJson();
  json["rope_scaling"] = {{"type", "linear"}, {"factor", 2}};
  ExpectRefusal(json, "rope_scaling contradicts rope_parameters");
  json = LlamaJson();
  json["rope_parameters"] = {{"full_attention", {{"rope_theta", 10000}}}};
  ExpectRefusal(json, "by layer type (full_attention)");
}

/// rope_scaling of Llama 3.1 as its config.json has it, and of older models.
TEST(ModelConfig, ReadsRotaryScalingInEveryForm) {
  Json old = LlamaJson();
  old.erase("rope_parameters");
  old["rope_theta"] = 500000;
  old["rope_scaling"] = {{"factor", 8.0},
                         {"low_freq_factor", 1.0},
                         {"high_freq_factor", 4.0},
                         {"original_max_position_embeddings", 8192},
                         {"rope_type", "llama3"}};
  const RopeScaling llama3{.type = RopeScaling::Type::kLlama3,
                           .factor = 8,
                           .low_freq_factor = 1,
                           .high_freq_factor = 4,
                           .original_max_position_embeddings = 8192};
  EXPECT_EQ(ModelConfig::FromHuggingFace(old, "x").rope_scaling, llama3);
  Json new_form = LlamaJson();
  new_form["rope_parameters"] = old["rope_scaling"];
  new_form["rope_parameters"]["rope_theta"] = 500000;
  EXPECT_EQ(ModelConfig::FromHuggingFace(new_form, "x"), ModelConfig::FromHuggingFace(old, "x"));
  old["rope_scaling"] = {{"type", "linear"}, {"factor", 2}};
  const RopeScaling linear{.type = RopeScaling::Type::kLinear, .factor = 2};
  EXPECT_EQ(ModelConfig::FromHuggingFace(old, "x").rope_scaling, linear);
}

/// google/gemma-3-1b-it before transformers 5.
Json OldGemmaJson() {
  Json json = GoldenJson("gemma3_sharded/config.json");
  for (const char* key : {"rope_parameters", "layer_types", "_sliding_window_pattern"}) {
    json.erase(key);
  }
  json["num_hidden_layers"] = 7;
  json["sliding_window_pattern"] = 3;
  json["rope_theta"] = 1000000;
  json["rope_local_base_freq"] = 10000;
  json["rope_scaling"] = {{"rope_type", "linear"}, {"factor", 8.0}};
  return json;
}

TEST(ModelConfig, ReadsGemma3InEveryForm) {
  const ModelConfig config = ModelConfig::FromHuggingFace(OldGemmaJson(), "x");
  EXPECT_EQ(config.sliding_layers, std::vector<bool>({true, true, false, true, true, false, true}));
  EXPECT_EQ(config.sliding_window, 9);
  EXPECT_EQ(config.Rope(0), RopeConfig({10000, {}}));
  const RopeScaling linear{.type = RopeScaling::Type::kLinear, .factor = 8};
  EXPECT_EQ(config.Rope(2), RopeConfig({1000000, linear}));
  EXPECT_TRUE(config.tie_word_embeddings);
  const ModelConfig golden =
      ModelConfig::FromHuggingFace(GoldenJson("gemma3_sharded/config.json"), "x");
  EXPECT_EQ(golden.sliding_layers, std::vector<bool>({true, false, true}));
  EXPECT_EQ(golden.Rope(0), config.Rope(0));
  EXPECT_EQ(golden.Rope(1), config.Rope(2));
  Json plain = OldGemmaJson();
  plain.erase("sliding_window_pattern");
  EXPECT_EQ(ModelConfig::FromHuggingFace(plain, "x").sliding_layers,
            std::vector<bool>({true, true, true, true, true, false, true}));
}

TEST(ModelConfig, RefusesWhatGemma3DoesNotNeed) {
  const auto with = [](const char* key, const Json& value) {
    Json json = OldGemmaJson();
    json[key] = value;
    return json;
  };
  ExpectRefusal(with("final_logit_softcapping", 30.0), "final_logit_softcapping 30.0 is not");
  ExpectRefusal(with("use_bidirectional_attention", true), "use_bidirectional_attention true");
  ExpectRefusal(with("hidden_activation", "gelu"), "only gelu_pytorch_tanh");
  ExpectRefusal(with("layer_types", {"chunked_attention"}), "layer_types must list 7 layers");
  ExpectRefusal(with("rope_local_base_freq", nullptr), "key rope_local_base_freq is missing");
  ExpectRefusal(with("sliding_window", nullptr), "key sliding_window is missing");
}

TEST(ModelConfig, ReadsTheWindowsOfQwen) {
  Json json = GoldenJson("qwen2_sliding/config.json");
  const ModelConfig golden = ModelConfig::FromHuggingFace(json, "x");
  EXPECT_EQ(golden.sliding_layers, std::vector<bool>({false, true}));
  EXPECT_TRUE(golden.qkv_bias);
  json.erase("layer_types");
  EXPECT_EQ(ModelConfig::FromHuggingFace(json, "x"), golden);
  json["use_sliding_window"] = false;
  EXPECT_EQ(ModelConfig::FromHuggingFace(json, "x").sliding_window, 0);
  json["layer_types"] = {"full_attention", "sliding_attention"};
  ExpectRefusal(json, "layer_types names sliding_attention, but use_sliding_window is not true");
  json["layer_types"] = {"full_attention", "linear_attention"};
  ExpectRefusal(json, "layer_types \"linear_attention\" is not supported");
}

TEST(ModelConfig, RefusesOtherModels) {
  Json json = LlamaJson();
  json["model_type"] = "gemma3";
  ExpectRefusal(json,
                "model_type \"gemma3\" is not supported; supported: llama, qwen2, qwen3, "
                "gemma3_text");
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

// SmallGemmaConfig: a layer's matrices 32*36 + 2*32*12 + 36*32 + 3*32*40 = 6912 again, norms 4*32,
// q and k norms 24; the first layer attends to five positions at most.
TEST(ModelConfig, CountsParametersAndFlopsOfGemma) {
  const ModelConfig config = SmallGemmaConfig();
  EXPECT_EQ(config.ParameterCount(), 23 * 32 + 2 * (6912 + 128 + 24) + 32);
  EXPECT_EQ(config.FlopsPerToken(3), 2.0 * (2 * 6912 + 23 * 32) + 4.0 * 36 * (3 + 3));
  EXPECT_EQ(config.FlopsPerToken(10), 2.0 * (2 * 6912 + 23 * 32) + 4.0 * 36 * (10 + 5));
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
