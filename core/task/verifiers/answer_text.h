// Where in a model's text the answer stands, one rule for every verifier. Pure functions, linear in
// the text; views point into it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace retort {

/// Longest answer that is read, in bytes; a longer one is no answer.
inline constexpr size_t kMaxAnswerBytes = 4096;

bool IsAsciiDigit(char c);
bool IsAsciiLetter(char c);
bool IsAsciiSpace(char c);
char AsciiLower(char c);

/// Without white space at both ends.
std::string_view Trim(std::string_view text);

struct FoundAnswer {
  std::string_view text;  // trimmed, not empty, at most kMaxAnswerBytes
  bool marked = false;    // the text itself says that this is its answer
};

/// The answer of `text`: what follows the last `</think>` (a thought that does not end has none),
/// and in it, in this order, the last \boxed{...} or \fbox{...} (one that does not end is none),
/// the last <answer>...</answer>, the line after the last "####", the sentence after the last
/// "answer is", "answer:" or "answer =" in any case; else all of it, unmarked. nullopt if that is
/// empty or too long (unmarked, only its last line may be short enough).
std::optional<FoundAnswer> FindAnswer(std::string_view text);

/// The last line that is not blank, trimmed.
std::string_view LastLine(std::string_view text);

/// Content of the last \boxed{...} or \fbox{...}; nullopt if there is none or it does not end.
std::optional<std::string_view> LastBoxed(std::string_view text);

/// Lower case, runs of white space as one space, without "$", TeX's text wrappers, markup (* _ ` "
/// ') at both ends and . , ; : ? at the end.
std::string NormalizedText(std::string_view text);

}  // namespace retort
