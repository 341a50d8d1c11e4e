#include "core/base/rng.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "core/base/error.h"

namespace retort {
namespace {

using Words = std::array<uint32_t, 4>;

// Random123, kat_vectors, philox4x32 10.
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(Rng::Block({0, 0}, 0), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(Rng::Block({~0ull, ~0ull}, ~0ull),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Rng::Block({0x299f31d0a4093822, 0x0370734413198a2e}, 0x85a308d3243f6a88),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Rng, StreamIsTheBlocksInOrder) {
  const RngKey key = Rng::DeriveKey({uint64_t{1}, "test"});
  Rng rng(key);
  for (uint64_t counter = 0; counter < 5; ++counter) {
    for (const uint32_t word : Rng::Block(key, counter)) EXPECT_EQ(rng.NextU32(), word);
  }
}

TEST(Rng, WordsDoNotDependOnTheCallPattern) {
  const RngKey key{7, 9};
  Rng words(key);
  Rng mixed(key);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(mixed.NextU32(), words.NextU32());
    const uint64_t low = words.NextU32();
    EXPECT_EQ(mixed.NextU64(), low | (uint64_t{words.NextU32()} << 32));
  }
}

TEST(Rng, StreamsDoNotDisturbEachOther) {
  Rng alone = Rng::Derive({uint64_t{1}, "a"});
  Rng first = Rng::Derive({uint64_t{1}, "a"});
  Rng second = Rng::Derive({uint64_t{1}, "b"});
  for (int i = 0; i < 50; ++i) {
    second.NextU64();
    EXPECT_EQ(first.NextU64(), alone.NextU64());
  }
}

TEST(Rng, KeysTellPartsApart) {
  const std::set<std::pair<uint64_t, uint64_t>> keys = [] {
    std::set<std::pair<uint64_t, uint64_t>> all;
    for (const RngKey key :
         {Rng::DeriveKey({}), Rng::DeriveKey({""}), Rng::DeriveKey({"", ""}),
          Rng::DeriveKey({"ab"}), Rng::DeriveKey({"a", "b"}), Rng::DeriveKey({uint64_t{97}}),
          Rng::DeriveKey({"a"}), Rng::DeriveKey({uint64_t{1}, uint64_t{2}}),
          Rng::DeriveKey({uint64_t{2}, uint64_t{1}})}) {
      all.insert({key.key, key.stream});
    }
    return all;
  }();
  EXPECT_EQ(keys.size(), 9);
}

// Changing the derivation would change every trace: the value is pinned. The bytes hashed are
// 'n' + eight bytes for 1, 't' + eight bytes for 6 + "sample"; the
// first sixteen bytes of the digest, big endian, are key and stream (checked with Python's
// hashlib).
TEST(Rng, DerivationIsPinned) {
  const RngKey key = Rng::DeriveKey({uint64_t{1}, "sample"});
  EXPECT_EQ(key.key, 0xd4dcba3c348d7c77);
  EXPECT_EQ(key.stream, 0xd334be130b08ba50);
}

TEST(Rng, DoublesFillTheUnitInterval) {
  Rng rng({1, 2});
  double sum = 0;
  double low = 1;
  double high = 0;
  for (int i = 0; i < 100000; ++i) {
    const double x = rng.NextDouble();
    sum += x;
    low = std::min(low, x);
    high = std::max(high, x);
  }
  EXPECT_GE(low, 0);
  EXPECT_LT(high, 1);
  EXPECT_NEAR(sum / 100000, 0.5, 0.005);
  EXPECT_LT(low, 0.001);
  EXPECT_GT(high, 0.999);
}

TEST(Rng, BelowIsInRangeAndEven) {
  Rng rng({3, 4});
  std::array<int, 7> counts{};
  for (int i = 0; i < 70000; ++i) ++counts.at(rng.NextBelow(7));
  for (const int count : counts) EXPECT_NEAR(count, 10000, 500);
  EXPECT_EQ(rng.NextBelow(1), 0);
  EXPECT_LT(rng.NextBelow(~0ull), ~0ull);
  EXPECT_THROW(rng.NextBelow(0), Error);
}

// With a bound just above 2^63 almost half of all draws are rejected; a biased generator would
// put 3/4 of the values in the lower half.
TEST(Rng, BelowRejectsInsteadOfFolding) {
  Rng rng({5, 6});
  const uint64_t bound = (uint64_t{3} << 62);
  int lower = 0;
  for (int i = 0; i < 30000; ++i) lower += rng.NextBelow(bound) < bound / 3 ? 1 : 0;
  EXPECT_NEAR(lower, 10000, 400);
}

TEST(Rng, NormalHasItsMoments) {
  Rng rng({8, 8});
  double sum = 0;
  double squares = 0;
  double fourth = 0;
  constexpr int kDraws = 200000;
  for (int i = 0; i < kDraws; ++i) {
    const double x = rng.NextNormal();
    ASSERT_TRUE(std::isfinite(x));
    sum += x;
    squares += x * x;
    fourth += x * x * x * x;
  }
  EXPECT_NEAR(sum / kDraws, 0, 0.01);
  EXPECT_NEAR(squares / kDraws, 1, 0.02);
  EXPECT_NEAR(fourth / kDraws, 3, 0.15);
}

TEST(KeyedPermutation, IsABijectionForEverySize) {
  for (const uint64_t size : {1u, 2u, 3u, 4u, 5u, 16u, 17u, 100u, 1000u, 4096u, 4097u}) {
    const KeyedPermutation permutation(Rng::DeriveKey({size, "epoch"}), size);
    std::vector<bool> seen(size);
    for (uint64_t i = 0; i < size; ++i) {
      const uint64_t image = permutation(i);
      ASSERT_LT(image, size);
      ASSERT_FALSE(seen[image]) << "size " << size << " index " << i;
      seen[image] = true;
    }
  }
}

TEST(KeyedPermutation, KeysGiveDifferentOrders) {
  const KeyedPermutation first(Rng::DeriveKey({uint64_t{0}}), 1000);
  const KeyedPermutation second(Rng::DeriveKey({uint64_t{1}}), 1000);
  int same = 0;
  int fixed = 0;
  for (uint64_t i = 0; i < 1000; ++i) {
    same += first(i) == second(i) ? 1 : 0;
    fixed += first(i) == i ? 1 : 0;
  }
  EXPECT_LT(same, 10);
  EXPECT_LT(fixed, 10);
}

// All 24 orders of 4 appear about equally often over keys.
TEST(KeyedPermutation, SmallOrdersAreEven) {
  std::array<int, 256> counts{};
  constexpr uint64_t kKeys = 24000;
  for (uint64_t key = 0; key < kKeys; ++key) {
    const KeyedPermutation permutation({key, 1}, 4);
    uint64_t code = 0;
    for (uint64_t i = 0; i < 4; ++i) code = code * 4 + permutation(i);
    ++counts.at(code);
  }
  int orders = 0;
  for (const int count : counts) {
    if (count == 0) continue;
    ++orders;
    EXPECT_NEAR(count, 1000, 300);
  }
  EXPECT_EQ(orders, 24);
}

TEST(KeyedPermutation, WorksForHugeSizes) {
  const KeyedPermutation permutation({1, 2}, ~0ull);
  EXPECT_NE(permutation(0), permutation(1));
  EXPECT_THROW(permutation(~0ull), Error);
}

}  // namespace
}  // namespace retort
