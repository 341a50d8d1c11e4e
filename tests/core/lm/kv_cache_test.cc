#include "core/lm/model/kv_cache.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/core/lm/goldens.h"

namespace retort {
namespace {

TEST(KvCache, BytesPerSlotAreThoseItTakes) {
  const ModelConfig config = SmallConfig();
  const KvCache cache(config, 10, at::kCPU);
  const auto bytes = static_cast<int64_t>(cache.keys.nbytes() + cache.values.nbytes());
  EXPECT_EQ(bytes, 10 * KvCache::BytesPerSlot(config));
  const KvCache half(config, 10, at::kCPU, Precision::kBfloat16);
  EXPECT_EQ(static_cast<int64_t>(half.keys.nbytes()) * 4, bytes);
  EXPECT_EQ(KvCache::BytesPerSlot(config, Precision::kBfloat16) * 20, bytes);
  EXPECT_EQ(cache.keys.sizes(), at::IntArrayRef({2, 10, 2, 8}));
}

TEST(KvCache, StartsAsZeros) {
  const KvCache cache(SmallConfig(), 3, at::kCPU);
  EXPECT_EQ(cache.keys.abs().sum().item<double>() + cache.values.abs().sum().item<double>(), 0);
}

TEST(KvCache, RefusesToHoldNothing) {
  MessageOf([] { KvCache(SmallConfig(), 0, at::kCPU); }, ExitCode::kInternal);
}

}  // namespace
}  // namespace retort
