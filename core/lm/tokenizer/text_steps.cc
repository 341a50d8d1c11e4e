#include "core/lm/tokenizer/text_steps.h"

#include <cassert>
#include <optional>
#include <utility>

#include "core/lm/tokenizer/bpe_model.h"
#include "core/lm/tokenizer/unicode.h"

namespace retort {
namespace {

std::string ReplaceAll(std::string_view text, std::string_view pattern, std::string_view content) {
  assert(!pattern.empty());
  std::string replaced;
  for (size_t at = 0; (at = text.find(pattern)) != std::string_view::npos;) {
    replaced += text.substr(0, at);
    replaced += content;
    text.remove_prefix(at + pattern.size());
  }
  return replaced.append(text);
}

std::string Concatenate(const std::vector<std::string>& pieces) {
  std::string text;
  for (const std::string& piece : pieces) text += piece;
  return text;
}

/// The bytes that ByteLevel's characters stand for; a piece with any other character stays as it
/// is, as in `tokenizers`.
std::string ByteLevelBytes(const std::string& piece) {
  std::string bytes;
  for (std::string_view rest = piece; !rest.empty();) {
    const CodePoint point = FirstCodePoint(rest);
    const std::optional<unsigned char> byte = ByteOfCharacter(point.value);
    if (!byte) return piece;
    bytes += static_cast<char>(*byte);
    rest.remove_prefix(point.size_bytes);
  }
  return bytes;
}

std::vector<std::string> DecodeByteLevel(const std::vector<std::string>& pieces) {
  std::string bytes;
  for (const std::string& piece : pieces) bytes += ByteLevelBytes(piece);
  return {ReplaceInvalidUtf8(bytes)};
}

std::optional<unsigned char> HexDigit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned char>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned char>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned char>(c - 'A' + 10);
  return std::nullopt;
}

std::optional<char> FallbackByte(std::string_view piece) {
  if (piece.size() != 6 || !piece.starts_with("<0x") || !piece.ends_with('>')) return std::nullopt;
  const auto high = HexDigit(piece[3]), low = HexDigit(piece[4]);
  if (!high || !low) return std::nullopt;
  return static_cast<char>(*high << 4 | *low);
}

void FlushBytes(std::string* bytes, std::vector<std::string>* decoded) {
  if (bytes->empty()) return;
  if (ReplaceInvalidUtf8(*bytes) == *bytes) {
    decoded->push_back(*bytes);
  } else {
    decoded->insert(decoded->end(), bytes->size(), std::string(kReplacementCharacter));
  }
  bytes->clear();
}

std::vector<std::string> DecodeByteFallback(const std::vector<std::string>& pieces) {
  std::vector<std::string> decoded;
  std::string bytes;
  for (const std::string& piece : pieces) {
    if (const auto byte = FallbackByte(piece)) {
      bytes += *byte;
      continue;
    }
    FlushBytes(&bytes, &decoded);
    decoded.push_back(piece);
  }
  FlushBytes(&bytes, &decoded);
  return decoded;
}

std::string StripEnds(std::string_view piece, const DecodeStep& step) {
  for (size_t i = 0; i < step.start && piece.starts_with(step.content); ++i) {
    piece.remove_prefix(step.content.size());
  }
  for (size_t i = 0; i < step.stop && piece.ends_with(step.content); ++i) {
    piece.remove_suffix(step.content.size());
  }
  return std::string(piece);
}

std::vector<std::string> Apply(const DecodeStep& step, std::vector<std::string> pieces) {
  switch (step.kind) {
    case DecodeStep::Kind::kByteLevel:
      return DecodeByteLevel(pieces);
    case DecodeStep::Kind::kReplace:
      for (std::string& piece : pieces) piece = ReplaceAll(piece, step.pattern, step.content);
      return pieces;
    case DecodeStep::Kind::kByteFallback:
      return DecodeByteFallback(pieces);
    case DecodeStep::Kind::kFuse:
      return {Concatenate(pieces)};
    case DecodeStep::Kind::kStrip:
      for (std::string& piece : pieces) piece = StripEnds(piece, step);
      return pieces;
  }
  return pieces;
}

}  // namespace

std::string Normalize(const std::vector<NormalizeStep>& steps, std::string_view text) {
  std::string normal(text);
  for (const NormalizeStep& step : steps) {
    switch (step.kind) {
      case NormalizeStep::Kind::kNfc:
        normal = NormalizeNfc(normal);
        break;
      case NormalizeStep::Kind::kPrepend:
        if (!normal.empty()) normal.insert(0, step.content);
        break;
      case NormalizeStep::Kind::kReplace:
        normal = ReplaceAll(normal, step.pattern, step.content);
        break;
    }
  }
  return normal;
}

std::string DecodePieces(const std::vector<DecodeStep>& steps, std::vector<std::string> pieces) {
  for (const DecodeStep& step : steps) pieces = Apply(step, std::move(pieces));
  return Concatenate(pieces);
}

}  // namespace retort
