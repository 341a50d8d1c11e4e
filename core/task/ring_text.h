// The words of ring sorting: prompt "t3 t1 t2 :", moves "m1 m3", tiles as JSON. Parsers return
// nullopt for anything else; writers never fail. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"
#include "core/task/ring_distance.h"

namespace retort {

inline constexpr std::string_view kRingSeparator = ":";

/// "t3 t1 t2 :" as a ring of n tiles. White space around words does not matter.
std::optional<Ring> ParseRingPrompt(std::string_view prompt, int n);
std::string RingPromptText(const Ring& ring);

/// "m4" as 3; nullopt for any other word than m1..mn.
std::optional<int> ParseRingMove(std::string_view word, int n);
/// All words as moves; an empty text is an empty list.
std::optional<std::vector<int>> ParseRingMoves(std::string_view text, int n);
/// "m1 m3", single spaces.
std::string RingMovesText(const std::vector<int>& moves);

/// Tiles from 1: "314285967", or "10.3.1..." for more than 9 tiles.
std::string RingTilesText(const Ring& ring);

/// The least ring, in lexicographic order, among the 2n images under rotation and reflection.
Ring CanonicalRing(const Ring& ring);
/// "ring9-" and the canonical ring's tiles.
std::string CanonicalRingText(const Ring& ring);

/// The ring of {"tiles":[3,1,2], "id":..., "solution":...}. Error(kData), reason only, for any
/// other key or type; `id` and `solution` are optional texts, an id is 1 to 128 printable bytes
/// without white space.
Ring RingFromJson(const Json& object, int n);

}  // namespace retort
