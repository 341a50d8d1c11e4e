// Threads that search many problems at once, so that one problem's lock-step waits never empty the
// engine's batch. Submit and Next belong to one thread, the owner; searches run on the pool's.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "core/trace/types.h"

namespace retort {

class SearchPool {
 public:
  struct Finished {
    size_t index = 0;
    TraceTree tree;
  };

  /// `search(index)` is called from `workers` threads at once.
  SearchPool(int workers, std::function<TraceTree(size_t)> search);
  /// Drops what has not begun and waits for the running searches.
  ~SearchPool();
  SearchPool(const SearchPool&) = delete;
  SearchPool& operator=(const SearchPool&) = delete;

  /// No effect after a search threw.
  void Submit(size_t index);
  /// Forgets what was submitted and has not begun.
  void CancelWaiting();
  /// Submitted and not yet returned by Next.
  size_t outstanding() const;
  /// The next finished search, in order of completion; nullopt when nothing is outstanding. After a
  /// search threw, nothing more begins, and the first exception is rethrown once the searches that
  /// ran beside it have been returned.
  std::optional<Finished> Next();

 private:
  void Work(const std::stop_token& stop);

  std::function<TraceTree(size_t)> search_;
  mutable std::mutex mutex_;
  std::condition_variable_any work_arrived_;
  std::condition_variable result_arrived_;
  std::deque<size_t> waiting_;
  std::deque<Finished> finished_;
  size_t running_ = 0;
  std::exception_ptr failure_;
  std::vector<std::jthread> workers_;  // last: they use everything above
};

}  // namespace retort
