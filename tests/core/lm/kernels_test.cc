#include "core/lm/model/kernels/kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cfloat>
#include <cmath>
#include <numbers>
#include <numeric>
#include <string>
#include <vector>

#include "core/base/rng.h"
#include "core/lm/model/kernels/math.h"
#include "core/lm/model/kernels/packed_matrix.h"
#include "core/lm/model/kernels/select.h"

namespace retort {
namespace {

std::vector<float> RandomFloats(int64_t n, std::string_view name) {
  Rng rng = Rng::Derive({"kernels_test", name});
  std::vector<float> values(static_cast<size_t>(n));
  for (float& v : values) v = static_cast<float>(rng.NextNormal());
  return values;
}

/// Bit patterns, so that equality means equal bits.
std::vector<uint32_t> Bits(const std::vector<float>& values) {
  std::vector<uint32_t> bits;
  for (const float v : values) bits.push_back(std::bit_cast<uint32_t>(v));
  return bits;
}

class KernelsTest : public testing::TestWithParam<Isa> {
 protected:
  void SetUp() override {
    if (!IsaSupported(GetParam())) GTEST_SKIP() << "this processor has no " << IsaName(GetParam());
  }
  const Kernels& kernels() const { return KernelsFor(GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(EveryIsa, KernelsTest, testing::ValuesIn(kIsas),
                         [](const auto& test) { return std::string(IsaName(test.param)); });

struct GemmCase {
  int64_t rows, in, out;
  bool bias;
  bool bfloat16 = false;  // weights that are exact in it
  Precision precision = Precision::kFloat32;
  float scale = 1;  // of the inputs

  std::vector<float> Inputs() const {
    std::vector<float> x = RandomFloats(rows * in, "x");
    for (float& v : x) v *= scale;
    return x;
  }
  std::vector<float> Weights() const {
    std::vector<float> w = RandomFloats(out * in, "w");
    if (bfloat16) {
      for (float& v : w) v = std::bit_cast<float>(std::bit_cast<uint32_t>(v) & 0xFFFF0000U);
    }
    return w;
  }
};

std::vector<float> RunGemm(const Kernels& kernels, const GemmCase& c) {
  const auto x = c.Inputs(), w = c.Weights();
  const auto bias = RandomFloats(c.out, "bias");
  const PackedMatrix packed(w.data(), c.out, c.in, c.precision);
  const bool rounds = c.precision == Precision::kBfloat16;
  EXPECT_EQ(packed.bfloat16_panels() != nullptr, c.bfloat16 || rounds);
  std::vector<uint16_t> rounded(static_cast<size_t>(c.rows * (c.in + c.in % 2)));
  if (rounds) kernels.round_to_bfloat16(x.data(), c.rows, c.in, rounded.data());
  std::vector<float> y(static_cast<size_t>(c.rows * c.out), NAN);
  kernels.gemm({.x = x.data(),
                .bfloat16_x = rounds ? rounded.data() : nullptr,
                .rows = c.rows,
                .panels = packed.float32_panels(),
                .bfloat16_panels = packed.bfloat16_panels(),
                .bias = c.bias ? bias.data() : nullptr,
                .in = c.in,
                .out = c.out,
                .y = y.data(),
                .first_output = 0,
                .last_output = c.out});
  return y;
}

/// The numerics rule in so many words: one chain of fused multiply-adds from the bias, or 0.
std::vector<float> GemmByTheRule(const GemmCase& c) {
  const auto x = RandomFloats(c.rows * c.in, "x"), w = c.Weights();
  const auto bias = RandomFloats(c.out, "bias");
  std::vector<float> y;
  for (int64_t r = 0; r < c.rows; ++r) {
    for (int64_t o = 0; o < c.out; ++o) {
      float sum = c.bias ? bias[static_cast<size_t>(o)] : 0.0F;
      for (int64_t k = 0; k < c.in; ++k) {
        sum = std::fma(x[static_cast<size_t>(r * c.in + k)], w[static_cast<size_t>(o * c.in + k)],
                       sum);
      }
      y.push_back(sum);
    }
  }
  return y;
}

TEST_P(KernelsTest, GemmIsOneAscendingChainAnOutputAtEveryHeight) {
  for (int64_t rows = 1; rows <= 27; ++rows) {
    for (const bool bfloat16 : {false, true}) {
      const GemmCase c{
          .rows = rows, .in = 19, .out = 150, .bias = rows % 2 == 0, .bfloat16 = bfloat16};
      ASSERT_EQ(Bits(RunGemm(kernels(), c)), Bits(GemmByTheRule(c))) << rows << " rows";
    }
  }
}

TEST_P(KernelsTest, GemmIsOneAscendingChainAnOutputAtEveryWidth) {
  for (const int64_t out : {1, 15, 16, 17, 22, 31, 32, 33, 64, 97, 344}) {
    for (const int64_t rows : {1, 5, 13}) {
      for (const bool bfloat16 : {false, true}) {
        const GemmCase c{.rows = rows, .in = 40, .out = out, .bias = true, .bfloat16 = bfloat16};
        ASSERT_EQ(Bits(RunGemm(kernels(), c)), Bits(GemmByTheRule(c))) << rows << " x " << out;
      }
    }
  }
}

float Bfloat16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return std::bit_cast<float>((bits + 0x7FFFU + (bits >> 16U & 1U)) & 0xFFFF0000U);
}
float Flushed(float value) {
  return std::abs(value) < FLT_MIN ? std::copysign(0.0F, value) : value;
}

/// The rule for bfloat16: of each pair of inputs the second first, denormals count as zero.
std::vector<float> Bfloat16GemmByTheRule(const GemmCase& c) {
  std::vector<float> x = c.Inputs(), w = c.Weights(), y;
  for (std::vector<float>* values : {&x, &w}) {
    for (float& v : *values) v = Flushed(Bfloat16(v));
  }
  const auto bias = RandomFloats(c.out, "bias");
  for (int64_t r = 0; r < c.rows; ++r) {
    for (int64_t o = 0; o < c.out; ++o) {
      float sum = c.bias ? bias[static_cast<size_t>(o)] : 0.0F;
      for (int64_t k = 0; k < c.in; ++k) {
        const int64_t i = k % 2 == 1 ? k - 1 : std::min(k + 1, c.in - 1);
        sum = Flushed(std::fma(x[static_cast<size_t>(r * c.in + i)],
                               w[static_cast<size_t>(o * c.in + i)], sum));
      }
      y.push_back(sum);
    }
  }
  return y;
}

TEST_P(KernelsTest, GemmOfBfloat16TakesPairsSecondFirstAtEveryShape) {
  for (int64_t rows = 1; rows <= 27; ++rows) {
    for (const int64_t out : {1, 22, 32, 150}) {
      const GemmCase c{.rows = rows,
                       .in = 18 + rows % 2,
                       .out = out,
                       .bias = rows % 2 == 0,
                       .precision = Precision::kBfloat16};
      ASSERT_EQ(Bits(RunGemm(kernels(), c)), Bits(Bfloat16GemmByTheRule(c)))
          << rows << " x " << out;
    }
  }
}

TEST_P(KernelsTest, GemmOfBfloat16CountsDenormalsAsZero) {
  for (const float scale : {1e-37F, 1e-38F, 3e-39F}) {
    const GemmCase c{.rows = 13,
                     .in = 20,
                     .out = 40,
                     .bias = false,
                     .precision = Precision::kBfloat16,
                     .scale = scale};
    ASSERT_EQ(Bits(RunGemm(kernels(), c)), Bits(Bfloat16GemmByTheRule(c))) << scale;
  }
  // The mode ends with the product.
  const volatile float tiny = FLT_MIN;
  EXPECT_GT(tiny / 2, 0.0F);
}

TEST_P(KernelsTest, RoundsToTheNearestBfloat16) {
  std::vector<float> x = RandomFloats(3 * 77, "x");
  x[0] = INFINITY;
  x[1] = 3.4e38F;                            // rounds to infinity
  x[2] = std::bit_cast<float>(0x3F808000U);  // ties go to even
  x[3] = std::bit_cast<float>(0x3F818000U);
  x[4] = std::bit_cast<float>(0x7F800001U);  // NaNs stay NaNs
  x[5] = std::bit_cast<float>(0xFFFFFFFFU);
  x[6] = -0.0F;
  std::vector<uint16_t> y(3 * 78, 1);
  kernels().round_to_bfloat16(x.data(), 3, 77, y.data());
  EXPECT_EQ(y[0], 0x7F80);
  EXPECT_EQ(y[1], 0x7F80);
  EXPECT_EQ(y[2], 0x3F80);
  EXPECT_EQ(y[3], 0x3F82);
  EXPECT_EQ(y[4], 0x7FC0);
  EXPECT_EQ(y[5], 0xFFFF);
  EXPECT_EQ(y[6], 0x8000);
  for (size_t i = 7; i < x.size(); ++i) {
    EXPECT_EQ(y[i + i / 77], std::bit_cast<uint32_t>(Bfloat16(x[i])) >> 16U) << i;
  }
  for (const size_t pad : {77, 155, 233}) EXPECT_EQ(y[pad], 0);
}

TEST_P(KernelsTest, GemmWritesOnlyTheOutputsAskedFor) {
  const auto x = RandomFloats(3 * 8, "x"), w = RandomFloats(100 * 8, "w");
  const PackedMatrix packed(w.data(), 100, 8);
  std::vector<float> y(300, -7.0F);
  kernels().gemm({.x = x.data(),
                  .bfloat16_x = nullptr,
                  .rows = 3,
                  .panels = packed.float32_panels(),
                  .bfloat16_panels = packed.bfloat16_panels(),
                  .bias = nullptr,
                  .in = 8,
                  .out = 100,
                  .y = y.data(),
                  .first_output = 32,
                  .last_output = 64});
  for (size_t i = 0; i < y.size(); ++i) {
    EXPECT_EQ(y[i] != -7.0F, i % 100 >= 32 && i % 100 < 64) << i;
  }
}

TEST(PackedMatrix, LaysOutPanelsOf32OutputsPaddedWithZeros) {
  const auto w = RandomFloats(int64_t{40} * 3, "w");
  const PackedMatrix packed(w.data(), 40, 3);
  for (int64_t panel = 0; panel < 2; ++panel) {
    for (int64_t k = 0; k < 3; ++k) {
      for (int64_t lane = 0; lane < 32; ++lane) {
        const int64_t o = panel * 32 + lane;
        const float expected = o < 40 ? w[static_cast<size_t>(o * 3 + k)] : 0.0F;
        EXPECT_EQ(packed.float32_panels()[(panel * 3 + k) * 32 + lane], expected);
      }
    }
  }
}

TEST(PackedMatrix, HoldsBfloat16PairsWhereEveryValueIsExactInIt) {
  const GemmCase shape{.rows = 1, .in = 3, .out = 40, .bias = false, .bfloat16 = true};
  std::vector<float> w = shape.Weights();
  const PackedMatrix packed(w.data(), 40, 3);
  ASSERT_NE(packed.bfloat16_panels(), nullptr);
  EXPECT_EQ(packed.float32_panels(), nullptr);
  for (int64_t o = 0; o < 64; ++o) {
    const int64_t at = o / 32 * 4 * 32 + o % 32 * 2;
    for (int64_t k = 0; k < 4; ++k) {
      const float expected = o < 40 && k < 3 ? w[static_cast<size_t>(o * 3 + k)] : 0.0F;
      EXPECT_EQ(packed.bfloat16_panels()[at + k / 2 * 64 + k % 2],
                std::bit_cast<uint32_t>(expected) >> 16);
    }
  }
  w[100] = std::nextafter(w[100], 10.0F);
  EXPECT_EQ(PackedMatrix(w.data(), 40, 3).bfloat16_panels(), nullptr);
}

TEST(PackedMatrix, GivesItsRowsBack) {
  for (const bool bfloat16 : {false, true}) {
    const GemmCase shape{.rows = 1, .in = 5, .out = 70, .bias = false, .bfloat16 = bfloat16};
    const std::vector<float> w = shape.Weights();
    const PackedMatrix packed(w.data(), 70, 5);
    std::vector<float> rows(w.size());
    for (int64_t o = 0; o < 70; ++o) packed.CopyRow(o, rows.data() + o * 5);
    EXPECT_EQ(Bits(rows), Bits(w));
  }
}

TEST_P(KernelsTest, ExpIsAccurateOverItsWholeRange) {
  for (double x = -87.3; x < 88.2; x += 0.0137) {
    const auto input = static_cast<float>(x);
    float y = 0;
    kernels().exp_sum(&input, 1, 0.0F, 1.0F, &y);
    const double exact = std::exp(static_cast<double>(input));
    ASSERT_NEAR(static_cast<double>(y) / exact, 1.0, 2e-7) << x;
  }
}

TEST_P(KernelsTest, ExpOfZeroIsOneAndOfVeryNegativeIsZero) {
  const std::vector<float> x = {0.0F, -88.0F, -1e30F, -INFINITY};
  std::vector<float> y(4);
  EXPECT_EQ(kernels().exp_sum(x.data(), 4, 0.0F, 1.0F, y.data()), 1.0F);
  EXPECT_EQ(y, (std::vector<float>{1.0F, 0.0F, 0.0F, 0.0F}));
}

TEST_P(KernelsTest, ExpSumHasTheBitsOfTheScalarKernels) {
  for (const int64_t n : {1, 7, 16, 22, 31, 32, 100, 1000}) {
    const auto x = RandomFloats(n, "logits");
    std::vector<float> y(x.size()), expected(x.size());
    const float sum = kernels().exp_sum(x.data(), n, 0.5F, 1.25F, y.data());
    EXPECT_EQ(sum, ScalarKernels().exp_sum(x.data(), n, 0.5F, 1.25F, expected.data()));
    EXPECT_EQ(Bits(y), Bits(expected));
    EXPECT_EQ(kernels().max(x.data(), n), *std::max_element(x.begin(), x.end()));
  }
}

TEST_P(KernelsTest, RmsNormMatchesItsDefinitionAndTheScalarBits) {
  for (const int64_t width : {1, 12, 16, 40, 64, 128}) {
    const auto x = RandomFloats(3 * width, "x"), weight = RandomFloats(width, "weight");
    std::vector<float> y(x.size()), expected(x.size());
    const float offset = width > 16 ? 1.0F : 0.0F;
    RmsNormArgs args{.x = x.data(),
                     .rows = 3,
                     .width = width,
                     .weight = weight.data(),
                     .offset = offset,
                     .eps = 1e-5F,
                     .y = y.data()};
    kernels().rms_norm(args);
    args.y = expected.data();
    ScalarKernels().rms_norm(args);
    EXPECT_EQ(Bits(y), Bits(expected));
    for (int64_t r = 0; r < 3; ++r) {
      double squares = 0;
      for (int64_t i = 0; i < width; ++i)
        squares += std::pow(x[static_cast<size_t>(r * width + i)], 2);
      const double scale = 1 / std::sqrt(squares / static_cast<double>(width) + 1e-5);
      for (int64_t i = 0; i < width; ++i) {
        const auto at = static_cast<size_t>(r * width + i);
        EXPECT_NEAR(y[at], x[at] * scale * (offset + weight[static_cast<size_t>(i)]), 2e-6);
      }
    }
  }
}

TEST_P(KernelsTest, RotaryTurnsPairsAndHasTheScalarBits) {
  for (const int64_t width : {2, 12, 32, 64, 80}) {
    const auto x = RandomFloats(3 * width, "x"), angles = RandomFloats(width / 2, "angles");
    std::vector<float> cos, sin;
    for (const float a : angles) {
      cos.push_back(std::cos(a));
      sin.push_back(std::sin(a));
    }
    std::vector<float> y(x.size()), expected(x.size());
    kernels().rotary(x.data(), 3, width, cos.data(), sin.data(), y.data());
    ScalarKernels().rotary(x.data(), 3, width, cos.data(), sin.data(), expected.data());
    EXPECT_EQ(Bits(y), Bits(expected));
    for (int64_t i = 0; i < width / 2; ++i) {
      const auto a = static_cast<size_t>(i), b = static_cast<size_t>(i + width / 2);
      EXPECT_NEAR(y[a], x[a] * cos[a] - x[b] * sin[a], 1e-6);
      EXPECT_NEAR(y[b], x[b] * cos[a] + x[a] * sin[a], 1e-6);
    }
  }
}

struct AttentionCase {
  int64_t context, heads, groups, width;
};

std::vector<uint16_t> UpperHalves(const std::vector<float>& values) {
  std::vector<uint16_t> upper;
  for (const float v : values)
    upper.push_back(static_cast<uint16_t>(std::bit_cast<uint32_t>(v) >> 16U));
  return upper;
}

/// Keys and values are exact in bfloat16; handed over as such, or as float32.
std::vector<float> RunAttention(const Kernels& kernels, const AttentionCase& c,
                                bool bfloat16 = false) {
  const int64_t pool = c.context + 5, stride = c.groups * c.width;
  const auto q = RandomFloats(c.heads * c.width, "q");
  auto keys = RandomFloats(pool * stride, "keys"), values = RandomFloats(pool * stride, "v");
  for (std::vector<float>* all : {&keys, &values}) {
    for (float& v : *all) v = Bfloat16(v);
  }
  const std::vector<uint16_t> half_keys = UpperHalves(keys), half_values = UpperHalves(values);
  std::vector<int32_t> slots;
  for (int64_t t = 0; t < c.context; ++t) slots.push_back(static_cast<int32_t>((t * 3 + 2) % pool));
  std::vector<float> scores(static_cast<size_t>(c.heads / c.groups * (c.context + 15)));
  std::vector<float> out(q.size());
  const void* keys_data = keys.data();
  const void* values_data = values.data();
  if (bfloat16) {
    keys_data = half_keys.data();
    values_data = half_values.data();
  }
  kernels.attention({.q = q.data(),
                     .keys = keys_data,
                     .values = values_data,
                     .bfloat16 = bfloat16,
                     .slots = slots.data(),
                     .context = c.context,
                     .heads = c.heads,
                     .groups = c.groups,
                     .width = c.width,
                     .scale = 0.25F,
                     .scores = scores.data(),
                     .out = out.data()});
  return out;
}

TEST_P(KernelsTest, AttentionHasTheScalarBits) {
  for (const int64_t context : {1, 2, 15, 16, 17, 22, 33, 100}) {
    for (const int64_t width : {12, 16, 32, 40, 64, 80}) {
      for (const int64_t heads : {4, 6, 40}) {
        const AttentionCase c{.context = context, .heads = heads, .groups = 2, .width = width};
        const auto expected = Bits(RunAttention(ScalarKernels(), c));
        EXPECT_EQ(Bits(RunAttention(kernels(), c)), expected);
        EXPECT_EQ(Bits(RunAttention(kernels(), c, /*bfloat16=*/true)), expected);
      }
    }
  }
}

TEST_P(KernelsTest, AttentionIsTheSoftmaxAverageOfTheValues) {
  const AttentionCase c{.context = 21, .heads = 2, .groups = 1, .width = 20};
  const int64_t pool = c.context + 5, width = c.width;
  const auto q = RandomFloats(c.heads * width, "q");
  auto keys = RandomFloats(pool * width, "keys"), values = RandomFloats(pool * width, "v");
  for (std::vector<float>* all : {&keys, &values}) {
    for (float& v : *all) v = Bfloat16(v);
  }
  const std::vector<float> out = RunAttention(kernels(), c);
  for (int64_t h = 0; h < c.heads; ++h) {
    std::vector<double> average(static_cast<size_t>(width));
    double total = 0;
    for (int64_t t = 0; t < c.context; ++t) {
      const auto slot = static_cast<size_t>((t * 3 + 2) % pool * width);
      double dot = 0;
      for (size_t i = 0; i < average.size(); ++i) {
        dot += static_cast<double>(q[static_cast<size_t>(h * width) + i]) * keys[slot + i];
      }
      const double p = std::exp(dot * 0.25);
      total += p;
      for (size_t i = 0; i < average.size(); ++i) average[i] += p * values[slot + i];
    }
    for (size_t i = 0; i < average.size(); ++i) {
      EXPECT_NEAR(out[static_cast<size_t>(h * width) + i], average[i] / total, 2e-6);
    }
  }
}

TEST_P(KernelsTest, SiluMulAndAddMatchTheirDefinitionsAndTheScalarBits) {
  for (const int64_t n : {1, 16, 21, 64, 345}) {
    const auto gate = RandomFloats(n, "gate"), up = RandomFloats(n, "up");
    std::vector<float> y(gate.size()), expected(gate.size());
    kernels().silu_mul(gate.data(), up.data(), n, y.data());
    ScalarKernels().silu_mul(gate.data(), up.data(), n, expected.data());
    EXPECT_EQ(Bits(y), Bits(expected));
    for (size_t i = 0; i < y.size(); ++i) {
      const double g = gate[i];
      EXPECT_NEAR(y[i], g / (1 + std::exp(-g)) * up[i], 1e-6);
    }
    kernels().add(gate.data(), up.data(), n, y.data());
    for (size_t i = 0; i < y.size(); ++i) EXPECT_EQ(y[i], gate[i] + up[i]);
  }
}

TEST_P(KernelsTest, GeluTanhMulMatchesItsDefinitionAndTheScalarBits) {
  const auto normal = RandomFloats(345, "gate"), up = RandomFloats(345, "up");
  std::vector<float> gate, y(normal.size()), expected(normal.size());
  for (const float g : normal) gate.push_back(3 * g);
  kernels().gelu_tanh_mul(gate.data(), up.data(), 345, y.data());
  ScalarKernels().gelu_tanh_mul(gate.data(), up.data(), 345, expected.data());
  EXPECT_EQ(Bits(y), Bits(expected));
  for (size_t i = 0; i < y.size(); ++i) {
    const double g = gate[i];
    const double tanh = std::tanh(std::sqrt(2 / std::numbers::pi) * (g + 0.044715 * g * g * g));
    EXPECT_NEAR(y[i], 0.5 * g * (1 + tanh) * up[i], 3e-6);
  }
}

TEST_P(KernelsTest, GeluTanhOfExtremesIsFinite) {
  const std::vector<float> gate = {-1e30F, -100.0F, 0.0F, 100.0F, 1e30F}, up(5, 1.0F);
  std::vector<float> y(5);
  kernels().gelu_tanh_mul(gate.data(), up.data(), 5, y.data());
  EXPECT_NEAR(y[0], 0.0F, 1e-6);
  EXPECT_NEAR(y[1], 0.0F, 1e-6);
  EXPECT_EQ(y[2], 0.0F);
  EXPECT_EQ(y[3], 100.0F);
  EXPECT_EQ(y[4], 1e30F);
}

TEST_P(KernelsTest, SiluOfExtremesIsFinite) {
  const std::vector<float> gate = {-1000.0F, -89.0F, 0.0F, 89.0F, 1000.0F}, up(5, 1.0F);
  std::vector<float> y(5);
  kernels().silu_mul(gate.data(), up.data(), 5, y.data());
  EXPECT_NEAR(y[0], 0.0F, 1e-30);
  EXPECT_NEAR(y[1], 0.0F, 1e-30);
  EXPECT_EQ(y[2], 0.0F);
  EXPECT_EQ(y[3], 89.0F);
  EXPECT_EQ(y[4], 1000.0F);
}

TEST(NaturalLog, AgreesWithTheCLibraryToTwoUnits) {
  for (double x = 1e-30; x < 1e30; x *= 1.0173) {
    const double exact = std::log(x);
    ASSERT_NEAR(NaturalLog(x), exact, 5e-16 * std::max(1.0, std::abs(exact))) << x;
  }
  EXPECT_EQ(NaturalLog(1.0), 0.0);
}

}  // namespace
}  // namespace retort
