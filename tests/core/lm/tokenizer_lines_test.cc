// Tokenizers against `tokenizers` and `sentencepiece` on many lines: see
// tests/data/lm/make_bpe_goldens.py.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>

#include "core/base/hash.h"
#include "core/lm/checkpoint/model_path.h"
#include "tests/core/lm/test_files.h"

namespace retort {
namespace {

/// SplitMix64 (Steele, Lea and Flood 2014), as in the script.
class Draws {
 public:
  explicit Draws(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    state_ += 0x9E3779B97F4A7C15U;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
  }

 private:
  uint64_t state_;
};

std::string BytesOfHex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

/// The lines of the script's line_of, from the same fragments.
class Lines {
 public:
  Lines() {
    for (const Json& hex : source_.at("fragments_hex")) {
      fragments_.push_back(BytesOfHex(hex.get<std::string>()));
    }
  }

  uint64_t Count(const char* key) const { return source_.at(key).get<uint64_t>(); }

  std::string Line(uint64_t index) const {
    Draws draws(index << 32);
    std::string line;
    if (index % Count("long_every") == Count("long_every") - 1) {
      const uint64_t count = 1 + draws.Next() % 3;
      for (uint64_t i = 0; i < count; ++i) line += Fragment(draws.Next());
      return Repeated(line, Count("long_bytes") / line.size() + 1);
    }
    const uint64_t count = 1 + draws.Next() % 24;
    for (uint64_t i = 0; i < count; ++i) {
      const uint64_t draw = draws.Next();
      line += Fragment(draw);
      if ((draw >> 32) % 4 == 0) line += ' ';
    }
    return line;
  }

  static std::string Repeated(const std::string& unit, uint64_t times) {
    std::string text;
    for (uint64_t i = 0; i < times; ++i) text += unit;
    return text;
  }

 private:
  const std::string& Fragment(uint64_t draw) const { return fragments_[draw % fragments_.size()]; }

  Json source_ = GoldenJson("bpe_fragments.json");
  std::vector<std::string> fragments_;
};

/// The script's id_list_of.
std::vector<int32_t> IdList(uint64_t index, int vocab_size) {
  Draws draws((index << 32) + 1);
  std::vector<int32_t> ids(1 + draws.Next() % 12);
  for (int32_t& id : ids) {
    id = static_cast<int32_t>(draws.Next() % static_cast<uint64_t>(vocab_size));
  }
  return ids;
}

std::string IdsBytes(const std::vector<int32_t>& ids) {
  std::string text;
  for (size_t i = 0; i < ids.size(); ++i) text += (i == 0 ? "" : " ") + std::to_string(ids[i]);
  return text + "\n";
}

std::string TextBytes(const std::string& text) { return StrCat(text.size(), "\n", text, "\n"); }

std::string Digest(const std::string& bytes) { return Sha256(bytes).substr(0, 16); }

void ExpectReferencesIdsAndTexts(const Tokenizer& tokenizer, const Json& golden) {
  const Lines lines;
  const uint64_t count = lines.Count("lines"), block = lines.Count("block");
  ASSERT_GE(count, 10000U);
  ASSERT_EQ(golden.at("ids").size(), count / block);
  ASSERT_EQ(tokenizer.VocabSize(), golden.at("vocab_size").get<int>());
  for (uint64_t b = 0; b < count / block; ++b) {
    std::string ids_bytes, text_bytes;
    for (uint64_t i = b * block; i < (b + 1) * block; ++i) {
      const std::vector<int32_t> ids = tokenizer.Encode(lines.Line(i));
      ids_bytes += IdsBytes(ids);
      text_bytes += TextBytes(tokenizer.Decode(ids));
    }
    EXPECT_EQ(Digest(ids_bytes), golden.at("ids").at(b)) << "lines from " << b * block;
    EXPECT_EQ(Digest(text_bytes), golden.at("texts").at(b)) << "lines from " << b * block;
  }
}

class BpeGoldenTest : public testing::TestWithParam<const char*> {
 protected:
  std::unique_ptr<Tokenizer> tokenizer_ = LoadTokenizer(RealEnv(), GoldenPath(GetParam()));
  Json golden_ = GoldenJson(std::string(GetParam()) + "_hashes.json");
  Lines lines_;
};

TEST_P(BpeGoldenTest, TenThousandLinesGiveTheReferencesIdsAndTexts) {
  ExpectReferencesIdsAndTexts(*tokenizer_, golden_);
}

// tests/data/lm/make_line_goldens.py.
class LinesGoldenTest : public testing::TestWithParam<const char*> {};

TEST_P(LinesGoldenTest, TenThousandLinesGiveTheReferencesIdsAndTexts) {
  ExpectReferencesIdsAndTexts(*LoadTokenizer(RealEnv(), GoldenPath(GetParam())),
                              GoldenJson(std::string(GetParam()) + "_hashes.json"));
}

INSTANTIATE_TEST_SUITE_P(Formats, LinesGoldenTest,
                         testing::Values("sentencepiece_unigram", "sentencepiece_bpe",
                                         "word_level"));

// The real vocabulary, where it is: RETORT_SMOLLM2_GGUF=FILE
// (tests/data/lm/make_smollm2_golden.py).
TEST(SmolLm2, ItsGgufGivesTheReferencesIdsAndTexts) {
  const char* path = std::getenv("RETORT_SMOLLM2_GGUF");
  if (path == nullptr) GTEST_SKIP() << "RETORT_SMOLLM2_GGUF names no file";
  ExpectReferencesIdsAndTexts(*LoadModelTokenizer(RealEnv(), path),
                              GoldenJson("smollm2_hashes.json"));
}

// What a model writes need not be what an encoder would: broken characters, specials anywhere.
TEST_P(BpeGoldenTest, AnyIdsGiveTheReferencesText) {
  const uint64_t block = lines_.Count("block");
  ASSERT_EQ(golden_.at("id_lists").size(), lines_.Count("id_lists") / block);
  for (uint64_t b = 0; b < golden_.at("id_lists").size(); ++b) {
    std::string bytes;
    for (uint64_t i = b * block; i < (b + 1) * block; ++i) {
      bytes += TextBytes(tokenizer_->Decode(IdList(i, tokenizer_->VocabSize())));
    }
    EXPECT_EQ(Digest(bytes), golden_.at("id_lists").at(b)) << "lists from " << b * block;
  }
}

TEST_P(BpeGoldenTest, ASavedFileIsTheSameBytes) {
  const std::string dir = FreshDir(GetParam());
  tokenizer_->Save(RealEnv(), dir);
  EXPECT_EQ(RealEnv().ReadFile(JoinPath(dir, "tokenizer.json")),
            RealEnv().ReadFile(JoinPath(GoldenPath(GetParam()), "tokenizer.json")));
}

// Some 0.2 s; quadratic merging, splitting or normalizing takes minutes.
TEST_P(BpeGoldenTest, LongTextsTakeTimeInProportion) {
  const auto start = std::chrono::steady_clock::now();
  for (const char* unit :
       {"a", "zyxwvuts", " ", "\n", "'s", "\u6f22", "\u0323\u0301", "\xFF", "<"}) {
    const std::string text = Lines::Repeated(unit, 100000);
    EXPECT_FALSE(tokenizer_->Encode(text).empty());
  }
  const std::chrono::duration<double> elapsed_s = std::chrono::steady_clock::now() - start;
  EXPECT_LT(elapsed_s.count(), 20);
}

INSTANTIATE_TEST_SUITE_P(Configurations, BpeGoldenTest,
                         testing::Values("bpe_gpt2", "bpe_prefix_space", "bpe_llama3", "bpe_qwen2",
                                         "bpe_smollm2", "bpe_llama2", "bpe_gemma",
                                         "bpe_metaspace"));

}  // namespace
}  // namespace retort
