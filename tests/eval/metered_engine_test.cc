#include "eval/metered_engine.h"

#include <gtest/gtest.h>

namespace retort {
namespace {

/// Answers with fixed usage.
class FixedEngine final : public Engine {
 public:
  std::vector<Completion> Generate(std::span<const GenerateRequest> requests) override {
    std::vector<Completion> completions(requests.size());
    double first = 0.5;
    for (Completion& completion : completions) {
      completion.usage = {.prefill_computed = 3,
                          .prefill_shared = 2,
                          .decoded = 5,
                          .flops = 7,
                          .first_token_seconds = first,
                          .seconds = 1};
      first -= 0.1;
    }
    return completions;
  }
  std::vector<ScoreResult> Score(std::span<const ScoreRequest> requests) override {
    std::vector<ScoreResult> results(requests.size());
    for (ScoreResult& result : results) result.usage.prefill_computed = 11;
    return results;
  }
  const EngineInfo& Info() const override { return info_; }
  EngineStats Stats() const override { return {}; }

 private:
  EngineInfo info_;
};

TEST(MeteredEngine, SumsUsageOfGenerateAndScore) {
  FixedEngine inner;
  MeteredEngine meter(inner);
  meter.Generate(std::vector<GenerateRequest>(2));
  meter.Score(std::vector<ScoreRequest>(1));
  const Usage total = meter.Total();
  EXPECT_EQ(total.prefill_computed, 17);
  EXPECT_EQ(total.prefill_shared, 4);
  EXPECT_EQ(total.decoded, 10);
  EXPECT_DOUBLE_EQ(total.flops, 14);
  EXPECT_EQ(meter.GeneratedRows(), 2);
}

TEST(MeteredEngine, TakesTheEarliestRowOfTheFirstCall) {
  FixedEngine inner;
  MeteredEngine meter(inner);
  meter.StartQuery();
  EXPECT_FALSE(meter.FirstTokenSeconds());
  meter.Generate(std::vector<GenerateRequest>(2));
  const double first = meter.FirstTokenSeconds().value();
  EXPECT_GE(first, 0.4);
  EXPECT_LT(first, 0.5);
  meter.Generate(std::vector<GenerateRequest>(4));
  EXPECT_EQ(meter.FirstTokenSeconds(), first);
}

TEST(MeteredEngine, ForgetsEverythingWhenAQueryStarts) {
  FixedEngine inner;
  MeteredEngine meter(inner);
  meter.Generate(std::vector<GenerateRequest>(2));
  meter.StartQuery();
  EXPECT_EQ(meter.Total().decoded, 0);
  EXPECT_EQ(meter.GeneratedRows(), 0);
  EXPECT_FALSE(meter.FirstTokenSeconds());
}

}  // namespace
}  // namespace retort
