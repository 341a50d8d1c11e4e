#include "core/lm/model/kernels/lanes_avx2.h"
// Lanes first: the kernels are written over it.
#include "train/train_kernels_impl.h"

namespace retort {

const TrainKernels& Avx2TrainKernels() {
  static constexpr TrainKernels kKernels = MakeTrainKernels("avx2");
  return kKernels;
}

}  // namespace retort
