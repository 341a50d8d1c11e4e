// Seconds of one query at a time: warm-up, then problem by problem through all arms, repeated, so
// that whatever else the machine does falls on all arms alike.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "eval/arm_runner.h"
#include "eval/eval_stage.h"

namespace retort {

/// One timed query.
struct QueryTime {
  double ms = 0;
  std::optional<double> ttft_ms;
  bool single_row = false;  // one completion: its first token is the first of the answer
};

/// All timings of one arm: by problem, then by repeat.
using QueryTimes = std::vector<std::vector<QueryTime>>;

/// Medians over repeats, then percentiles over problems. `planned` problems were to be timed.
LatencyResult SummariseLatency(const QueryTimes& times, size_t planned);

/// Times the arms that want it, with seed 0's model each. An arm that used up its time budget keeps
/// the problems it has.
std::map<std::string, LatencyResult> MeasureLatency(const EvalConfig& config,
                                                    const std::map<std::string, ArmModels>& models,
                                                    const ArmSetting& setting);

}  // namespace retort
