// Figures derived from several arms: what one pass of the student is worth against the search it
// replaces. Each has its interval; one that cannot be computed is null with a "reason". Pure.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/base/rng.h"
#include "eval/eval_stage.h"
#include "eval/outcome.h"
#include "eval/report_types.h"

namespace retort {

/// The arm called `name`; null if there is none (or `name` is "").
const ArmResult* FindArm(std::span<const ArmResult> arms, const std::string& name);

/// "one batch", "sequential", "adaptive" (stops at the first verified), or "in waves": how a search
/// that repeats tries orders them; "" for strategies without waves.
std::string BaselineName(const Json& strategy);

/// mean(a) / mean(b) of two unpaired lists, each resampled by itself. Neither may be empty.
Estimate RatioBootstrap(std::span<const double> a, std::span<const double> b, RngKey key,
                        int resamples = 10000);

/// Smallest N <= max_n at which the mean of the problems' best-of-N curves reaches the mean of
/// `target`: {"value", "low", "high", "max_n", "text"}; an end that is never reached is null, and
/// the text says "> max_n". `curves[i][n - 1]` and `target[i]` are scores of problem i.
Json SearchEquivalent(const std::vector<std::vector<double>>& curves,
                      std::span<const double> target, RngKey key);

struct DerivedInputs {
  std::span<const ArmResult> arms;
  const VerdictConfig& verdict;
  std::span<const ProblemOutcome> search_outcomes;  // of verdict.search's first seed; may be empty
  const std::map<std::string, StageFacts>& stages;
  const std::vector<std::string>& student_lineage;
  CostClock clock = CostClock::kCpu;
  uint64_t seed = 1;
};

/// {"student", "search", "retention", "cost_ratio", "flop_ratio", "size_ratio", "speedup": {arm:
/// ratio}, "search_equivalent_n", "break_even_queries"}.
Json Derive(const DerivedInputs& inputs);

}  // namespace retort
