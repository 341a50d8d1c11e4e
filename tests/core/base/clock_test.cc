#include "core/base/clock.h"

#include <gtest/gtest.h>

#include <vector>

namespace retort {
namespace {

TEST(Clock, TimeGoesOn) {
  const double wall = MonotonicSeconds();
  const double cpu = ProcessCpuSeconds();
  volatile uint64_t work = 0;
  while (ProcessCpuSeconds() < cpu + 0.005) work = work + 1;
  EXPECT_GT(MonotonicSeconds(), wall);
}

TEST(Clock, UtcHasTheFixedForm) {
  const std::string now = UtcNow();
  ASSERT_EQ(now.size(), 20);
  EXPECT_EQ(now.substr(0, 2), "20");
  EXPECT_EQ(now[10], 'T');
  EXPECT_EQ(now[19], 'Z');
}

TEST(Clock, MachineHasNames) {
  EXPECT_FALSE(HostName().empty());
  EXPECT_FALSE(ProcessorName().empty());
}

TEST(Clock, PeakMemoryCoversWhatWasTouched) {
  const uint64_t before = PeakResidentBytes();
  EXPECT_GT(before, uint64_t{1} << 20);
  const std::vector<char> block(size_t{64} << 20, 'x');
  EXPECT_GE(PeakResidentBytes(), uint64_t{64} << 20);
  EXPECT_EQ(block.back(), 'x');
}

TEST(Clock, PeakMemoryStartsAnewAfterAReset) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers keep freed memory";
#endif
  uint64_t with_block = 0;
  {
    const std::vector<char> block(size_t{96} << 20, 'x');
    with_block = PeakResidentBytes();
    EXPECT_EQ(block.back(), 'x');
  }
  // The kernel counts in batches a thread: a megabyte more or less.
  EXPECT_GE(PeakResidentBytes() + (uint64_t{1} << 20), with_block);
  ResetPeakResident();
  if (PeakResidentBytes() >= with_block) GTEST_SKIP() << "this kernel keeps the peak";
  EXPECT_LT(PeakResidentBytes(), with_block - (uint64_t{64} << 20));
}

}  // namespace
}  // namespace retort
