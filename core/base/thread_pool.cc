#include "core/base/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/error.h"

namespace retort {
namespace {

// Some 50 to 100 microseconds of spinning, about what a sleeping thread takes to wake: decoding
// starts a loop every few microseconds, and between two of a big model lies one row's attention.
constexpr int kSpins = 4000;
constexpr int64_t kMaxBlocks = int64_t{1} << 31;

void Relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

}  // namespace

// `ticket` is (job number << 32 | blocks nobody has taken). Taking a block is one compare-exchange
// that names the job, so a thread that wakes late can never take a block of a job that is over, and
// nobody reads the job's fields without owning one of its unfinished blocks.
struct ThreadPool::Impl {
  std::atomic<uint64_t> ticket{0};
  std::atomic<int> unfinished{0};
  std::atomic<int> epoch{0};  // goes up with each job, and at the end
  std::atomic<bool> stopping{false};
  std::atomic<bool> busy{false};

  int64_t n = 0;
  int64_t grain = 1;
  int64_t blocks = 0;
  const std::function<void(int64_t, int64_t)>* body = nullptr;

  std::atomic<bool> failed{false};
  std::mutex error_mutex;
  std::exception_ptr error;

  std::vector<std::jthread> workers;

  void RunBlock(int64_t block) {
    if (failed.load(std::memory_order_relaxed)) return;
    try {
      (*body)(block * grain, std::min(n, (block + 1) * grain));
    } catch (...) {
      const std::lock_guard lock(error_mutex);
      if (!error) error = std::current_exception();
      failed.store(true);
    }
  }

  void TakeBlocks() {
    uint64_t seen = ticket.load(std::memory_order_acquire);
    while ((seen & 0xffffffff) != 0) {
      if (!ticket.compare_exchange_weak(seen, seen - 1, std::memory_order_acq_rel)) continue;
      RunBlock(blocks - static_cast<int64_t>(seen & 0xffffffff));
      if (unfinished.fetch_sub(1, std::memory_order_acq_rel) == 1) unfinished.notify_one();
      seen = ticket.load(std::memory_order_acquire);
    }
  }

  void WorkerLoop() {
    for (;;) {
      const int seen = epoch.load(std::memory_order_acquire);
      TakeBlocks();
      if (stopping.load()) return;
      for (int i = 0; i < kSpins && epoch.load(std::memory_order_acquire) == seen; ++i) Relax();
      epoch.wait(seen, std::memory_order_acquire);
    }
  }

  void Announce() {
    epoch.fetch_add(1, std::memory_order_acq_rel);
    epoch.notify_all();
  }

  void AwaitEnd() {
    int left = unfinished.load(std::memory_order_acquire);
    for (int i = 0; i < kSpins && left != 0; ++i) {
      Relax();
      left = unfinished.load(std::memory_order_acquire);
    }
    while (left != 0) {
      unfinished.wait(left, std::memory_order_acquire);
      left = unfinished.load(std::memory_order_acquire);
    }
  }
};

ThreadPool::ThreadPool(int threads) : impl_(std::make_unique<Impl>()) {
  RETORT_CHECK(threads >= 1, threads, " threads");
  for (int i = 1; i < threads; ++i) {
    impl_->workers.emplace_back([impl = impl_.get()] { impl->WorkerLoop(); });
  }
}

ThreadPool::~ThreadPool() {
  impl_->stopping.store(true);
  impl_->Announce();
  impl_->workers.clear();
}

int ThreadPool::threads() const { return static_cast<int>(impl_->workers.size()) + 1; }

void ThreadPool::ParallelFor(int64_t n, int64_t grain,
                             const std::function<void(int64_t, int64_t)>& body) {
  if (n <= 0) return;
  RETORT_CHECK(grain > 0, "grain ", grain);
  Impl& job = *impl_;
  if (n <= grain || job.workers.empty()) {
    for (int64_t begin = 0; begin < n; begin += grain) body(begin, std::min(n, begin + grain));
    return;
  }
  const int64_t blocks = (n - 1) / grain + 1;
  RETORT_CHECK(blocks < kMaxBlocks, blocks, " blocks");
  RETORT_CHECK(!job.busy.exchange(true), "ParallelFor inside or beside another on one pool");
  job.n = n;
  job.grain = grain;
  job.blocks = blocks;
  job.body = &body;
  job.unfinished.store(static_cast<int>(blocks), std::memory_order_relaxed);
  const uint64_t number = (job.ticket.load(std::memory_order_relaxed) >> 32) + 1;
  job.ticket.store((number << 32) | static_cast<uint64_t>(blocks), std::memory_order_release);
  job.Announce();
  job.TakeBlocks();
  job.AwaitEnd();
  const std::exception_ptr error = std::exchange(job.error, nullptr);
  job.failed.store(false);
  job.busy.store(false);
  if (error) std::rethrow_exception(error);
}

}  // namespace retort
