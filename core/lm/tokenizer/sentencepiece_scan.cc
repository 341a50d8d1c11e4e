#include "core/lm/tokenizer/sentencepiece_scan.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <set>

#include "core/base/hash.h"
#include "core/base/strings.h"
#include "core/lm/tokenizer/formats.h"

namespace retort {
namespace {

constexpr size_t kMaxPieces = size_t{1} << 20;
constexpr size_t kMaxPieceBytes = 256;
constexpr uint64_t kUnknownType = 2;
constexpr uint64_t kLastPieceType = 6;

// SHA-256 of the compiled tables of nmt_nfkc, nfkc, nmt_nfkc_cf and nfkc_cf, as SentencePiece
// 0.1.97 and (second four, printed by tests/data/lm/make_goldens.py) 0.2.3 write them. The identity
// rule has no table.
constexpr std::string_view kKnownCharacterMaps[] = {
    "51d3684747b35ef99cd4802f37cc1ee0c6bec4d060814f774efb1066d3c167f2",
    "557b5397b1133d8abb62f7923e5b53ee496d3e36b9f63fd42625077c33688a14",
    "6cec34e8016fd0d0a2da28b60b00e36b19a275df83786bf6b494bd033c708f83",
    "b30e4085ba1fad56d2401f4612419b6b3b42c5adc1e04f3aa1806399895d6bdd",
    "1e2c7b43d3ee9755ceaa2ac335e253d8703604e0249ee1e81156c92b46423844",
    "7e46d9e08af4b6a37991b04fb8388644c1595a0abcd0f26d6a5d575e2a3663ea",
    "2c03512e62f9ed965ec90d85314211b63b5b8aa0395311ea2147eec9ff738907",
    "d8dfef3d6db0eef0742f8b55a73aee7fce6c1e21d26a09b8d3d4b52c42a791cb"};

/// One field of a protobuf message. Groups do not occur in these files.
struct Field {
  uint64_t number = 0;
  int wire_type = 0;       // 0 varint, 1 fixed64, 2 bytes, 5 fixed32
  uint64_t value = 0;      // of varints and fixed widths
  std::string_view bytes;  // of wire type 2
};

class WireReader {
 public:
  WireReader(std::string_view bytes, const std::string& where) : rest_(bytes), where_(where) {}

  bool Next(Field* field) {
    if (rest_.empty()) return false;
    const uint64_t tag = Varint();
    field->number = tag >> 3;
    field->wire_type = static_cast<int>(tag & 7);
    if (field->number == 0) Fail();
    switch (field->wire_type) {
      case 0:
        field->value = Varint();
        break;
      case 1:
        field->value = Fixed(8);
        break;
      case 2:
        field->bytes = Take(Varint());
        break;
      case 5:
        field->value = Fixed(4);
        break;
      default:
        Fail();
    }
    return true;
  }

 private:
  [[noreturn]] void Fail() const {
    FailTokenizer(where_, "it is not a whole SentencePiece model; copy the file again");
  }

  uint64_t Varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) Fail();
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) return value;
    }
    Fail();
  }

  std::string_view Take(uint64_t size) {
    if (size > rest_.size()) Fail();
    const std::string_view taken = rest_.substr(0, static_cast<size_t>(size));
    rest_.remove_prefix(static_cast<size_t>(size));
    return taken;
  }

  uint64_t Fixed(size_t width) {
    const std::string_view bytes = Take(width);
    uint64_t value = 0;
    for (size_t i = 0; i < width; ++i) {
      value |= uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
    }
    return value;
  }

  std::string_view rest_;
  const std::string& where_;
};

struct PieceChecks {
  std::set<std::string_view> seen;
  size_t unknown = 0;
};

void CheckPiece(std::string_view message, const std::string& where, PieceChecks* checks) {
  std::string_view piece;
  uint64_t type = 1;
  float score = 0;
  WireReader reader(message, where);
  for (Field field; reader.Next(&field);) {
    if (field.number == 1 && field.wire_type == 2) piece = field.bytes;
    if (field.number == 2 && field.wire_type == 5) {
      const auto bits = static_cast<uint32_t>(field.value);
      std::memcpy(&score, &bits, sizeof score);
    }
    if (field.number == 3 && field.wire_type == 0) type = field.value;
  }
  const size_t index = checks->seen.size();
  const auto fail = [&](const char* why) {
    FailTokenizer(where, StrCat("piece ", index, " ", why));
  };
  if (piece.empty() || piece.size() > kMaxPieceBytes) fail("is empty or over 256 bytes long");
  if (piece.find('\0') != std::string_view::npos) fail("holds a NUL");
  if (!std::isfinite(score)) fail("has a score that is not finite");
  if (type == 0 || type > kLastPieceType) fail("has an unknown type");
  if (!checks->seen.insert(piece).second) fail("repeats an earlier one");
  if (index >= kMaxPieces) fail("is one too many; the limit is 1,048,576");
  checks->unknown += type == kUnknownType ? 1 : 0;
}

void CheckNormalizer(std::string_view message, const std::string& where) {
  WireReader reader(message, where);
  for (Field field; reader.Next(&field);) {
    if (field.number != 2 || field.wire_type != 2 || field.bytes.empty()) continue;
    const std::string hash = Sha256(field.bytes);
    if (std::find(std::begin(kKnownCharacterMaps), std::end(kKnownCharacterMaps), hash) ==
        std::end(kKnownCharacterMaps)) {
      FailTokenizer(where,
                    "its normaliser has a character map that is none of SentencePiece's own (nfkc, "
                    "nmt_nfkc and their case-folding forms); train it again with one of those or "
                    "with identity");
    }
  }
}

}  // namespace

void CheckSentencePieceModel(std::string_view bytes, const std::string& where) {
  PieceChecks checks;
  WireReader reader(bytes, where);
  for (Field field; reader.Next(&field);) {
    if (field.wire_type != 2) continue;
    if (field.number == 1) CheckPiece(field.bytes, where, &checks);
    if (field.number == 3 || field.number == 5) CheckNormalizer(field.bytes, where);
  }
  if (checks.seen.empty()) FailTokenizer(where, "it has no pieces");
  if (checks.unknown != 1) {
    FailTokenizer(where, StrCat("it has ", checks.unknown, " unknown pieces instead of one"));
  }
}

}  // namespace retort
