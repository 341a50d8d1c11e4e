// What a model reads and what it learns, token by token.
#pragma once

#include <iosfwd>

#include "pipeline/runner.h"

namespace retort {

/// The first problem's prompt as text and token ids, then the tokens of a gold completion, which
/// alone enter the loss. Error(kData) if there is no problem.
void PrintPrompt(Runner& runner, const Experiment& experiment, std::ostream& out);

}  // namespace retort
