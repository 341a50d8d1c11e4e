// Instruction sets the native kernels are compiled for; chosen at run time.
#pragma once

namespace retort {

enum class Isa { kAuto, kScalar, kAvx2, kAvx512, kAvx512Bf16 };
/// Best first; kAuto is the first of them that is supported.
inline constexpr Isa kIsas[] = {Isa::kAvx512Bf16, Isa::kAvx512, Isa::kAvx2, Isa::kScalar};
const char* IsaName(Isa isa);
/// Whether this processor runs them.
bool IsaSupported(Isa isa);

}  // namespace retort
