// CPU kernels of training as a table of functions, one table for each instruction set, over the
// lanes of core/lm/model/kernels. Every sum has one fixed order (matrix products: one ascending
// chain of fused multiply-adds; norms and softmax: 16 lanes and one tree), so equal arguments give
// equal bits on every instruction set. Pure functions over raw float32 memory; no allocation, no
// threads.
#pragma once

#include <cstdint>

namespace retort {

/// c[i, j] = start[i, j] + sum over k of a[i, k] b[k, j], i in [0, rows), j in [0, columns).
/// Element (i, k) of a lies at a[i * a_row + k * a_inner], so a transposed matrix is a pair of
/// strides; rows of b, c and start are contiguous.
struct MatmulArgs {
  const float* a;
  int64_t a_row;
  int64_t a_inner;
  const float* b;
  int64_t b_row;
  float* c;
  int64_t c_row;
  int64_t rows;
  int64_t inner;
  int64_t columns;
  const float* start = nullptr;  // null: zeros
  int64_t start_row = 0;         // with start = c and start_row = c_row the product adds to c
};

/// x [rows, width] and the weight [width] of its norm.
struct NormRows {
  const float* x;
  const float* weight;
  int64_t rows;
  int64_t width;
};

struct TrainKernels {
  const char* name;
  void (*matmul)(const MatmulArgs& args);
  /// y = x * scale * weight with scale[row] = 1 / sqrt(mean(x^2) + eps), which is kept.
  void (*rms_norm)(const NormRows& args, float eps, float* y, float* scale);
  /// dx from dy, x and scale; adds to dweight [width].
  void (*rms_norm_backward)(const NormRows& args, const float* scale, const float* dy, float* dx,
                            float* dweight);
  /// y = silu(gate) * up, elementwise.
  void (*silu_mul)(const float* gate, const float* up, int64_t n, float* y);
  void (*silu_mul_backward)(const float* gate, const float* up, const float* dy, int64_t n,
                            float* dgate, float* dup);
  /// Row i of x [n, n] (row stride `stride`, a multiple of 16) becomes softmax over its first i + 1
  /// values times `factor`, zeros after them up to `stride`.
  void (*causal_softmax)(float* x, int64_t n, int64_t stride, float factor);
  /// dx = p * (dp - sum(p * dp)) * factor for each of n rows over `stride` columns; dx may be dp.
  void (*softmax_backward)(const float* p, const float* dp, int64_t n, int64_t stride, float factor,
                           float* dx);
};

/// The best table this processor runs.
const TrainKernels& BestTrainKernels();

const TrainKernels& ScalarTrainKernels();
/// The processor must have AVX2 and FMA.
const TrainKernels& Avx2TrainKernels();
/// The processor must have AVX-512 F, BW, VL and DQ.
const TrainKernels& Avx512TrainKernels();

}  // namespace retort
