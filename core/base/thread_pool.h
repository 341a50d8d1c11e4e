// A fixed set of threads for data-parallel loops over outputs. No work stealing across calls: a
// loop is split into contiguous blocks taken dynamically, and each output is computed by exactly
// one block, so the split never changes a result. One loop at a time; ParallelFor is not reentrant.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace retort {

class ThreadPool {
 public:
  /// `threads` counts the caller: 1 means no extra thread.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const;
  /// Calls body(begin, end) over disjoint blocks that cover [0, n), each at most `grain` long, from
  /// up to threads() threads at once; returns when all are done. Rethrows the first exception.
  void ParallelFor(int64_t n, int64_t grain, const std::function<void(int64_t, int64_t)>& body);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace retort
