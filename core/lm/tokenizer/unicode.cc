#include "core/lm/tokenizer/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <vector>

#include "core/base/error.h"

namespace retort {
namespace {

constexpr char32_t kReplacement = 0xFFFD;
// UTF-8 of U+0300 begins with it; below that character every text is in form C already.
constexpr unsigned char kFirstCombiningByte = 0xCC;
// The longest canonical decomposition of one character (Unicode 15, table of UAX 15 section 9).
constexpr size_t kMaxDecomposition = 4;

unsigned char ByteAt(std::string_view text, size_t i) {
  return static_cast<unsigned char>(text[i]);
}

/// What the first byte of a character of several bytes says (Unicode 15, table 3-7).
struct Lead {
  size_t size_bytes = 0;  // 0: no character begins so
  unsigned char second_min = 0x80;
  unsigned char second_max = 0xBF;
  unsigned char value_bits = 0;
};

Lead LeadOf(unsigned char byte) {
  const auto low = [byte](int mask) { return static_cast<unsigned char>(byte & mask); };
  if (byte < 0xC2 || byte > 0xF4) return {};
  if (byte < 0xE0) return {.size_bytes = 2, .value_bits = low(0x1F)};
  if (byte == 0xE0) return {.size_bytes = 3, .second_min = 0xA0, .value_bits = 0};
  if (byte == 0xED) return {.size_bytes = 3, .second_max = 0x9F, .value_bits = 0x0D};
  if (byte < 0xF0) return {.size_bytes = 3, .value_bits = low(0x0F)};
  if (byte == 0xF0) return {.size_bytes = 4, .second_min = 0x90, .value_bits = 0};
  if (byte == 0xF4) return {.size_bytes = 4, .second_max = 0x8F, .value_bits = 4};
  return {.size_bytes = 4, .value_bits = low(0x07)};
}

utf8proc_category_t CategoryOf(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

/// Circled and squared Latin letters: symbols by category, yet Other_Alphabetic.
bool IsAlphabeticSymbol(char32_t c) {
  return (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) ||
         (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189);
}

utf8proc_propval_t CombiningClass(utf8proc_int32_t c) {
  return utf8proc_get_property(c)->combining_class;
}

/// Canonical order: each run of combining marks by class, stably. utf8proc's own decomposition does
/// this by insertion, which a text of 100,000 marks makes quadratic.
void SortMarks(std::vector<utf8proc_int32_t>* characters) {
  const auto is_starter = [](utf8proc_int32_t c) { return CombiningClass(c) == 0; };
  auto begin = characters->begin();
  while ((begin = std::find_if_not(begin, characters->end(), is_starter)) != characters->end()) {
    const auto end = std::find_if(begin, characters->end(), is_starter);
    std::stable_sort(begin, end, [](utf8proc_int32_t a, utf8proc_int32_t b) {
      return CombiningClass(a) < CombiningClass(b);
    });
    begin = end;
  }
}

std::vector<utf8proc_int32_t> Decompose(std::string_view text) {
  std::vector<utf8proc_int32_t> characters;
  characters.reserve(text.size());
  while (!text.empty()) {
    const CodePoint point = FirstCodePoint(text);
    text.remove_prefix(point.size_bytes);
    utf8proc_int32_t parts[kMaxDecomposition];
    int boundary = 0;
    const auto count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(point.value), parts,
                                               kMaxDecomposition, UTF8PROC_DECOMPOSE, &boundary);
    assert(count > 0 && count <= static_cast<utf8proc_ssize_t>(kMaxDecomposition));
    characters.insert(characters.end(), parts, parts + count);
  }
  return characters;
}

}  // namespace

CodePoint FirstCodePoint(std::string_view text) {
  assert(!text.empty());
  const unsigned char first = ByteAt(text, 0);
  if (first < 0x80) return {.value = first, .size_bytes = 1};
  const Lead lead = LeadOf(first);
  if (lead.size_bytes == 0) return {.value = kReplacement, .size_bytes = 1};
  char32_t value = lead.value_bits;
  for (size_t i = 1; i < lead.size_bytes; ++i) {
    const unsigned char low = i == 1 ? lead.second_min : 0x80;
    const unsigned char high = i == 1 ? lead.second_max : 0xBF;
    if (i >= text.size() || ByteAt(text, i) < low || ByteAt(text, i) > high) {
      return {.value = kReplacement, .size_bytes = i};
    }
    value = (value << 6) | (ByteAt(text, i) & 0x3Fu);
  }
  return {.value = value, .size_bytes = lead.size_bytes};
}

std::string ReplaceInvalidUtf8(std::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  while (!text.empty()) {
    const CodePoint point = FirstCodePoint(text);
    valid += point.value == kReplacement ? kReplacementCharacter : text.substr(0, point.size_bytes);
    text.remove_prefix(point.size_bytes);
  }
  return valid;
}

bool IsLetter(char32_t c) {
  if (c < 0x80) return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  const utf8proc_category_t category = CategoryOf(c);
  return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}

bool IsNumber(char32_t c) {
  if (c < 0x80) return c >= '0' && c <= '9';
  const utf8proc_category_t category = CategoryOf(c);
  return category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO;
}

bool IsBlank(char32_t c) {
  if (c < 0x80) return (c >= 0x09 && c <= 0x0D) || c == ' ';
  if (c == 0x85) return true;
  const utf8proc_category_t category = CategoryOf(c);
  return category >= UTF8PROC_CATEGORY_ZS && category <= UTF8PROC_CATEGORY_ZP;
}

bool IsWordCharacter(char32_t c) {
  const utf8proc_category_t category = CategoryOf(c);
  if (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NL) return true;
  return category == UTF8PROC_CATEGORY_PC || c == 0x200C || c == 0x200D || IsAlphabeticSymbol(c);
}

std::string NormalizeNfc(std::string_view text) {
  const auto combines = [](char byte) {
    return static_cast<unsigned char>(byte) >= kFirstCombiningByte;
  };
  if (std::none_of(text.begin(), text.end(), combines)) return std::string(text);
  std::vector<utf8proc_int32_t> characters = Decompose(text);
  SortMarks(&characters);
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
  const auto count = utf8proc_normalize_utf32(
      characters.data(), static_cast<utf8proc_ssize_t>(characters.size()), options);
  RETORT_CHECK(count >= 0, "utf8proc: ", utf8proc_errmsg(count));
  std::string normal;
  normal.reserve(text.size());
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    utf8proc_uint8_t bytes[4];
    const auto size = utf8proc_encode_char(characters[i], bytes);
    normal.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
  }
  return normal;
}

}  // namespace retort
