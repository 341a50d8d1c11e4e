#include "core/lm/tokenizer/bpe_model.h"

#include <limits>
#include <queue>

#include "core/base/error.h"
#include "core/base/strings.h"
#include "core/lm/tokenizer/formats.h"
#include "core/lm/tokenizer/tokenizer_json.h"
#include "core/lm/tokenizer/unicode.h"

namespace retort {
namespace {

constexpr int kByteCount = 256;
constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();

/// GPT-2's table: printable Latin-1 stands for itself, the other bytes, in order, for the
/// characters from U+0100.
struct ByteTable {
  std::array<std::string, kByteCount> characters;
  std::unordered_map<char32_t, unsigned char> bytes;

  ByteTable() {
    char32_t next = 0x100;
    for (int byte = 0; byte < kByteCount; ++byte) {
      const bool printable =
          (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
      const char32_t c = printable ? static_cast<char32_t>(byte) : next++;
      std::string& text = characters[static_cast<size_t>(byte)];
      if (c < 0x80) {
        text = static_cast<char>(c);
      } else {
        text = {static_cast<char>(0xC0 | (c >> 6)), static_cast<char>(0x80 | (c & 0x3F))};
      }
      bytes.emplace(c, static_cast<unsigned char>(byte));
    }
  }
};

const ByteTable& Bytes() {
  static const ByteTable table;
  return table;
}

std::string ByteLevelSpelling(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text += ByteLevelCharacter(static_cast<unsigned char>(byte));
  return text;
}

uint64_t PairKey(int32_t left, int32_t right) {
  return (uint64_t{static_cast<uint32_t>(left)} << 32) | static_cast<uint32_t>(right);
}

struct Symbol {
  int32_t id = 0;
  uint32_t previous = kNone;
  uint32_t next = kNone;
  bool merged_away = false;
};

/// Two neighbours that could merge; the lowest rank goes first, then the leftmost.
struct Candidate {
  uint32_t rank = 0;
  uint32_t position = 0;  // of the left one
  int32_t id = 0;         // of the result

  bool operator<(const Candidate& other) const {  // std::priority_queue takes the greatest
    return rank != other.rank ? rank > other.rank : position > other.position;
  }
};

std::vector<Symbol> LinkSymbols(const std::vector<int32_t>& ids) {
  std::vector<Symbol> symbols(ids.size());
  for (uint32_t i = 0; i < symbols.size(); ++i) {
    symbols[i] = {.id = ids[i],
                  .previous = i == 0 ? kNone : i - 1,
                  .next = i + 1 == symbols.size() ? kNone : i + 1};
  }
  return symbols;
}

}  // namespace

const std::string& ByteLevelCharacter(unsigned char byte) { return Bytes().characters[byte]; }

std::optional<unsigned char> ByteOfCharacter(char32_t c) {
  const auto it = Bytes().bytes.find(c);
  if (it == Bytes().bytes.end()) return std::nullopt;
  return it->second;
}

std::string ByteFallbackPiece(unsigned char byte) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  return {'<', '0', 'x', kDigits[byte >> 4], kDigits[byte & 0xF], '>'};
}

BpeModel::BpeModel(const BpeParts& parts, const std::string& where)
    : unk_token_(parts.unk_token),
      byte_level_(parts.byte_level),
      byte_fallback_(parts.byte_fallback),
      fuse_unk_(parts.fuse_unk),
      ignore_merges_(parts.ignore_merges) {
  id_of_.reserve(parts.pieces.size());
  for (size_t i = 0; i < parts.pieces.size(); ++i) {
    if (parts.pieces[i].empty()) FailTokenizer(where, StrCat("piece ", i, " is empty"));
    if (!id_of_.emplace(parts.pieces[i], static_cast<int32_t>(i)).second) {
      FailTokenizer(where, StrCat(Quoted(parts.pieces[i]), " has two ids"));
    }
  }
  AddMerges(parts, where);
  AddBytes(where);
}

void BpeModel::AddMerges(const BpeParts& parts, const std::string& where) {
  merges_.reserve(parts.merges.size());
  for (size_t rank = 0; rank < parts.merges.size(); ++rank) {
    const std::string& left = parts.merges[rank].first;
    const std::string& right = parts.merges[rank].second;
    const auto fail = [&](const std::string& why) {
      FailTokenizer(where,
                    StrCat("merge ", rank, " (", Quoted(left), " and ", Quoted(right), ") ", why));
    };
    for (const std::string& piece : {left, right, left + right}) {
      if (IdOf(piece) < 0)
        fail(StrCat("needs ", Quoted(piece), ", which is not in the vocabulary"));
    }
    const Merge merge = {.rank = static_cast<uint32_t>(rank), .id = IdOf(left + right)};
    if (!merges_.emplace(PairKey(IdOf(left), IdOf(right)), merge).second) {
      fail("repeats an earlier one");
    }
  }
}

void BpeModel::AddBytes(const std::string& where) {
  for (int i = 0; i < kByteCount; ++i) {
    const auto byte = static_cast<unsigned char>(i);
    const std::string piece = byte_level_ ? ByteLevelCharacter(byte) : ByteFallbackPiece(byte);
    byte_ids_[byte] = IdOf(piece);
    if (byte_fallback_ && byte_ids_[byte] < 0) {
      FailTokenizer(where,
                    StrCat("byte_fallback needs \"", piece, "\", which is not in the vocabulary"));
    }
  }
}

int32_t BpeModel::IdOf(std::string_view piece) const {
  const auto it = id_of_.find(piece);
  return it == id_of_.end() ? -1 : it->second;
}

void BpeModel::Encode(std::string_view piece, std::vector<int32_t>* ids) const {
  if (ignore_merges_) {
    const int32_t whole = byte_level_ ? IdOf(ByteLevelSpelling(piece)) : IdOf(piece);
    if (whole >= 0) return ids->push_back(whole);
  }
  std::vector<int32_t> symbols;
  symbols.reserve(piece.size());
  AppendSymbols(piece, &symbols);
  MergeAll(&symbols);
  ids->insert(ids->end(), symbols.begin(), symbols.end());
}

void BpeModel::AppendSymbols(std::string_view piece, std::vector<int32_t>* symbols) const {
  bool after_unknown = false;
  while (!piece.empty()) {
    const size_t size = byte_level_ ? 1 : FirstCodePoint(piece).size_bytes;
    const std::string_view character = piece.substr(0, size);
    piece.remove_prefix(size);
    const int32_t id =
        byte_level_ ? byte_ids_[static_cast<unsigned char>(character[0])] : IdOf(character);
    const bool unknown = id < 0 && !byte_fallback_;
    if (id >= 0) {
      symbols->push_back(id);
    } else if (byte_fallback_) {
      for (const char c : character) symbols->push_back(byte_ids_[static_cast<unsigned char>(c)]);
    } else if (!after_unknown || !fuse_unk_) {
      symbols->push_back(UnknownId(character));
    }
    after_unknown = unknown;
  }
}

int32_t BpeModel::UnknownId(std::string_view character) const {
  const int32_t unknown = unk_token_.empty() ? -1 : IdOf(unk_token_);
  if (unknown >= 0) return unknown;
  const std::string what =
      byte_level_ ? StrCat("the byte ", ByteFallbackPiece(static_cast<unsigned char>(character[0])))
                  : Quoted(character);
  throw Error(ExitCode::kData, StrCat("cannot encode ", what,
                                      " - it is not in the vocabulary and the tokenizer has no "
                                      "unknown token - take it out of the text"));
}

const BpeModel::Merge* BpeModel::FindMerge(int32_t left, int32_t right) const {
  const auto it = merges_.find(PairKey(left, right));
  return it == merges_.end() ? nullptr : &it->second;
}

void BpeModel::MergeAll(std::vector<int32_t>* ids) const {
  if (ids->size() < 2) return;
  std::vector<Symbol> symbols = LinkSymbols(*ids);
  std::priority_queue<Candidate> queue;
  const auto push = [&](uint32_t left, uint32_t right) {
    if (left == kNone || right == kNone) return;
    const Merge* merge = FindMerge(symbols[left].id, symbols[right].id);
    if (merge != nullptr) queue.push({.rank = merge->rank, .position = left, .id = merge->id});
  };
  for (uint32_t i = 0; i + 1 < symbols.size(); ++i) push(i, i + 1);
  while (!queue.empty()) {
    const Candidate top = queue.top();
    queue.pop();
    Symbol& left = symbols[top.position];
    if (left.merged_away || left.next == kNone) continue;
    Symbol& right = symbols[left.next];
    const Merge* merge = FindMerge(left.id, right.id);
    if (merge == nullptr || merge->id != top.id) continue;  // one of the two has merged since
    left.id = top.id;
    left.next = right.next;
    right.merged_away = true;
    if (right.next != kNone) symbols[right.next].previous = top.position;
    push(left.previous, top.position);
    push(top.position, left.next);
  }
  ids->clear();
  for (uint32_t i = 0; i != kNone; i = symbols[i].next) ids->push_back(symbols[i].id);
}

}  // namespace retort
