#include "generate/search_pool.h"

#include <utility>

namespace retort {

SearchPool::SearchPool(int workers, std::function<TraceTree(size_t)> search)
    : search_(std::move(search)) {
  for (int i = 0; i < workers; ++i) {
    workers_.emplace_back([this](const std::stop_token& stop) { Work(stop); });
  }
}

SearchPool::~SearchPool() {
  CancelWaiting();
  for (std::jthread& worker : workers_) worker.request_stop();
}

void SearchPool::Submit(size_t index) {
  {
    const std::lock_guard lock(mutex_);
    if (failure_) return;
    waiting_.push_back(index);
  }
  work_arrived_.notify_one();
}

void SearchPool::CancelWaiting() {
  const std::lock_guard lock(mutex_);
  waiting_.clear();
}

size_t SearchPool::outstanding() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size() + running_ + finished_.size();
}

std::optional<SearchPool::Finished> SearchPool::Next() {
  std::unique_lock lock(mutex_);
  result_arrived_.wait(
      lock, [this] { return !finished_.empty() || (waiting_.empty() && running_ == 0); });
  if (finished_.empty() && failure_) std::rethrow_exception(failure_);
  if (finished_.empty()) return std::nullopt;
  Finished result = std::move(finished_.front());
  finished_.pop_front();
  return result;
}

void SearchPool::Work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (work_arrived_.wait(lock, stop, [this] { return !waiting_.empty(); })) {
    const size_t index = waiting_.front();
    waiting_.pop_front();
    ++running_;
    lock.unlock();
    std::optional<TraceTree> tree;
    std::exception_ptr failure;
    try {
      tree = search_(index);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    --running_;
    if (tree) finished_.push_back({index, *std::move(tree)});
    if (failure) {
      if (!failure_) failure_ = failure;
      waiting_.clear();
    }
    result_arrived_.notify_one();
  }
}

}  // namespace retort
