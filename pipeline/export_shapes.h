// The traces a filter stage kept, as the JSON lines that trainers read (TRL's dataset formats).
// Reads the stage's fates and the trees of the generate stages that it names; single-threaded.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/base/env.h"
#include "core/base/json.h"

namespace retort {

/// messages: {"messages": [user, assistant]}; prompt_completion: {"prompt", "completion"};
/// preference: {"prompt", "chosen", "rejected"}, a kept chain and one of the same problem that the
/// verifier refused (kIncorrect: not one that it could not read or judge);
/// stepwise: {"prompt", "completions": [step], "labels": [bool]}, of the kept chains and as many
/// refused ones. prompt + completion is the trace: with a task's own vocabulary of words the prompt
/// therefore ends in a space. Steps come without white space around them. Every row also
/// has problem_id, source (the generate stage) and node (of the chosen chain).
std::vector<std::string> ExportShapes();

/// Calls add(row) for each row of `shape`, in problem order, input order, node order. Returns what
/// the manifest says of the export: shape, problems, rows, source, and for stepwise who labelled.
///
/// A step is labelled by the task's own checker where it can tell how far a chain is right
/// ("labels": "checker"); otherwise by whether some chain of this problem with the same beginning
/// ended right ("reached", the hard estimate of Math-Shepherd, arXiv 2312.08935): then a wrong
/// chain that shares no beginning with a right one is wrong from its first step.
///
/// Error(kData) when `stage_dir` is no finished filter stage, or the generate stages it read and
/// the run's config.yaml are not where the run left them.
Json ExportRows(const Env& env, const std::string& stage_dir, const std::string& shape,
                const std::function<void(const Json&)>& add);

}  // namespace retort
