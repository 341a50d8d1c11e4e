// The claims and the sentence that comes first, generated from the figures alone: a claim is shown
// only if its own threshold holds and every gate it rests on has passed; otherwise the sentence
// says "not shown" and why. Pure functions of the report so far.
#pragma once

#include <string>
#include <vector>

#include "eval/eval_stage.h"
#include "eval/report_types.h"

namespace retort {

/// In a fixed order: retention, cost, size, gain_over_gold. Reads arms, pairs, gates and derived
/// figures of `report`. Empty when there is no student or no search.
std::vector<ClaimResult> JudgeClaims(const VerdictConfig& config, const EvalReport& report);

/// "Shown: ...; ... . Not shown: ... (gate teacher_plateau was not run)." plus what the heuristic
/// solves without a model, and the latency against each search, named by its kind.
std::string VerdictSentence(const VerdictConfig& config, const EvalReport& report);

}  // namespace retort
