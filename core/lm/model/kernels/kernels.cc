#include "core/lm/model/kernels/kernels.h"

#include <algorithm>
#include <iterator>

#include "core/lm/model/isa.h"
#include "core/lm/model/kernels/select.h"

namespace retort {

bool IsaSupported(Isa isa) {
  switch (isa) {
    case Isa::kAvx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case Isa::kAvx512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
             IsaSupported(Isa::kAvx2);
    case Isa::kAvx512Bf16:
      return __builtin_cpu_supports("avx512bf16") && IsaSupported(Isa::kAvx512);
    case Isa::kAuto:
    case Isa::kScalar:
      break;
  }
  return true;
}

const char* IsaName(Isa isa) { return isa == Isa::kAuto ? "auto" : KernelsFor(isa).name; }

const Kernels& KernelsFor(Isa isa) {
  switch (isa) {
    case Isa::kScalar:
      return ScalarKernels();
    case Isa::kAvx2:
      return Avx2Kernels();
    case Isa::kAvx512:
      return Avx512Kernels();
    case Isa::kAvx512Bf16:
      return Avx512Bf16Kernels();
    case Isa::kAuto:
      break;
  }
  return BestKernels();
}

const Kernels& BestKernels() {
  const auto* best = std::find_if(std::begin(kIsas), std::end(kIsas), IsaSupported);
  return KernelsFor(*best);
}

}  // namespace retort
