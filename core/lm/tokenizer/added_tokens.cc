#include "core/lm/tokenizer/added_tokens.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "core/base/error.h"
#include "core/lm/tokenizer/unicode.h"

namespace retort {
namespace {

/// Where the last character of `text`, which is UTF-8 and not empty, begins.
size_t LastCharacterBegin(std::string_view text) {
  size_t begin = text.size() - 1;
  while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) --begin;
  return begin;
}

bool EndsWithWord(std::string_view text) {
  if (text.empty()) return false;
  return IsWordCharacter(FirstCodePoint(text.substr(LastCharacterBegin(text))).value);
}

bool StartsWithWord(std::string_view text) {
  return !text.empty() && IsWordCharacter(FirstCodePoint(text).value);
}

size_t WithoutBlanksAtEnd(std::string_view text) {
  while (!text.empty()) {
    const size_t last = LastCharacterBegin(text);
    if (!IsBlank(FirstCodePoint(text.substr(last)).value)) break;
    text = text.substr(0, last);
  }
  return text.size();
}

size_t BlanksAtStart(std::string_view text) {
  size_t size = 0;
  while (size < text.size()) {
    const CodePoint point = FirstCodePoint(text.substr(size));
    if (!IsBlank(point.value)) break;
    size += point.size_bytes;
  }
  return size;
}

}  // namespace

AddedTokenMatcher::AddedTokenMatcher(std::vector<AddedToken> tokens,
                                     const std::vector<std::string>& spellings)
    : tokens_(std::move(tokens)) {
  RETORT_CHECK(tokens_.size() == spellings.size(), "a spelling for each token");
  for (size_t i = 0; i < spellings.size(); ++i) {
    RETORT_CHECK(!spellings[i].empty(), "an added token is empty");
    RETORT_CHECK(index_of_.emplace(spellings[i], i).second, "\"", spellings[i], "\" twice");
    sizes_by_first_[static_cast<unsigned char>(spellings[i][0])].push_back(spellings[i].size());
  }
  for (std::vector<size_t>& sizes : sizes_by_first_) {
    std::sort(sizes.begin(), sizes.end(), std::greater<>());
    sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  }
}

AddedTokenMatcher::Match AddedTokenMatcher::LongestAt(std::string_view text) const {
  for (const size_t size : sizes_by_first_[static_cast<unsigned char>(text[0])]) {
    if (size > text.size()) continue;
    const auto it = index_of_.find(std::string(text.substr(0, size)));
    if (it != index_of_.end()) return {.token = &tokens_[it->second], .size_bytes = size};
  }
  return {};
}

std::vector<TextPart> AddedTokenMatcher::Split(std::string_view text) const {
  std::vector<TextPart> parts;
  size_t done = 0;  // the text before it is in `parts`
  for (size_t i = 0; i < text.size();) {
    const auto [token, size] = LongestAt(text.substr(i));
    if (token == nullptr) {
      ++i;
      continue;
    }
    size_t begin = i, end = i + size;
    i = end;
    const bool inside_word =
        EndsWithWord(text.substr(0, begin)) || StartsWithWord(text.substr(end));
    if (token->single_word && inside_word) continue;
    if (token->lstrip) begin = std::max(WithoutBlanksAtEnd(text.substr(0, begin)), done);
    if (token->rstrip) end += BlanksAtStart(text.substr(end));
    if (done < begin) parts.push_back({.text = text.substr(done, begin - done)});
    parts.push_back({.id = token->id});
    done = end;
  }
  if (done < text.size()) parts.push_back({.text = text.substr(done)});
  return parts;
}

}  // namespace retort
