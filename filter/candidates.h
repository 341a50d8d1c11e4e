// Candidates out of trees, and what filters share: dropping with a reason, and how alike two traces
// are. Pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/task/task.h"
#include "core/trace/types.h"
#include "filter/filter.h"

namespace retort {

/// A tree and the generate stage it came from.
struct SourcedTree {
  std::string source;
  TraceTree tree;
};

/// The terminals of one problem's `trees` (at least one), in input order, then node order.
/// Error(kData) when two inputs disagree about the prompt. `trees` must outlive the result.
ProblemCandidates MakeCandidates(const std::vector<SourcedTree>& trees, const StepRule& steps);

/// Marks a kept candidate as dropped by `filter`. `detail` holds what differs from case to case;
/// the reason is "kind: detail", so that its kind can be counted.
void Drop(Candidate& candidate, const std::string& filter, const std::string& kind,
          const std::string& detail = "");

/// "shared positions" of "shared positions: 7 of 10 with node 3 of teacher".
std::string ReasonKind(const std::string& reason);

/// "node 3 of teacher".
std::string NodeLabel(const Candidate& candidate);

/// Steps that are equal at the same position.
size_t SharedPositions(const Candidate& a, const Candidate& b);
/// The same over the number of steps of the longer trace; 1 for two traces without steps.
double SharedPositionFraction(const Candidate& a, const Candidate& b);
/// Steps of the common prefix.
size_t SharedPrefix(const Candidate& a, const Candidate& b);

}  // namespace retort
