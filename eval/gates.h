// The gates: what must hold before a comparison means anything. Each says passed, failed or
// not_run, and why, with its figures. Pure functions of the report so far.
//
// Plateau, exactly: with points in order of step, the last fifth of them (at least one) is the
// tail. A curve is flat or falling when the tail's mean accuracy is at most the best accuracy
// before the tail plus two binomial standard errors of that best on the dev set. Fewer than five
// points cannot tell, and a curve that never reached 2 % stands before its jump, not on a plateau.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "eval/eval_stage.h"
#include "eval/report_types.h"

namespace retort {

/// Learning curves for report.json: {key: {"points": [...], "steps", "selected_step", "best_step",
/// "dev_n", "cpu_seconds"}} of every train stage in `stages`, by the stage's key.
Json CurvesFromStages(const std::map<std::string, StageFacts>& stages);

/// Keys of `curves` that belong to an arm's `model`: the model itself, "train.<model>", or either
/// followed by a seed as in "train.student.seed2", "train.student@2".
std::vector<std::string> CurvesOfModel(const Json& curves, const std::string& model);
/// The model a curve's key belongs to: without "train." and without the seed.
std::string ModelOfCurve(const std::string& key);

/// What a curve says of its own end.
struct PlateauResult {
  enum class State { kFlat, kRising, kUnknown };
  State state = State::kUnknown;
  std::string detail;
};
PlateauResult JudgePlateau(const std::string& name, const Json& curve);

/// All gates in a fixed order: blind_play, heuristic_shown, teacher_band, teacher_plateau,
/// control_plateau, gold_only_tuned, upper_bound_shown. Reads arms and curves of `report`.
std::vector<GateResult> JudgeGates(const VerdictConfig& config, const EvalReport& report);

}  // namespace retort
