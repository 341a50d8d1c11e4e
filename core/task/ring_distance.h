// Exact distances on the ring: how many swaps of neighbours bring n tiles (3 to 12) to the
// identity.
//
// Up to 9 tiles a breadth-first table over all n! states (built once, on first use); above that
// Jerrum's closed form (M. Jerrum, "The complexity of finding minimum-length generator sequences",
// Theoretical Computer Science 36, 1985, section 4: circular adjacent transpositions), O(n^2) a
// state and exact for every n. Thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

namespace retort {

inline constexpr int kMinRingTiles = 3;
inline constexpr int kMaxRingTiles = 12;

/// Tiles in clockwise order: tile[p] is the label (0-based) at position p. Entries from n on are 0.
struct Ring {
  int n = 0;
  std::array<uint8_t, kMaxRingTiles> tile{};
  bool operator==(const Ring&) const = default;

  static Ring Identity(int n);
  /// Swaps the tiles at positions `move` and (move + 1) mod n.
  void Apply(int move);
  /// Turns positions and labels together by `turn`; with `mirror`, both are negated (mod n) first.
  Ring Image(int turn, bool mirror) const;
  /// The move of Image(turn, mirror) that does what `move` does here.
  int ImageOfMove(int move, int turn, bool mirror) const;
  /// Four bits a tile: equal for equal rings of one size, ascending in lexicographic order.
  uint64_t Packed() const;
};

/// A few moves, ascending.
struct RingMoves {
  std::array<uint8_t, kMaxRingTiles> move{};
  int count = 0;
  void Add(int value) { move[static_cast<size_t>(count++)] = static_cast<uint8_t>(value); }
  int operator[](uint64_t index) const { return move[index]; }
};

/// Index of a ring among all rings of its size in lexicographic order (Lehmer code).
uint32_t RingRank(const Ring& ring);

/// Jerrum's closed form, for any n.
int ClosedFormRingDistance(const Ring& ring);

/// Sum over tiles of the shorter way round to their place: what the greedy heuristic looks at.
int TotalRingDisplacement(const Ring& ring);

class RingDistance {
 public:
  static constexpr int kMaxTableTiles = 9;
  explicit RingDistance(int n) : n_(n) {}

  /// Fewest moves from `ring` (of n tiles) to the identity.
  int Distance(const Ring& ring) const;
  /// The moves that bring `ring` one step nearer; empty for the identity alone.
  RingMoves OptimalMoves(const Ring& ring) const;
  /// Whether RingsAt can list the states.
  bool Enumerable() const { return n_ <= kMaxTableTiles; }
  /// All states at a distance, in lexicographic order. Only if Enumerable().
  std::vector<Ring> RingsAt(int distance) const;
  /// Number of shortest solutions, by dynamic programming over the states between `ring` and the
  /// identity; nullopt if there are more than 2^20 states at one distance or the count overflows.
  std::optional<int64_t> CountSolutions(const Ring& ring) const;

  /// The largest distance there is: floor(n^2 / 4).
  static int Diameter(int n) { return n * n / 4; }

 private:
  const std::vector<uint8_t>& Table() const;

  int n_;
  mutable std::once_flag table_once_;
  mutable std::vector<uint8_t> table_;  // [n!] by RingRank
};

}  // namespace retort
