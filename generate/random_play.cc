// Random legal play, the blind control: what the checker alone is worth.
#include "generate/play.h"

namespace retort {

std::unique_ptr<SearchStrategy> MakeRandomPlay(ConfigSection& section) {
  return MakePlay("random_play", &Task::RandomPlay, section);
}

}  // namespace retort
