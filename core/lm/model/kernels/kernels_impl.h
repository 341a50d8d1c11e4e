// The one source of every native kernel, written over sixteen float32 lanes. Each kernels_<isa>.cc
// includes its Lanes type and then this file, and hands out the table MakeKernels makes; the
// numerics rule (kernels.h) lies in this file alone.
//
// No function of the standard library is instantiated here: the linker keeps one copy of an inline
// function, which might then be one compiled for a processor that is not there.
#pragma once

#include <cstdint>

#include "core/lm/model/kernels/kernels.h"

namespace retort {
namespace {

constexpr int64_t kLanes = 16;
constexpr int64_t kPanel = 32;

constexpr int64_t Least(int64_t a, int64_t b) { return a < b ? a : b; }

/// exp(x), relative error below 2e-7; 0 below -87.3, and as for 88.3 above it. Argument reduction
/// and polynomial of Cephes' expf (Moshier), every step a fused multiply-add.
inline Lanes Exp(Lanes x) {
  const Lanes low = Lanes::Broadcast(-87.33F);
  const Lanes magic = Lanes::Broadcast(12582912.0F);  // 1.5 * 2^23: adding it rounds to integers
  const Lanes clamped = Max(Min(x, Lanes::Broadcast(88.3F)), low);
  const Lanes shifted = Fma(clamped, Lanes::Broadcast(1.44269504F), magic);
  const Lanes n = shifted - magic;
  Lanes r = Fma(n, Lanes::Broadcast(-0.693359375F), clamped);
  r = Fma(n, Lanes::Broadcast(2.12194440e-4F), r);
  Lanes p = Lanes::Broadcast(1.9875691500e-4F);
  p = Fma(p, r, Lanes::Broadcast(1.3981999507e-3F));
  p = Fma(p, r, Lanes::Broadcast(8.3334519073e-3F));
  p = Fma(p, r, Lanes::Broadcast(4.1665795894e-2F));
  p = Fma(p, r, Lanes::Broadcast(1.6666665459e-1F));
  p = Fma(p, r, Lanes::Broadcast(5.0000001201e-1F));
  const Lanes y = Fma(p, r * r, r) + Lanes::Broadcast(1.0F);
  return ZeroWhereLess(ScaleByPowerOfTwo(y, shifted), x, low);
}

/// Calls full(i) for every whole group of 16 of n and partial(i, rest) for what is left.
template <typename Full, typename Partial>
inline void ForLanes(int64_t n, const Full& full, const Partial& partial) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) full(i);
  if (i < n) partial(i, n - i);
}

/// kRows x kStrips register tile: rows from `row`, strips of 16 outputs from `strip`.
template <int kRows, int kStrips>
inline void GemmTile(const GemmArgs& g, int64_t row, int64_t strip) {
  Lanes sum[kRows][kStrips];
  const float* weights[kStrips];
#pragma GCC unroll 8
  for (int s = 0; s < kStrips; ++s) {
    const int64_t first = (strip + s) * kLanes;
    weights[s] = g.panels + first / kPanel * kPanel * g.in + first % kPanel;
    const Lanes start = g.bias == nullptr
                            ? Lanes::Broadcast(0.0F)
                            : Lanes::LoadPartial(g.bias + first, Least(kLanes, g.out - first));
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) sum[r][s] = start;
  }
  const float* x = g.x + row * g.in;
  for (int64_t k = 0; k < g.in; ++k) {
    Lanes w[kStrips];
#pragma GCC unroll 8
    for (int s = 0; s < kStrips; ++s) w[s] = Lanes::Load(weights[s] + k * kPanel);
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) {
      const Lanes value = Lanes::Broadcast(x[r * g.in + k]);
#pragma GCC unroll 8
      for (int s = 0; s < kStrips; ++s) sum[r][s] = Fma(value, w[s], sum[r][s]);
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int s = 0; s < kStrips; ++s) {
      const int64_t first = (strip + s) * kLanes;
      float* y = g.y + (row + r) * g.out + first;
      if (first + kLanes <= g.out) {
        sum[r][s].Store(y);
      } else {
        sum[r][s].StorePartial(y, g.out - first);
      }
    }
  }
}

/// The tile with `rows` rows; `kRows` counts down to it.
template <int kStrips, int kRows>
inline void GemmRows(const GemmArgs& g, int64_t rows, int64_t row, int64_t strip) {
  if constexpr (kRows > 1) {
    if (rows < kRows) return GemmRows<kStrips, kRows - 1>(g, rows, row, strip);
  }
  GemmTile<kRows, kStrips>(g, row, strip);
}

/// All rows against kStrips strips, in tiles of nearly equal height. Few rows take many strips so
/// that enough independent chains are in flight.
template <int kStrips, int kMaxRows>
inline void GemmStrips(const GemmArgs& g, int64_t strip) {
  const int64_t tiles = (g.rows + kMaxRows - 1) / kMaxRows;
  const int64_t height = g.rows / tiles, taller = g.rows % tiles;
  int64_t row = 0;
  for (int64_t t = 0; t < tiles; ++t) {
    const int64_t rows = height + (t < taller ? 1 : 0);
    GemmRows<kStrips, kMaxRows>(g, rows, row, strip);
    row += rows;
  }
}

/// Strips [strip, last) in groups of kStrips, then of half as many, down to one.
template <int kStrips, int kMaxRows>
inline void GemmColumns(const GemmArgs& g, int64_t strip, int64_t last) {
  for (; strip + kStrips <= last; strip += kStrips) GemmStrips<kStrips, kMaxRows>(g, strip);
  if constexpr (kStrips > 1) {
    if (strip < last) GemmColumns<kStrips / 2, kMaxRows>(g, strip, last);
  }
}

void Gemm(const GemmArgs& g) {
  const int64_t first = g.first_output / kLanes;
  const int64_t last = (Least(g.last_output, g.out) + kLanes - 1) / kLanes;
  constexpr int kAccumulators = Lanes::kTileRows * Lanes::kTileStrips;
  constexpr int kMiddle = Lanes::kWideStrips > Lanes::kTileStrips ? Lanes::kTileStrips * 2 : 1;
  if (g.rows <= kAccumulators / Lanes::kWideStrips) {
    GemmColumns<Lanes::kWideStrips, kAccumulators / Lanes::kWideStrips>(g, first, last);
  } else if (g.rows <= kAccumulators / kMiddle) {
    GemmColumns<kMiddle, kAccumulators / kMiddle>(g, first, last);
  } else {
    GemmColumns<Lanes::kTileStrips, Lanes::kTileRows>(g, first, last);
  }
}

void RmsNorm(const RmsNormArgs& a) {
  const float* x = a.x;
  float* y = a.y;
  const Lanes offset = Lanes::Broadcast(a.offset);
  for (int64_t r = 0; r < a.rows; ++r, x += a.width, y += a.width) {
    Lanes squares = Lanes::Broadcast(0.0F);
    ForLanes(
        a.width,
        [&](int64_t i) {
          const Lanes v = Lanes::Load(x + i);
          squares = Fma(v, v, squares);
        },
        [&](int64_t i, int64_t n) {
          const Lanes v = Lanes::LoadPartial(x + i, n);
          squares = Fma(v, v, squares);
        });
    const float mean = squares.Sum() / static_cast<float>(a.width);
    const Lanes scale = Lanes::Broadcast(1.0F / __builtin_sqrtf(mean + a.eps));
    ForLanes(
        a.width,
        [&](int64_t i) {
          (Lanes::Load(x + i) * scale * (offset + Lanes::Load(a.weight + i))).Store(y + i);
        },
        [&](int64_t i, int64_t n) {
          (Lanes::LoadPartial(x + i, n) * scale * (offset + Lanes::LoadPartial(a.weight + i, n)))
              .StorePartial(y + i, n);
        });
  }
}

void Rotary(const float* x, int64_t heads, int64_t width, const float* cos, const float* sin,
            float* y) {
  const int64_t half = width / 2;
  const Lanes zero = Lanes::Broadcast(0.0F);
  for (int64_t h = 0; h < heads; ++h, x += width, y += width) {
    for (int64_t i = 0; i < half; i += kLanes) {
      const int64_t n = Least(kLanes, half - i);
      const Lanes a = Lanes::LoadPartial(x + i, n), b = Lanes::LoadPartial(x + half + i, n);
      const Lanes c = Lanes::LoadPartial(cos + i, n), s = Lanes::LoadPartial(sin + i, n);
      Fma(a, c, zero - b * s).StorePartial(y + i, n);
      Fma(b, c, a * s).StorePartial(y + half + i, n);
    }
  }
}

/// Sixteen lanes of partial products of q and k, each an ascending chain.
inline float Dot(const float* q, const float* k, int64_t width) {
  Lanes sum = Lanes::Broadcast(0.0F);
  ForLanes(
      width, [&](int64_t i) { sum = Fma(Lanes::Load(q + i), Lanes::Load(k + i), sum); },
      [&](int64_t i, int64_t n) {
        sum = Fma(Lanes::LoadPartial(q + i, n), Lanes::LoadPartial(k + i, n), sum);
      });
  return sum.Sum();
}

/// y = exp((x - shift) * factor); returns the sum in 16 lanes.
float ExpSum(const float* x, int64_t n, float shift, float factor, float* y) {
  const Lanes shifts = Lanes::Broadcast(shift), factors = Lanes::Broadcast(factor);
  Lanes sum = Lanes::Broadcast(0.0F);
  ForLanes(
      n,
      [&](int64_t i) {
        const Lanes e = Exp((Lanes::Load(x + i) - shifts) * factors);
        e.Store(y + i);
        sum = sum + e;
      },
      [&](int64_t i, int64_t rest) {
        Exp((Lanes::LoadPartial(x + i, rest) - shifts) * factors).StorePartial(y + i, rest);
        sum = sum + Lanes::LoadPartial(y + i, rest);
      });
  return sum.Sum();
}

float MaxOf(const float* x, int64_t n) {
  Lanes best = Lanes::Broadcast(x[0]);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) best = Max(best, Lanes::Load(x + i));
  float result = best.MaxLane();
  for (; i < n; ++i) result = x[i] > result ? x[i] : result;
  return result;
}

/// 16 values of the output from `column`: the chain over tokens of probability times value.
inline Lanes WeightedValues(const AttentionArgs& a, const float* values, int64_t column,
                            int64_t n) {
  const int64_t stride = a.groups * a.width;
  Lanes sum = Lanes::Broadcast(0.0F);
  for (int64_t t = 0; t < a.context; ++t) {
    const float* value = values + a.slots[t] * stride + column;
    const Lanes v = n == kLanes ? Lanes::Load(value) : Lanes::LoadPartial(value, n);
    sum = Fma(Lanes::Broadcast(a.scores[t]), v, sum);
  }
  return sum;
}

void Attention(const AttentionArgs& a) {
  const int64_t stride = a.groups * a.width;
  for (int64_t h = 0; h < a.heads; ++h) {
    const int64_t group = h / (a.heads / a.groups);
    const float* q = a.q + h * a.width;
    const float* keys = a.keys + group * a.width;
    for (int64_t t = 0; t < a.context; ++t) {
      a.scores[t] = Dot(q, keys + a.slots[t] * stride, a.width) * a.scale;
    }
    const float sum = ExpSum(a.scores, a.context, MaxOf(a.scores, a.context), 1.0F, a.scores);
    const Lanes divisor = Lanes::Broadcast(sum);
    for (int64_t i = 0; i < a.width; i += kLanes) {
      const int64_t n = Least(kLanes, a.width - i);
      (WeightedValues(a, a.values + group * a.width, i, n) / divisor)
          .StorePartial(a.out + h * a.width + i, n);
    }
  }
}

/// y = gate * sigmoid(argument(gate)) * up.
template <typename Argument>
inline void SigmoidMul(const float* gate, const float* up, int64_t n, float* y,
                       const Argument& argument) {
  const Lanes zero = Lanes::Broadcast(0.0F), one = Lanes::Broadcast(1.0F);
  for (int64_t i = 0; i < n; i += kLanes) {
    const int64_t count = Least(kLanes, n - i);
    const Lanes g = Lanes::LoadPartial(gate + i, count);
    const Lanes active = g / (one + Exp(zero - argument(g)));
    (active * Lanes::LoadPartial(up + i, count)).StorePartial(y + i, count);
  }
}

void SiluMul(const float* gate, const float* up, int64_t n, float* y) {
  SigmoidMul(gate, up, n, y, [](Lanes x) { return x; });
}

/// 0.5 x (1 + tanh(u)) = x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3).
void GeluTanhMul(const float* gate, const float* up, int64_t n, float* y) {
  const Lanes linear = Lanes::Broadcast(1.59576912F), cubic = Lanes::Broadcast(0.0713548163F);
  SigmoidMul(gate, up, n, y, [&](Lanes x) { return x * Fma(x * x, cubic, linear); });
}

void Add(const float* a, const float* b, int64_t n, float* y) {
  for (int64_t i = 0; i < n; i += kLanes) {
    const int64_t count = Least(kLanes, n - i);
    (Lanes::LoadPartial(a + i, count) + Lanes::LoadPartial(b + i, count))
        .StorePartial(y + i, count);
  }
}

constexpr Kernels MakeKernels(const char* name) {
  return {name, Gemm, RmsNorm, Rotary, Attention, SiluMul, GeluTanhMul, Add, MaxOf, ExpSum};
}

}  // namespace
}  // namespace retort
