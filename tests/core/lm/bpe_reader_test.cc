#include "core/lm/tokenizer/bpe_reader.h"

#include <gtest/gtest.h>

#include <functional>

#include "core/base/commit.h"
#include "core/lm/tokenizer/formats.h"
#include "core/lm/tokenizer/pre_tokenizer.h"
#include "tests/core/lm/test_files.h"

namespace retort {
namespace {

/// Changes one of the goldens and looks at what loading it says.
class BpeFileTest : public testing::Test {
 protected:
  void Use(const std::string& name) {
    json_ = GoldenJson(name + "/tokenizer.json");
    config_ = GoldenJson(name + "/tokenizer_config.json");
  }
  void Write(const std::string& name, const std::string& bytes) const {
    WriteFileAtomically(RealEnv(), JoinPath(dir_, name), bytes);
  }
  std::unique_ptr<Tokenizer> Load() const {
    Write("tokenizer.json", DumpJson(json_));
    Write("tokenizer_config.json", DumpJson(config_));
    return LoadTokenizer(RealEnv(), dir_);
  }
  std::string Refusal() const {
    const std::string message = MessageOf([&] { Load(); });
    EXPECT_NE(message.find(dir_), std::string::npos) << message;
    return message;
  }
  /// What loading says of the golden with one change; the change is undone.
  void ExpectRefusal(const std::function<void(Json&)>& change, const std::string& fragment) {
    const Json whole = json_;
    change(json_);
    const std::string message = Refusal();
    EXPECT_NE(message.find(fragment), std::string::npos) << message;
    json_ = whole;
  }
  /// A file of single letters and one merge, without ByteLevel.
  void UseLetters() {
    json_ = {{"model",
              {{"type", "BPE"},
               {"vocab", {{"<unk>", 0}, {"a", 1}, {"b", 2}, {"ab", 3}}},
               {"merges", {"a b"}}}},
             {"added_tokens", Json::array()},
             {"decoder", {{"type", "Fuse"}}}};
    config_ = Json::object();
  }

  std::string dir_ = FreshDir("bpe_file");
  Json json_ = GoldenJson("bpe_gpt2/tokenizer.json");
  Json config_ = GoldenJson("bpe_gpt2/tokenizer_config.json");
};

TEST_F(BpeFileTest, RefusesMergesThatDoNotFitTheVocabulary) {
  UseLetters();
  const auto with = [this](const Json& merges, const std::string& fragment) {
    ExpectRefusal([&](Json& json) { json["model"]["merges"] = merges; }, fragment);
  };
  with(Json::array(), "it has no merges, but the piece \"<unk>\" needs one");
  with({"a c"}, "merge 0 (\"a\" and \"c\") needs \"c\", which is not in the vocabulary");
  with({"a b", "b a"}, "merge 1 (\"b\" and \"a\") needs \"ba\", which is not in the vocabulary");
  with({"a b", "a b"}, "merge 1 (\"a\" and \"b\") repeats an earlier one");
  with({"a  b"}, "merge 0 is \"\\\"a  b\\\"\", not two pieces");
  with({"ab "}, "not two pieces");  // "ab" + "" would make itself for ever
  with({"ab"}, "not two pieces");
  with({Json{"a"}}, "not two pieces");
  with({Json{"a", 7}}, "not two pieces");
  with({Json{"a", "b"}, "a b"},
       "merge 1 is \"\\\"a b\\\"\", not two pieces written like the others");
  with("a b", "merges is missing or not a list");
  ExpectRefusal([](Json& json) { json["model"].erase("merges"); }, "merges is missing");
}

TEST_F(BpeFileTest, ReadsMergesInBothSpellings) {
  UseLetters();
  json_["model"]["merges"] = {"#version: 0.2", "a b"};
  EXPECT_EQ(Load()->Encode("abb"), (std::vector<int32_t>{3, 2}));
  json_["model"]["merges"] = Json::array({Json{"a", "b"}});
  EXPECT_EQ(Load()->Encode("abb"), (std::vector<int32_t>{3, 2}));
}

TEST_F(BpeFileTest, RefusesIdsThatAreNotDenseOrUnique) {
  UseLetters();
  const auto with = [this](const Json& id, const std::string& fragment) {
    ExpectRefusal([&](Json& json) { json["model"]["vocab"]["ab"] = id; }, fragment);
  };
  with(4, "the id of \"ab\" is 4, not one of 0..3; ids must be dense");
  with(2, "id 2 belongs to both \"ab\" and \"b\"");
  with(-1, "the id of \"ab\" is -1");
  with(1.5, "the id of \"ab\" is 1.5");
  with(uint64_t{1} << 40, "the id of \"ab\" is 1099511627776");
  with("3", "the id of \"ab\" is \"3\"");
  ExpectRefusal([](Json& json) { json["model"]["vocab"][""] = 4; }, "piece 4 is empty");
  ExpectRefusal([](Json& json) { json["model"]["vocab"] = Json::object(); }, "has no vocab");
  ExpectRefusal([](Json& json) { json["model"]["vocab"] = {"a", "b"}; }, "has no vocab");
}

TEST_F(BpeFileTest, RefusesAddedTokensThatTokenizersWouldNumberOtherwise) {
  const auto with = [this](const char* key, const Json& value, const std::string& fragment) {
    ExpectRefusal([&](Json& json) { json["added_tokens"][1][key] = value; }, fragment);
  };
  with("id", 700, "added token \"<|im_end|>\" has id 700, but the vocabulary makes it 641");
  with("content", "", "an added token has 0 bytes, not 1..1024");
  with("content", std::string(1025, 'x'), "an added token has 1025 bytes");
  with("content", json_["added_tokens"][0]["content"], "is added twice");
  with("content", 7, "content is missing or not a text");
  with("lstrip", "yes", "lstrip is not true or false");
  ExpectRefusal([](Json& json) { json["added_tokens"][1] = 7; }, "is not an object");
  ExpectRefusal([](Json& json) { json["added_tokens"] = 7; }, "added_tokens is missing or not a");
}

TEST_F(BpeFileTest, RefusesStepsThatWouldChangeIdsByName) {
  const auto with = [this](const char* key, const Json& value, const std::string& fragment) {
    ExpectRefusal([&](Json& json) { json[key] = value; },
                  "not supported with model type BPE: " + fragment);
  };
  with("normalizer", {{"type", "NFKC"}}, "normalizer \"NFKC\"; supported: NFC");
  with("normalizer", {{"type", "Replace"}, {"pattern", {{"Regex", " +"}}}, {"content", ""}},
       "normalizer Replace");
  with("pre_tokenizer", {{"type", "Whitespace"}}, "pre_tokenizer \"Whitespace\"");
  with("pre_tokenizer",
       {{"type", "Split"}, {"pattern", {{"Regex", "\\p{N}"}}}, {"behavior", "Isolated"}},
       "pre_tokenizer Split at {\"Regex\":\"\\\\p{N}\"}");
  with("pre_tokenizer",
       {{"type", "Split"}, {"pattern", {{"Regex", kQwen2Regex}}}, {"behavior", "Removed"}},
       "pre_tokenizer Split with behavior \"Removed\"");
  with("pre_tokenizer",
       {{"type", "Split"}, {"pattern", {{"String", " "}}}, {"behavior", "MergedWithPrevious"}},
       "pre_tokenizer Split with behavior \"MergedWithPrevious\"");
  with("pre_tokenizer", {{"type", "Metaspace"}, {"replacement", "\u2581"}},
       "pre_tokenizer Metaspace");
  with("decoder", {{"type", "WordPiece"}}, "decoder \"WordPiece\"");
  with("decoder", nullptr, "no decoder");
  with("post_processor", {{"type", "RobertaProcessing"}}, "post_processor \"RobertaProcessing\"");
  ExpectRefusal(
      [](Json& json) {
        json["decoder"] = {{"type", "Fuse"}};
      },
      "ByteLevel is one of its pre_tokenizer and its decoder, but not of both");
  ExpectRefusal([](Json& json) { json["normalizer"] = "NFC"; }, "normalizer does not say its type");
}

TEST_F(BpeFileTest, RefusesModelOptionsThatWouldChangeIds) {
  const auto with = [this](const char* key, const Json& value, const std::string& fragment) {
    ExpectRefusal([&](Json& json) { json["model"][key] = value; }, fragment);
  };
  with("dropout", 0.1, "model dropout \"0.1\"");
  with("continuing_subword_prefix", "##", "model continuing_subword_prefix");
  with("end_of_word_suffix", "</w>", "model end_of_word_suffix");
  with("byte_fallback", true, "byte_fallback with ByteLevel");
  with("fuse_unk", 1, "fuse_unk is not true or false");
  json_["model"]["continuing_subword_prefix"] = "";
  json_["model"]["dropout"] = 0.0;
  EXPECT_EQ(Load()->VocabSize(), 646);
  UseLetters();
  with("byte_fallback", true, "byte_fallback needs \"<0x00>\", which is not in the vocabulary");
}

TEST_F(BpeFileTest, RefusesAConfigThatNamesOtherTokens) {
  config_["eos_token"] = "</nothing>";
  EXPECT_NE(Refusal().find("eos_token \"</nothing>\" is not in the vocabulary"), std::string::npos);
  config_["eos_token"] = nullptr;
  config_["added_tokens_decoder"]["641"] = {{"content", "<|im_end|>"}};
  EXPECT_EQ(Load()->Specials().eos, -1);
  config_["added_tokens_decoder"]["646"] = {{"content", "<new>"}};
  EXPECT_NE(Refusal().find("adds \"<new>\" as id \"646\", which tokenizer.json does not have"),
            std::string::npos);
}

TEST_F(BpeFileTest, RefusesATruncatedFileWherever) {
  const std::string whole = DumpJson(json_);
  Write("tokenizer_config.json", DumpJson(config_));
  for (size_t size = 0; size < whole.size(); size += 397) {
    Write("tokenizer.json", whole.substr(0, size));
    const std::string message = MessageOf([&] { LoadTokenizer(RealEnv(), dir_); });
    EXPECT_NE(message.find("invalid JSON"), std::string::npos) << message;
  }
}

TEST_F(BpeFileTest, RefusesAFileOverTheLimitUnread) {
  Load();
  RealEnv().Truncate(JoinPath(dir_, "tokenizer.json"), kMaxTokenizerBytes + 1);
  const std::string message = MessageOf([&] { LoadTokenizer(RealEnv(), dir_); });
  EXPECT_NE(message.find("has 67108865 bytes; the limit is 67108864"), std::string::npos)
      << message;
}

TEST_F(BpeFileTest, ADamagedFileIsRefusedOrStillEncodes) {
  int refused = 0, read = 0;
  for (const char* name : {"bpe_qwen2", "bpe_llama2"}) {
    const std::string whole = RealEnv().ReadFile(GoldenPath(StrCat(name, "/tokenizer.json")));
    for (size_t at = 0; at < whole.size(); at += at < 3000 ? 11 : 701) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ 0x11);
      try {
        const Json json = ParseJson(damaged, "damaged");
        const auto tokenizer = MakeBpeFromJson(damaged, json, Json::object(), "damaged");
        tokenizer->Decode(tokenizer->Encode("the ring, 17 \u6f22 <tool> cafe\u0301\n"));
        ++read;
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ExitCode::kData) << error.what();
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 100);
  EXPECT_GT(read, 20);
}

TEST_F(BpeFileTest, UnknownCharactersAreTheUnknownTokenOrAnError) {
  UseLetters();
  const std::string message = MessageOf([&] { Load()->Encode("axb"); });
  EXPECT_NE(message.find("cannot encode \"x\""), std::string::npos) << message;
  json_["model"]["unk_token"] = "<unk>";
  EXPECT_EQ(Load()->Encode("xyabxzb"), (std::vector<int32_t>{0, 0, 3, 0, 0, 2}));
  json_["model"]["fuse_unk"] = true;
  EXPECT_EQ(Load()->Encode("xyabxzb"), (std::vector<int32_t>{0, 3, 0, 2}));
}

TEST_F(BpeFileTest, AByteWithoutAPieceIsAnErrorThatNamesIt) {
  UseLetters();
  json_["pre_tokenizer"] = json_["decoder"] = {{"type", "ByteLevel"}, {"add_prefix_space", false}};
  EXPECT_EQ(Load()->Encode("ab"), (std::vector<int32_t>{3}));
  const std::string message = MessageOf([&] { Load()->Encode("a\nb"); });
  EXPECT_NE(message.find("cannot encode the byte <0x0A>"), std::string::npos) << message;
}

TEST_F(BpeFileTest, BytesThatAreNoUtf8CountAsReplacementCharacters) {
  const auto tokenizer = Load();
  EXPECT_EQ(tokenizer->Encode("a\xC3(\xF0\x9F\x98"), tokenizer->Encode("a\uFFFD(\uFFFD"));
  EXPECT_EQ(tokenizer->Decode(tokenizer->Encode("a\xC3(")), "a\uFFFD(");
}

TEST_F(BpeFileTest, TokensTheConfigCallsSpecialAreCutOutAndLeftOut) {
  UseLetters();
  EXPECT_EQ(Load()->Decode(std::vector<int32_t>{0, 3}), "<unk>ab");
  config_["unk_token"] = {{"content", "<unk>"}};
  const auto tokenizer = Load();
  EXPECT_EQ(tokenizer->Specials().unk, 0);
  EXPECT_EQ(tokenizer->Encode("a<unk>b"), (std::vector<int32_t>{1, 0, 2}));
  EXPECT_EQ(tokenizer->Decode(std::vector<int32_t>{0, 3}), "ab");
}

TEST_F(BpeFileTest, ATemplateAddsNoTokens) {
  Use("bpe_llama3");
  ASSERT_EQ(json_["post_processor"]["processors"][1]["type"], "TemplateProcessing");
  EXPECT_TRUE(Load()->Encode("").empty());
}

TEST_F(BpeFileTest, HashNamesFileAndSpecialTokens) {
  const auto first = Load();
  EXPECT_EQ(Load()->Sha256(), first->Sha256());
  config_["bos_token"] = "<|im_start|>";
  EXPECT_NE(Load()->Sha256(), first->Sha256());
  config_.erase("bos_token");
  json_["model"]["fuse_unk"] = true;
  EXPECT_NE(Load()->Sha256(), first->Sha256());
}

TEST_F(BpeFileTest, RefusesIdsOutOfRange) {
  const auto tokenizer = Load();
  for (const int32_t id : {-1, tokenizer->VocabSize()}) {
    MessageOf([&] { tokenizer->Decode(std::vector<int32_t>{id}); }, ExitCode::kInternal);
    MessageOf([&] { tokenizer->Piece(id); }, ExitCode::kInternal);
  }
}

}  // namespace
}  // namespace retort
