#include "core/lm/model/kernels/lanes_avx512.h"
// Lanes first: the kernels are written over it.
#include "train/train_kernels_impl.h"

namespace retort {

const TrainKernels& Avx512TrainKernels() {
  static constexpr TrainKernels kKernels = MakeTrainKernels("avx512");
  return kKernels;
}

}  // namespace retort
