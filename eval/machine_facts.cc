#include "eval/machine_facts.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <thread>
#include <vector>

#include "core/base/clock.h"

namespace retort {
namespace {

constexpr size_t kBufferWords = size_t{8} << 20;  // 64 MiB
constexpr int kPasses = 3;

double MemoryReadGbPerSecond() {
  const std::vector<uint64_t> buffer(kBufferWords, 1);
  double best_s = 1e9;
  uint64_t total = 0;
  for (int pass = 0; pass < kPasses; ++pass) {
    const double start_s = MonotonicSeconds();
    uint64_t sums[8] = {};
    for (size_t i = 0; i < kBufferWords; i += 8) {
      for (size_t lane = 0; lane < 8; ++lane) sums[lane] += buffer[i + lane];
    }
    for (const uint64_t sum : sums) total += sum;
    best_s = std::min(best_s, MonotonicSeconds() - start_s);
  }
  // The sum is looked at, or the loop would be removed.
  const uint64_t words = total / kPasses;
  const double bytes = static_cast<double>(words) * sizeof(uint64_t);
  return best_s > 0 ? bytes / best_s / 1e9 : 0;
}

}  // namespace

Json MachineFacts() {
  double load = 0;
  const bool has_load = getloadavg(&load, 1) == 1;
  return {{"processor", ProcessorName()},
          {"host", HostName()},
          {"cores", std::thread::hardware_concurrency()},
          {"load_average", has_load ? Json(load) : Json()},
          {"memory_read_gb_per_s", MemoryReadGbPerSecond()}};
}

}  // namespace retort
