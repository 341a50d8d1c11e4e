#include "core/task/ring_text.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "core/base/error.h"
#include "core/base/strings.h"

namespace retort {
namespace {

constexpr size_t kMaxIdBytes = 128;

/// "t4" or "m4" as 3; nullopt unless the word is exactly `prefix` and a number from 1 to n.
std::optional<int> ParseNumbered(std::string_view word, char prefix, int n) {
  if (word.size() < 2 || word.size() > 3 || word[0] != prefix || word[1] == '0') {
    return std::nullopt;
  }
  int value = 0;
  const auto [end, error] = std::from_chars(word.data() + 1, word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size() || value < 1 || value > n) {
    return std::nullopt;
  }
  return value - 1;
}

/// The tiles as numbers from 1; nullopt unless they are a permutation of 1..n.
std::optional<Ring> RingOfTiles(const std::vector<int64_t>& tiles, int n) {
  if (tiles.size() != static_cast<size_t>(n)) return std::nullopt;
  Ring ring{.n = n};
  std::set<int64_t> seen;
  for (size_t p = 0; p < tiles.size(); ++p) {
    if (tiles[p] < 1 || tiles[p] > n || !seen.insert(tiles[p]).second) return std::nullopt;
    ring.tile[p] = static_cast<uint8_t>(tiles[p] - 1);
  }
  return ring;
}

void CheckId(const Json& id) {
  const std::string text = id.is_string() ? id.get<std::string>() : "";
  const bool printable = std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) > ' ' && c != 127;
  });
  if (text.empty() || text.size() > kMaxIdBytes || !printable) {
    throw Error(ExitCode::kData,
                StrCat("id: must be a text of 1 to ", kMaxIdBytes, " bytes without spaces"));
  }
}

}  // namespace

std::optional<Ring> ParseRingPrompt(std::string_view prompt, int n) {
  const std::vector<std::string_view> words = SplitWords(prompt);
  if (words.size() != static_cast<size_t>(n) + 1 || words.back() != kRingSeparator) {
    return std::nullopt;
  }
  std::vector<int64_t> tiles;
  for (size_t p = 0; p + 1 < words.size(); ++p) {
    const std::optional<int> tile = ParseNumbered(words[p], 't', n);
    if (!tile) return std::nullopt;
    tiles.push_back(*tile + 1);
  }
  return RingOfTiles(tiles, n);
}

std::optional<int> ParseRingMove(std::string_view word, int n) {
  return ParseNumbered(word, 'm', n);
}

std::optional<std::vector<int>> ParseRingMoves(std::string_view text, int n) {
  std::vector<int> moves;
  for (const std::string_view word : SplitWords(text)) {
    const std::optional<int> move = ParseRingMove(word, n);
    if (!move) return std::nullopt;
    moves.push_back(*move);
  }
  return moves;
}

std::string RingPromptText(const Ring& ring) {
  std::string text;
  for (int p = 0; p < ring.n; ++p) text += StrCat("t", ring.tile[static_cast<size_t>(p)] + 1, " ");
  return text.append(kRingSeparator);
}

std::string RingMovesText(const std::vector<int>& moves) {
  std::string text;
  for (const int move : moves) text += StrCat(text.empty() ? "m" : " m", move + 1);
  return text;
}

std::string RingTilesText(const Ring& ring) {
  std::vector<std::string> tiles;
  tiles.reserve(static_cast<size_t>(ring.n));
  for (int p = 0; p < ring.n; ++p) {
    tiles.push_back(std::to_string(ring.tile[static_cast<size_t>(p)] + 1));
  }
  return Join(tiles, ring.n > 9 ? "." : "");
}

Ring CanonicalRing(const Ring& ring) {
  Ring least = ring;
  for (int turn = 0; turn < ring.n; ++turn) {
    for (const bool mirror : {false, true}) {
      const Ring image = ring.Image(turn, mirror);
      if (image.Packed() < least.Packed()) least = image;
    }
  }
  return least;
}

std::string CanonicalRingText(const Ring& ring) {
  return StrCat("ring", ring.n, "-", RingTilesText(CanonicalRing(ring)));
}

Ring RingFromJson(const Json& object, int n) {
  if (!object.is_object()) throw Error(ExitCode::kData, "not a JSON object");
  for (const auto& [key, value] : object.items()) {
    if (key != "tiles" && key != "id" && key != "solution") {
      throw Error(ExitCode::kData, StrCat("unknown key \"", key, "\"; known: tiles, id, solution"));
    }
  }
  std::vector<int64_t> tiles;
  const Json list = object.value("tiles", Json());
  if (list.is_array()) {
    for (const Json& tile : list) {
      tiles.push_back(tile.is_number_integer() ? tile.get<int64_t>() : 0);
    }
  }
  const std::optional<Ring> ring = RingOfTiles(tiles, n);
  if (!ring) {
    throw Error(ExitCode::kData,
                StrCat("tiles: must be a list of the numbers 1 to ", n, ", each once"));
  }
  if (object.contains("id")) CheckId(object.at("id"));
  if (object.contains("solution") && !object.at("solution").is_string()) {
    throw Error(ExitCode::kData, "solution: must be a text like \"m1 m2\"");
  }
  return *ring;
}

}  // namespace retort
