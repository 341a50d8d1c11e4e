// Which table of kernels runs: by name of the instruction set, or the best this processor has.
#pragma once

#include "core/lm/model/isa.h"
#include "core/lm/model/kernels/kernels.h"

namespace retort {

/// The table of an instruction set that IsaSupported; kAuto is the best one.
const Kernels& KernelsFor(Isa isa);

}  // namespace retort
