// The `retort` command line. Wraps CLI11, whose header appears only in cli.cc.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "core/base/env.h"

namespace retort {

/// Runs one command; `arguments` without the program's name. Returns the exit code; an Error is
/// printed to `err` as one line "retort: ...". Never throws.
int RunCommandLine(Env& env, const std::vector<std::string>& arguments, std::ostream& out,
                   std::ostream& err);

}  // namespace retort
