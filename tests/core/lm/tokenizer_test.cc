#include "core/lm/tokenizer/tokenizer.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <set>

#include "core/base/commit.h"
#include "core/lm/tokenizer/formats.h"
#include "tests/core/lm/test_files.h"

namespace retort {
namespace {

void Put(const std::string& dir, const std::string& name, const std::string& bytes) {
  WriteFileAtomically(RealEnv(), JoinPath(dir, name), bytes);
}

std::string LoadRefusal(const std::string& dir) {
  const std::string message = MessageOf([&] { LoadTokenizer(RealEnv(), dir); });
  EXPECT_NE(message.find(dir), std::string::npos) << message;
  return message;
}

class TokenizerGoldenTest : public testing::TestWithParam<const char*> {};

// tests/data/lm/make_goldens.py and make_bpe_goldens.py: tokenizers 0.23.3 and sentencepiece 0.2.3;
// ids exactly.
TEST_P(TokenizerGoldenTest, IdsAndTextsAreThoseOfTheReference) {
  const auto tokenizer = LoadTokenizer(RealEnv(), GoldenPath(GetParam()));
  const Json golden = GoldenJson(std::string(GetParam()) + "_ids.json");
  ASSERT_GE(golden.at("lines").size(), 5U);
  for (const Json& line : golden.at("lines")) {
    const auto text = line.at("text").get<std::string>();
    const auto ids = line.at("ids").get<std::vector<int32_t>>();
    EXPECT_EQ(tokenizer->Encode(text), ids) << text;
    EXPECT_EQ(tokenizer->Decode(ids), line.at("decoded").get<std::string>()) << text;
  }
}

TEST_P(TokenizerGoldenTest, ASavedTokenizerLoadsAsTheSame) {
  const auto tokenizer = LoadTokenizer(RealEnv(), GoldenPath(GetParam()));
  const std::string dir = ExportDir(GetParam());
  tokenizer->Save(RealEnv(), dir);
  const auto read = LoadTokenizer(RealEnv(), dir);
  EXPECT_EQ(read->Sha256(), tokenizer->Sha256());
  EXPECT_EQ(read->VocabSize(), tokenizer->VocabSize());
  EXPECT_EQ(read->Specials().eos, tokenizer->Specials().eos);
  for (int32_t id = 0; id < read->VocabSize(); ++id) {
    EXPECT_EQ(read->Piece(id), tokenizer->Piece(id));
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, TokenizerGoldenTest,
                         testing::Values("word_level", "sentencepiece_unigram", "sentencepiece_bpe",
                                         "bpe_gpt2", "bpe_prefix_space", "bpe_llama3", "bpe_qwen2",
                                         "bpe_smollm2", "bpe_llama2", "bpe_gemma",
                                         "bpe_metaspace"));

TEST(WordLevelTokenizer, NumbersSpecialsThenWords) {
  const auto tokenizer = MakeWordLevelTokenizer({"x", "y"});
  EXPECT_EQ(tokenizer->VocabSize(), 6);
  EXPECT_EQ(tokenizer->Piece(0), "<pad>");
  EXPECT_EQ(tokenizer->Piece(5), "y");
  EXPECT_EQ(tokenizer->Specials().bos, 1);
  EXPECT_EQ(tokenizer->Specials().eos, 2);
  EXPECT_EQ(tokenizer->Specials().unk, 3);
  EXPECT_EQ(EncodePrompt(*tokenizer, "y x z"), (std::vector<int32_t>{1, 5, 4, 3}));
  EXPECT_EQ(tokenizer->Decode(std::vector<int32_t>{1, 5, 4, 2, 0}), "y x");
}

TEST(WordLevelTokenizer, ASavedTokenizerOfOursLoadsAsTheSame) {
  const auto tokenizer = MakeWordLevelTokenizer({"0", "1", "2", "ring", "Ж", ":", "->", "a"});
  const std::string dir = ExportDir("word_level_made");
  tokenizer->Save(RealEnv(), dir);
  const auto read = LoadTokenizer(RealEnv(), dir);
  EXPECT_EQ(read->Sha256(), tokenizer->Sha256());
  const std::string text = "ring : 0<eos> Ж a zebra";
  EXPECT_EQ(read->Encode(text), tokenizer->Encode(text));
}

TEST(WordLevelTokenizer, RefusesWordsThatAreNotOne) {
  const auto refusal = [](const std::vector<std::string>& words) {
    return MessageOf([&] { MakeWordLevelTokenizer(words); }, ExitCode::kInternal);
  };
  EXPECT_NE(refusal({"a b"}).find("is not one word"), std::string::npos);
  EXPECT_NE(refusal({""}).find("is not one word"), std::string::npos);
  EXPECT_NE(refusal({"a", "a"}).find("given twice"), std::string::npos);
  EXPECT_NE(refusal({"<eos>"}).find("given twice"), std::string::npos);
}

TEST(WordLevelTokenizer, RefusesIdsOutOfRange) {
  const auto tokenizer = MakeWordLevelTokenizer({"x"});
  for (const int32_t id : {-1, 5}) {
    MessageOf([&] { tokenizer->Decode(std::vector<int32_t>{id}); }, ExitCode::kInternal);
    MessageOf([&] { tokenizer->Piece(id); }, ExitCode::kInternal);
  }
}

TEST(WordLevelTokenizer, HashNamesVocabularyAndOrder) {
  std::set<std::string> hashes;
  EXPECT_TRUE(hashes.insert(MakeWordLevelTokenizer({"a", "b"})->Sha256()).second);
  EXPECT_TRUE(hashes.insert(MakeWordLevelTokenizer({"b", "a"})->Sha256()).second);
  EXPECT_TRUE(hashes.insert(MakeWordLevelTokenizer({"a"})->Sha256()).second);
  EXPECT_FALSE(hashes.insert(MakeWordLevelTokenizer({"a", "b"})->Sha256()).second);
}

/// A copy of the word-level golden with its JSON changed.
class TokenizerJsonTest : public testing::Test {
 protected:
  void ExpectRefusal(const std::string& fragment) {
    Put(dir_, "tokenizer.json", DumpJson(json_));
    Put(dir_, "tokenizer_config.json", DumpJson(config_));
    const std::string message = LoadRefusal(dir_);
    EXPECT_NE(message.find(fragment), std::string::npos) << message;
  }
  std::string dir_ = FreshDir("tokenizer_json");
  Json json_ = GoldenJson("word_level/tokenizer.json");
  Json config_ = GoldenJson("word_level/tokenizer_config.json");
};

TEST_F(TokenizerJsonTest, RefusesOtherModelTypesByName) {
  json_["model"]["type"] = "Unigram";
  ExpectRefusal(
      "not supported by this version: model type \"Unigram\"; supported: BPE, WordLevel, "
      "SentencePiece");
  json_["model"].erase("type");
  ExpectRefusal("does not say its type");
  json_.erase("model");
  ExpectRefusal("it has no model");
}

TEST_F(TokenizerJsonTest, RefusesStepsThatWouldChangeIds) {
  const Json whole = json_;
  json_["normalizer"] = {{"type", "Lowercase"}};
  ExpectRefusal("normalizer \"Lowercase\"");
  json_ = whole;
  json_["pre_tokenizer"] = {{"type", "Whitespace"}};
  ExpectRefusal("pre_tokenizer \"Whitespace\"; supported: \"WhitespaceSplit\"");
  json_ = whole;
  json_["added_tokens"][0]["lstrip"] = true;
  ExpectRefusal("added token \"<pad>\" has lstrip");
}

TEST_F(TokenizerJsonTest, RefusesIdsThatAreNotDenseOrUnique) {
  const Json whole = json_;
  json_["model"]["vocab"]["a"] = 12;
  ExpectRefusal("no token has id 11");
  json_["model"]["vocab"]["a"] = 10;
  ExpectRefusal("id 10 belongs to both");
  json_["model"]["vocab"]["a"] = -1;
  ExpectRefusal("the id of \"a\" is not a token id");
  json_ = whole;
  json_["added_tokens"][0]["id"] = 12;
  ExpectRefusal("\"<pad>\" has two ids");
  json_ = whole;
  json_["model"]["vocab"] = Json::object();
  ExpectRefusal("its model has no vocab");
}

TEST_F(TokenizerJsonTest, RefusesASpecialTokenThatIsNoToken) {
  config_["eos_token"] = "</s>";
  ExpectRefusal("eos_token \"</s>\" is not in the vocabulary");
  config_["eos_token"] = 7;
  ExpectRefusal("key eos_token is not a token");
}

TEST_F(TokenizerJsonTest, AcceptsSpecialTokensAsObjects) {
  config_["eos_token"] = {{"content", "<eos>"}, {"lstrip", false}};
  config_.erase("pad_token");
  Put(dir_, "tokenizer.json", DumpJson(json_));
  Put(dir_, "tokenizer_config.json", DumpJson(config_));
  const auto tokenizer = LoadTokenizer(RealEnv(), dir_);
  EXPECT_EQ(tokenizer->Specials().eos, 2);
  EXPECT_EQ(tokenizer->Specials().pad, -1);
}

TEST_F(TokenizerJsonTest, WithoutAnUnknownTokenAForeignWordIsAnError) {
  json_["model"]["unk_token"] = "nobody";
  Put(dir_, "tokenizer.json", DumpJson(json_));
  const auto tokenizer = LoadTokenizer(RealEnv(), dir_);
  const std::string message = MessageOf([&] { tokenizer->Encode("ring zebra"); });
  EXPECT_NE(message.find("\"zebra\""), std::string::npos) << message;
}

TEST(LoadTokenizer, RefusesAFolderWithoutOne) {
  const std::string dir = FreshDir("nothing");
  EXPECT_NE(LoadRefusal(dir).find("neither tokenizer.json nor tokenizer.model"), std::string::npos);
  Put(dir, "tokenizer.json", "{\"model\":");
  EXPECT_NE(LoadRefusal(dir).find("invalid JSON"), std::string::npos);
}

TEST(LoadTokenizer, PrefersTheSentencePieceModelOverAJsonItCannotRead) {
  const std::string dir = FreshDir("both");
  Put(dir, "tokenizer.json", "{\"model\": {\"type\": \"Unigram\"}}");
  Put(dir, "tokenizer.model", RealEnv().ReadFile(GoldenPath("sentencepiece_bpe/tokenizer.model")));
  EXPECT_GT(LoadTokenizer(RealEnv(), dir)->VocabSize(), 256);
}

class SentencePieceTest : public testing::Test {
 protected:
  void ExpectRefusal(const std::string& model, const std::string& fragment) {
    Put(dir_, "tokenizer.model", model);
    const std::string message = LoadRefusal(dir_);
    EXPECT_NE(message.find(fragment), std::string::npos) << message;
  }
  /// A piece as ModelProto has it: field 1 of the model, text 1, score 2, type 3.
  static std::string PieceBytes(const std::string& text, float score, char type) {
    std::string body = std::string("\x0a", 1) + VarintOf(text.size()) + text;
    char bits[sizeof score];
    std::memcpy(bits, &score, sizeof score);
    body += std::string("\x15", 1) + std::string(bits, sizeof bits) + std::string("\x18", 1) + type;
    return std::string("\x0a", 1) + VarintOf(body.size()) + body;
  }
  static std::string VarintOf(size_t value) {
    std::string bytes;
    for (; value >= 0x80; value >>= 7) bytes += static_cast<char>((value & 0x7F) | 0x80);
    return bytes + static_cast<char>(value);
  }

  std::string dir_ = FreshDir("sentencepiece");
  std::string model_ = RealEnv().ReadFile(GoldenPath("sentencepiece_unigram/tokenizer.model"));
};

TEST_F(SentencePieceTest, SpecialIdsComeFromTheModel) {
  Put(dir_, "tokenizer.model", model_);
  const auto tokenizer = LoadTokenizer(RealEnv(), dir_);
  EXPECT_EQ(tokenizer->Specials().unk, 0);
  EXPECT_EQ(tokenizer->Specials().bos, 1);
  EXPECT_EQ(tokenizer->Specials().eos, 2);
  EXPECT_EQ(tokenizer->Specials().pad, 3);
  EXPECT_EQ(tokenizer->Piece(2), "</s>");
  EXPECT_EQ(EncodePrompt(*tokenizer, "").front(), 1);
}

TEST_F(SentencePieceTest, BosComesFirstUnlessTheConfigSaysNot) {
  Put(dir_, "tokenizer.model", model_);
  EXPECT_TRUE(LoadTokenizer(RealEnv(), dir_)->Specials().adds_bos);
  Put(dir_, "tokenizer_config.json", "{\"add_bos_token\": true}");
  EXPECT_TRUE(LoadTokenizer(RealEnv(), dir_)->Specials().adds_bos);
  Put(dir_, "tokenizer_config.json", "{\"add_bos_token\": false}");
  EXPECT_FALSE(LoadTokenizer(RealEnv(), dir_)->Specials().adds_bos);
}

TEST_F(SentencePieceTest, DecodeLeavesSpecialsOutAndRefusesForeignIds) {
  Put(dir_, "tokenizer.model", model_);
  const auto tokenizer = LoadTokenizer(RealEnv(), dir_);
  std::vector<int32_t> ids = EncodePrompt(*tokenizer, "the fox");
  ids.push_back(2);
  EXPECT_EQ(tokenizer->Decode(ids), "the fox");
  ids.push_back(tokenizer->VocabSize());
  MessageOf([&] { tokenizer->Decode(ids); }, ExitCode::kInternal);
}

TEST_F(SentencePieceTest, RefusesAnythingThatIsNoWholeModel) {
  ExpectRefusal("", "it has no pieces");
  ExpectRefusal("not a model", "not a whole SentencePiece model");
  ExpectRefusal(model_.substr(0, model_.size() / 2), "not a whole SentencePiece model");
}

TEST_F(SentencePieceTest, RefusesPiecesOutOfBounds) {
  const std::string unknown = PieceBytes("<unk>", 0, 2);
  ExpectRefusal(unknown + PieceBytes("a", 0, 1) + PieceBytes("a", 0, 1), "repeats an earlier one");
  ExpectRefusal(unknown + PieceBytes("", 0, 1), "is empty or over 256 bytes");
  ExpectRefusal(unknown + PieceBytes(std::string(257, 'a'), 0, 1), "is empty or over 256 bytes");
  ExpectRefusal(unknown + PieceBytes(std::string("a\0b", 3), 0, 1), "holds a NUL");
  ExpectRefusal(unknown + PieceBytes("a", std::numeric_limits<float>::infinity(), 1), "not finite");
  ExpectRefusal(unknown + PieceBytes("a", 0, 7), "unknown type");
  ExpectRefusal(PieceBytes("a", 0, 1), "0 unknown pieces");
}

TEST_F(SentencePieceTest, RefusesACharacterMapItDoesNotKnow) {
  // Appending a field merges it into the model's normaliser: field 3 {field 2: "crafted"}.
  ExpectRefusal(model_ + std::string("\x1a\x09\x12\x07", 4) + "crafted", "character map");
}

TEST_F(SentencePieceTest, ADamagedModelIsRefusedOrStillEncodes) {
  int refused = 0;
  for (size_t at = 0; at < model_.size(); at += 7) {
    std::string damaged = model_;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x15);
    try {
      const auto tokenizer = MakeSentencePieceTokenizer(damaged, Json::object(), "damaged");
      tokenizer->Decode(tokenizer->Encode("the red ring moves 17 times."));
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace retort
