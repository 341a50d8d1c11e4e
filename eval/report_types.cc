#include "eval/report_types.h"

#include "core/base/error.h"

namespace retort {

std::string ArmKindName(ArmKind kind) {
  switch (kind) {
    case ArmKind::kStudent:
      return "student";
    case ArmKind::kSearch:
      return "search";
    case ArmKind::kControl:
      return "control";
  }
  RETORT_CHECK(false, "arm kind ", static_cast<int>(kind));
}

const char* ClockName(CostClock clock) { return clock == CostClock::kGpu ? "GPU" : "CPU"; }

}  // namespace retort
