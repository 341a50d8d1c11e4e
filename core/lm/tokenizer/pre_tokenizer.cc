#include "core/lm/tokenizer/pre_tokenizer.h"

#include <cassert>
#include <utility>

#include "core/lm/tokenizer/unicode.h"

namespace retort {
namespace {

constexpr char32_t kLongS = 0x17F;  // the one other character that folds to a contraction's letter
constexpr std::string_view kMark = "\u2581";
constexpr size_t kAnyCount = static_cast<size_t>(-1);

bool IsNewline(char32_t c) { return c == '\r' || c == '\n'; }
bool IsOther(char32_t c) { return !IsBlank(c) && !IsLetter(c) && !IsNumber(c); }

/// Where the run of characters that `is_in` accepts, at most `max_count` of them, ends.
template <typename Predicate>
size_t RunEnd(std::string_view text, size_t begin, const Predicate& is_in,
              size_t max_count = kAnyCount) {
  for (size_t count = 0; begin < text.size() && count < max_count; ++count) {
    const CodePoint point = FirstCodePoint(text.substr(begin));
    if (!is_in(point.value)) break;
    begin += point.size_bytes;
  }
  return begin;
}

enum class LetterCase { kLower, kAny };

bool IsLetterOf(char32_t c, char lower, LetterCase letter_case) {
  if (c == static_cast<char32_t>(lower)) return true;
  if (letter_case == LetterCase::kLower) return false;
  return c == static_cast<char32_t>(lower - 'a' + 'A') || (lower == 's' && c == kLongS);
}

/// Bytes of 's 't 're 've 'm 'll 'd at the start of `text`, 0 if none is.
size_t ContractionLength(std::string_view text, LetterCase letter_case) {
  if (text[0] != '\'') return 0;
  for (const std::string_view letters : {"s", "t", "re", "ve", "m", "ll", "d"}) {
    size_t end = 1;
    for (const char letter : letters) {
      const auto is_letter = [&](char32_t c) { return IsLetterOf(c, letter, letter_case); };
      const size_t next = RunEnd(text, end, is_letter, 1);
      if (next == end) {
        end = 0;
        break;
      }
      end = next;
    }
    if (end > 0) return end;
  }
  return 0;
}

/// \s+(?!\S)|\s+ for a text that begins with a blank: the last blank before a word is left to it.
size_t BlankLength(std::string_view text) {
  size_t end = 0, last = 0;
  while (end < text.size()) {
    const CodePoint point = FirstCodePoint(text.substr(end));
    if (!IsBlank(point.value)) break;
    last = end;
    end += point.size_bytes;
  }
  return end == text.size() || last == 0 ? end : last;
}

/// \s*[\r\n]+ : the blanks up to the last line break among them, 0 if there is none.
size_t LineBreakLength(std::string_view text) {
  const size_t last = text.substr(0, RunEnd(text, 0, IsBlank)).find_last_of("\r\n");
  return last == std::string_view::npos ? 0 : last + 1;
}

size_t Gpt2Length(std::string_view text) {
  const size_t contraction = ContractionLength(text, LetterCase::kLower);
  if (contraction > 0) return contraction;
  const size_t begin = text[0] == ' ' ? 1 : 0;
  for (const auto is_in : {IsLetter, IsNumber, IsOther}) {
    const size_t end = RunEnd(text, begin, is_in);
    if (end > begin) return end;
  }
  return BlankLength(text);
}

size_t Llama3Length(std::string_view text, size_t max_digits) {
  const size_t contraction = ContractionLength(text, LetterCase::kAny);
  if (contraction > 0) return contraction;
  const CodePoint first = FirstCodePoint(text);
  const bool is_number = IsNumber(first.value);
  const bool leads_word = !IsNewline(first.value) && !is_number && !IsLetter(first.value);
  const size_t word = leads_word ? first.size_bytes : 0;
  const size_t word_end = RunEnd(text, word, IsLetter);
  if (word_end > word) return word_end;
  if (is_number) return RunEnd(text, 0, IsNumber, max_digits);
  const size_t begin = text[0] == ' ' ? 1 : 0;
  const size_t end = RunEnd(text, begin, IsOther);
  if (end > begin) return RunEnd(text, end, IsNewline);
  const size_t line_break = LineBreakLength(text);
  return line_break > 0 ? line_break : BlankLength(text);
}

void SplitAtPattern(SplitPattern pattern, std::string_view text, std::vector<std::string>* pieces) {
  while (!text.empty()) {
    const size_t size = MatchLength(pattern, text);
    assert(size > 0 && size <= text.size());
    pieces->emplace_back(text.substr(0, size));
    text.remove_prefix(size);
  }
}

void SplitDigits(std::string_view text, size_t max_digits, std::vector<std::string>* pieces) {
  const auto is_no_number = [](char32_t c) { return !IsNumber(c); };
  while (!text.empty()) {
    const size_t number = RunEnd(text, 0, IsNumber, max_digits);
    const size_t size = number > 0 ? number : RunEnd(text, 0, is_no_number);
    pieces->emplace_back(text.substr(0, size));
    text.remove_prefix(size);
  }
}

void PrependUnlessThere(std::string_view prefix, std::string* text) {
  if (!text->starts_with(prefix)) text->insert(0, prefix);
}

std::string WithMarks(std::string_view text) {
  std::string marked;
  for (const char c : text) c == ' ' ? marked += kMark : marked += c;
  return marked;
}

void Apply(const SplitStep& step, std::string piece, bool is_first,
           std::vector<std::string>* pieces) {
  switch (step.kind) {
    case SplitStep::Kind::kPattern:
      return SplitAtPattern(step.pattern, piece, pieces);
    case SplitStep::Kind::kDigits:
      return SplitDigits(piece, 1, pieces);
    case SplitStep::Kind::kDigitRuns:
      return SplitDigits(piece, kAnyCount, pieces);
    case SplitStep::Kind::kPrefixSpace:
      PrependUnlessThere(" ", &piece);
      break;
    case SplitStep::Kind::kMarkFirst:
      if (is_first) PrependUnlessThere(kMark, &piece);
      break;
    case SplitStep::Kind::kMarkAlways:
      PrependUnlessThere(kMark, &piece);
      break;
    case SplitStep::Kind::kSpacesToMarks:
      piece = WithMarks(piece);
      break;
  }
  pieces->push_back(std::move(piece));
}

}  // namespace

size_t MatchLength(SplitPattern pattern, std::string_view text) {
  assert(!text.empty());
  switch (pattern) {
    case SplitPattern::kGpt2:
      return Gpt2Length(text);
    case SplitPattern::kLlama3:
      return Llama3Length(text, 3);
    case SplitPattern::kQwen2:
      return Llama3Length(text, 1);
  }
  return text.size();
}

std::vector<std::string> SplitPieces(const std::vector<SplitStep>& steps, std::string text,
                                     bool starts_text) {
  std::vector<std::string> pieces;
  if (!text.empty()) pieces.push_back(std::move(text));
  for (const SplitStep& step : steps) {
    std::vector<std::string> split;
    for (size_t i = 0; i < pieces.size(); ++i) {
      Apply(step, std::move(pieces[i]), starts_text && i == 0, &split);
    }
    pieces = std::move(split);
  }
  return pieces;
}

}  // namespace retort
