// Byte-pair encoding: a piece of text as symbols, merged pair by pair in the order the merges were
// learned. Immutable and thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace retort {

/// What tokenizer.json says of a model of type BPE.
struct BpeParts {
  std::vector<std::string> pieces;                          // by id; dense, each one once
  std::vector<std::pair<std::string, std::string>> merges;  // by rank
  std::string unk_token;                                    // "": none
  bool byte_level = false;     // symbols are bytes, spelled as ByteLevel's characters
  bool byte_fallback = false;  // a character outside the vocabulary becomes pieces "<0x00>"
  bool fuse_unk = false;       // neighbouring unknown characters become one unk_token
  bool ignore_merges = false;  // a piece that is in the vocabulary as a whole is one token
};

/// ByteLevel's character for a byte, in UTF-8 (GPT-2's bytes_to_unicode).
const std::string& ByteLevelCharacter(unsigned char byte);

/// The byte such a character stands for.
std::optional<unsigned char> ByteOfCharacter(char32_t c);

/// "<0x0A>": how byte fallback spells a byte.
std::string ByteFallbackPiece(unsigned char byte);

class BpeModel final {
 public:
  /// Error(kData) naming `where`: an empty or repeated piece, a merge of pieces the vocabulary
  /// lacks (or whose result it lacks), a repeated merge, a byte piece missing for byte_fallback.
  BpeModel(const BpeParts& parts, const std::string& where);

  /// Appends the ids of one pre-tokenized piece (UTF-8). O(n log n) in its length. Error(kData) for
  /// a character that neither the vocabulary nor an unknown token can represent.
  void Encode(std::string_view piece, std::vector<int32_t>* ids) const;

  /// The id of a piece, -1 if there is none.
  int32_t IdOf(std::string_view piece) const;

 private:
  struct Merge {
    uint32_t rank = 0;
    int32_t id = 0;  // of the merged piece
  };

  void AddMerges(const BpeParts& parts, const std::string& where);
  void AddBytes(const std::string& where);
  const Merge* FindMerge(int32_t left, int32_t right) const;
  void AppendSymbols(std::string_view piece, std::vector<int32_t>* symbols) const;
  int32_t UnknownId(std::string_view character) const;
  void MergeAll(std::vector<int32_t>* symbols) const;

  struct TextHash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };

  std::unordered_map<std::string, int32_t, TextHash, std::equal_to<>> id_of_;
  std::unordered_map<uint64_t, Merge> merges_;  // by left id and right id
  std::array<int32_t, 256> byte_ids_{};         // of byte_level or byte_fallback; -1: none
  std::string unk_token_;
  bool byte_level_ = false;
  bool byte_fallback_ = false;
  bool fuse_unk_ = false;
  bool ignore_merges_ = false;
};

}  // namespace retort
