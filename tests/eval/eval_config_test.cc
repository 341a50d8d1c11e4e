#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "eval/eval_stage.h"

namespace retort {
namespace {

using testing::HasSubstr;
using testing::Not;

EvalConfig Parse(const std::string& yaml, const std::vector<std::string>& overrides = {}) {
  const auto document = ConfigDocument::Parse(yaml, "exp.yaml", overrides);
  EvalConfig config = EvalConfig::FromConfig(document->Root().Section("eval"));
  document->Finish();
  return config;
}

std::string Refusal(const std::string& yaml, const std::vector<std::string>& overrides = {}) {
  try {
    Parse(yaml, overrides);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kConfig);
    return error.what();
  }
  return "accepted";
}

constexpr const char* kArms = R"(eval:
  problems: test
  arms:
    - {name: student, kind: student, model: student, strategy: {name: greedy}}
    - {name: teacher_search, kind: search, model: teacher, subsample: [64, 1], strategy: {name: best_of_n, n: 64, select: checker, temperature: 1.0}}
    - {name: blind, subsample: [1, 64], strategy: {name: random_play, n: 64}}
)";

TEST(EvalConfig, ReadsArmsWithDefaults) {
  const EvalConfig config = Parse(kArms);
  ASSERT_EQ(config.arms.size(), 3u);
  EXPECT_EQ(config.arms[0].kind, ArmKind::kStudent);
  EXPECT_EQ(config.arms[1].label, "teacher search");
  EXPECT_EQ(config.arms[1].subsample, (std::vector<int64_t>{1, 64}));
  EXPECT_EQ(config.arms[1].strategy_config.at("n"), 64);
  EXPECT_EQ(config.arms[2].kind, ArmKind::kControl);
  EXPECT_EQ(config.verdict.student, "student");
  EXPECT_EQ(config.verdict.search, "teacher_search");
  EXPECT_EQ(config.latency.repeats, 3);
}

TEST(EvalConfig, ComparesTheStudentWithEachOtherArmByDefault) {
  const EvalConfig config = Parse(kArms);
  ASSERT_EQ(config.pairs.size(), 2u);
  EXPECT_EQ(config.pairs[0], std::pair(std::string("student"), std::string("teacher_search")));
  EXPECT_EQ(config.pairs[1].second, "blind");
}

TEST(EvalConfig, TakesExplicitPairs) {
  const EvalConfig config =
      Parse(std::string(kArms) + "  pairs:\n    - {a: blind, b: teacher_search}\n");
  ASSERT_EQ(config.pairs.size(), 1u);
  EXPECT_EQ(config.pairs[0].first, "blind");
}

TEST(EvalConfig, RefusesTheOracleInAnArm) {
  const std::string message = Refusal(kArms, {"eval.arms.1.strategy.select=oracle"});
  EXPECT_THAT(message, HasSubstr("oracle looks at the gold answer"));
  EXPECT_THAT(message, HasSubstr("checker, vote or log_prob"));
}

TEST(EvalConfig, NamesTheNearestArmForATypo) {
  const std::string message = Refusal(std::string(kArms) + "  verdict: {student: studnet}\n");
  EXPECT_THAT(message, HasSubstr("no arm is called studnet; did you mean student"));
}

TEST(EvalConfig, RefusesTwoArmsOfOneName) {
  EXPECT_THAT(Refusal(kArms, {"eval.arms.2.name=student"}),
              HasSubstr("two arms are called student"));
}

TEST(EvalConfig, RefusesAnEngineArmWithoutModelAndAPlayerWithOne) {
  EXPECT_THAT(Refusal("eval:\n  arms:\n    - {name: a, strategy: {name: greedy}}\n"),
              HasSubstr("strategy greedy needs a model"));
  EXPECT_THAT(Refusal("eval:\n  arms:\n    - {name: a, model: m, strategy: {name: random_play}}\n"),
              HasSubstr("strategy random_play uses no model"));
}

TEST(EvalConfig, RefusesAnEvalWithoutArms) {
  EXPECT_THAT(Refusal("eval:\n  problems: test\n"), HasSubstr("at least one arm"));
}

TEST(EvalConfig, ReportsUnknownKeysOfEverySection) {
  const std::string message =
      Refusal(std::string(kArms) + "  latency: {problem: 3}\n  verdict: {min_gian: 0.1}\n");
  EXPECT_THAT(message, HasSubstr("latency.problem"));
  EXPECT_THAT(message, HasSubstr("min_gian"));
}

TEST(EvalConfig, ReadsThresholdsLatencyAndPrices) {
  const EvalConfig config = Parse(std::string(kArms) +
                                  "  verdict: {blind: blind, max_blind: 0.05, plateau_of: [x]}\n"
                                  "  latency: {problems: 7, max_seconds_per_arm: 2.5}\n"
                                  "  prices: {cpu_hour: 0.1, gpu_hour: 3, currency: EUR}\n"
                                  "  engine: {max_batch: 8}\n  in_flight: 4\n");
  EXPECT_EQ(config.verdict.blind, "blind");
  EXPECT_DOUBLE_EQ(config.verdict.max_blind, 0.05);
  EXPECT_EQ(config.verdict.plateau_of, std::vector<std::string>{"x"});
  EXPECT_EQ(config.latency.problems, 7);
  EXPECT_DOUBLE_EQ(config.latency.max_seconds_per_arm, 2.5);
  EXPECT_EQ(config.prices.currency, "EUR");
  EXPECT_DOUBLE_EQ(config.prices.Hour(CostClock::kCpu), 0.1);
  EXPECT_DOUBLE_EQ(config.prices.Hour(CostClock::kGpu), 3);
  EXPECT_EQ(config.engine.max_batch, 8);
  EXPECT_EQ(config.in_flight, 4);
}

}  // namespace
}  // namespace retort
