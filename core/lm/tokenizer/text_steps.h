// Normalizers and decoders of tokenizer.json: what happens to a text before it is split, and to the
// pieces when they become text again. Pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace retort {

struct NormalizeStep {
  enum class Kind {
    kNfc,      // Unicode normalization form C
    kPrepend,  // `content` in front of a text that is not empty
    kReplace   // each `pattern` becomes `content`
  };
  Kind kind = Kind::kNfc;
  std::string pattern{};  // of kReplace, not empty
  std::string content{};
};

/// `text` must be UTF-8.
std::string Normalize(const std::vector<NormalizeStep>& steps, std::string_view text);

struct DecodeStep {
  enum class Kind {
    kByteLevel,     // ByteLevel's characters become bytes, bytes that are no UTF-8 U+FFFD
    kReplace,       // each `pattern` of a piece becomes `content`
    kByteFallback,  // each run of "<0x00>" becomes its bytes, or one U+FFFD a byte if they are no
                    // UTF-8
    kFuse,          // all pieces become one
    kStrip          // up to `start` and `stop` times `content` go from the ends of each piece
  };
  Kind kind = Kind::kFuse;
  std::string pattern{};  // of kReplace, not empty
  std::string content{};  // of kStrip: one character
  size_t start = 0;
  size_t stop = 0;
};

/// The text of `pieces` (UTF-8) after all steps.
std::string DecodePieces(const std::vector<DecodeStep>& steps, std::vector<std::string> pieces);

}  // namespace retort
