#include "train/train_kernels.h"

#include "core/lm/model/decoder.h"

namespace retort {

const TrainKernels& BestTrainKernels() {
  if (IsaSupported(Isa::kAvx512)) return Avx512TrainKernels();
  if (IsaSupported(Isa::kAvx2)) return Avx2TrainKernels();
  return ScalarTrainKernels();
}

}  // namespace retort
