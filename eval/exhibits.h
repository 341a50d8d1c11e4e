// Things a reader looks at one by one: a search tree folded by steps, and the items the student
// does worst on, side by side. Pure functions; the values are plain JSON for report.json.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/task/task.h"
#include "eval/outcome.h"
#include "eval/report_types.h"

namespace retort {

/// Index of the problem whose tree tells most: solved with few correct samples; otherwise solved;
/// otherwise the first. outcomes.size() if no problem has more than one sample.
size_t MostTellingTree(std::span<const ProblemOutcome> outcomes);

/// The finished traces of a tree as a tree of the task's steps: {"arm", "algorithm", "problem_id",
/// "question", "answer", "samples", "correct", "root": {"step", "count", "correct", "verdicts",
/// "selected", "children": [...]}}. Children with more correct traces first, then bigger ones, then
/// by step.
Json StepTree(const TraceTree& tree, const Problem& problem, const Task& task,
              const std::string& arm);

/// The `count` worst items of `student` (problems it fails with any seed): lowest score first, then
/// those that `search` solves, then the earliest error, then by id. Each is {"problem_id",
/// "question", "answer", "horizon", "answers": [{"arm", "text", "verdict", "steps_before_error"}]}
/// with one answer for each of `arms` (pointers into the report; never null).
Json WorstItems(std::span<const Problem> problems, const Verifier& verifier,
                const std::vector<const ArmResult*>& arms, const ArmResult& student,
                const ArmResult* search, size_t count);

}  // namespace retort
