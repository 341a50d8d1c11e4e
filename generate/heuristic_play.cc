// The task's simple heuristic, the second blind control.
#include "generate/play.h"

namespace retort {

std::unique_ptr<SearchStrategy> MakeHeuristicPlay(ConfigSection& section) {
  return MakePlay("heuristic_play", &Task::HeuristicPlay, section);
}

}  // namespace retort
