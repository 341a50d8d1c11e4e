// The stage's `limit`: keeps the candidates whose keyed random number is among the smallest, so
// that which ones stay depends on their ids alone.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "filter/filter.h"

namespace retort {

/// The number that decides: from (seed, problem id, source, node).
uint64_t LimitKey(uint64_t seed, const std::string& problem_id, const Candidate& candidate);

/// Drops candidates whose key is greater than the `limit`-th smallest of `keys`, which are those of
/// all candidates that reach this filter.
std::unique_ptr<TraceFilter> MakeLimit(uint64_t seed, int64_t limit, std::vector<uint64_t> keys);

}  // namespace retort
