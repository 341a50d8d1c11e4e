#include "eval/arm_metrics.h"

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/eval/eval_fixture.h"

namespace retort {
namespace {

/// A run in which problem i is answered with texts[i].
SeedRun RunOf(const std::vector<Problem>& problems,
              const std::vector<std::vector<std::string>>& texts) {
  SeedRun run;
  for (size_t i = 0; i < problems.size(); ++i) {
    run.outcomes.push_back(
        JudgeTree(SamplesTree(problems[i], texts[i]), problems[i], ReverseVerifier()));
  }
  run.wall_seconds = 2;
  run.cost_seconds = 3;
  run.cost_blocks = {0.7, 0.8};
  run.engine_decoded = 17;
  return run;
}

ArmConfig Arm(std::vector<int64_t> subsample = {}) {
  ArmConfig arm = MakeArm("arm", ArmKind::kSearch, nullptr);
  arm.subsample = std::move(subsample);
  return arm;
}

const std::vector<Problem> kProblems = ReverseProblems(4);

TEST(SummariseArm, GivesWilsonForOneSeed) {
  const SeedRun run = RunOf(kProblems, {{kProblems[0].answer}, {"a"}, {kProblems[2].answer}, {""}});
  const ArmResult arm = SummariseArm(Arm(), std::vector{run}, kProblems, 10, 0);
  EXPECT_EQ(arm.correct, 2);
  EXPECT_EQ(arm.n, 4);
  const Estimate wilson = WilsonInterval(2, 4);
  EXPECT_DOUBLE_EQ(arm.accuracy.value, wilson.value);
  EXPECT_DOUBLE_EQ(arm.accuracy.low, wilson.low);
  EXPECT_EQ(arm.items[3].verdict, Verdict::kUnparsed);
}

TEST(SummariseArm, AveragesSeedsPerProblemAndListsThem) {
  const SeedRun first = RunOf(kProblems, {{kProblems[0].answer}, {"a"}, {"a"}, {"a"}});
  const SeedRun second =
      RunOf(kProblems, {{kProblems[0].answer}, {kProblems[1].answer}, {"a"}, {"a"}});
  const ArmResult arm = SummariseArm(Arm(), std::vector{first, second}, kProblems, 10, 0);
  EXPECT_EQ(arm.seeds, 2);
  EXPECT_EQ(arm.correct, 3);
  EXPECT_EQ(arm.seed_accuracy, (std::vector<double>{0.25, 0.5}));
  EXPECT_DOUBLE_EQ(arm.items[1].score, 0.5);
  EXPECT_EQ(arm.items[1].verdict, Verdict::kIncorrect);
  EXPECT_DOUBLE_EQ(arm.accuracy.value, 0.375);
  EXPECT_LT(arm.accuracy.low, 0.375);
  EXPECT_GT(arm.accuracy.high, 0.375);
}

TEST(SummariseArm, TurnsSecondsIntoThroughputAndMoney) {
  const SeedRun run = RunOf(kProblems, {{"a"}, {"a"}, {"a"}, {"a"}});
  const ArmResult arm = SummariseArm(Arm(), std::vector{run}, kProblems, 10, 3.6);
  EXPECT_DOUBLE_EQ(arm.throughput_per_s, 2);
  EXPECT_DOUBLE_EQ(arm.cost_seconds_per_problem, 0.75);
  EXPECT_DOUBLE_EQ(arm.cost_per_1k, 0.75);
  EXPECT_DOUBLE_EQ(arm.tokens_per_problem, 2);
  EXPECT_DOUBLE_EQ(arm.prefill_per_problem, 4);
  EXPECT_DOUBLE_EQ(arm.verifier_calls_per_problem, 1);
  EXPECT_DOUBLE_EQ(arm.flops_per_problem, 200);
  EXPECT_EQ(arm.engine_decoded, 17);
  EXPECT_EQ(arm.tree_decoded, 8);
}

TEST(SummariseArm, SubsamplesPassBestAndMajority) {
  const std::string right = kProblems[0].answer;
  const std::vector<Problem> one = {kProblems[0]};
  const SeedRun run = RunOf(one, {{"a", "a", right, right}});
  const ArmResult arm = SummariseArm(Arm({1, 2, 4, 8}), std::vector{run}, one, 10, 0);
  ASSERT_EQ(arm.pass_at_k.size(), 3u);
  EXPECT_DOUBLE_EQ(arm.pass_at_k[0].accuracy.value, 0.5);
  EXPECT_DOUBLE_EQ(arm.pass_at_k[1].accuracy.value, PassAtK(4, 2, 2));
  ASSERT_EQ(arm.best_of_k.size(), 3u);
  EXPECT_EQ(arm.best_of_k[1].accuracy.value, 0);
  EXPECT_EQ(arm.best_of_k[2].accuracy.value, 1);
  EXPECT_EQ(arm.maj_at_k[2].accuracy.value, 0);  // a tie goes to the earlier text
  EXPECT_EQ(arm.best_of_k[0].tokens_per_problem, 2);
}

TEST(SummariseArm, GivesNoPassAtKWhereAnAdaptiveSearchStoppedShort) {
  const std::vector<Problem> two = {kProblems[0], kProblems[1]};
  const SeedRun run = RunOf(two, {{"a", "b", "c"}, {"a", two[1].answer}});
  const ArmResult arm = SummariseArm(Arm({2, 3}), std::vector{run}, two, 10, 0);
  ASSERT_EQ(arm.pass_at_k.size(), 1u);
  EXPECT_EQ(arm.pass_at_k[0].k, 2);
  ASSERT_EQ(arm.best_of_k.size(), 2u);
  EXPECT_DOUBLE_EQ(arm.best_of_k[1].accuracy.value, 0.5);
}

TEST(SummariseArm, SplitsAccuracyByHorizon) {
  const SeedRun run =
      RunOf(kProblems, {{kProblems[0].answer}, {"a"}, {kProblems[2].answer}, {"a"}});
  const ArmResult arm = SummariseArm(Arm(), std::vector{run}, kProblems, 10, 0);
  ASSERT_EQ(arm.by_horizon.size(), 2u);
  EXPECT_EQ(arm.by_horizon[0].horizon, 2);
  EXPECT_EQ(arm.by_horizon[0].n, 2);
  EXPECT_EQ(arm.by_horizon[0].accuracy.value, 1);
  EXPECT_EQ(arm.by_horizon[1].accuracy.value, 0);
}

TEST(SummariseArm, RefusesARunOverOtherProblems) {
  const SeedRun run = RunOf({kProblems[0]}, {{"a"}});
  EXPECT_THROW(SummariseArm(Arm(), std::vector{run}, kProblems, 10, 0), Error);
}

TEST(ComparePair, PairsProblemsAndCountsDiscordantOnes) {
  const SeedRun run_a =
      RunOf(kProblems, {{kProblems[0].answer}, {kProblems[1].answer}, {"a"}, {"a"}});
  const SeedRun run_b = RunOf(kProblems, {{"a"}, {kProblems[1].answer}, {"a"}, {"a"}});
  const ArmResult a = SummariseArm(Arm(), std::vector{run_a}, kProblems, 10, 0);
  const ArmResult b = SummariseArm(Arm(), std::vector{run_b}, kProblems, 10, 0);
  const PairResult pair = ComparePair(a, b, 1);
  EXPECT_DOUBLE_EQ(pair.difference.value, 0.25);
  EXPECT_EQ(pair.only_a, 1);
  EXPECT_EQ(pair.only_b, 0);
  EXPECT_DOUBLE_EQ(pair.mcnemar_p, McNemarExact(1, 0));
}

}  // namespace
}  // namespace retort
