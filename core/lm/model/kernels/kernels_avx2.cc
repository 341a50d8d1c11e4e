#include "core/lm/model/kernels/lanes_avx2.h"
// Lanes first: the kernels are written over it.
#include "core/lm/model/kernels/kernels_impl.h"

namespace retort {

const Kernels& Avx2Kernels() {
  static constexpr Kernels kKernels = MakeKernels("avx2");
  return kKernels;
}

}  // namespace retort
