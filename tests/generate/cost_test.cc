#include "generate/cost.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/generate/search_fixture.h"

namespace retort {
namespace {

using Samples = std::vector<std::vector<int32_t>>;

std::vector<std::span<const int32_t>> Spans(const Samples& samples) {
  return {samples.begin(), samples.end()};
}

/// The definition, literally: the set of rows that have to run.
double BruteForceFlops(const ModelConfig& config, int64_t prompt, const Samples& samples) {
  std::set<std::vector<int32_t>> rows;
  for (const auto& sample : samples) {
    for (size_t length = 1; length < sample.size(); ++length) {
      rows.insert({sample.begin(), sample.begin() + static_cast<std::ptrdiff_t>(length)});
    }
  }
  double flops = 0;
  for (int64_t i = 0; i < prompt; ++i) flops += config.FlopsPerToken(i + 1);
  for (const auto& row : rows) {
    flops += config.FlopsPerToken(prompt + static_cast<int64_t>(row.size()));
  }
  return flops;
}

TEST(Cost, EachDistinctRowCountsOnce) {
  const ModelConfig config = testing::TinyModel();
  for (const Samples& samples : {Samples{{5, 6, 2}}, Samples{{5, 6, 2}, {5, 6, 2}},
                                 Samples{{5, 6, 2}, {5, 7, 2}, {4, 6, 2}, {5, 6, 2, 9}},
                                 Samples{{2}}, Samples{{5, 5, 5, 5}, {5, 5}, {5}}}) {
    EXPECT_EQ(SharedFlops(config, 4, Spans(samples)), BruteForceFlops(config, 4, samples));
  }
}

TEST(Cost, OfNoSampleIsNothing) {
  EXPECT_EQ(SharedFlops(testing::TinyModel(), 4, {}), 0);
  EXPECT_EQ(CountSamples(testing::TinyModel(), 4, {}), TokenCounts{});
}

TEST(Cost, ThePromptIsComputedOnceAndSharedByTheOthers) {
  const Samples samples = {{5, 2}, {6, 7, 2}, {5, 2}};
  const TokenCounts counts = CountSamples(testing::TinyModel(), 4, Spans(samples));
  EXPECT_EQ(counts.prefill_computed, 4);
  EXPECT_EQ(counts.prefill_shared, 8);
  EXPECT_EQ(counts.decoded, 7);
}

TEST(Cost, DoesNotDependOnTheOrderOfSamples) {
  const Samples forward = {{5, 6, 2}, {5, 7, 8, 2}, {4, 2}};
  const Samples backward = {{4, 2}, {5, 7, 8, 2}, {5, 6, 2}};
  EXPECT_EQ(SharedFlops(testing::TinyModel(), 3, Spans(forward)),
            SharedFlops(testing::TinyModel(), 3, Spans(backward)));
}

}  // namespace
}  // namespace retort
