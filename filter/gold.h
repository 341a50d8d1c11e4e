// Gold solutions as training examples.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/trace/types.h"
#include "filter/decontaminate.h"
#include "filter/filter_stage.h"

namespace retort {

struct GoldExamples {
  std::vector<Example> examples;           // in problem order; copies side by side
  std::map<std::string, int64_t> dropped;  // solutions left out, by reason
};

/// Up to inputs.gold_traces solutions a problem from the stream (seed, "gold", problem id), without
/// those the verifier refuses, exact duplicates (prompt and solution) and held-out problems;
/// augmented and repeated as `config` says.
GoldExamples MakeGold(const FilterConfig& config, const FilterInputs& inputs,
                      const HeldOut& held_out, uint64_t seed);

}  // namespace retort
