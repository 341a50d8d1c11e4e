// Cuts a text into the pieces that byte-pair merges may not cross: the pre-tokenizers of
// tokenizer.json. Regular expressions are known by their exact spelling, each with its own scanner;
// there is no general engine. Immutable and thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace retort {

/// The regular expressions with a scanner.
enum class SplitPattern {
  kGpt2,    // ByteLevel with use_regex: GPT-2, SmolLM
  kLlama3,  // contractions in any case, up to three digits a piece
  kQwen2    // the same with one digit a piece
};

inline constexpr std::string_view kGpt2Regex =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
inline constexpr std::string_view kLlama3Regex =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|)"
    R"( ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
inline constexpr std::string_view kQwen2Regex =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|)"
    R"( ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

/// Bytes of the pattern's match at the start of `text`, which is UTF-8 and not empty. At least 1:
/// each of the patterns matches everywhere. The text's end counts as the end of the line.
size_t MatchLength(SplitPattern pattern, std::string_view text);

/// One step of a pre-tokenizer; it works on each piece of the step before.
struct SplitStep {
  enum class Kind {
    kPattern,       // one piece a match
    kDigits,        // each number character is a piece of its own
    kDigitRuns,     // each run of number characters is
    kPrefixSpace,   // a space in front unless there is one (ByteLevel add_prefix_space)
    kMarkFirst,     // U+2581 in front of the text's first piece unless there is one (Metaspace)
    kMarkAlways,    // the same for every piece
    kSpacesToMarks  // each space becomes U+2581
  };
  Kind kind = Kind::kPattern;
  SplitPattern pattern = SplitPattern::kGpt2;  // of kPattern
};

/// The pieces of `text` (UTF-8) after all steps, in order, none empty. `starts_text` says that
/// nothing stands before it in the text it was cut from.
std::vector<std::string> SplitPieces(const std::vector<SplitStep>& steps, std::string text,
                                     bool starts_text);

}  // namespace retort
