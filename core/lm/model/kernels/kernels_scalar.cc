#include "core/lm/model/kernels/lanes_scalar.h"
// Lanes first: the kernels are written over it.
#include "core/lm/model/kernels/kernels_impl.h"

namespace retort {

const Kernels& ScalarKernels() {
  static constexpr Kernels kKernels = MakeKernels("scalar");
  return kKernels;
}

}  // namespace retort
