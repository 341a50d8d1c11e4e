#include "core/base/statistics.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/base/env.h"
#include "core/base/error.h"
#include "core/base/json.h"

namespace retort {
namespace {

// tests/data/statistics/generate.py; the file states the SciPy and NumPy versions. Tolerance
// 1e-12, relative where a value is tiny.
Json Golden() {
  const std::string path = RETORT_TEST_DATA "/statistics/golden.json";
  return ParseJson(RealEnv().ReadFile(path), path);
}

void ExpectClose(double actual, double expected) {
  EXPECT_NEAR(actual, expected, 1e-12 * std::max(1.0, std::abs(expected)));
}

void ExpectRelative(double actual, double expected, double tolerance) {
  EXPECT_LE(std::abs(actual - expected), tolerance * std::abs(expected))
      << actual << " against " << expected;
}

TEST(Statistics, WilsonAgreesWithSciPy) {
  const Json rows = Golden()["wilson"];
  for (const Json& row : rows) {
    const Estimate estimate = WilsonInterval(row[0], row[1], row[2]);
    ExpectClose(estimate.value, row[0].get<double>() / row[1].get<double>());
    ExpectClose(estimate.low, row[3]);
    ExpectClose(estimate.high, row[4]);
  }
}

// Newcombe 1998, Statistics in Medicine 17, table I, method 3: 81 of 263 and 15 of 148.
TEST(Statistics, WilsonAgreesWithPublishedIntervals) {
  EXPECT_NEAR(WilsonInterval(81, 263).low, 0.2553, 5e-5);
  EXPECT_NEAR(WilsonInterval(81, 263).high, 0.3662, 5e-5);
  EXPECT_NEAR(WilsonInterval(15, 148).low, 0.0624, 5e-5);
  EXPECT_NEAR(WilsonInterval(15, 148).high, 0.1605, 5e-5);
}

TEST(Statistics, WilsonOfNothingIsEverything) {
  const Estimate estimate = WilsonInterval(0, 0);
  EXPECT_EQ(estimate.low, 0);
  EXPECT_EQ(estimate.high, 1);
  EXPECT_THROW(WilsonInterval(2, 1), Error);
}

TEST(Statistics, McNemarAgreesWithSciPy) {
  const Json rows = Golden()["mcnemar"];
  for (const Json& row : rows) {
    ExpectRelative(McNemarExact(row[0], row[1]), row[2], 1e-10);
  }
  EXPECT_EQ(McNemarExact(0, 0), 1);
  EXPECT_EQ(McNemarExact(4, 4), 1);
}

TEST(Statistics, NormalQuantileAgreesWithSciPy) {
  const Json rows = Golden()["normal_quantile"];
  for (const Json& row : rows) ExpectClose(NormalQuantile(row[0]), row[1]);
  EXPECT_THROW(NormalQuantile(0), Error);
  EXPECT_THROW(NormalQuantile(1), Error);
}

TEST(Statistics, QuantileAgreesWithNumPy) {
  const Json golden = Golden();
  const auto values = golden["quantile_values"].get<std::vector<double>>();
  for (const Json& row : golden["quantile"]) ExpectClose(Quantile(values, row[0]), row[1]);
  EXPECT_EQ(Median(values), 2.0);
  EXPECT_THROW(Quantile({}, 0.5), Error);
}

TEST(Statistics, QuantileOfInfinitiesIsANumber) {
  const double infinity = INFINITY;
  const std::vector<double> values = {1, infinity, infinity};
  EXPECT_EQ(Quantile(values, 0.9), infinity);
  EXPECT_EQ(Quantile(values, 0.0), 1);
}

TEST(Statistics, PassAtKAgreesWithBinomials) {
  const Json rows = Golden()["pass_at_k"];
  for (const Json& row : rows) {
    ExpectClose(PassAtK(row[0], row[1], row[2]), row[3]);
  }
  EXPECT_THROW(PassAtK(3, 1, 4), Error);
}

std::vector<double> Bits(size_t n, size_t ones) {
  std::vector<double> bits(n, 0.0);
  std::fill_n(bits.begin(), ones, 1.0);
  return bits;
}

TEST(Statistics, MeanBootstrapFindsTheBinomialSpread) {
  const std::vector<double> values = Bits(1000, 300);
  const Estimate estimate = MeanBootstrap(values, Rng::DeriveKey({"mean"}));
  const double half = 1.959964 * std::sqrt(0.3 * 0.7 / 1000);
  EXPECT_DOUBLE_EQ(estimate.value, 0.3);
  EXPECT_NEAR(estimate.low, 0.3 - half, 0.003);
  EXPECT_NEAR(estimate.high, 0.3 + half, 0.003);
}

TEST(Statistics, BootstrapIsAFunctionOfItsKey) {
  const std::vector<double> values = Bits(50, 20);
  const RngKey key = Rng::DeriveKey({"a"});
  const Estimate first = MeanBootstrap(values, key, 500);
  const Estimate again = MeanBootstrap(values, key, 500);
  EXPECT_EQ(first.low, again.low);
  EXPECT_EQ(first.high, again.high);
}

// Two hundred problems without a difference do not show that there is none.
TEST(Statistics, EqualValuesHaveTheIntervalOfWhatWasNeverSeen) {
  const double unseen = WilsonInterval(0, 200).high;
  EXPECT_NEAR(unseen, 0.0188, 1e-4);
  const std::vector<double> a = Bits(200, 90);
  const Estimate same = PairedBootstrap(a, a, {1, 1}, 1000);
  EXPECT_EQ(same.value, 0);
  EXPECT_EQ(same.low, -unseen);
  EXPECT_EQ(same.high, unseen);
  const Estimate opposite = PairedBootstrap(Bits(200, 0), Bits(200, 200), {1, 1}, 1000);
  EXPECT_EQ(opposite.low, -1);
  EXPECT_EQ(opposite.high, -1 + unseen);
  const Estimate none = MeanBootstrap(Bits(200, 0), {1, 1});
  EXPECT_EQ(none.low, 0);
  EXPECT_EQ(none.high, unseen);
  const Estimate all = MeanBootstrap(Bits(200, 200), {1, 1});
  EXPECT_EQ(all.low, 1 - unseen);
  EXPECT_EQ(all.high, 1);
}

// Pairing removes the spread that the two arms share.
TEST(Statistics, PairedBootstrapUsesThePairs) {
  const std::vector<double> a = Bits(200, 90);
  const Estimate better = PairedBootstrap(Bits(200, 110), a, {1, 1}, 1000);
  EXPECT_DOUBLE_EQ(better.value, 0.1);
  EXPECT_GT(better.low, 0.05);
  EXPECT_LT(better.high, 0.15);
  EXPECT_THROW(PairedBootstrap(a, Bits(199, 3), {1, 1}), Error);
  EXPECT_THROW(PairedBootstrap({}, {}, {1, 1}), Error);
}

TEST(Statistics, RatioBootstrapCoversTheRatio) {
  const Estimate ratio = PairedRatioBootstrap(Bits(400, 180), Bits(400, 200), {2, 1}, 1000);
  EXPECT_DOUBLE_EQ(ratio.value, 0.9);
  EXPECT_GT(ratio.low, 0.85);
  EXPECT_LT(ratio.high, 0.95);
  EXPECT_LE(ratio.low, ratio.value);
  EXPECT_GE(ratio.high, ratio.value);
}

TEST(Statistics, RatioOverNothingIsInfinite) {
  const Estimate ratio = PairedRatioBootstrap(Bits(10, 5), Bits(10, 0), {2, 1}, 100);
  EXPECT_TRUE(std::isinf(ratio.value));
  EXPECT_TRUE(std::isinf(ratio.low));
}

}  // namespace
}  // namespace retort
