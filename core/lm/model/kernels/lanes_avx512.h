// Sixteen float32 lanes in one AVX-512 register. Included by kernels_avx512.cc and
// kernels_avx512_bf16.cc alone.
#pragma once

// GCC 12 takes the deliberately undefined operands inside its own intrinsics for a mistake of ours.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

#include <immintrin.h>

#include <cstdint>

#include "core/lm/model/kernels/lanes_tree.h"

namespace retort {
namespace {  // one translation unit an instruction set: nothing here may be shared by the linker

struct Lanes {
  static constexpr int kTileRows = 12;   // 24 accumulators, 2 weights, 6 registers to spare
  static constexpr int kTileStrips = 2;  // strips of 16 outputs in a full tile
  static constexpr int kWideStrips = 8;  // strips when there are few rows: hides the FMA latency
  static constexpr int kAttentionHeads = 3;  // heads of a group that go through the keys together
  static constexpr int kValueStrips = 4;     // ... and strips of the values: 12 chains in flight

  __m512 v;

  static __mmask16 First(int64_t n) {
    return static_cast<__mmask16>(n >= 16 ? 0xFFFFU : (1U << static_cast<unsigned>(n)) - 1U);
  }
  static Lanes Broadcast(float x) { return {_mm512_set1_ps(x)}; }
  static Lanes Load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static Lanes LoadPartial(const float* p, int64_t n) {
    return {_mm512_maskz_loadu_ps(First(n), p)};
  }
  /// Bfloat16 values.
  static Lanes Widen(const uint16_t* p) {
    return Widen(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static Lanes WidenPartial(const uint16_t* p, int64_t n) {
    return Widen(_mm256_maskz_loadu_epi16(First(n), p));
  }
  static Lanes Widen(__m256i bfloat16) {
    return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bfloat16), 16))};
  }
  void Store(float* p) const { _mm512_storeu_ps(p, v); }
  void StorePartial(float* p, int64_t n) const { _mm512_mask_storeu_ps(p, First(n), v); }
  /// The first level of the fixed tree of sums.
  __m256 Eight() const {
    return _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
  }
  float Sum() const {
    const __m256 eight = Eight();
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }
  float MaxLane() const { return _mm512_reduce_max_ps(v); }
};

/// The sums of four, each down the fixed tree.
inline void SumFour(const Lanes (&x)[4], float* sums) {
  _mm_storeu_ps(sums, SumFourOfEight(x[0].Eight(), x[1].Eight(), x[2].Eight(), x[3].Eight()));
}

inline Lanes operator+(Lanes a, Lanes b) { return {_mm512_add_ps(a.v, b.v)}; }
inline Lanes operator-(Lanes a, Lanes b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline Lanes operator*(Lanes a, Lanes b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline Lanes operator/(Lanes a, Lanes b) { return {_mm512_div_ps(a.v, b.v)}; }
inline Lanes Max(Lanes a, Lanes b) { return {_mm512_max_ps(a.v, b.v)}; }
inline Lanes Min(Lanes a, Lanes b) { return {_mm512_min_ps(a.v, b.v)}; }
inline Lanes Fma(Lanes a, Lanes b, Lanes c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }

/// Sixteen pairs of bfloat16 values.
struct Pairs {
  __m512i v;

  static Pairs Load(const uint16_t* p) { return {_mm512_loadu_si512(p)}; }
  /// One pair in all lanes.
  static Pairs Broadcast(const uint16_t* p) {
    int pair;
    __builtin_memcpy(&pair, p, sizeof(pair));
    return {_mm512_set1_epi32(pair)};
  }
  Lanes First() const { return {_mm512_castsi512_ps(_mm512_slli_epi32(v, 16))}; }
  Lanes Second() const {
    const __m512i upper = _mm512_set1_epi32(static_cast<int>(0xFFFF0000U));
    return {_mm512_castsi512_ps(_mm512_and_si512(v, upper))};
  }
};
/// a.first b.first + (a.second b.second + c), each rounded once.
inline Lanes MultiplyPairs(Pairs a, Pairs b, Lanes c) {
#ifdef __AVX512BF16__
  return {_mm512_dpbf16_ps(c.v, reinterpret_cast<__m512bh>(a.v), reinterpret_cast<__m512bh>(b.v))};
#else
  return Fma(a.First(), b.First(), Fma(a.Second(), b.Second(), c));
#endif
}

inline Lanes ScaleByPowerOfTwo(Lanes y, Lanes shifted) {
  const __m512i n = _mm512_slli_epi32(_mm512_castps_si512(shifted.v), 23);
  return {_mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(y.v), n))};
}
inline Lanes ZeroWhereLess(Lanes y, Lanes x, Lanes bound) {
  return {_mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x.v, bound.v, _CMP_NLT_UQ), y.v)};
}

}  // namespace
}  // namespace retort
