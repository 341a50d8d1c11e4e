#include "generate/search_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>

#include "core/base/error.h"

namespace retort {
namespace {

TraceTree TreeNumber(size_t index) {
  TraceTree tree;
  tree.horizon = static_cast<int32_t>(index);
  return tree;
}

TEST(SearchPool, EverySubmittedSearchComesBackOnce) {
  SearchPool pool(4, TreeNumber);
  for (size_t i = 0; i < 100; ++i) pool.Submit(i);
  std::set<size_t> seen;
  while (const auto finished = pool.Next()) {
    EXPECT_EQ(finished->tree.horizon, static_cast<int32_t>(finished->index));
    EXPECT_TRUE(seen.insert(finished->index).second);
  }
  EXPECT_EQ(seen.size(), 100U);
}

TEST(SearchPool, WithNothingToDoSaysSo) {
  SearchPool pool(2, TreeNumber);
  EXPECT_FALSE(pool.Next().has_value());
  EXPECT_EQ(pool.outstanding(), 0U);
}

TEST(SearchPool, CancelledSearchesNeverBegin) {
  std::atomic<int> begun{0};
  std::atomic<bool> go{false};
  SearchPool pool(1, [&](size_t index) {
    ++begun;
    go.wait(false);
    return TreeNumber(index);
  });
  for (size_t i = 0; i < 10; ++i) pool.Submit(i);
  pool.CancelWaiting();
  go = true;
  go.notify_all();
  int returned = 0;
  while (pool.Next()) ++returned;
  EXPECT_EQ(returned, begun);
  EXPECT_LE(returned, 1);
}

TEST(SearchPool, AnExceptionComesAfterTheSearchesThatRanBesideIt) {
  std::atomic<bool> thrown{false};
  SearchPool pool(2, [&](size_t index) {
    if (index == 0) {
      thrown = true;
      thrown.notify_all();
      throw Error(ExitCode::kUnavailable, "gone");
    }
    thrown.wait(false);
    return TreeNumber(index);
  });
  // The second is running when the first fails: its worker waits for that.
  pool.Submit(1);
  pool.Submit(0);
  ASSERT_TRUE(pool.Next().has_value());
  EXPECT_THROW(pool.Next(), Error);
  pool.Submit(2);
  EXPECT_EQ(pool.outstanding(), 0U) << "nothing begins after a failure";
}

}  // namespace
}  // namespace retort
