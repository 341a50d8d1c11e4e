// How free text is cut into steps. Immutable and thread-safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/task/task.h"

namespace retort {

/// Names that MakeStepRule knows: "line" (a step ends with its line break), "paragraph" (with the
/// line breaks of the blank line behind it), "none" (the whole text is one step).
std::vector<std::string> StepRuleNames();

/// `name` must be one of StepRuleNames().
std::unique_ptr<StepRule> MakeStepRule(const std::string& name);

}  // namespace retort
