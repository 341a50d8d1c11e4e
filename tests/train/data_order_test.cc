#include "train/data_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace retort {
namespace {

TEST(BatchIndices, EveryEpochVisitsEachExampleOnce) {
  std::vector<int64_t> stream;
  for (int64_t step = 0; step < 6; ++step) {
    const auto batch = BatchIndices(1, 10, 5, step);
    stream.insert(stream.end(), batch.begin(), batch.end());
  }
  for (size_t epoch = 0; epoch < 3; ++epoch) {
    const std::set<int64_t> seen(stream.begin() + static_cast<std::ptrdiff_t>(10 * epoch),
                                 stream.begin() + static_cast<std::ptrdiff_t>(10 * epoch + 10));
    EXPECT_EQ(seen.size(), 10u);
    EXPECT_EQ(*seen.begin(), 0);
    EXPECT_EQ(*seen.rbegin(), 9);
  }
  EXPECT_FALSE(std::equal(stream.begin(), stream.begin() + 10, stream.begin() + 10));
}

TEST(BatchIndices, BatchSizeOnlyCutsTheSameStream) {
  std::vector<int64_t> by_three, by_four;
  for (int64_t step = 0; step < 8; ++step) {
    const auto batch = BatchIndices(7, 5, 3, step);
    by_three.insert(by_three.end(), batch.begin(), batch.end());
  }
  for (int64_t step = 0; step < 6; ++step) {
    const auto batch = BatchIndices(7, 5, 4, step);
    by_four.insert(by_four.end(), batch.begin(), batch.end());
  }
  EXPECT_EQ(by_three, by_four);
}

TEST(BatchIndices, SeedsDiffer) {
  EXPECT_NE(BatchIndices(1, 1000, 20, 0), BatchIndices(2, 1000, 20, 0));
}

}  // namespace
}  // namespace retort
