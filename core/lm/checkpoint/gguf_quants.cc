#include "core/lm/checkpoint/gguf_quants.h"

#include <bit>
#include <cstring>
#include <iterator>
#include <vector>

#include "core/base/error.h"
#include "core/base/strings.h"

namespace retort {
namespace {

static_assert(std::endian::native == std::endian::little, "blocks are read in place");

// Sizes of ggml-common.h: a small block, and the block of the K types.
constexpr int kSmall = 32;
constexpr int kLarge = 256;

template <typename T>
T Load(const uint8_t* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

float HalfToFloat(uint16_t half) {
  const uint32_t sign = (half & 0x8000U) << 16, magnitude = half & 0x7fffU;
  uint32_t bits = magnitude << 13;
  if (magnitude >= 0x7c00U) {  // infinite or not a number
    bits |= 0x7f800000U;
  } else if (magnitude >= 0x0400U) {  // normal: the biases of the exponents differ by 112
    bits += 112U << 23;
  } else {  // subnormal, without float32 subnormals on the way: those may be switched off
    bits = std::bit_cast<uint32_t>(static_cast<float>(magnitude) * 0x1p-24F);
  }
  return std::bit_cast<float>(sign | bits);
}

float LoadHalf(const uint8_t* bytes) { return HalfToFloat(Load<uint16_t>(bytes)); }

void DecodeF32(const uint8_t* block, float* out) { *out = Load<float>(block); }

void DecodeF16(const uint8_t* block, float* out) { *out = LoadHalf(block); }

void DecodeBF16(const uint8_t* block, float* out) {
  *out = std::bit_cast<float>(uint32_t{Load<uint16_t>(block)} << 16);
}

/// 32 numbers of 4 bits: the low halves of 16 bytes, then the high halves.
void UnpackNibbles(const uint8_t* bytes, int* q) {
  for (int i = 0; i < kSmall / 2; ++i) {
    q[i] = bytes[i] & 15;
    q[i + kSmall / 2] = bytes[i] >> 4;
  }
}

/// 32 numbers of 5 bits: `bytes` as above, and the fifth bits in one word.
void UnpackFives(const uint8_t* high, const uint8_t* bytes, int* q) {
  UnpackNibbles(bytes, q);
  const auto fifth = Load<uint32_t>(high);
  for (int i = 0; i < kSmall; ++i) q[i] |= static_cast<int>(fifth >> i & 1) << 4;
}

// float16 scale; q.
void DecodeQ40(const uint8_t* block, float* out) {
  const float scale = LoadHalf(block);
  int q[kSmall];
  UnpackNibbles(block + 2, q);
  for (int i = 0; i < kSmall; ++i) out[i] = scale * static_cast<float>(q[i] - 8);
}

// float16 scale; float16 minimum; q.
void DecodeQ41(const uint8_t* block, float* out) {
  const float scale = LoadHalf(block), minimum = LoadHalf(block + 2);
  int q[kSmall];
  UnpackNibbles(block + 4, q);
  for (int i = 0; i < kSmall; ++i) out[i] = scale * static_cast<float>(q[i]) + minimum;
}

// float16 scale; fifth bits; q.
void DecodeQ50(const uint8_t* block, float* out) {
  const float scale = LoadHalf(block);
  int q[kSmall];
  UnpackFives(block + 2, block + 6, q);
  for (int i = 0; i < kSmall; ++i) out[i] = scale * static_cast<float>(q[i] - 16);
}

// float16 scale; float16 minimum; fifth bits; q.
void DecodeQ51(const uint8_t* block, float* out) {
  const float scale = LoadHalf(block), minimum = LoadHalf(block + 2);
  int q[kSmall];
  UnpackFives(block + 4, block + 8, q);
  for (int i = 0; i < kSmall; ++i) out[i] = scale * static_cast<float>(q[i]) + minimum;
}

// float16 scale; int8 q.
void DecodeQ80(const uint8_t* block, float* out) {
  const float scale = LoadHalf(block);
  for (int i = 0; i < kSmall; ++i) {
    out[i] = scale * static_cast<float>(static_cast<int8_t>(block[2 + i]));
  }
}

struct ScaleAndMinimum {
  int scale;
  int minimum;
};

/// Number `j` of 8 pairs of 6 bits in 12 bytes: bytes 0..3 hold the scales and 4..7 the minima of
/// pairs 0..3; pairs 4..7 have four bits in bytes 8..11 and two in the tops of bytes 0..7.
ScaleAndMinimum UnpackScale(const uint8_t* bytes, int j) {
  if (j < 4) return {bytes[j] & 63, bytes[j + 4] & 63};
  const int low = bytes[j + 4];
  return {(low & 15) | (bytes[j - 4] >> 2 & 48), low >> 4 | (bytes[j] >> 2 & 48)};
}

// float16 scale of scales; float16 scale of minima; 12 bytes of scales; q in groups of 64.
void DecodeQ4K(const uint8_t* block, float* out) {
  const float scale = LoadHalf(block), minimum = LoadHalf(block + 2);
  const uint8_t *scales = block + 4, *nibbles = block + 16;
  for (int j = 0; j < kLarge / 32; ++j) {
    const ScaleAndMinimum pair = UnpackScale(scales, j);
    const float d = scale * static_cast<float>(pair.scale);
    const float m = minimum * static_cast<float>(pair.minimum);
    for (int i = 0; i < 32; ++i) {
      const int q = nibbles[j / 2 * 32 + i] >> j % 2 * 4 & 15;
      out[j * 32 + i] = d * static_cast<float>(q) - m;
    }
  }
}

// Low four bits of q; high two bits; 16 int8 scales; float16 scale of scales. q in groups of 128.
void DecodeQ6K(const uint8_t* block, float* out) {
  const uint8_t *low = block, *high = block + 128, *scales = block + 192;
  const float scale = LoadHalf(block + 208);
  for (int i = 0; i < kLarge; ++i) {
    const int group = i / 128, part = i % 128 / 32, lane = i % 32;
    const int four = low[group * 64 + part % 2 * 32 + lane] >> part / 2 * 4 & 15;
    const int two = high[group * 32 + lane] >> part * 2 & 3;
    const float d = scale * static_cast<float>(static_cast<int8_t>(scales[i / 16]));
    out[i] = d * static_cast<float>((four | two << 4) - 32);
  }
}

template <auto DecodeBlock, int kElements, int kBytes>
void DecodeBlocks(const uint8_t* blocks, int64_t count, float* out) {
  for (int64_t i = 0; i < count; ++i) DecodeBlock(blocks + i * kBytes, out + i * kElements);
}

struct Traits {
  GgmlType type;
  GgmlBlock block;
  void (*decode)(const uint8_t* blocks, int64_t count, float* out);
};

template <auto DecodeBlock, int kElements, int kBytes>
constexpr Traits Make(GgmlType type) {
  return {type, {kElements, kBytes}, DecodeBlocks<DecodeBlock, kElements, kBytes>};
}

constexpr Traits kTypes[] = {
    Make<DecodeF32, 1, 4>(GgmlType::kF32),        Make<DecodeF16, 1, 2>(GgmlType::kF16),
    Make<DecodeBF16, 1, 2>(GgmlType::kBF16),      Make<DecodeQ80, kSmall, 34>(GgmlType::kQ80),
    Make<DecodeQ40, kSmall, 18>(GgmlType::kQ40),  Make<DecodeQ41, kSmall, 20>(GgmlType::kQ41),
    Make<DecodeQ50, kSmall, 22>(GgmlType::kQ50),  Make<DecodeQ51, kSmall, 24>(GgmlType::kQ51),
    Make<DecodeQ4K, kLarge, 144>(GgmlType::kQ4K), Make<DecodeQ6K, kLarge, 210>(GgmlType::kQ6K)};

// By number; gaps are types that were withdrawn.
constexpr const char* kNames[] = {
    "F32",     "F16",   "Q4_0",   "Q4_1",  "Q4_2",  "Q4_3",   "Q5_0",  "Q5_1",    "Q8_0",
    "Q8_1",    "Q2_K",  "Q3_K",   "Q4_K",  "Q5_K",  "Q6_K",   "Q8_K",  "IQ2_XXS", "IQ2_XS",
    "IQ3_XXS", "IQ1_S", "IQ4_NL", "IQ3_S", "IQ2_S", "IQ4_XS", "I8",    "I16",     "I32",
    "I64",     "F64",   "IQ1_M",  "BF16",  nullptr, nullptr,  nullptr, "TQ1_0",   "TQ2_0",
    nullptr,   nullptr, nullptr,  "MXFP4", "NVFP4", "Q1_0"};

const Traits* Find(GgmlType type) {
  for (const Traits& traits : kTypes) {
    if (traits.type == type) return &traits;
  }
  return nullptr;
}

const Traits& TraitsOf(GgmlType type) {
  const Traits* traits = Find(type);
  RETORT_CHECK(traits != nullptr, "type ", static_cast<uint32_t>(type), " is not supported");
  return *traits;
}

}  // namespace

bool IsSupportedGgmlType(uint32_t number) { return Find(static_cast<GgmlType>(number)) != nullptr; }

std::string GgmlTypeName(uint32_t number) {
  const bool named = number < std::size(kNames) && kNames[number] != nullptr;
  return named ? kNames[number] : StrCat("number ", number);
}

std::string SupportedGgmlTypes() {
  std::vector<std::string> names;
  for (const Traits& traits : kTypes) {
    names.push_back(GgmlTypeName(static_cast<uint32_t>(traits.type)));
  }
  return Join(names, ", ");
}

GgmlBlock BlockOf(GgmlType type) { return TraitsOf(type).block; }

void DequantizeRow(GgmlType type, const uint8_t* blocks, int64_t n, float* out) {
  const Traits& traits = TraitsOf(type);
  RETORT_CHECK(n >= 0 && n % traits.block.elements == 0, n, " values are no whole blocks");
  traits.decode(blocks, n / traits.block.elements, out);
}

}  // namespace retort
