// The one source of every native kernel, written over sixteen float32 lanes. Each kernels_<isa>.cc
// includes its Lanes type and then this file, and hands out the table MakeKernels makes; the
// numerics rule (kernels.h) lies in this file and the two it includes alone.
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

/// Sixteen lanes of partial products, each an ascending chain.
inline float Dot(const float* a, const float* b, int64_t width) {
  Lanes sum = Lanes::Broadcast(0.0F);
  ForLanes(
      width, [&](int64_t i) { sum = Fma(Lanes::Load(a + i), Lanes::Load(b + i), sum); },
      [&](int64_t i, int64_t n) {
        sum = Fma(Lanes::LoadPartial(a + i, n), Lanes::LoadPartial(b + i, n), sum);
      });
  return sum.Sum();
}

void RmsNorm(const RmsNormArgs& a) {
  const float* x = a.x;
  float* y = a.y;
  const Lanes offset = Lanes::Broadcast(a.offset);
  for (int64_t r = 0; r < a.rows; ++r, x += a.width, y += a.width) {
    const float mean = Dot(x, x, a.width) / static_cast<float>(a.width);
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

}  // namespace
}  // namespace retort

#include "core/lm/model/kernels/attention_impl.h"
#include "core/lm/model/kernels/gemm_impl.h"

namespace retort {
namespace {

constexpr Kernels MakeKernels(const char* name) {
  return {name,        Gemm, RoundToBfloat16, RmsNorm, Rotary, Attention, SiluMul,
          GeluTanhMul, Add,  MaxOf,           ExpSum};
}

}  // namespace
}  // namespace retort
