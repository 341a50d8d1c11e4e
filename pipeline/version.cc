#include "pipeline/version.h"

namespace retort {

const char* StageCodeVersion(StageKind kind) {
  switch (kind) {
    case StageKind::kGenerate:
      return "generate/1";
    case StageKind::kFilter:
      return "filter/1";
    case StageKind::kTrain:
      return "train/1";
    case StageKind::kEval:
      return "eval/2";
  }
  return "?";
}

}  // namespace retort
