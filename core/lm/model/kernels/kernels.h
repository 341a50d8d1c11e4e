// The native CPU kernels as a table of functions, one table for each instruction set.
//
// Numerics rule: equal arguments give equal bits in every table. A matrix product's output is one
// ascending chain of fused multiply-adds over the input index that starts at the bias (or 0); with
// bfloat16 inputs the second of each pair of inputs comes before the first, and denormals count as
// zero, as AVX512-BF16 does it. Other sums run over 16 lanes (lane = index mod 16), each an
// ascending chain, added by one fixed tree. A row's result depends on that row alone. Pure
// functions over raw memory; no allocation, no threads: callers split rows or outputs.
#pragma once

#include <cstdint>

namespace retort {

/// y = x W^T + b over rows [0, rows) and outputs [first_output, last_output).
struct GemmArgs {
  const float* x;  // [rows, in]
  // Null, or x as RoundToBfloat16 left it, with bfloat16 panels: the product is then one of
  // bfloat16 values. x is not read.
  const uint16_t* bfloat16_x;
  int64_t rows;
  // PackedMatrix's panels, one of these; the other is null.
  const float* panels;
  const uint16_t* bfloat16_panels;
  const float* bias;  // [out] or null
  int64_t in;
  int64_t out;
  float* y;              // [rows, out]
  int64_t first_output;  // a multiple of 32
  int64_t last_output;   // a multiple of 32, or out
};

/// One query row of all heads against `context` tokens; token t's key and value of head group g lie
/// at base + slots[t] * groups * width + g * width.
struct AttentionArgs {
  const float* q;      // [heads, width]
  const void* keys;    // float32, or bfloat16, which is widened
  const void* values;  // likewise
  bool bfloat16;
  const int32_t* slots;  // [context]
  int64_t context;
  int64_t heads;
  int64_t groups;
  int64_t width;
  float scale;
  float* scores;  // scratch, heads / groups rows of context rounded up to 16 each
  float* out;     // [heads, width]
};

/// y = x / sqrt(mean(x^2) + eps) * (offset + weight), row by row.
struct RmsNormArgs {
  const float* x;  // [rows, width]
  int64_t rows;
  int64_t width;
  const float* weight;  // [width]
  float offset;
  float eps;
  float* y;  // [rows, width]
};

struct Kernels {
  const char* name;
  void (*gemm)(const GemmArgs& args);
  /// y = x in bfloat16, to nearest even: [rows, width + width % 2], a row of odd width ends in 0.
  void (*round_to_bfloat16)(const float* x, int64_t rows, int64_t width, uint16_t* y);
  void (*rms_norm)(const RmsNormArgs& args);
  /// Rotate-half of `heads` heads of one row: cos and sin hold width / 2 values.
  void (*rotary)(const float* x, int64_t heads, int64_t width, const float* cos, const float* sin,
                 float* y);
  /// softmax(q k^T * scale) v: dot products and the softmax sum in 16 lanes, each output value one
  /// ascending chain over tokens, divided by the sum at the end.
  void (*attention)(const AttentionArgs& args);
  /// y = silu(gate) * up, elementwise; y may be either input.
  void (*silu_mul)(const float* gate, const float* up, int64_t n, float* y);
  /// y = gelu(gate) * up with the tanh form of GELU; otherwise as silu_mul.
  void (*gelu_tanh_mul)(const float* gate, const float* up, int64_t n, float* y);
  /// y = a + b, elementwise; y may be either input.
  void (*add)(const float* a, const float* b, int64_t n, float* y);
  /// The largest of n values, n at least 1.
  float (*max)(const float* x, int64_t n);
  /// y = exp((x - shift) * factor); returns their sum. y may be x.
  float (*exp_sum)(const float* x, int64_t n, float shift, float factor, float* y);
};

const Kernels& ScalarKernels();
/// The processor must have AVX2 and FMA.
const Kernels& Avx2Kernels();
/// The processor must have AVX-512 F, BW, VL and DQ.
const Kernels& Avx512Kernels();
/// As Avx512Kernels, and AVX512-BF16.
const Kernels& Avx512Bf16Kernels();
/// The best table this processor runs.
const Kernels& BestKernels();

}  // namespace retort
