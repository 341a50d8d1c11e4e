#include "core/lm/checkpoint/checkpoint.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "core/base/commit.h"
#include "core/lm/model/decoder.h"
#include "tests/core/lm/goldens.h"

namespace retort {
namespace {

using TensorMap = std::map<std::string, at::Tensor>;

/// A copy of a golden checkpoint with its tensors changed.
class CheckpointTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string golden = GoldenPath("llama_tied");
    Put("config.json", RealEnv().ReadFile(JoinPath(golden, "config.json")));
    tensors_ = ReadSafetensors(RealEnv(), JoinPath(golden, "model.safetensors"));
  }
  void Put(const std::string& name, const std::string& bytes) {
    WriteFileAtomically(RealEnv(), JoinPath(dir_, name), bytes);
  }
  void WriteTensors() {
    WriteSafetensors(RealEnv(), JoinPath(dir_, "model.safetensors"), tensors_, {});
  }
  void ExpectRefusal(const std::string& fragment) {
    const std::string message = MessageOf([&] { LoadCheckpoint(RealEnv(), dir_); });
    EXPECT_NE(message.find(fragment), std::string::npos) << message;
    EXPECT_NE(message.find(dir_), std::string::npos) << message;
  }

  std::string dir_ = FreshDir("checkpoint");
  TensorMap tensors_;
};

TEST_F(CheckpointTest, NamesEveryMissingExtraAndMisshapenTensorAtOnce) {
  tensors_.erase("model.norm.weight");
  tensors_.erase("model.layers.1.mlp.up_proj.weight");
  tensors_["model.layers.2.mlp.up_proj.weight"] = at::ones({2});
  tensors_["model.layers.0.self_attn.k_proj.weight"] = at::ones({48, 16});
  WriteTensors();
  ExpectRefusal(
      "extra: model.layers.2.mlp.up_proj.weight; "
      "misshapen: model.layers.0.self_attn.k_proj.weight [48,16] instead of [16,48]; "
      "missing: model.layers.1.mlp.up_proj.weight, model.norm.weight");
}

TEST_F(CheckpointTest, RefusesValuesThatAreNotFinite) {
  tensors_["model.norm.weight"][3] = std::numeric_limits<float>::quiet_NaN();
  tensors_["model.layers.0.mlp.up_proj.weight"][0][0] = std::numeric_limits<float>::infinity();
  WriteTensors();
  ExpectRefusal("not finite: model.layers.0.mlp.up_proj.weight, model.norm.weight");
}

TEST_F(CheckpointTest, RefusesIntegersAsWeights) {
  tensors_["model.norm.weight"] = at::ones({48}, at::kLong);
  WriteTensors();
  ExpectRefusal("not floating point: model.norm.weight Long");
}

TEST_F(CheckpointTest, AcceptsATiedHeadThatEqualsTheEmbedding) {
  tensors_["lm_head.weight"] = tensors_["model.embed_tokens.weight"].clone();
  WriteTensors();
  EXPECT_TRUE(LoadCheckpoint(RealEnv(), dir_).config.tie_word_embeddings);
  tensors_["lm_head.weight"][0][0] += 1;
  WriteTensors();
  ExpectRefusal("extra: lm_head.weight (differs from the embedding it is tied to)");
}

TEST_F(CheckpointTest, IgnoresRotaryTablesOfOldCheckpoints) {
  tensors_["model.layers.0.self_attn.rotary_emb.inv_freq"] = at::ones({8});
  WriteTensors();
  LoadCheckpoint(RealEnv(), dir_);
}

TEST_F(CheckpointTest, ReadsHalfPrecisionAsFloat32) {
  for (auto& [name, tensor] : tensors_) tensor = tensor.to(at::kHalf);
  WriteTensors();
  const DecoderWeights weights = LoadCheckpoint(RealEnv(), dir_);
  EXPECT_EQ(weights.final_norm.scalar_type(), at::kFloat);
  EXPECT_TRUE(at::equal(weights.final_norm, tensors_["model.norm.weight"].to(at::kFloat)));
}

TEST_F(CheckpointTest, RefusesPickleFilesWithARemedy) {
  Put("pytorch_model.bin", "\x80\x02");
  ExpectRefusal("pytorch_model.bin is a pickle file");
  ExpectRefusal("save_pretrained");
}

TEST_F(CheckpointTest, RefusesAFolderWithoutWeightsOrConfig) {
  ExpectRefusal("it has no model.safetensors");
  RealEnv().Remove(JoinPath(dir_, "config.json"));
  ExpectRefusal("it has no config.json");
  RealEnv().RemoveTree(dir_);
  ExpectRefusal("there is no such folder");
}

TEST_F(CheckpointTest, RefusesAConfigTooLargeForItsWeightsWithoutAllocating) {
  Json config = ParseJson(RealEnv().ReadFile(JoinPath(dir_, "config.json")), "x");
  config["intermediate_size"] = 1 << 20;
  config["vocab_size"] = 1 << 24;
  Put("config.json", DumpJson(config));
  WriteTensors();
  ExpectRefusal("model.embed_tokens.weight [40,48] instead of [16777216,48]");
}

class ShardedCheckpointTest : public CheckpointTest {
 protected:
  static constexpr char kIndex[] = "model.safetensors.index.json";
  void SetUp() override {
    const std::string golden = GoldenPath("llama_biased_sharded");
    for (const std::string& name : RealEnv().List(golden)) {
      Put(name, RealEnv().ReadFile(JoinPath(golden, name)));
    }
    index_ = ParseJson(RealEnv().ReadFile(JoinPath(dir_, kIndex)), kIndex);
  }
  Json index_;
};

TEST_F(ShardedCheckpointTest, LoadsEveryShard) {
  const DecoderWeights weights = LoadCheckpoint(RealEnv(), dir_);
  EXPECT_TRUE(weights.config.attention_bias);
  EXPECT_FALSE(weights.head.weight.is_same(weights.embedding.weight));
}

TEST_F(ShardedCheckpointTest, RefusesAShardThatIsMissing) {
  RealEnv().Remove(JoinPath(dir_, "model-00002-of-00002.safetensors"));
  ExpectRefusal("model-00002-of-00002.safetensors");
}

TEST_F(ShardedCheckpointTest, RefusesAnIndexThatDisagreesWithItsShards) {
  index_["weight_map"]["nobody"] = "model-00001-of-00002.safetensors";
  Put(kIndex, DumpJson(index_));
  ExpectRefusal("tensor nobody is not in it");
  index_["weight_map"].erase("nobody");
  index_["weight_map"].erase("model.norm.weight");
  Put(kIndex, DumpJson(index_));
  ExpectRefusal("tensor model.norm.weight is not in the index");
}

TEST_F(ShardedCheckpointTest, RefusesAnIndexThatLeavesTheFolder) {
  index_["weight_map"]["model.norm.weight"] = "../x.safetensors";
  Put(kIndex, DumpJson(index_));
  ExpectRefusal("weight_map.model.norm.weight is not a file name of the same folder");
}

class RoundTripTest : public testing::TestWithParam<const char*> {};

TEST_P(RoundTripTest, ASavedCheckpointLoadsWithTheSameConfigAndWeights) {
  const DecoderWeights weights = LoadCheckpoint(RealEnv(), GoldenPath(GetParam()));
  const std::string dir = ExportDir(GetParam());
  SaveCheckpoint(RealEnv(), dir, weights, 1, 2, 0);
  const DecoderWeights read = LoadCheckpoint(RealEnv(), dir);
  EXPECT_EQ(read.config, weights.config);
  EXPECT_EQ(WeightsSha256(read), WeightsSha256(weights));
  const std::string path = JoinPath(dir, "generation_config.json");
  const Json generation = ParseJson(RealEnv().ReadFile(path), path);
  EXPECT_EQ(
      generation,
      Json({{"bos_token_id", 1}, {"eos_token_id", 2}, {"pad_token_id", 0}, {"do_sample", false}}));
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, RoundTripTest, testing::ValuesIn(kGoldenModels));

TEST(Checkpoint, SavesWeightsThatRequireGradients) {
  DecoderWeights weights = InitWeights(SmallConfig(), {}, RngKey{1, 1});
  for (auto& [name, tensor] : NamedParameters(weights)) tensor->requires_grad_();
  const std::string dir = FreshDir("grad");
  SaveCheckpoint(RealEnv(), dir, weights, 1, 2, -1);
  const DecoderWeights read = LoadCheckpoint(RealEnv(), dir);
  EXPECT_EQ(WeightsSha256(read), WeightsSha256(weights));
  EXPECT_FALSE(read.final_norm.requires_grad());
}

TEST(Checkpoint, HashChangesWithWeightsConfigAndTokenizerOnly) {
  const std::string dir = FreshDir("hash");
  const auto put = [&dir](const char* name, const char* bytes) {
    WriteFileAtomically(RealEnv(), JoinPath(dir, name), bytes);
    return CheckpointSha256(RealEnv(), dir);
  };
  std::set<std::string> hashes = {put("README.md", "a")};
  EXPECT_EQ(put("README.md", "b"), *hashes.begin());
  for (const char* name : {"config.json", "model.safetensors", "tokenizer.json",
                           "tokenizer_config.json", "model.safetensors.index.json"}) {
    EXPECT_TRUE(hashes.insert(put(name, "a")).second) << name;
    EXPECT_TRUE(hashes.insert(put(name, "b")).second) << name;
  }
}

TEST(Checkpoint, ATokenizerMayHaveFewerIdsThanTheModelButNotMore) {
  ModelConfig config = SmallConfig();
  const auto tokenizer = MakeWordLevelTokenizer({"a", "b"});
  for (const int rows : {6, 7}) {
    config.vocab_size = rows;
    CheckVocabulary(config, *tokenizer, "dir");
  }
  config.vocab_size = 5;
  const std::string message = MessageOf([&] { CheckVocabulary(config, *tokenizer, "some/dir"); });
  EXPECT_NE(message.find("some/dir - the model has rows for 5 token ids, the tokenizer has 6"),
            std::string::npos)
      << message;
}

}  // namespace
}  // namespace retort
