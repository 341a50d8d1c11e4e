#include "core/base/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "core/base/error.h"

namespace retort {
namespace {

TEST(ThreadPool, EveryIndexRunsOnce) {
  for (const int threads : {1, 2, 4}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (const int64_t n : {0, 1, 7, 64, 1001}) {
      for (const int64_t grain : {1, 3, 64, 5000}) {
        std::vector<std::atomic<int>> counts(static_cast<size_t>(n));
        pool.ParallelFor(n, grain, [&](int64_t begin, int64_t end) {
          EXPECT_LE(end - begin, grain);
          for (int64_t i = begin; i < end; ++i) ++counts[static_cast<size_t>(i)];
        });
        for (const auto& count : counts) ASSERT_EQ(count.load(), 1);
      }
    }
  }
}

TEST(ThreadPool, SmallLoopsStayOnTheCaller) {
  ThreadPool pool(4);
  std::thread::id ran_on;
  pool.ParallelFor(8, 8, [&](int64_t begin, int64_t end) {
    EXPECT_EQ(begin, 0);
    EXPECT_EQ(end, 8);
    ran_on = std::this_thread::get_id();
  });
  EXPECT_EQ(ran_on, std::this_thread::get_id());
}

TEST(ThreadPool, OtherThreadsTakePart) {
  ThreadPool pool(2);
  std::atomic<int> waiting{0};
  // Both blocks wait for each other: one thread alone would never finish.
  pool.ParallelFor(2, 1, [&](int64_t, int64_t) {
    ++waiting;
    while (waiting.load() < 2) std::this_thread::yield();
  });
  EXPECT_EQ(waiting.load(), 2);
}

TEST(ThreadPool, RethrowsAndGoesOnWorking) {
  for (const int threads : {1, 3}) {
    ThreadPool pool(threads);
    const auto fail_at_5 = [](int64_t begin, int64_t) {
      if (begin == 5) throw Error(ExitCode::kData, "five");
    };
    EXPECT_THROW(pool.ParallelFor(10, 1, fail_at_5), Error);
    std::atomic<int> count{0};
    pool.ParallelFor(10, 1, [&](int64_t, int64_t) { ++count; });
    EXPECT_EQ(count.load(), 10);
  }
}

TEST(ThreadPool, RefusesALoopInsideALoop) {
  ThreadPool pool(2);
  const auto nothing = [](int64_t, int64_t) {};
  EXPECT_THROW(pool.ParallelFor(4, 1, [&](int64_t, int64_t) { pool.ParallelFor(4, 1, nothing); }),
               Error);
}

// Many short loops in a row: threads that wake late must neither run a block twice nor touch a
// loop that is over.
TEST(ThreadPool, LateThreadsNeverTouchTheNextLoop) {
  ThreadPool pool(4);
  for (int round = 0; round < 3000; ++round) {
    const int64_t n = 2 + round % 5;
    std::atomic<int64_t> sum{0};
    pool.ParallelFor(n, 1, [&](int64_t begin, int64_t) { sum += begin + 1; });
    ASSERT_EQ(sum.load(), n * (n + 1) / 2);
  }
}

TEST(ThreadPool, SleepingThreadsWakeUp) {
  ThreadPool pool(2);
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    std::atomic<int> waiting{0};
    pool.ParallelFor(2, 1, [&](int64_t, int64_t) {
      ++waiting;
      while (waiting.load() < 2) std::this_thread::yield();
    });
  }
}

}  // namespace
}  // namespace retort
