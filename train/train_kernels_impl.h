// The one source of every training kernel, written over sixteen float32 lanes. Each
// train_kernels_<isa>.cc includes its Lanes type, core's kernels_impl.h and then this file.
// As there, no function of the standard library is instantiated here.
#pragma once

#include "core/lm/model/kernels/kernels_impl.h"
#include "train/train_kernels.h"

namespace retort {
namespace {

/// Lanes of columns [j, j + 16) of a row; only those below `columns` are touched.
inline Lanes LoadColumns(const float* row, int64_t j, int64_t columns) {
  return j + kLanes <= columns ? Lanes::Load(row + j) : Lanes::LoadPartial(row + j, columns - j);
}

inline void StoreColumns(Lanes value, float* row, int64_t j, int64_t columns) {
  if (j + kLanes <= columns) {
    value.Store(row + j);
  } else {
    value.StorePartial(row + j, columns - j);
  }
}

/// kRows x kStrips register tile with its first element at (row, column). kPartial: the last strip
/// may reach past the last column.
template <int kRows, int kStrips, bool kPartial>
inline void MatmulTile(const MatmulArgs& m, int64_t row, int64_t column) {
  const int64_t columns = kPartial ? m.columns : column + kStrips * kLanes;
  Lanes sum[kRows][kStrips];
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int s = 0; s < kStrips; ++s) {
      sum[r][s] = m.start == nullptr ? Lanes::Broadcast(0.0F)
                                     : LoadColumns(m.start + (row + r) * m.start_row,
                                                   column + s * kLanes, columns);
    }
  }
  const float* a = m.a + row * m.a_row;
  for (int64_t k = 0; k < m.inner; ++k) {
    const float* b = m.b + k * m.b_row;
    Lanes values[kStrips];
#pragma GCC unroll 8
    for (int s = 0; s < kStrips; ++s) values[s] = LoadColumns(b, column + s * kLanes, columns);
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) {
      const Lanes factor = Lanes::Broadcast(a[r * m.a_row + k * m.a_inner]);
#pragma GCC unroll 8
      for (int s = 0; s < kStrips; ++s) sum[r][s] = Fma(factor, values[s], sum[r][s]);
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int s = 0; s < kStrips; ++s) {
      StoreColumns(sum[r][s], m.c + (row + r) * m.c_row, column + s * kLanes, columns);
    }
  }
}

/// The tile with `rows` rows; `kRows` counts down to it.
template <int kRows, int kStrips, bool kPartial>
inline void MatmulRows(const MatmulArgs& m, int64_t rows, int64_t row, int64_t column) {
  if constexpr (kRows > 1) {
    if (rows < kRows) return MatmulRows<kRows - 1, kStrips, kPartial>(m, rows, row, column);
  }
  MatmulTile<kRows, kStrips, kPartial>(m, row, column);
}

/// All rows of kStrips strips from `column`.
template <int kStrips, bool kPartial>
inline void MatmulStrips(const MatmulArgs& m, int64_t column) {
  constexpr int kRows = Lanes::kTileRows;
  for (int64_t row = 0; row < m.rows; row += kRows) {
    MatmulRows<kRows, kStrips, kPartial>(m, Least(kRows, m.rows - row), row, column);
  }
}

void Matmul(const MatmulArgs& m) {
  constexpr int kStrips = Lanes::kTileStrips;
  int64_t column = 0;
  for (; column + kStrips * kLanes <= m.columns; column += kStrips * kLanes) {
    MatmulStrips<kStrips, false>(m, column);
  }
  for (; column + kLanes <= m.columns; column += kLanes) MatmulStrips<1, false>(m, column);
  if (column < m.columns) MatmulStrips<1, true>(m, column);
}

void RmsNormKeepScale(const NormRows& args, float eps, float* y, float* scale) {
  const auto [input, weight, rows, width] = args;
  const float* x = input;
  for (int64_t r = 0; r < rows; ++r, x += width, y += width) {
    const float mean = Dot(x, x, width) / static_cast<float>(width);
    scale[r] = 1.0F / __builtin_sqrtf(mean + eps);
    const Lanes factor = Lanes::Broadcast(scale[r]);
    for (int64_t i = 0; i < width; i += kLanes) {
      const Lanes value = LoadColumns(x, i, width) * factor * LoadColumns(weight, i, width);
      StoreColumns(value, y, i, width);
    }
  }
}

/// With g = dy * weight: dx = scale * g - x * scale^3 * mean(g * x).
void RmsNormBackward(const NormRows& args, const float* scale, const float* dy, float* dx,
                     float* dweight) {
  const auto [input, weight, rows, width] = args;
  const float* x = input;
  for (int64_t r = 0; r < rows; ++r, x += width, dy += width, dx += width) {
    Lanes products = Lanes::Broadcast(0.0F);
    for (int64_t i = 0; i < width; i += kLanes) {
      const Lanes g = LoadColumns(dy, i, width) * LoadColumns(weight, i, width);
      products = Fma(g, LoadColumns(x, i, width), products);
    }
    const float mean = products.Sum() / static_cast<float>(width);
    const Lanes factor = Lanes::Broadcast(scale[r]);
    const Lanes pull = Lanes::Broadcast(-scale[r] * scale[r] * scale[r] * mean);
    for (int64_t i = 0; i < width; i += kLanes) {
      const Lanes value = LoadColumns(x, i, width), d = LoadColumns(dy, i, width);
      const Lanes g = d * LoadColumns(weight, i, width);
      StoreColumns(Fma(value, pull, g * factor), dx, i, width);
      StoreColumns(Fma(d, value * factor, LoadColumns(dweight, i, width)), dweight, i, width);
    }
  }
}

/// With s = sigmoid(gate): d silu = s * (1 + gate * (1 - s)).
void SiluMulBackward(const float* gate, const float* up, const float* dy, int64_t n, float* dgate,
                     float* dup) {
  const Lanes zero = Lanes::Broadcast(0.0F), one = Lanes::Broadcast(1.0F);
  for (int64_t i = 0; i < n; i += kLanes) {
    const Lanes g = LoadColumns(gate, i, n), d = LoadColumns(dy, i, n);
    const Lanes s = one / (one + Exp(zero - g));
    const Lanes slope = s * Fma(g, one - s, one);
    StoreColumns(d * LoadColumns(up, i, n) * slope, dgate, i, n);
    StoreColumns(d * (g * s), dup, i, n);
  }
}

void CausalSoftmax(float* x, int64_t n, int64_t stride, float factor) {
  for (int64_t i = 0; i < n; ++i, x += stride) {
    const int64_t visible = i + 1;
    const Lanes divisor = Lanes::Broadcast(ExpSum(x, visible, MaxOf(x, visible), factor, x));
    for (int64_t j = 0; j < stride; j += kLanes) {
      const Lanes seen = j < visible ? LoadColumns(x, j, visible) : Lanes::Broadcast(0.0F);
      (seen / divisor).Store(x + j);
    }
  }
}

void SoftmaxBackward(const float* p, const float* dp, int64_t n, int64_t stride, float factor,
                     float* dx) {
  const Lanes factors = Lanes::Broadcast(factor);
  for (int64_t i = 0; i < n; ++i, p += stride, dp += stride, dx += stride) {
    const Lanes mean = Lanes::Broadcast(Dot(p, dp, stride));
    for (int64_t j = 0; j < stride; j += kLanes) {
      (Lanes::Load(p + j) * (Lanes::Load(dp + j) - mean) * factors).Store(dx + j);
    }
  }
}

constexpr TrainKernels MakeTrainKernels(const char* name) {
  return {name,    Matmul,          RmsNormKeepScale, RmsNormBackward,
          SiluMul, SiluMulBackward, CausalSoftmax,    SoftmaxBackward};
}

}  // namespace
}  // namespace retort
