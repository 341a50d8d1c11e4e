#include "core/lm/engine/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <numeric>
#include <vector>

#include "core/base/error.h"

namespace retort {
namespace {

const std::vector<float> kLogits = {0.3F, -1.2F, 2.0F, 0.9F, -0.4F, 1.5F, -3.0F, 0.0F};

SamplingParams Truncated(int top_k, double top_p, double min_p) {
  SamplingParams params;
  params.top_k = top_k;
  params.top_p = top_p;
  params.min_p = min_p;
  return params;
}

SamplingParams Tempered(double temperature) {
  SamplingParams params;
  params.temperature = temperature;
  return params;
}

RngKey Key(uint64_t n) { return Rng::DeriveKey({"sampler_test", n}); }

/// softmax(logits / temperature) in double.
std::vector<double> Exact(const std::vector<float>& logits, double temperature) {
  std::vector<double> p;
  for (const float x : logits) p.push_back(std::exp(static_cast<double>(x) / temperature));
  const double sum = std::accumulate(p.begin(), p.end(), 0.0);
  for (double& x : p) x /= sum;
  return p;
}

std::vector<int> Draws(const SamplingParams& params, int n) {
  std::vector<int> counts(kLogits.size());
  for (int i = 0; i < n; ++i) {
    ++counts[static_cast<size_t>(
        SampleToken(kLogits, params, Key(static_cast<uint64_t>(i % 100)), i / 100).id)];
  }
  return counts;
}

/// Pearson's statistic against probabilities; cells of probability 0 must be empty.
double ChiSquare(const std::vector<int>& counts, const std::vector<double>& p) {
  const int n = std::accumulate(counts.begin(), counts.end(), 0);
  double statistic = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    if (p[i] == 0) {
      EXPECT_EQ(counts[i], 0) << "token " << i << " may not be drawn";
      continue;
    }
    statistic += std::pow(counts[i] - n * p[i], 2) / (n * p[i]);
  }
  return statistic;
}

std::vector<double> Keep(std::vector<double> p, const std::vector<size_t>& ids) {
  std::vector<double> kept(p.size());
  double sum = 0;
  for (const size_t id : ids) sum += p[id];
  for (const size_t id : ids) kept[id] = p[id] / sum;
  return kept;
}

// Quantile 0.999 of chi-square with 7 degrees of freedom (fewer cells only make it stricter).
constexpr double kBound = 24.3;

TEST(Sampler, DrawsFollowTheTemperedSoftmax) {
  for (const double temperature : {0.5, 1.0, 1.7}) {
    const auto counts = Draws(Tempered(temperature), 20000);
    EXPECT_LT(ChiSquare(counts, Exact(kLogits, temperature)), kBound) << temperature;
  }
}

TEST(Sampler, TopKKeepsTheMostLikely) {
  const auto expected = Keep(Exact(kLogits, 1), {2, 5, 3});
  EXPECT_LT(ChiSquare(Draws(Truncated(3, 1, 0), 20000), expected), kBound);
}

TEST(Sampler, TopPKeepsTheSmallestSetThatHoldsIt) {
  // Probabilities sorted: 0.45, 0.27, 0.15, ...: 0.45 < 0.6, so two are kept.
  const auto expected = Keep(Exact(kLogits, 1), {2, 5});
  EXPECT_LT(ChiSquare(Draws(Truncated(0, 0.6, 0), 20000), expected), kBound);
}

TEST(Sampler, TopPAppliesToWhatTopKLeft) {
  // Of the three most likely, renormalised: 0.52, 0.31, 0.17; two hold 0.8.
  const auto expected = Keep(Exact(kLogits, 1), {2, 5});
  EXPECT_LT(ChiSquare(Draws(Truncated(3, 0.8, 0), 20000), expected), kBound);
}

TEST(Sampler, MinPKeepsWhatIsNearTheMostLikely) {
  // exp(x - 2) >= 0.3 holds for 2.0, 1.5 and 0.9.
  const auto expected = Keep(Exact(kLogits, 1), {2, 5, 3});
  EXPECT_LT(ChiSquare(Draws(Truncated(0, 1, 0.3), 20000), expected), kBound);
}

TEST(Sampler, GreedyTakesTheLowestIdAmongEqualLogits) {
  const std::vector<float> logits = {0.0F, 2.0F, 1.0F, 2.0F};
  EXPECT_EQ(SampleToken(logits, Tempered(0), Key(1), 0).id, 1);
}

TEST(Sampler, TopKBreaksTiesByLowestId) {
  const std::vector<float> logits(40, 1.0F);
  for (int64_t i = 0; i < 50; ++i) {
    EXPECT_LT(SampleToken(logits, Truncated(3, 1, 0), Key(2), i).id, 3);
  }
}

TEST(Sampler, ATinyNucleusIsGreedy) {
  for (int64_t i = 0; i < 50; ++i) {
    EXPECT_EQ(SampleToken(kLogits, Truncated(0, 1e-9, 0), Key(3), i).id, 2);
  }
}

TEST(Sampler, LogProbIsUntemperedAndUntruncated) {
  const auto p = Exact(kLogits, 1);
  for (const SamplingParams& params :
       {Tempered(0), Tempered(3), Truncated(2, 1, 0), Truncated(0, 1, 0.5)}) {
    const SampledToken token = SampleToken(kLogits, params, Key(4), 7);
    EXPECT_NEAR(token.log_prob, std::log(p[static_cast<size_t>(token.id)]), 1e-6);
    EXPECT_EQ(token.log_prob, LogProbOf(kLogits, token.id));
  }
}

TEST(Sampler, TheSameKeyAndPositionGiveTheSameToken) {
  for (int64_t position = 0; position < 100; ++position) {
    const SampledToken a = SampleToken(kLogits, {}, Key(5), position);
    const SampledToken b = SampleToken(kLogits, {}, Key(5), position);
    EXPECT_EQ(a.id, b.id);
  }
}

TEST(Sampler, AFilterThatKeepsEverythingChangesNoDraw) {
  std::vector<float> logits;
  for (int i = 0; i < 1000; ++i) {
    logits.push_back(i % 7 == 0 ? -1000.0F : static_cast<float>(i * 37 % 101) / 20);
  }
  const SamplingParams everything{.top_k = 1000, .stop_ids = {}, .stop_texts = {}};
  for (int64_t position = 0; position < 2000; ++position) {
    ASSERT_EQ(SampleToken(logits, {}, Key(5), position).id,
              SampleToken(logits, everything, Key(5), position).id);
  }
}

TEST(Sampler, PositionsOfOneRowAreIndependent) {
  // Pairs of neighbouring positions against the product of their probabilities.
  const std::vector<float> logits = {0.0F, 0.0F};
  std::map<std::pair<int32_t, int32_t>, int> pairs;
  for (uint64_t row = 0; row < 4000; ++row) {
    ++pairs[{SampleToken(logits, {}, Key(row), 0).id, SampleToken(logits, {}, Key(row), 1).id}];
  }
  for (const auto& [pair, count] : pairs) EXPECT_NEAR(count, 1000, 110);
}

TEST(Sampler, AVeryLowTemperatureIsGreedy) {
  for (int64_t i = 0; i < 50; ++i) {
    EXPECT_EQ(SampleToken(kLogits, Tempered(1e-3), Key(6), i).id, 2);
  }
}

TEST(Sampler, LogitsThatAreNotFiniteAreRefused) {
  const std::vector<float> logits = {0.0F, NAN, 1.0F};
  EXPECT_THROW(LogProbOf(logits, 1), Error);
  const std::vector<float> all(3, NAN);
  EXPECT_THROW(SampleToken(all, Tempered(0), Key(7), 0), Error);
  EXPECT_THROW(SampleToken(all, {}, Key(7), 0), Error);
}

}  // namespace
}  // namespace retort
