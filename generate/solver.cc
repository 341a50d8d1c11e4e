// The task's own symbolic solver: the upper bound for traces of the same problems.
#include "generate/play.h"

namespace retort {

std::unique_ptr<SearchStrategy> MakeSolver(ConfigSection& section) {
  return MakePlay("solver", &Task::Solve, section);
}

}  // namespace retort
