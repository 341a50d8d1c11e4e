// Sums over finished trees, for manifests and progress lines.
#pragma once

#include <array>
#include <cstdint>

#include "core/base/json.h"
#include "core/trace/types.h"

namespace retort {

struct TraceTally {
  int64_t problems = 0;
  int64_t solved = 0;  // with at least one correct terminal
  std::array<int64_t, kVerdictCount> verdicts{};
  TokenCounts counts;

  void Add(const TraceTree& tree);
  TraceTally& operator+=(const TraceTally& other);
  /// {"problems","solved","verdicts":{name:count},"counts":{...}}.
  Json ToJson() const;
};

}  // namespace retort
