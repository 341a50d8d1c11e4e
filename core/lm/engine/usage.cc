#include "core/lm/engine/usage.h"

namespace retort {

bool UsageLedger::Step(int32_t id, uint32_t* node) {
  const uint64_t key = uint64_t{*node} << 32U | static_cast<uint32_t>(id);
  const auto [entry, added] =
      children_.try_emplace(key, static_cast<uint32_t>(children_.size()) + 1);
  *node = entry->second;
  return added;
}

void UsageLedger::Count(std::span<const int32_t> prompt, std::span<const int32_t> fed,
                        Usage* usage) {
  uint32_t node = 0;
  int64_t context = 0;
  const auto count = [&](int32_t id) {
    ++context;
    const bool computed = Step(id, &node);
    if (computed) usage->flops += config_.FlopsPerToken(context);
    return computed;
  };
  for (const int32_t id : prompt) ++(count(id) ? usage->prefill_computed : usage->prefill_shared);
  for (const int32_t id : fed) count(id);
}

}  // namespace retort
