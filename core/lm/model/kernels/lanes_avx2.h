// Sixteen float32 lanes in two AVX registers (lanes 0-7 and 8-15). Included by kernels_avx2.cc
// alone.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "core/lm/model/kernels/lanes_tree.h"

namespace retort {
namespace {  // one translation unit an instruction set: nothing here may be shared by the linker

struct Lanes {
  static constexpr int kTileRows = 6;    // 12 accumulators, 2 weights, 1 row value
  static constexpr int kTileStrips = 1;  // strips of 16 outputs in a full tile
  static constexpr int kWideStrips = 4;  // strips when there are few rows: hides the FMA latency
  static constexpr int kAttentionHeads = 1;  // heads of a group that go through the keys together
  static constexpr int kValueStrips = 4;     // ... and strips of the values

  __m256 lo;
  __m256 hi;

  /// All ones in the first n of eight lanes (n may be negative or above eight).
  static __m256i First(int64_t n) {
    const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), index);
  }
  static Lanes Broadcast(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
  static Lanes Load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  static Lanes LoadPartial(const float* p, int64_t n) {
    return {_mm256_maskload_ps(p, First(n)), _mm256_maskload_ps(p + 8, First(n - 8))};
  }
  /// Bfloat16 values.
  static Lanes Widen(const uint16_t* p) { return {WidenEight(p), WidenEight(p + 8)}; }
  static Lanes WidenPartial(const uint16_t* p, int64_t n) {
    uint16_t sixteen[16] = {};
    __builtin_memcpy(sixteen, p, static_cast<size_t>(n < 16 ? n : 16) * sizeof(uint16_t));
    return Widen(sixteen);
  }
  static __m256 WidenEight(const uint16_t* p) {
    const __m128i eight = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(eight), 16));
  }
  void Store(float* p) const {
    _mm256_storeu_ps(p, lo);
    _mm256_storeu_ps(p + 8, hi);
  }
  void StorePartial(float* p, int64_t n) const {
    _mm256_maskstore_ps(p, First(n), lo);
    _mm256_maskstore_ps(p + 8, First(n - 8), hi);
  }
  /// The first level of the fixed tree of sums.
  __m256 Eight() const { return _mm256_add_ps(lo, hi); }
  float Sum() const {
    const __m256 eight = Eight();
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }
  float MaxLane() const {
    const __m256 eight = _mm256_max_ps(lo, hi);
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
  }
};

/// The sums of four, each down the fixed tree.
inline void SumFour(const Lanes (&x)[4], float* sums) {
  _mm_storeu_ps(sums, SumFourOfEight(x[0].Eight(), x[1].Eight(), x[2].Eight(), x[3].Eight()));
}

inline Lanes operator+(Lanes a, Lanes b) {
  return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)};
}
inline Lanes operator-(Lanes a, Lanes b) {
  return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)};
}
inline Lanes operator*(Lanes a, Lanes b) {
  return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)};
}
inline Lanes operator/(Lanes a, Lanes b) {
  return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)};
}
inline Lanes Max(Lanes a, Lanes b) {
  return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)};
}
inline Lanes Min(Lanes a, Lanes b) {
  return {_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)};
}
inline Lanes Fma(Lanes a, Lanes b, Lanes c) {
  return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}

/// Sixteen pairs of bfloat16 values.
struct Pairs {
  __m256i lo;
  __m256i hi;

  static Pairs Load(const uint16_t* p) {
    const auto* from = reinterpret_cast<const __m256i*>(p);
    return {_mm256_loadu_si256(from), _mm256_loadu_si256(from + 1)};
  }
  /// One pair in all lanes.
  static Pairs Broadcast(const uint16_t* p) {
    int pair;
    __builtin_memcpy(&pair, p, sizeof(pair));
    return {_mm256_set1_epi32(pair), _mm256_set1_epi32(pair)};
  }
  Lanes First() const {
    return {_mm256_castsi256_ps(_mm256_slli_epi32(lo, 16)),
            _mm256_castsi256_ps(_mm256_slli_epi32(hi, 16))};
  }
  Lanes Second() const {
    const __m256i upper = _mm256_set1_epi32(static_cast<int>(0xFFFF0000U));
    return {_mm256_castsi256_ps(_mm256_and_si256(lo, upper)),
            _mm256_castsi256_ps(_mm256_and_si256(hi, upper))};
  }
};

/// a.first b.first + (a.second b.second + c), each rounded once.
inline Lanes MultiplyPairs(Pairs a, Pairs b, Lanes c) {
  return Fma(a.First(), b.First(), Fma(a.Second(), b.Second(), c));
}

inline __m256 ScaleHalf(__m256 y, __m256 shifted) {
  const __m256i n = _mm256_slli_epi32(_mm256_castps_si256(shifted), 23);
  return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(y), n));
}
inline Lanes ScaleByPowerOfTwo(Lanes y, Lanes shifted) {
  return {ScaleHalf(y.lo, shifted.lo), ScaleHalf(y.hi, shifted.hi)};
}
inline Lanes ZeroWhereLess(Lanes y, Lanes x, Lanes bound) {
  return {_mm256_andnot_ps(_mm256_cmp_ps(x.lo, bound.lo, _CMP_LT_OQ), y.lo),
          _mm256_andnot_ps(_mm256_cmp_ps(x.hi, bound.hi, _CMP_LT_OQ), y.hi)};
}

}  // namespace
}  // namespace retort
