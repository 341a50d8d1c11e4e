// Causal self-attention of packed sequences as one autograd node, float32 on the CPU.
#pragma once

#include <ATen/core/Tensor.h>

#include "train/train_kernels.h"

namespace retort {

/// q [N, H, K], k and v [N, G, K] -> [N, H*K]; sequence s has the rows [offsets[s], offsets[s+1])
/// and each row attends to its sequence up to itself, scale 1/sqrt(K). offsets is int64 on the CPU.
/// `kernels` must outlive the graph. Keeps the probabilities: memory grows with the square of the
/// longest sequence.
at::Tensor FusedAttention(const at::Tensor& q_NHK, const at::Tensor& k_NGK, const at::Tensor& v_NGK,
                          const at::Tensor& offsets, const TrainKernels& kernels);

}  // namespace retort
