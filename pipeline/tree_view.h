// A search tree drawn for a terminal: completions merged where their steps agree. Pure.
#pragma once

#include <string>

#include "core/task/task.h"
#include "core/trace/types.h"

namespace retort {

struct TreeViewOptions {
  int max_lines = 60;  // further branches are counted, not drawn
  bool unicode = true;
};

/// Lines of "├─ step" with verdict marks, visit counts and log-probabilities; ends with a newline.
/// Without a step rule (`rule` null) words are steps.
std::string DrawTree(const TraceTree& tree, const StepRule* rule, const TreeViewOptions& options);

}  // namespace retort
