#include "core/lm/model/kernels/lanes_scalar.h"
// Lanes first: the kernels are written over it.
#include "train/train_kernels_impl.h"

namespace retort {

const TrainKernels& ScalarTrainKernels() {
  static constexpr TrainKernels kKernels = MakeTrainKernels("scalar");
  return kKernels;
}

}  // namespace retort
