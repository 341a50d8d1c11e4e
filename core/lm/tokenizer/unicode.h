// UTF-8 and the character classes that tokenizers split at, through utf8proc. Pure functions.
//
// Categories and form C are those of utf8proc's Unicode version (15.0 with 2.8.0). `tokenizers`
// 0.23 has Unicode 16 for the former and 9 for the latter, so ids can differ for letters and
// numbers assigned after 15.0, and for form C of marks assigned after 9.0 beside another mark.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace retort {

/// One character of a text and how many bytes it takes there.
struct CodePoint {
  char32_t value = 0;
  size_t size_bytes = 0;
};

/// The character at the start of `text`, which is not empty. Bytes that are no UTF-8 give U+FFFD
/// for each maximal part that could have begun a character (Unicode 15, table 3-8), as Python's
/// errors="replace" and Rust's from_utf8_lossy do.
CodePoint FirstCodePoint(std::string_view text);

/// `text` with every such part spelled as U+FFFD, so that the result is UTF-8.
std::string ReplaceInvalidUtf8(std::string_view text);

/// U+FFFD in UTF-8.
inline constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";

bool IsLetter(char32_t c);  // \p{L}
bool IsNumber(char32_t c);  // \p{N}
bool IsBlank(char32_t c);   // \s: White_Space
/// \w: Alphabetic, marks, decimal digits, connectors and joiners (Unicode TS 18, annex C).
bool IsWordCharacter(char32_t c);

/// Normalization form C of `text`, which must be UTF-8; O(n log n) whatever the order of its
/// combining marks.
std::string NormalizeNfc(std::string_view text);

}  // namespace retort
