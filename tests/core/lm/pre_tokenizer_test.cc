#include "core/lm/tokenizer/pre_tokenizer.h"

#include <gtest/gtest.h>

#include "core/lm/tokenizer/unicode.h"

namespace retort {
namespace {

using Pieces = std::vector<std::string>;

Pieces SplitAt(SplitPattern pattern, const std::string& text) {
  return SplitPieces({{.kind = SplitStep::Kind::kPattern, .pattern = pattern}}, text, true);
}

TEST(PreTokenizer, ContractionsAreLowerCaseForGpt2AndAnyCaseForLlama3) {
  EXPECT_EQ(SplitAt(SplitPattern::kGpt2, "I'm I'M"), (Pieces{"I", "'m", " I", "'", "M"}));
  EXPECT_EQ(SplitAt(SplitPattern::kLlama3, "I'm I'LL"), (Pieces{"I", "'m", " I", "'LL"}));
  // U+017F folds to s; "'M" then a letter is a contraction and a word.
  EXPECT_EQ(SplitAt(SplitPattern::kQwen2, "a'\u017F'Mx"), (Pieces{"a", "'\u017F", "'M", "x"}));
}

TEST(PreTokenizer, TheLastBlankGoesToTheWordThatFollows) {
  EXPECT_EQ(SplitAt(SplitPattern::kGpt2, "a   b  "), (Pieces{"a", "  ", " b", "  "}));
  EXPECT_EQ(SplitAt(SplitPattern::kGpt2, "a\tb\u3000\u3000c"),
            (Pieces{"a", "\t", "b", "\u3000", "\u3000", "c"}));
  EXPECT_EQ(SplitAt(SplitPattern::kLlama3, "a\tb"), (Pieces{"a", "\tb"}));
}

TEST(PreTokenizer, LineBreaksEndAPieceForLlama3) {
  EXPECT_EQ(SplitAt(SplitPattern::kLlama3, "a;\n\n  b"), (Pieces{"a", ";\n\n", " ", " b"}));
  EXPECT_EQ(SplitAt(SplitPattern::kLlama3, " \n \n  b"), (Pieces{" \n \n", " ", " b"}));
  EXPECT_EQ(SplitAt(SplitPattern::kGpt2, " \n \nb"), (Pieces{" \n ", "\n", "b"}));
}

TEST(PreTokenizer, DigitsComeInRunsThreesOrOnes) {
  EXPECT_EQ(SplitAt(SplitPattern::kGpt2, " 12345"), (Pieces{" 12345"}));
  EXPECT_EQ(SplitAt(SplitPattern::kLlama3, " 12345"), (Pieces{" ", "123", "45"}));
  EXPECT_EQ(SplitAt(SplitPattern::kQwen2, "12\u00BD"), (Pieces{"1", "2", "\u00BD"}));
}

TEST(PreTokenizer, StepsWorkOnThePiecesOfTheStepBefore) {
  const std::vector<SplitStep> smollm = {
      {.kind = SplitStep::Kind::kDigits},
      {.kind = SplitStep::Kind::kPattern, .pattern = SplitPattern::kGpt2}};
  EXPECT_EQ(SplitPieces(smollm, "ab  12", true), (Pieces{"ab", "  ", "1", "2"}));
  EXPECT_EQ(SplitPieces({{.kind = SplitStep::Kind::kDigitRuns}}, "a12b", true),
            (Pieces{"a", "12", "b"}));
}

TEST(PreTokenizer, PrefixesAreNotDoubled) {
  EXPECT_EQ(SplitPieces({{.kind = SplitStep::Kind::kPrefixSpace}}, "a", true), (Pieces{" a"}));
  EXPECT_EQ(SplitPieces({{.kind = SplitStep::Kind::kPrefixSpace}}, " a", true), (Pieces{" a"}));
  const std::vector<SplitStep> first = {{.kind = SplitStep::Kind::kSpacesToMarks},
                                        {.kind = SplitStep::Kind::kMarkFirst}};
  EXPECT_EQ(SplitPieces(first, "a b", true), (Pieces{"\u2581a\u2581b"}));
  EXPECT_EQ(SplitPieces(first, " a", true), (Pieces{"\u2581a"}));
  EXPECT_EQ(SplitPieces(first, "a b", false), (Pieces{"a\u2581b"}));
  EXPECT_EQ(SplitPieces({{.kind = SplitStep::Kind::kMarkAlways}}, "a", false), (Pieces{"\u2581a"}));
  EXPECT_EQ(SplitPieces(first, "", true), Pieces{});
}

// Every pattern matches everywhere, so the pieces are the text again.
TEST(PreTokenizer, PiecesMakeTheTextAgain) {
  std::string text;
  for (char32_t c = 1; c < 0x3000; ++c) {
    if (c % 3 == 0) text += "'s\n ";
    const char bytes[] = {static_cast<char>(0xE0 | (c >> 12)),
                          static_cast<char>(0x80 | ((c >> 6) & 0x3F)),
                          static_cast<char>(0x80 | (c & 0x3F))};
    text += c < 0x800 ? std::string(1, static_cast<char>(c & 0x7F)) : std::string(bytes, 3);
  }
  ASSERT_EQ(ReplaceInvalidUtf8(text), text);
  for (const auto pattern : {SplitPattern::kGpt2, SplitPattern::kLlama3, SplitPattern::kQwen2}) {
    std::string joined;
    for (const std::string& piece : SplitAt(pattern, text)) joined += piece;
    EXPECT_EQ(joined, text);
  }
}

}  // namespace
}  // namespace retort
