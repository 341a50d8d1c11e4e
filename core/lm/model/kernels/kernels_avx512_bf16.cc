#include "core/lm/model/kernels/lanes_avx512.h"
// Lanes first: the kernels are written over it.
#include "core/lm/model/kernels/kernels_impl.h"

namespace retort {

const Kernels& Avx512Bf16Kernels() {
  static constexpr Kernels kKernels = MakeKernels("avx512_bf16");
  return kKernels;
}

}  // namespace retort
