#include "core/lm/checkpoint/gguf_model.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <limits>

#include "core/base/hash.h"
#include "core/lm/checkpoint/checkpoint.h"
#include "tests/core/lm/gguf_bytes.h"
#include "tests/core/lm/test_files.h"

namespace retort {
namespace {

/// The golden's shape, as config.json would have it.
ModelConfig ConfigOf(const Json& golden) {
  Json config = golden.at("config");
  config["hidden_act"] = "silu";
  return ModelConfig::FromHuggingFace(config, "golden");
}

class GgufModelGoldenTest : public testing::TestWithParam<const char*> {};

TEST_P(GgufModelGoldenTest, HasTheShapeAndTheUnpermutedValuesOfTheModel) {
  const std::string name = StrCat("gguf/", GetParam());
  const Json golden = GoldenJson(name + ".json");
  const DecoderWeights weights = LoadGguf(RealEnv(), GoldenPath(name + ".gguf"));
  EXPECT_EQ(weights.config, ConfigOf(golden));
  const auto parameters = NamedParameters(weights);
  EXPECT_EQ(parameters.size(), golden.at("tensors").size());
  for (const auto& [parameter, tensor] : parameters) {
    SCOPED_TRACE(parameter);
    const Json& expected = golden.at("tensors").at(parameter);
    EXPECT_EQ(Json(tensor.sizes().vec()), expected.at("shape"));
    const at::Tensor values = tensor.contiguous();
    EXPECT_EQ(Sha256({static_cast<const char*>(values.const_data_ptr()), values.nbytes()}),
              expected.at("sha256"));
  }
  EXPECT_EQ(weights.head.weight.is_same(weights.embedding.weight),
            weights.config.tie_word_embeddings);
}

INSTANTIATE_TEST_SUITE_P(Models, GgufModelGoldenTest,
                         testing::Values("llama_grouped", "llama_biased", "llama3_scaled",
                                         "qwen2_linear", "qwen3"));

TEST(GgufModel, ItsWeightsSaveAsAHuggingFaceFolder) {
  const DecoderWeights weights = LoadGguf(RealEnv(), GoldenPath("gguf/llama_biased.gguf"));
  const std::string dir = FreshDir("gguf_saved");
  SaveCheckpoint(RealEnv(), dir, weights, 1, 2, -1);
  const DecoderWeights read = LoadCheckpoint(RealEnv(), dir);
  EXPECT_EQ(read.config, weights.config);
  EXPECT_EQ(WeightsSha256(read), WeightsSha256(weights));
}

/// The smallest llama: one layer, D = 4, H = 2, G = 1, K = 2, F = 3, V = 5; F32 zeros.
class GgufModelTest : public testing::Test {
 protected:
  GgufModelTest() {
    Set("general.architecture", TextKey("general.architecture", "llama"));
    SetInt("llama.block_count", 1);
    SetInt("llama.context_length", 16);
    SetInt("llama.embedding_length", 4);
    SetInt("llama.feed_forward_length", 3);
    SetInt("llama.attention.head_count", 2);
    SetInt("llama.attention.head_count_kv", 1);
    SetFloat("llama.attention.layer_norm_rms_epsilon", 1e-6F);
    SetFloat("llama.rope.freq_base", 50000);
    tensors_ = {{"token_embd.weight", {4, 5}},   {"blk.0.attn_norm.weight", {4}},
                {"blk.0.attn_q.weight", {4, 4}}, {"blk.0.attn_k.weight", {4, 2}},
                {"blk.0.attn_v.weight", {4, 2}}, {"blk.0.attn_output.weight", {4, 4}},
                {"blk.0.ffn_norm.weight", {4}},  {"blk.0.ffn_gate.weight", {4, 3}},
                {"blk.0.ffn_up.weight", {4, 3}}, {"blk.0.ffn_down.weight", {3, 4}},
                {"output_norm.weight", {4}}};
  }
  void Set(const std::string& key, const std::string& bytes) { keys_[key] = bytes; }
  void SetInt(const std::string& key, uint32_t value) {
    Set(key, RawKey(key, GgufType::kUint32, RawBytes(value)));
  }
  void SetFloat(const std::string& key, float value) {
    Set(key, RawKey(key, GgufType::kFloat32, RawBytes(value)));
  }
  GgufFile File() const {
    RawGguf raw;
    for (const auto& [key, bytes] : keys_) raw.keys.push_back(bytes);
    for (const auto& [name, dims] : tensors_) {
      raw.tensors.push_back({.name = name, .dims = dims, .offset = raw.data.size()});
      raw.data += std::string(96, value_);
    }
    return ParseBytes(raw.Bytes());
  }
  void ExpectRefusal(const std::string& fragment) const {
    const std::string message = MessageOf([&] { GgufWeights(File()); });
    EXPECT_NE(message.find(fragment), std::string::npos) << message;
    EXPECT_NE(message.find("x.gguf"), std::string::npos) << message;
  }

  std::map<std::string, std::string> keys_;
  std::map<std::string, std::vector<uint64_t>> tensors_;
  char value_ = 0;
};

TEST_F(GgufModelTest, ReadsTheShape) {
  const ModelConfig config = GgufWeights(File()).config;
  EXPECT_EQ(config.vocab_size, 5);
  EXPECT_EQ(config.head_dim, 2);
  EXPECT_EQ(config.rms_norm_eps, 1e-6);
  EXPECT_EQ(config.rope_theta, 50000);
  EXPECT_EQ(config.max_position_embeddings, 16);
  EXPECT_TRUE(config.tie_word_embeddings);
}

TEST_F(GgufModelTest, TakesTheFormatsDefaults) {
  keys_.erase("llama.rope.freq_base");
  keys_.erase("llama.attention.head_count_kv");
  tensors_["blk.0.attn_k.weight"] = tensors_["blk.0.attn_v.weight"] = {4, 4};
  const ModelConfig config = GgufWeights(File()).config;
  EXPECT_EQ(config.rope_theta, 10000);
  EXPECT_EQ(config.num_key_value_heads, 2);
}

TEST_F(GgufModelTest, RefusesOtherArchitecturesByName) {
  Set("general.architecture", TextKey("general.architecture", "gemma3"));
  ExpectRefusal("architecture \"gemma3\" is not supported; supported: llama, qwen2, qwen3");
  Set("general.architecture", TextKey("general.architecture", std::string(999, '\n')));
  ExpectRefusal("is not supported; supported: llama");
  keys_.erase("general.architecture");
  ExpectRefusal("key general.architecture is missing");
}

TEST_F(GgufModelTest, RefusesWhatWouldChangeTheModelSilently) {
  const auto refused = [this](const std::string& key, const std::string& bytes,
                              const std::string& fragment) {
    Set(key, bytes);
    ExpectRefusal(fragment);
    keys_.erase(key);
  };
  const auto number = [](const std::string& key, uint32_t value) {
    return RawKey(key, GgufType::kUint32, RawBytes(value));
  };
  refused("llama.expert_count", number("llama.expert_count", 8),
          "key llama.expert_count is 8; supported: 0");
  refused("split.count", number("split.count", 2), "key split.count is 2; supported: 1");
  refused("llama.rope.dimension_count", number("llama.rope.dimension_count", 1),
          "key llama.rope.dimension_count is 1; supported: the head width 2");
  refused("llama.attention.value_length", number("llama.attention.value_length", 3),
          "key llama.attention.value_length is 3; supported: the head width 2");
  refused("llama.vocab_size", number("llama.vocab_size", 6), "token_embd.weight has 5 rows");
  refused("llama.rope.scaling.type", TextKey("llama.rope.scaling.type", "yarn"),
          "rotary scaling \"yarn\" is not supported");
  refused("llama.rope.scaling.type", TextKey("llama.rope.scaling.type", "linear"),
          "key llama.rope.scaling.factor is missing");
}

TEST_F(GgufModelTest, RefusesTablesOfFrequenciesThatAreNotLlama3s) {
  for (const uint64_t length : {1U, 2U}) {  // zeros, and too many
    tensors_["rope_freqs.weight"] = {length};
    ExpectRefusal("tensor rope_freqs.weight is not supported; supported: Llama 3's scaling");
  }
  Set("llama.rope.scaling.type", TextKey("llama.rope.scaling.type", "linear"));
  ExpectRefusal("rotary scaling \"linear\" beside a table of frequencies is not supported");
}

TEST_F(GgufModelTest, RefusesKeysOutOfRange) {
  SetInt("llama.attention.head_count", 0);
  ExpectRefusal("is not a multiple of 0 heads");
  SetInt("llama.attention.head_count", 3);
  ExpectRefusal("key llama.embedding_length 4 is not a multiple of 3 heads");
  SetInt("llama.attention.head_count", 2);
  SetInt("llama.block_count", 4000000000U);
  ExpectRefusal("num_hidden_layers must be an integer in 1..4096, got 4000000000");
  keys_.erase("llama.block_count");
  ExpectRefusal("key llama.block_count is missing");
}

TEST_F(GgufModelTest, NamesTensorsMissingExtraAndMisshapen) {
  tensors_["blk.0.attn_k.weight"] = {4, 3};
  tensors_["blk.1.ffn_up.weight"] = {4, 3};
  tensors_.erase("output_norm.weight");
  ExpectRefusal(
      "extra: model.layers.1.mlp.up_proj.weight; "
      "misshapen: model.layers.0.self_attn.k_proj.weight [3,4] instead of [2,4]; "
      "missing: model.norm.weight");
}

TEST_F(GgufModelTest, RefusesTensorsUnderForeignNames) {
  for (const char* name : {"model.norm.weight", "blk.0.ffn_gate_exps.weight", "blk.0", "output"}) {
    tensors_[name] = {4};
    ExpectRefusal(StrCat("tensor ", name, " is none of a llama decoder's"));
    tensors_.erase(name);
  }
}

TEST_F(GgufModelTest, RefusesValuesThatAreNotFinite) {
  value_ = '\xff';
  ExpectRefusal("not finite: model.embed_tokens.weight, ");
}

}  // namespace
}  // namespace retort
