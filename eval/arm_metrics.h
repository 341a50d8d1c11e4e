// From what an arm did on each problem to the figures of the report. Pure functions.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/base/rng.h"
#include "core/trace/types.h"
#include "eval/arm_runner.h"
#include "eval/eval_stage.h"
#include "eval/report_types.h"

namespace retort {

/// Accuracy of per-problem scores: Wilson for one seed, a bootstrap over problems for several.
Estimate AccuracyOf(std::span<const double> scores, int seeds, RngKey key);

/// All figures but latency. `runs` holds one run a seed, each over the same `problems`. Curves and
/// samples come from the first seed. `hour_price`: money for an hour by the clock of the runs.
ArmResult SummariseArm(const ArmConfig& arm, std::span<const SeedRun> runs,
                       std::span<const Problem> problems, int64_t parameters, double hour_price);

/// Scores by problem.
std::vector<double> Scores(const ArmResult& arm);

/// Difference with a paired bootstrap over problems, and McNemar's exact test on the first seeds.
PairResult ComparePair(const ArmResult& a, const ArmResult& b, uint64_t seed);

}  // namespace retort
