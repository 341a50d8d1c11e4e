// Instruction sets the native kernels are compiled for; chosen at run time.
#pragma once

namespace retort {

enum class Isa { kAuto, kScalar, kAvx2, kAvx512 };
const char* IsaName(Isa isa);
/// What this processor offers, best first is kAuto's choice.
bool IsaSupported(Isa isa);

}  // namespace retort
