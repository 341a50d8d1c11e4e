#include "filter/word_overlap.h"

#include <algorithm>
#include <functional>

namespace retort {
namespace {

bool IsWordByte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
         (byte >= 'A' && byte <= 'Z');
}

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

uint64_t HashOfRun(const std::vector<std::string>& words, size_t begin, size_t length) {
  uint64_t hash = length;
  for (size_t i = begin; i < begin + length; ++i) {
    hash = (hash ^ std::hash<std::string>{}(words[i])) * 0x9E3779B97F4A7C15ULL;
    hash ^= hash >> 29U;
  }
  return hash;
}

}  // namespace

std::vector<std::string> OverlapWords(std::string_view text) {
  std::vector<std::string> words;
  bool inside = false;
  for (const char c : text) {
    if (IsWordByte(c)) {
      if (!inside) words.emplace_back();
      words.back() += Lower(c);
    }
    inside = IsWordByte(c);
  }
  return words;
}

void WordOverlap::Add(const std::string& id, std::string_view text) {
  const auto number = static_cast<uint32_t>(texts_.size());
  texts_.push_back({id, OverlapWords(text)});
  const std::vector<std::string>& words = texts_.back().words;
  if (words.empty()) return;
  const size_t length = std::min(run_, words.size());
  for (size_t begin = 0; begin + length <= words.size(); ++begin) {
    // One place a run is enough: the first text that has it is the one that is named.
    if (FindRun(words, begin, length)) continue;
    places_.emplace(HashOfRun(words, begin, length), Place{number, static_cast<uint32_t>(begin)});
  }
}

std::optional<WordOverlap::Hit> WordOverlap::Find(std::string_view text) const {
  const std::vector<std::string> words = OverlapWords(text);
  if (words.empty()) return std::nullopt;
  const size_t length = std::min(run_, words.size());
  for (size_t begin = 0; begin + length <= words.size(); ++begin) {
    if (std::optional<Hit> hit = FindRun(words, begin, length)) return hit;
  }
  return std::nullopt;
}

std::optional<WordOverlap::Hit> WordOverlap::FindRun(const std::vector<std::string>& words,
                                                     size_t begin, size_t length) const {
  const auto first = words.begin() + static_cast<ptrdiff_t>(begin);
  const auto [from, to] = places_.equal_range(HashOfRun(words, begin, length));
  for (auto place = from; place != to; ++place) {
    const Text& text = texts_[place->second.text];
    const auto other = text.words.begin() + static_cast<ptrdiff_t>(place->second.word);
    if (text.words.end() - other < static_cast<ptrdiff_t>(length)) continue;
    if (!std::equal(first, first + static_cast<ptrdiff_t>(length), other)) continue;
    Hit hit{.id = text.id, .words = words[begin]};
    for (size_t i = begin + 1; i < begin + length; ++i) hit.words += ' ' + words[i];
    return hit;
  }
  return std::nullopt;
}

}  // namespace retort
