// The lower levels of the fixed tree of sums, which both AVX Lanes types share. Included by them
// alone.
#pragma once

#include <immintrin.h>

namespace retort {
namespace {  // one translation unit an instruction set: nothing here may be shared by the linker

/// One tree for four vectors of eight, the halves of a Lanes already added: sums[i] has the bits of
/// the tree that Lanes::Sum goes down.
inline __m128 SumFourOfEight(__m256 a, __m256 b, __m256 c, __m256 d) {
  // Four lanes of a beside four of b, then of c beside d.
  const __m256 ab =
      _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
  const __m256 cd =
      _mm256_add_ps(_mm256_permute2f128_ps(c, d, 0x20), _mm256_permute2f128_ps(c, d, 0x31));
  // Two lanes of a, two of c; two of b, two of d.
  const __m256 two = _mm256_add_ps(_mm256_shuffle_ps(ab, cd, _MM_SHUFFLE(1, 0, 1, 0)),
                                   _mm256_shuffle_ps(ab, cd, _MM_SHUFFLE(3, 2, 3, 2)));
  // a, c, a, c; b, d, b, d.
  const __m256 one = _mm256_add_ps(_mm256_shuffle_ps(two, two, _MM_SHUFFLE(2, 0, 2, 0)),
                                   _mm256_shuffle_ps(two, two, _MM_SHUFFLE(3, 1, 3, 1)));
  return _mm_unpacklo_ps(_mm256_castps256_ps128(one), _mm256_extractf128_ps(one, 1));
}

}  // namespace
}  // namespace retort
