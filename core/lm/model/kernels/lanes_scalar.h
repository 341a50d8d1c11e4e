// Sixteen float32 lanes as a plain array: the reference of the other two Lanes types, which must
// give the same bits. Included by kernels_scalar.cc alone.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace retort {
namespace {  // one translation unit an instruction set: nothing here may be shared by the linker

struct Lanes {
  static constexpr int kTileRows = 4;        // register tile of the matrix product
  static constexpr int kTileStrips = 1;      // strips of 16 outputs in a full tile
  static constexpr int kWideStrips = 1;      // strips when there are few rows
  static constexpr int kAttentionHeads = 1;  // heads of a group that go through the keys together
  static constexpr int kValueStrips = 1;     // ... and strips of the values

  float lane[16];

  static Lanes Broadcast(float x) {
    Lanes r;
    for (float& v : r.lane) v = x;
    return r;
  }
  static Lanes Load(const float* p) {
    Lanes r;
    for (int i = 0; i < 16; ++i) r.lane[i] = p[i];
    return r;
  }
  static Lanes LoadPartial(const float* p, int64_t n) {
    Lanes r;
    for (int i = 0; i < 16; ++i) r.lane[i] = i < n ? p[i] : 0.0F;
    return r;
  }
  /// Bfloat16 values.
  static Lanes Widen(const uint16_t* p) { return WidenPartial(p, 16); }
  static Lanes WidenPartial(const uint16_t* p, int64_t n) {
    Lanes r;
    for (int i = 0; i < 16; ++i) {
      r.lane[i] = i < n ? std::bit_cast<float>(uint32_t{p[i]} << 16U) : 0.0F;
    }
    return r;
  }
  void Store(float* p) const {
    for (int i = 0; i < 16; ++i) p[i] = lane[i];
  }
  void StorePartial(float* p, int64_t n) const {
    for (int i = 0; i < n; ++i) p[i] = lane[i];
  }
  /// The fixed tree: halves are added until one lane is left.
  float Sum() const {
    float t[8];
    for (int i = 0; i < 8; ++i) t[i] = lane[i] + lane[i + 8];
    for (int i = 0; i < 4; ++i) t[i] = t[i] + t[i + 4];
    for (int i = 0; i < 2; ++i) t[i] = t[i] + t[i + 2];
    return t[0] + t[1];
  }
  float MaxLane() const {
    float best = lane[0];
    for (float v : lane) best = v > best ? v : best;
    return best;
  }
};

/// The sums of four, each down the fixed tree.
inline void SumFour(const Lanes (&x)[4], float* sums) {
  for (int i = 0; i < 4; ++i) sums[i] = x[i].Sum();
}

template <typename Op>
inline Lanes Map(const Lanes& a, const Lanes& b, Op op) {
  Lanes r;
  for (int i = 0; i < 16; ++i) r.lane[i] = op(a.lane[i], b.lane[i]);
  return r;
}
inline Lanes operator+(const Lanes& a, const Lanes& b) {
  return Map(a, b, [](float x, float y) { return x + y; });
}
inline Lanes operator-(const Lanes& a, const Lanes& b) {
  return Map(a, b, [](float x, float y) { return x - y; });
}
inline Lanes operator*(const Lanes& a, const Lanes& b) {
  return Map(a, b, [](float x, float y) { return x * y; });
}
inline Lanes operator/(const Lanes& a, const Lanes& b) {
  return Map(a, b, [](float x, float y) { return x / y; });
}
/// a > b ? a : b, as the vector instructions do it.
inline Lanes Max(const Lanes& a, const Lanes& b) {
  return Map(a, b, [](float x, float y) { return x > y ? x : y; });
}
inline Lanes Min(const Lanes& a, const Lanes& b) {
  return Map(a, b, [](float x, float y) { return x < y ? x : y; });
}
/// a * b + c, rounded once.
inline Lanes Fma(const Lanes& a, const Lanes& b, const Lanes& c) {
  Lanes r;
  for (int i = 0; i < 16; ++i) r.lane[i] = std::fma(a.lane[i], b.lane[i], c.lane[i]);
  return r;
}

/// Sixteen pairs of bfloat16 values.
struct Pairs {
  uint32_t pair[16];

  static Pairs Load(const uint16_t* p) {
    Pairs r;
    std::memcpy(r.pair, p, sizeof(r.pair));
    return r;
  }
  /// One pair in all lanes.
  static Pairs Broadcast(const uint16_t* p) {
    Pairs r;
    for (uint32_t& pair : r.pair) std::memcpy(&pair, p, sizeof(pair));
    return r;
  }
  Lanes First() const {
    Lanes r;
    for (int i = 0; i < 16; ++i) r.lane[i] = std::bit_cast<float>(pair[i] << 16U);
    return r;
  }
  Lanes Second() const {
    Lanes r;
    for (int i = 0; i < 16; ++i) r.lane[i] = std::bit_cast<float>(pair[i] & 0xFFFF0000U);
    return r;
  }
};

/// a.first b.first + (a.second b.second + c), each rounded once.
inline Lanes MultiplyPairs(const Pairs& a, const Pairs& b, const Lanes& c) {
  return Fma(a.First(), b.First(), Fma(a.Second(), b.Second(), c));
}

/// y * 2^n, where the low bits of `shifted` (1.5 * 2^23 + n) hold n.
inline Lanes ScaleByPowerOfTwo(const Lanes& y, const Lanes& shifted) {
  return Map(y, shifted, [](float value, float n) {
    return std::bit_cast<float>(std::bit_cast<uint32_t>(value) +
                                (std::bit_cast<uint32_t>(n) << 23U));
  });
}
/// 0 in the lanes where x < bound, otherwise y.
inline Lanes ZeroWhereLess(const Lanes& y, const Lanes& x, const Lanes& bound) {
  Lanes r;
  for (int i = 0; i < 16; ++i) r.lane[i] = x.lane[i] < bound.lane[i] ? 0.0F : y.lane[i];
  return r;
}

}  // namespace
}  // namespace retort
