#include "generate/cost.h"

#include <algorithm>

namespace retort {
namespace {

int64_t SharedPrefix(std::span<const int32_t> a, std::span<const int32_t> b) {
  const auto [end_a, end_b] = std::ranges::mismatch(a, b);
  return end_a - a.begin();
}

double FlopsOfPositions(const ModelConfig& config, int64_t begin, int64_t end) {
  double flops = 0;
  for (int64_t position = begin; position < end; ++position) {
    flops += config.FlopsPerToken(position + 1);
  }
  return flops;
}

}  // namespace

double SharedFlops(const ModelConfig& config, int64_t prompt_tokens,
                   std::vector<std::span<const int32_t>> completions) {
  if (completions.empty()) return 0;
  for (auto& rows : completions) rows = rows.first(rows.empty() ? 0 : rows.size() - 1);
  std::ranges::sort(completions, [](const auto& a, const auto& b) {
    return std::ranges::lexicographical_compare(a, b);
  });
  double flops = FlopsOfPositions(config, 0, prompt_tokens);
  std::span<const int32_t> previous;
  for (const auto& rows : completions) {
    // In sorted order a row is new exactly when the neighbour before does not contain its prefix.
    flops += FlopsOfPositions(config, prompt_tokens + SharedPrefix(previous, rows),
                              prompt_tokens + static_cast<int64_t>(rows.size()));
    previous = rows;
  }
  return flops;
}

TokenCounts CountSamples(const ModelConfig& config, int64_t prompt_tokens,
                         const std::vector<std::span<const int32_t>>& completions) {
  TokenCounts counts;
  if (completions.empty()) return counts;
  counts.prefill_computed = prompt_tokens;
  counts.prefill_shared = prompt_tokens * (static_cast<int64_t>(completions.size()) - 1);
  for (const auto& tokens : completions) counts.decoded += static_cast<int64_t>(tokens.size());
  counts.flops = SharedFlops(config, prompt_tokens, completions);
  return counts;
}

}  // namespace retort
