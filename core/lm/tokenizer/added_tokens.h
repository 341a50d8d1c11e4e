// Tokens that are cut out of a text before it is split: specials and tokens added after training.
// Immutable and thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace retort {

/// One entry of added_tokens in tokenizer.json.
struct AddedToken {
  int32_t id = 0;
  std::string content;
  bool single_word = false;  // not beside a word character
  bool lstrip = false;       // takes the blanks before it
  bool rstrip = false;       // takes the blanks after it
  bool normalized = true;    // looked for in the normalized text
  bool special = false;      // left out when decoding
};

/// A part of a text: an added token or what stands between two.
struct TextPart {
  std::string_view text{};  // between two tokens, not empty; borrows the text that was split
  int32_t id = -1;          // of an added token; -1: none
};

class AddedTokenMatcher final {
 public:
  /// Looks for `spellings[i]` (not empty, each once) as tokens[i].
  AddedTokenMatcher(std::vector<AddedToken> tokens, const std::vector<std::string>& spellings);

  /// The parts of `text` (UTF-8) in order. At each place the longest token wins, and a token that
  /// may not stand there is passed over whole, as `tokenizers` does.
  std::vector<TextPart> Split(std::string_view text) const;

 private:
  struct Match {
    const AddedToken* token = nullptr;
    size_t size_bytes = 0;
  };

  /// The longest token at the start of `text`; token is null if there is none.
  Match LongestAt(std::string_view text) const;

  std::vector<AddedToken> tokens_;
  std::unordered_map<std::string, size_t> index_of_;       // by spelling
  std::array<std::vector<size_t>, 256> sizes_by_first_{};  // bytes, by first byte, longest first
};

}  // namespace retort
