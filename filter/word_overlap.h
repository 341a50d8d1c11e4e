// Texts that share a run of words with texts one must not learn from. Words are runs of letters and
// digits (every byte above 127 counts as a letter), ASCII letters lowered, so that case,
// punctuation and white space hide nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace retort {

/// The words of a text as above.
std::vector<std::string> OverlapWords(std::string_view text);

/// An index of every run of `run` words. Built once, then read by any number of threads.
class WordOverlap {
 public:
  /// `run` at least 1.
  explicit WordOverlap(int run) : run_(static_cast<size_t>(run)) {}

  /// A text of fewer than `run` words is one run by itself, met only by a text of the same words.
  void Add(const std::string& id, std::string_view text);

  struct Hit {
    std::string id;     // of the text added
    std::string words;  // the first shared run, its words separated by spaces
  };
  /// The first run of `text` that some added text has.
  std::optional<Hit> Find(std::string_view text) const;

 private:
  struct Place {
    uint32_t text;
    uint32_t word;
  };
  struct Text {
    std::string id;
    std::vector<std::string> words;
  };

  std::optional<Hit> FindRun(const std::vector<std::string>& words, size_t begin,
                             size_t length) const;

  size_t run_;
  std::vector<Text> texts_;
  std::unordered_multimap<uint64_t, Place> places_;  // by hash of a run; equal words are compared
};

}  // namespace retort
