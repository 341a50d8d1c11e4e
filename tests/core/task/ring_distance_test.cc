#include "core/task/ring_distance.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "core/base/rng.h"

namespace retort {
namespace {

Ring RandomRing(int n, Rng& rng) {
  Ring ring = Ring::Identity(n);
  for (int p = n - 1; p > 0; --p) {
    std::swap(ring.tile[static_cast<size_t>(p)],
              ring.tile[rng.NextBelow(static_cast<uint64_t>(p) + 1)]);
  }
  return ring;
}

/// All rings of n tiles in lexicographic order.
std::vector<Ring> AllRings(int n) {
  std::vector<Ring> rings;
  Ring ring = Ring::Identity(n);
  do {
    rings.push_back(ring);
  } while (std::next_permutation(ring.tile.begin(), ring.tile.begin() + n));
  return rings;
}

TEST(RingDistance, RankIsTheLexicographicIndex) {
  for (int n = kMinRingTiles; n <= 7; ++n) {
    uint32_t rank = 0;
    for (const Ring& ring : AllRings(n)) ASSERT_EQ(RingRank(ring), rank++);
  }
}

TEST(RingDistance, PackedOrderIsLexicographic) {
  uint64_t last = 0;
  for (const Ring& ring : AllRings(5)) {
    ASSERT_TRUE(last < ring.Packed() || RingRank(ring) == 0);
    last = ring.Packed();
  }
}

TEST(RingDistance, TableAgreesWithJerrumsClosedFormOnEveryState) {
  for (int n = kMinRingTiles; n <= RingDistance::kMaxTableTiles; ++n) {
    const RingDistance distance(n);
    int largest = 0;
    for (const Ring& ring : AllRings(n)) {
      ASSERT_EQ(distance.Distance(ring), ClosedFormRingDistance(ring)) << n;
      largest = std::max(largest, distance.Distance(ring));
    }
    EXPECT_EQ(largest, RingDistance::Diameter(n));
  }
}

TEST(RingDistance, ClosedFormChangesByOneOrNoneWithEachMoveAboveTheTable) {
  Rng rng = Rng::Derive({uint64_t{7}, std::string_view("distance")});
  for (int n = 10; n <= kMaxRingTiles; ++n) {
    const RingDistance distance(n);
    for (int repeat = 0; repeat < 200; ++repeat) {
      Ring ring = RandomRing(n, rng);
      const int here = distance.Distance(ring);
      EXPECT_LE(here, RingDistance::Diameter(n));
      EXPECT_GT(distance.OptimalMoves(ring).count, 0);
      for (int move = 0; move < n; ++move) {
        Ring next = ring;
        next.Apply(move);
        EXPECT_EQ(std::abs(distance.Distance(next) - here), 1);  // parity: a swap is odd
      }
    }
  }
}

TEST(RingDistance, NineTilesHave35592StatesAtDistanceTen) {
  const RingDistance distance(9);
  EXPECT_EQ(distance.RingsAt(10).size(), 35592u);
}

TEST(RingDistance, RingsAtPartitionAllStatesInOrder) {
  const RingDistance distance(6);
  std::set<uint64_t> seen;
  for (int d = 0; d <= RingDistance::Diameter(6); ++d) {
    uint64_t last = 0;
    for (const Ring& ring : distance.RingsAt(d)) {
      EXPECT_EQ(distance.Distance(ring), d);
      EXPECT_TRUE(seen.insert(ring.Packed()).second);
      EXPECT_LT(last, ring.Packed());
      last = ring.Packed();
    }
  }
  EXPECT_EQ(seen.size(), 720u);
}

/// Tries every sequence of `left` moves.
int64_t BruteForceCount(Ring ring, int left) {
  if (left == 0) return ring == Ring::Identity(ring.n) ? 1 : 0;
  int64_t count = 0;
  for (int move = 0; move < ring.n; ++move) {
    Ring next = ring;
    next.Apply(move);
    count += BruteForceCount(next, left - 1);
  }
  return count;
}

TEST(RingDistance, CountsSolutionsLikeBruteForce) {
  for (int n = 3; n <= 5; ++n) {
    const RingDistance distance(n);
    for (const Ring& ring : AllRings(n)) {
      ASSERT_EQ(distance.CountSolutions(ring), BruteForceCount(ring, distance.Distance(ring)));
    }
  }
}

TEST(RingDistance, CountsSolutionsTheSameWithAndWithoutTheTable) {
  // A ring of 10 whose tile 10 is at home and never worth moving: no path over the last edges.
  Ring nine = Ring::Identity(9);
  Ring ten = Ring::Identity(10);
  for (const int move : {2, 4, 3, 2}) {
    nine.Apply(move);
    ten.Apply(move);
  }
  const RingDistance of_nine(9);
  const RingDistance of_ten(10);
  EXPECT_EQ(of_nine.Distance(nine), 4);
  EXPECT_EQ(of_ten.CountSolutions(ten), of_nine.CountSolutions(nine));
  EXPECT_EQ(of_nine.CountSolutions(nine), BruteForceCount(nine, 4));
}

TEST(RingDistance, ImagesKeepDistanceAndCarryMoves) {
  Rng rng = Rng::Derive({uint64_t{1}, std::string_view("images")});
  for (int n = kMinRingTiles; n <= kMaxRingTiles; ++n) {
    for (int repeat = 0; repeat < 10; ++repeat) {
      const Ring ring = RandomRing(n, rng);
      for (int turn = 0; turn < n; ++turn) {
        for (const bool mirror : {false, true}) {
          const Ring image = ring.Image(turn, mirror);
          ASSERT_EQ(ClosedFormRingDistance(image), ClosedFormRingDistance(ring));
          for (int move = 0; move < n; ++move) {
            Ring moved = ring;
            moved.Apply(move);
            Ring moved_image = image;
            moved_image.Apply(ring.ImageOfMove(move, turn, mirror));
            ASSERT_EQ(moved.Image(turn, mirror), moved_image) << n << " " << turn << mirror;
          }
        }
      }
    }
  }
}

TEST(RingDistance, DisplacementCountsTheShorterWayRound) {
  Ring ring = Ring::Identity(5);
  ring.Apply(4);  // first and last change places: one step each
  EXPECT_EQ(TotalRingDisplacement(ring), 2);
  ring.Apply(0);
  EXPECT_EQ(TotalRingDisplacement(ring), 4);
}

}  // namespace
}  // namespace retort
