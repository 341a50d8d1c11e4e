#include "core/lm/checkpoint/gguf_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "core/base/hash.h"
#include "core/lm/checkpoint/model_path.h"
#include "tests/core/lm/gguf_bytes.h"
#include "tests/core/lm/test_files.h"

namespace retort {
namespace {

using testing::HasSubstr;

/// Metadata of a GGUF file, key by key.
class Metadata {
 public:
  void Text(const std::string& key, std::string_view text) {
    keys_[key] = TextKey("tokenizer." + key, text);
  }
  void Int(const std::string& key, uint32_t value) {
    keys_[key] = RawKey("tokenizer." + key, GgufType::kUint32, RawBytes(value));
  }
  void Bool(const std::string& key, bool value) {
    keys_[key] = RawKey("tokenizer." + key, GgufType::kBool, RawBytes(value));
  }
  void Texts(const std::string& key, const std::vector<std::string>& texts) {
    std::string elements;
    for (const std::string& text : texts) elements += RawText(text);
    keys_[key] = ArrayKey("tokenizer." + key, GgufType::kString, texts.size(), elements);
  }
  template <typename T>
  void Numbers(const std::string& key, GgufType type, const std::vector<T>& values) {
    std::string elements;
    for (const T value : values) elements += RawBytes(value);
    keys_[key] = ArrayKey("tokenizer." + key, type, values.size(), elements);
  }
  void Erase(const std::string& key) { keys_.erase(key); }

  GgufFile File() const {
    RawGguf raw;
    for (const auto& [key, bytes] : keys_) raw.keys.push_back(bytes);
    return ParseBytes(raw.Bytes());
  }
  std::unique_ptr<Tokenizer> Open() const { return GgufTokenizer(File()); }

 private:
  std::map<std::string, std::string> keys_;
};

Json GoldenTokenizer(const std::string& folder) {
  return ParseJson(RealEnv().ReadFile(JoinPath(GoldenPath(folder), "tokenizer.json")), folder);
}

/// What llama.cpp's converter makes of a byte-level tokenizer.json.
Metadata ByteLevelMetadata(const Json& tokenizer, const std::string& pre) {
  std::vector<std::string> pieces(tokenizer["model"]["vocab"].size());
  for (const auto& [piece, id] : tokenizer["model"]["vocab"].items()) {
    pieces[id.get<size_t>()] = piece;
  }
  std::vector<int32_t> types(pieces.size(), 1);
  for (const Json& token : tokenizer["added_tokens"]) {
    const auto id = token["id"].get<size_t>();
    pieces.resize(std::max(pieces.size(), id + 1));
    types.resize(pieces.size());
    pieces[id] = token["content"];
    types[id] = token["special"] == true ? 3 : 4;
  }
  std::vector<std::string> merges;
  for (const Json& merge : tokenizer["model"]["merges"]) {
    merges.push_back(merge.is_string()
                         ? merge.get<std::string>()
                         : StrCat(merge[0].get<std::string>(), " ", merge[1].get<std::string>()));
  }
  Metadata metadata;
  metadata.Text("ggml.model", "gpt2");
  metadata.Text("ggml.pre", pre);
  metadata.Texts("ggml.tokens", pieces);
  metadata.Numbers<int32_t>("ggml.token_type", GgufType::kInt32, types);
  metadata.Texts("ggml.merges", merges);
  return metadata;
}

struct Named {
  const char* pre;
  const char* golden;
};

class GgufByteLevelTest : public testing::TestWithParam<Named> {};

// The golden was written by `tokenizers` with the pre-tokenizer of the model that `pre` is named
// after; its merges are the same, so the same parts give the same ids.
TEST_P(GgufByteLevelTest, HasThePartsOfTheModelsOwnTokenizerJson) {
  const Json golden = GoldenTokenizer(GetParam().golden);
  Metadata metadata = ByteLevelMetadata(golden, GetParam().pre);
  metadata.Bool("ggml.add_bos_token", false);
  const Json made = GgufTokenizerFiles(metadata.File()).tokenizer;
  for (const char* part : {"normalizer", "pre_tokenizer"}) EXPECT_EQ(made[part], golden[part]);
  EXPECT_EQ(made["decoder"]["type"], "ByteLevel");
  EXPECT_EQ(made["model"]["ignore_merges"], golden["model"]["ignore_merges"]);
  const auto tokenizer = metadata.Open();
  const auto reference = LoadTokenizer(RealEnv(), GoldenPath(GetParam().golden));
  for (const char* text : {"It's 1234 + 56 = 1290.\n\n  def f(x):", "na\u00efve 12 \u6f22",
                           "<|im_start|>user\n 3.14<|im_end|>", " ", ""}) {
    EXPECT_EQ(tokenizer->Encode(text), reference->Encode(text)) << text;
  }
}

INSTANTIATE_TEST_SUITE_P(Names, GgufByteLevelTest,
                         testing::Values(Named{"gpt-2", "bpe_gpt2"}, Named{"smollm", "bpe_smollm2"},
                                         Named{"llama-bpe", "bpe_llama3"},
                                         Named{"qwen2", "bpe_qwen2"},
                                         Named{"deepseek-r1-qwen", "bpe_qwen2"}));

class GgufTokenizerTest : public testing::Test {
 protected:
  void ExpectRefusal(const std::string& fragment) const {
    const std::string message = MessageOf([&] { metadata_.Open(); });
    EXPECT_THAT(message, HasSubstr(fragment));
    EXPECT_THAT(message, HasSubstr("x.gguf"));
  }
  Metadata metadata_ = ByteLevelMetadata(GoldenTokenizer("bpe_smollm2"), "smollm");
};

TEST_F(GgufTokenizerTest, SpecialTokensAndTemplateComeFromTheirKeys) {
  metadata_.Int("ggml.bos_token_id", 1);
  metadata_.Int("ggml.eos_token_id", 2);
  metadata_.Int("ggml.padding_token_id", 2);
  metadata_.Text("chat_template", "{{ messages }}");
  const auto tokenizer = metadata_.Open();
  EXPECT_EQ(tokenizer->Piece(1), "<|im_start|>");
  EXPECT_EQ(tokenizer->Specials().bos, 1);
  EXPECT_EQ(tokenizer->Specials().eos, 2);
  EXPECT_EQ(tokenizer->Specials().pad, 2);
  EXPECT_EQ(tokenizer->Specials().unk, -1);
  EXPECT_EQ(tokenizer->ChatTemplate(), "{{ messages }}");
  EXPECT_EQ(tokenizer->Decode(tokenizer->Encode("<|im_start|>a<|im_end|>")), "a");
}

TEST_F(GgufTokenizerTest, BosComesFirstWhereTheFileSaysSoOrLlamaCppWould) {
  metadata_.Int("ggml.bos_token_id", 1);
  EXPECT_FALSE(metadata_.Open()->Specials().adds_bos);
  metadata_.Bool("ggml.add_bos_token", true);
  EXPECT_EQ(EncodePrompt(*metadata_.Open(), "<|im_end|>"), (std::vector<int32_t>{1, 2}));
  metadata_.Erase("ggml.add_bos_token");
  metadata_.Text("ggml.pre", "llama-bpe");
  EXPECT_TRUE(metadata_.Open()->Specials().adds_bos);
  metadata_.Erase("ggml.bos_token_id");
  ExpectRefusal("key tokenizer.ggml.bos_token_id is missing");
}

TEST_F(GgufTokenizerTest, SavedItIsTheSameTokenizer) {
  metadata_.Int("ggml.eos_token_id", 2);
  const auto tokenizer = metadata_.Open();
  const std::string dir = FreshDir("gguf_tokenizer");
  tokenizer->Save(RealEnv(), dir);
  EXPECT_EQ(LoadTokenizer(RealEnv(), dir)->Sha256(), tokenizer->Sha256());
}

TEST_F(GgufTokenizerTest, RefusesByNameWhatItDoesNotDo) {
  metadata_.Text("ggml.pre", "tekken");
  ExpectRefusal("tokenizer.ggml.pre \"tekken\" is not supported; supported: gpt-2, smollm, ");
  metadata_.Erase("ggml.pre");
  ExpectRefusal("key tokenizer.ggml.pre is missing");
  metadata_.Text("ggml.model", "t5");
  ExpectRefusal("tokenizer.ggml.model \"t5\" is not supported; supported: gpt2, llama");
}

TEST_F(GgufTokenizerTest, RefusesKeysThatContradictEachOther) {
  metadata_.Int("ggml.eos_token_id", 4000000);
  ExpectRefusal("tokenizer.ggml.eos_token_id 4000000 is outside 0..");
  metadata_.Numbers<int32_t>("ggml.token_type", GgufType::kInt32, {1, 1});
  ExpectRefusal("tokenizer.ggml.token_type has 2 entries, tokenizer.ggml.tokens ");
  metadata_.Erase("ggml.token_type");
  metadata_.Texts("ggml.tokens", {"a", "a"});
  ExpectRefusal("token 1 is not new");
  metadata_.Texts("ggml.tokens", {"a", "\xFF"});
  ExpectRefusal("token 1 is not UTF-8");
  metadata_.Texts("ggml.tokens", {"a", ""});
  ExpectRefusal("token 1 has 0 bytes, not 1..1024");
  metadata_.Texts("ggml.tokens", {"a", std::string(1025, 'a')});
  ExpectRefusal("token 1 has 1025 bytes");
}

// SentencePiece numbers the pieces of a BPE model in the order of their scores.
Metadata SentencePieceMetadata(const Tokenizer& reference) {
  std::vector<std::string> pieces;
  std::vector<float> scores;
  std::vector<int32_t> types;
  for (int32_t id = 0; id < reference.VocabSize(); ++id) {
    const std::string piece = reference.Piece(id);
    const SpecialIds& ids = reference.Specials();
    const bool is_byte = piece.size() == 6 && piece.starts_with("<0x");
    const bool control = id == ids.bos || id == ids.eos || id == ids.pad;
    pieces.push_back(piece);
    scores.push_back(static_cast<float>(-id));
    types.push_back(id == ids.unk ? 2 : control ? 3 : is_byte ? 6 : 1);
  }
  Metadata metadata;
  metadata.Text("ggml.model", "llama");
  metadata.Texts("ggml.tokens", pieces);
  metadata.Numbers<float>("ggml.scores", GgufType::kFloat32, scores);
  metadata.Numbers<int32_t>("ggml.token_type", GgufType::kInt32, types);
  metadata.Int("ggml.unknown_token_id", static_cast<uint32_t>(reference.Specials().unk));
  metadata.Int("ggml.bos_token_id", static_cast<uint32_t>(reference.Specials().bos));
  metadata.Int("ggml.eos_token_id", static_cast<uint32_t>(reference.Specials().eos));
  return metadata;
}

TEST(GgufSentencePiece, GivesTheLibrarysIds) {
  const auto reference = LoadTokenizer(RealEnv(), GoldenPath("sentencepiece_bpe"));
  Metadata metadata = SentencePieceMetadata(*reference);
  const auto tokenizer = metadata.Open();
  for (const char* text : {"the red ring moves", "na\u00efve \u6f22 12,345", "x"}) {
    const std::vector<int32_t> ids = tokenizer->Encode(text);
    EXPECT_EQ(ids, reference->Encode(text)) << text;
    EXPECT_EQ(tokenizer->Decode(ids), text);
  }
  EXPECT_EQ(EncodePrompt(*tokenizer, "x"), EncodePrompt(*reference, "x"));
  metadata.Bool("ggml.add_space_prefix", false);
  EXPECT_NE(metadata.Open()->Encode("x"), reference->Encode("x"));
}

TEST(GgufSentencePiece, RefusesScoresThatAreNotOneAPiece) {
  const auto reference = LoadTokenizer(RealEnv(), GoldenPath("sentencepiece_bpe"));
  Metadata metadata = SentencePieceMetadata(*reference);
  metadata.Numbers<float>("ggml.scores", GgufType::kFloat32, {0, 1});
  EXPECT_THAT(MessageOf([&] { metadata.Open(); }),
              HasSubstr("tokenizer.ggml.scores has 2 entries"));
}

TEST(ModelPath, AGgufIsAFileAndEverythingElseAFolder) {
  const std::string gguf = GoldenPath("gguf/llama_grouped.gguf"), dir = GoldenPath("llama_tied");
  EXPECT_TRUE(IsGgufPath(gguf));
  EXPECT_FALSE(IsGgufPath(dir));
  EXPECT_EQ(LoadModelWeights(RealEnv(), gguf).config.num_key_value_heads, 3);
  EXPECT_TRUE(LoadModelWeights(RealEnv(), dir).config.tie_word_embeddings);
  EXPECT_EQ(ModelSha256(RealEnv(), gguf), Sha256(RealEnv().ReadFile(gguf)));
}

}  // namespace
}  // namespace retort
