// Our CUDA kernels, as functions that queue them on a stream and return at once. Pointers are to
// the device's memory, rows are contiguous, sums are in float32 whatever the numbers stored;
// "stored" is float32 or bfloat16 as `Precision` says. A launch that fails throws
// Error(kInternal). Built with RETORT_CUDA only.
#pragma once

#include <cstdint>

#include "core/lm/model/model_config.h"
#include "core/lm/model/precision.h"

struct CUstream_st;  // *cudaStream_t

namespace retort::cuda {

using Stream = CUstream_st*;

/// y[r] = scale * table[ids[r]]: table [V, D] stored, ids [N], y [N, D] float32.
void Embed(const void* table, Precision stored, const int64_t* ids, int64_t rows, int64_t width,
           float scale, float* y, Stream stream);

/// y = x / sqrt(mean(x^2) + eps) * (offset + weight) over rows of x [N, D] float32; y float32, and
/// the same rounded to bfloat16 unless `rounded` is null.
void RmsNorm(const float* x, const float* weight, int64_t rows, int64_t width, NormConfig norm,
             float* y, void* rounded, Stream stream);

/// Rotate-half rotary embedding of x [N, heads, K] float32, in place. positions [N] and
/// frequencies [K / 2], radians a position.
void Rotate(float* x, int64_t rows, int64_t heads, int64_t width, const int64_t* positions,
            const float* frequencies, Stream stream);

/// Row r of k and v [N, width] float32 to slot row_slots[r] of keys and values, stored.
void StoreKeysValues(const float* k, const float* v, int64_t rows, int64_t width,
                     const int32_t* row_slots, void* keys, void* values, Precision stored,
                     Stream stream);

struct AttendArgs {
  int64_t rows = 0;
  int heads = 0, groups = 0, width = 0;  // H, G, K; K is even and at most kMaxHeadWidth
  int window = 0;                        // positions a row sees, its own included; 0 is all
  float scale = 1;
  const float* q = nullptr;                // [N, H, K]
  const void* keys = nullptr;              // [slots, G, K] stored
  const void* values = nullptr;            // [slots, G, K] stored
  const int32_t* context_slots = nullptr;  // slots of each sequence's positions, one after another
  const int64_t* context_begin = nullptr;  // [N] where those of row r's sequence begin
  const int64_t* positions = nullptr;      // [N]
  void* y = nullptr;                       // [N, H, K] stored
  Precision stored = Precision::kFloat32;
};
inline constexpr int kMaxHeadWidth = 256;

/// Each row attends to the slots of its sequence up to its own position. Sums over a context go by
/// the same parts whatever else is in the batch, so a row's bits do not depend on it.
void Attend(const AttendArgs& args, Stream stream);

/// y = activation(gate) * up: [n] float32 each, y stored.
void GatedActivation(const float* gate, const float* up, int64_t n, Activation activation, void* y,
                     Precision stored, Stream stream);

}  // namespace retort::cuda
