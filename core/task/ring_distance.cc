#include "core/task/ring_distance.h"

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <limits>
#include <unordered_map>
#include <utility>

#include "core/base/error.h"

namespace retort {
namespace {

constexpr uint8_t kUnseen = 255;

int Modulo(int value, int n) { return ((value % n) + n) % n; }

int FloorDivide(int value, int n) { return (value - Modulo(value, n)) / n; }

std::array<uint32_t, kMaxRingTiles> Factorials() {
  std::array<uint32_t, kMaxRingTiles> factorial{};
  factorial[0] = 1;
  for (uint32_t i = 1; i < kMaxRingTiles; ++i) factorial[i] = factorial[i - 1] * i;
  return factorial;
}

const std::array<uint32_t, kMaxRingTiles> kFactorials = Factorials();

Ring UnrankRing(uint32_t rank, int n) {
  std::array<uint8_t, kMaxRingTiles> left{};
  for (int i = 0; i < n; ++i) left[static_cast<size_t>(i)] = static_cast<uint8_t>(i);
  Ring ring{.n = n};
  for (int p = 0; p < n; ++p) {
    const uint32_t weight = kFactorials[static_cast<size_t>(n - 1 - p)];
    const auto digit = static_cast<std::ptrdiff_t>(rank / weight);
    rank %= weight;
    ring.tile[static_cast<size_t>(p)] = left[static_cast<size_t>(digit)];
    std::copy(left.begin() + digit + 1, left.begin() + n - p, left.begin() + digit);
  }
  return ring;
}

// Breadth first from the identity: a move undoes itself, so distances are the same both ways.
std::vector<uint8_t> BuildTable(int n) {
  const uint32_t states = kFactorials[static_cast<size_t>(n - 1)] * static_cast<uint32_t>(n);
  std::vector<uint8_t> table(states, kUnseen);
  std::vector<Ring> frontier = {Ring::Identity(n)};
  table[0] = 0;
  for (uint8_t distance = 1; !frontier.empty(); ++distance) {
    std::vector<Ring> next;
    for (Ring& ring : frontier) {
      for (int move = 0; move < n; ++move) {
        ring.Apply(move);
        uint8_t& entry = table[RingRank(ring)];
        if (entry == kUnseen) {
          entry = distance;
          next.push_back(ring);
        }
        ring.Apply(move);
      }
    }
    frontier = std::move(next);
  }
  return table;
}

}  // namespace

Ring Ring::Identity(int n) {
  Ring ring{.n = n};
  for (int p = 0; p < n; ++p) ring.tile[static_cast<size_t>(p)] = static_cast<uint8_t>(p);
  return ring;
}

void Ring::Apply(int move) {
  const int other = move + 1 == n ? 0 : move + 1;
  std::swap(tile[static_cast<size_t>(move)], tile[static_cast<size_t>(other)]);
}

Ring Ring::Image(int turn, bool mirror) const {
  const auto map = [&](int value) { return Modulo((mirror ? -value : value) + turn, n); };
  Ring image{.n = n};
  for (int p = 0; p < n; ++p) {
    image.tile[static_cast<size_t>(map(p))] =
        static_cast<uint8_t>(map(tile[static_cast<size_t>(p)]));
  }
  return image;
}

int Ring::ImageOfMove(int move, int turn, bool mirror) const {
  // A mirror takes positions {k, k + 1} to {-k, -k - 1}, and the edge is named by its lower end.
  return Modulo((mirror ? -move - 1 : move) + turn, n);
}

uint64_t Ring::Packed() const {
  uint64_t packed = 0;
  for (int p = 0; p < n; ++p) packed = packed << 4 | tile[static_cast<size_t>(p)];
  return packed;
}

uint32_t RingRank(const Ring& ring) {
  uint32_t rank = 0;
  for (int p = 0; p + 1 < ring.n; ++p) {
    uint32_t smaller = 0;
    for (int q = p + 1; q < ring.n; ++q) {
      smaller += ring.tile[static_cast<size_t>(q)] < ring.tile[static_cast<size_t>(p)] ? 1u : 0u;
    }
    rank += smaller * kFactorials[static_cast<size_t>(ring.n - 1 - p)];
  }
  return rank;
}

int ClosedFormRingDistance(const Ring& ring) {
  // Each tile travels x[p] places, x[p] = label - p (mod n) and sum x = 0, since a swap moves one
  // tile each way. The number of swaps is the number of times tiles cross; it is least when the
  // x differ by at most n (Jerrum 1985), which moving n from the largest to the
  // smallest reaches.
  const int n = ring.n;
  std::array<int, kMaxRingTiles> travel{};
  for (int p = 0; p < n; ++p) {
    travel[static_cast<size_t>(p)] = ring.tile[static_cast<size_t>(p)] - p;
  }
  while (true) {
    const auto [low, high] = std::minmax_element(travel.begin(), travel.begin() + n);
    if (*high - *low <= n) break;
    *high -= n;
    *low += n;
  }
  int crossings = 0;
  for (int p = 0; p < n; ++p) {
    for (int q = p + 1; q < n; ++q) {
      const int after = p + travel[static_cast<size_t>(p)] - q - travel[static_cast<size_t>(q)];
      crossings += std::abs(FloorDivide(after, n) + 1);
    }
  }
  return crossings;
}

int TotalRingDisplacement(const Ring& ring) {
  int total = 0;
  for (int p = 0; p < ring.n; ++p) {
    const int way = std::abs(ring.tile[static_cast<size_t>(p)] - p);
    total += std::min(way, ring.n - way);
  }
  return total;
}

const std::vector<uint8_t>& RingDistance::Table() const {
  std::call_once(table_once_, [this] { table_ = BuildTable(n_); });
  return table_;
}

int RingDistance::Distance(const Ring& ring) const {
  assert(ring.n == n_);
  return Enumerable() ? Table()[RingRank(ring)] : ClosedFormRingDistance(ring);
}

RingMoves RingDistance::OptimalMoves(const Ring& ring) const {
  const int here = Distance(ring);
  RingMoves moves;
  Ring next = ring;
  for (int move = 0; move < n_; ++move) {
    next.Apply(move);
    if (Distance(next) < here) moves.Add(move);
    next.Apply(move);
  }
  return moves;
}

std::vector<Ring> RingDistance::RingsAt(int distance) const {
  RETORT_CHECK(Enumerable(), "rings of ", n_, " tiles cannot be listed");
  const std::vector<uint8_t>& table = Table();
  std::vector<Ring> rings;
  for (uint32_t rank = 0; rank < table.size(); ++rank) {
    if (table[rank] == distance) rings.push_back(UnrankRing(rank, n_));
  }
  return rings;
}

std::optional<int64_t> RingDistance::CountSolutions(const Ring& ring) const {
  constexpr size_t kMaxStates = size_t{1} << 20;
  struct Ways {
    Ring ring;
    int64_t count = 0;
  };
  std::unordered_map<uint64_t, Ways> level = {{ring.Packed(), {ring, 1}}};
  for (int left = Distance(ring); left > 0; --left) {
    std::unordered_map<uint64_t, Ways> next;
    for (const auto& [packed, ways] : level) {
      const RingMoves moves = OptimalMoves(ways.ring);
      for (int i = 0; i < moves.count; ++i) {
        Ring nearer = ways.ring;
        nearer.Apply(moves[static_cast<uint64_t>(i)]);
        Ways& entry = next.try_emplace(nearer.Packed(), Ways{nearer, 0}).first->second;
        if (entry.count > std::numeric_limits<int64_t>::max() - ways.count) return std::nullopt;
        entry.count += ways.count;
      }
    }
    if (next.size() > kMaxStates) return std::nullopt;
    level = std::move(next);
  }
  return level.begin()->second.count;
}

}  // namespace retort
