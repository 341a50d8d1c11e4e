// Versions that enter stage keys: a change of what a stage computes raises its number.
#pragma once

#include "pipeline/experiment.h"

namespace retort {

inline constexpr const char* kRetortVersion = "0.1.0";

/// "generate/1": raised whenever the same inputs would give other bytes.
const char* StageCodeVersion(StageKind kind);

}  // namespace retort
