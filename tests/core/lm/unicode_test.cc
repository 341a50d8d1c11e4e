#include "core/lm/tokenizer/unicode.h"

#include <gtest/gtest.h>

namespace retort {
namespace {

// Python: bytes.decode("utf-8", "replace").
TEST(Unicode, BrokenBytesAreReplacedByMaximalParts) {
  const auto replaced = [](const char* bytes) { return ReplaceInvalidUtf8(bytes); };
  EXPECT_EQ(replaced("a\xFF"), "a\uFFFD");
  EXPECT_EQ(replaced("\xC3("), "\uFFFD(");
  EXPECT_EQ(replaced("\xE2\x82"), "\uFFFD");
  EXPECT_EQ(replaced("\xF0\x9F\x98x"), "\uFFFDx");
  EXPECT_EQ(replaced("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");            // a surrogate
  EXPECT_EQ(replaced("\xC0\x80"), "\uFFFD\uFFFD");                      // overlong
  EXPECT_EQ(replaced("\xE0\x80\x9F"), "\uFFFD\uFFFD\uFFFD");            // overlong
  EXPECT_EQ(replaced("\xF4\x90\x80\x80"), "\uFFFD\uFFFD\uFFFD\uFFFD");  // over U+10FFFF
  EXPECT_EQ(replaced("\uFFFD\U0010FFFF\u0080"), "\uFFFD\U0010FFFF\u0080");
  EXPECT_EQ(ReplaceInvalidUtf8(std::string_view("\0a", 2)), std::string("\0a", 2));
}

TEST(Unicode, CharactersKnowTheirValue) {
  EXPECT_EQ(FirstCodePoint("\U0001F98A!").value, char32_t{0x1F98A});
  EXPECT_EQ(FirstCodePoint("\U0001F98A!").size_bytes, 4U);
  EXPECT_EQ(FirstCodePoint("\u07FF").value, char32_t{0x7FF});
  EXPECT_EQ(FirstCodePoint("\uD7FF").value, char32_t{0xD7FF});
  EXPECT_EQ(FirstCodePoint("\U00100000").value, char32_t{0x100000});
}

TEST(Unicode, ClassesAreThoseOfRegularExpressions) {
  for (const char32_t c : {U'a', U'Z', U'\u00E9', U'\u6F22', U'\u02B0', U'\u01C5', U'\u017F'}) {
    EXPECT_TRUE(IsLetter(c) && IsWordCharacter(c)) << static_cast<uint32_t>(c);
  }
  for (const char32_t c : {U'7', U'\u0664', U'\u00BD', U'\u2160', U'\u00B2'}) {
    EXPECT_TRUE(IsNumber(c) && !IsLetter(c)) << static_cast<uint32_t>(c);
  }
  for (const char32_t c : {U' ', U'\t', U'\v', U'\u0085', U'\u00A0', U'\u3000', U'\u2028'}) {
    EXPECT_TRUE(IsBlank(c) && !IsWordCharacter(c)) << static_cast<uint32_t>(c);
  }
  for (const char32_t c : {U'\u200B', U'\uFEFF', U'\u001F', U'\u0301', U'!'}) {
    EXPECT_FALSE(IsBlank(c) || IsLetter(c) || IsNumber(c)) << static_cast<uint32_t>(c);
  }
  for (const char32_t c : {U'_', U'\u0301', U'\u200D', U'\u24D0', U'\u2160'}) {
    EXPECT_TRUE(IsWordCharacter(c)) << static_cast<uint32_t>(c);
  }
  EXPECT_FALSE(IsWordCharacter(U'\u00BD'));
}

TEST(Unicode, FormCComposesAndOrdersMarks) {
  EXPECT_EQ(NormalizeNfc("cafe\u0301"), "caf\u00E9");
  EXPECT_EQ(NormalizeNfc("e\u0301\u0323"), "\u1EB9\u0301");
  EXPECT_EQ(NormalizeNfc("\u212B\u1112\u1161\u11AB"), "\u00C5\uD55C");
  EXPECT_EQ(NormalizeNfc("\u0958\uFB01"), "\u0915\u093C\uFB01");
  EXPECT_EQ(NormalizeNfc("plain \u00E9"), "plain \u00E9");
  EXPECT_EQ(NormalizeNfc(""), "");
}

}  // namespace
}  // namespace retort
