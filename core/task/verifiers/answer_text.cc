#include "core/task/verifiers/answer_text.h"

#include <algorithm>
#include <vector>

#include "core/base/strings.h"

namespace retort {
namespace {

constexpr auto kNpos = std::string_view::npos;

/// Position of the last `word` (lower case) in `text` in any case; kNpos if there is none.
size_t FindLastIgnoringCase(std::string_view text, std::string_view word) {
  const auto same = [](char a, char b) { return AsciiLower(a) == b; };
  const auto found = std::find_end(text.begin(), text.end(), word.begin(), word.end(), same);
  return found == text.end() ? kNpos : static_cast<size_t>(found - text.begin());
}

/// The group that begins with the brace at `open`, without its braces; nullopt if it does not end.
std::optional<std::string_view> BracedAt(std::string_view text, size_t open) {
  int64_t depth = 0;
  for (size_t i = open; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '{') {
      ++depth;
    } else if (text[i] == '}' && --depth == 0) {
      return text.substr(open + 1, i - open - 1);
    }
  }
  return std::nullopt;
}

/// Position just past the last box command; kNpos if there is none.
size_t LastBoxCommand(std::string_view text) {
  size_t last = kNpos;
  for (const std::string_view command : {"\\boxed", "\\fbox"}) {
    const size_t at = text.rfind(command);
    if (at == kNpos) continue;
    last = last == kNpos ? at + command.size() : std::max(last, at + command.size());
  }
  return last;
}

std::string_view UpToLineEnd(std::string_view text) { return text.substr(0, text.find('\n')); }

/// Up to the end of the line or of the sentence: a full stop that white space or the end follows,
/// outside of braces and brackets.
std::string_view Sentence(std::string_view text) {
  text = UpToLineEnd(text);
  int64_t depth = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    depth += text[i] == '{' || text[i] == '(' || text[i] == '[' ? 1 : 0;
    depth -= text[i] == '}' || text[i] == ')' || text[i] == ']' ? 1 : 0;
    const bool stop = text[i] == '.' && (i + 1 == text.size() || IsAsciiSpace(text[i + 1]));
    if (stop && depth <= 0) return text.substr(0, i);
  }
  return text;
}

std::optional<std::string_view> TaggedAnswer(std::string_view text) {
  constexpr std::string_view kOpen = "<answer>";
  const size_t open = text.rfind(kOpen);
  if (open == kNpos) return std::nullopt;
  const size_t begin = open + kOpen.size();
  const size_t close = text.find("</answer>", begin);
  if (close == kNpos) return std::nullopt;
  return text.substr(begin, close - begin);
}

std::optional<std::string_view> PhrasedAnswer(std::string_view text) {
  size_t last = kNpos;
  for (const std::string_view phrase : {"answer is", "answer:", "answer =", "answer to be"}) {
    const size_t at = FindLastIgnoringCase(text, phrase);
    if (at == kNpos) continue;
    last = last == kNpos ? at + phrase.size() : std::max(last, at + phrase.size());
  }
  if (last == kNpos) return std::nullopt;
  std::string_view rest = text.substr(last);
  while (!rest.empty() && (rest.front() == ':' || rest.front() == '*' || rest.front() == ' ')) {
    rest.remove_prefix(1);
  }
  return Sentence(Trim(rest));
}

std::optional<std::string_view> MarkedAnswer(std::string_view text) {
  if (LastBoxCommand(text) != kNpos) return LastBoxed(text).value_or("");
  if (const auto tagged = TaggedAnswer(text)) return tagged;
  constexpr std::string_view kMarker = "####";
  const size_t marker = text.rfind(kMarker);
  if (marker != kNpos) return UpToLineEnd(text.substr(marker + kMarker.size()));
  return PhrasedAnswer(text);
}

/// Takes `\text{`, `\mathrm{` and their like out of `text`, and every brace.
std::string WithoutWrappers(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      size_t end = i + 1;
      while (end < text.size() && IsAsciiLetter(text[end])) ++end;
      const std::string_view word = text.substr(i + 1, end - i - 1);
      if (word.starts_with("text") || word.starts_with("math") || word == "mbox") i = end - 1;
      if (word.empty() && end < text.size() && !IsAsciiLetter(text[end])) plain += ' ';
      if (i == end - 1) continue;
    }
    if (text[i] != '{' && text[i] != '}') plain += text[i];
  }
  return plain;
}

/// Not "." or "!" at the wrong end: ".5" is not "5", and "5!" is not either.
bool IsFrontEdge(char c) { return IsAsciiSpace(c) || std::string_view("*_`\"'").find(c) != kNpos; }
bool IsBackEdge(char c) { return IsFrontEdge(c) || std::string_view(".,;:?").find(c) != kNpos; }

}  // namespace

bool IsAsciiDigit(char c) { return c >= '0' && c <= '9'; }
bool IsAsciiLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsAsciiSpace(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}
char AsciiLower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsAsciiSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsAsciiSpace(text.back())) text.remove_suffix(1);
  return text;
}

std::optional<FoundAnswer> FindAnswer(std::string_view text) {
  constexpr std::string_view kThoughtEnd = "</think>";
  const size_t thought_end = text.rfind(kThoughtEnd);
  if (thought_end != kNpos) text.remove_prefix(thought_end + kThoughtEnd.size());
  if (text.rfind("<think>") != kNpos) return std::nullopt;
  FoundAnswer found{.text = Trim(text)};
  if (const std::optional<std::string_view> marked = MarkedAnswer(text)) {
    found = {.text = Trim(*marked), .marked = true};
  } else if (found.text.size() > kMaxAnswerBytes) {
    found.text = LastLine(text);
  }
  if (found.text.empty() || found.text.size() > kMaxAnswerBytes) return std::nullopt;
  return found;
}

std::string_view LastLine(std::string_view text) {
  text = Trim(text);
  const size_t line = text.rfind('\n');
  return line == kNpos ? text : Trim(text.substr(line + 1));
}

std::optional<std::string_view> LastBoxed(std::string_view text) {
  size_t at = LastBoxCommand(text);
  if (at == kNpos) return std::nullopt;
  while (at < text.size() && IsAsciiSpace(text[at])) ++at;
  if (at < text.size() && text[at] == '{') return BracedAt(text, at);
  size_t end = at;
  while (end < text.size() && !IsAsciiSpace(text[end]) && text[end] != '$') ++end;
  if (end == at) return std::nullopt;
  return text.substr(at, end - at);
}

std::string NormalizedText(std::string_view text) {
  std::string plain(text);
  std::erase(plain, '$');
  if (plain.find('\\') != std::string::npos) plain = WithoutWrappers(plain);
  std::string_view inner = plain;
  while (!inner.empty() && IsFrontEdge(inner.front())) inner.remove_prefix(1);
  while (!inner.empty() && IsBackEdge(inner.back())) inner.remove_suffix(1);
  std::string normalized;
  for (const std::string_view word : SplitWords(inner)) {
    if (!normalized.empty()) normalized += ' ';
    for (const char c : word) normalized += AsciiLower(c);
  }
  return normalized;
}

}  // namespace retort
