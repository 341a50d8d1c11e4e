// What the fused autograd nodes share: raw float32 data, the kernel table in a graph's context, and
// a transpose. Included by fused_*.cc alone (it brings in LibTorch's autograd headers).
#pragma once

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cstdint>

#include "train/train_kernels.h"

namespace retort {

inline const float* Data(const at::Tensor& t) { return t.const_data_ptr<float>(); }
inline float* Mutable(const at::Tensor& t) { return t.mutable_data_ptr<float>(); }

inline void SaveKernels(torch::autograd::AutogradContext* context, const TrainKernels* kernels) {
  context->saved_data["kernels"] = reinterpret_cast<int64_t>(kernels);
}

inline const TrainKernels& SavedKernels(torch::autograd::AutogradContext* context) {
  // The tables are constants of the program: their address outlives every graph.
  // NOLINTNEXTLINE(performance-no-int-to-ptr): a context saves numbers and tensors only
  return *reinterpret_cast<const TrainKernels*>(context->saved_data["kernels"].toInt());
}

/// Copies n rows of `width` values at a distance of `stride` into the columns of out
/// [width, out_row].
inline void Transpose(const float* rows, int64_t stride, int64_t n, int64_t width, float* out,
                      int64_t out_row) {
  for (int64_t j = 0; j < width; ++j) {
    for (int64_t i = 0; i < n; ++i) out[j * out_row + i] = rows[i * stride + j];
  }
}

}  // namespace retort
