#include "core/lm/engine/usage.h"

namespace retort {

ServedUse& ServedUse::operator+=(const ServedUse& other) {
  requests += other.requests;
  attempts += other.attempts;
  prompt_tokens += other.prompt_tokens;
  completion_tokens += other.completion_tokens;
  money += other.money;
  return *this;
}

bool UsageLedger::Step(int32_t id, uint32_t* node) {
  const auto next = static_cast<uint32_t>(nodes_.size());
  uint32_t& first = nodes_[*node].first_child;
  bool added = first == 0;
  if (added) {
    *node = first = next;
  } else if (nodes_[first].id == id) {
    *node = first;
  } else {
    const uint64_t key = uint64_t{*node} << 32U | static_cast<uint32_t>(id);
    const auto entry = more_children_.try_emplace(key, next);
    *node = entry.first->second;
    added = entry.second;
  }
  if (added) nodes_.push_back({.id = id});
  return added;
}

void UsageLedger::Count(std::span<const int32_t> prompt, std::span<const int32_t> fed,
                        Usage* usage) {
  if (unique_tokens() == 0) nodes_.reserve(1 + prompt.size() + fed.size());
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
