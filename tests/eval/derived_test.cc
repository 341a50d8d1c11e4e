#include "eval/derived.h"

#include <gtest/gtest.h>

#include "tests/eval/eval_fixture.h"

namespace retort {
namespace {

ArmResult Arm(const std::string& name, ArmKind kind, const std::vector<double>& scores) {
  ArmResult arm;
  arm.name = name;
  arm.label = name;
  arm.kind = kind;
  arm.n = static_cast<int64_t>(scores.size());
  for (const double score : scores) {
    arm.items.push_back({.score = score,
                         .text = "",
                         .verdict = score == 1 ? Verdict::kCorrect : Verdict::kIncorrect,
                         .tokens = 1,
                         .flops = 10});
    arm.accuracy.value += score / static_cast<double>(scores.size());
  }
  arm.cost_blocks = {0.1, 0.1};
  arm.cost_seconds_per_problem = 0.1;
  arm.parameters = 100;
  return arm;
}

class DeriveTest : public testing::Test {
 protected:
  DeriveTest() {
    verdict_.student = "student";
    verdict_.search = "search";
    arms_ = {Arm("student", ArmKind::kStudent, {1, 1, 0, 0}),
             Arm("search", ArmKind::kSearch, {1, 1, 1, 1})};
    arms_[1].cost_blocks = {19, 21};
    arms_[1].cost_seconds_per_problem = 20;
    arms_[1].parameters = 520;
    for (ItemResult& item : arms_[1].items) item.flops = 3330;
  }
  Json Run() {
    return Derive({.arms = arms_,
                   .verdict = verdict_,
                   .search_outcomes = outcomes_,
                   .stages = stages_,
                   .student_lineage = lineage_,
                   .clock = clock_,
                   .seed = 1});
  }
  static LatencyResult Latency(const std::vector<double>& ms) {
    LatencyResult latency;
    latency.per_problem_ms = ms;
    return latency;
  }

  VerdictConfig verdict_;
  std::vector<ArmResult> arms_;
  std::vector<ProblemOutcome> outcomes_;
  std::map<std::string, StageFacts> stages_;
  CostClock clock_ = CostClock::kCpu;
  std::vector<std::string> lineage_;
};

TEST_F(DeriveTest, GivesRatiosOfSearchAndStudentWithIntervals) {
  const Json derived = Run();
  EXPECT_DOUBLE_EQ(derived["retention"]["value"], 0.5);
  EXPECT_LE(derived["retention"]["low"], 0.5);
  EXPECT_GE(derived["retention"]["high"], 0.5);
  EXPECT_NEAR(derived["cost_ratio"]["value"].get<double>(), 200, 1e-9);
  EXPECT_NEAR(derived["cost_ratio"]["low"].get<double>(), 190, 1e-6);
  EXPECT_NEAR(derived["cost_ratio"]["high"].get<double>(), 210, 1e-6);
  EXPECT_NEAR(derived["flop_ratio"]["value"].get<double>(), 333, 1e-9);
  EXPECT_DOUBLE_EQ(derived["size_ratio"]["value"], 5.2);
}

TEST_F(DeriveTest, NamesTheBaselineOfEachSpeedup) {
  arms_[0].latency = Latency({1, 1, 1, 1});
  arms_[1].latency = Latency({4, 6});
  arms_[1].strategy = {{"n", 64}, {"wave", 1}, {"stop_after_correct", 1}};
  const Json speedup = Run()["speedup"];
  ASSERT_TRUE(speedup.contains("search"));
  EXPECT_DOUBLE_EQ(speedup["search"]["value"], 5);
  EXPECT_EQ(speedup["search"]["baseline"], "adaptive");
  EXPECT_EQ(speedup["search"]["problems"], 2);  // only those both were timed on
}

TEST_F(DeriveTest, BreaksEvenWhereSavingsPayForTheLineage) {
  lineage_ = {"generate.g", "train.t"};
  stages_["generate.g"].run = {{"cpu_seconds", 100.0}};
  stages_["train.t"].run = {{"cpu_seconds", 99.0}};
  const Json figure = Run()["break_even_queries"];
  EXPECT_NEAR(figure["value"].get<double>(), 10, 1e-9);
  EXPECT_NEAR(figure["low"].get<double>(), 199 / 20.9, 1e-6);
  EXPECT_NEAR(figure["high"].get<double>(), 199 / 18.9, 1e-6);
}

TEST_F(DeriveTest, OnAGpuCountsTheSecondsForWhichItIsHeld) {
  clock_ = CostClock::kGpu;
  lineage_ = {"generate.g", "train.t"};
  stages_["generate.g"].run = {{"cpu_seconds", 100.0}, {"seconds", 20.0}};
  stages_["train.t"].run = {{"cpu_seconds", 99.0}, {"seconds", 19.8}};
  const Json derived = Run();
  EXPECT_NEAR(derived["break_even_queries"]["value"].get<double>(), 2, 1e-9);
  EXPECT_EQ(derived["cost_ratio"]["unit"], "GPU seconds a problem at full throughput");
}

TEST_F(DeriveTest, SaysWhyAFigureIsMissing) {
  lineage_ = {"generate.g"};
  const Json derived = Run();
  EXPECT_TRUE(derived["break_even_queries"]["value"].is_null());
  EXPECT_NE(derived["break_even_queries"]["reason"].get<std::string>().find("CPU seconds"),
            std::string::npos);
  EXPECT_TRUE(derived["search_equivalent_n"]["value"].is_null());
}

TEST_F(DeriveTest, ATeacherServedElsewhereHasNoCpuSecondsToBreakEvenWith) {
  lineage_ = {"generate.g"};
  stages_["generate.g"].run = {{"cpu_seconds", 100.0}, {"served", {{"requests", 5}}}};
  const Json figure = Run()["break_even_queries"];
  EXPECT_TRUE(figure["value"].is_null());
  EXPECT_NE(figure["reason"].get<std::string>().find("served elsewhere"), std::string::npos);
}

TEST_F(DeriveTest, HasEveryFigureWithoutAStudent) {
  verdict_.student = "";
  const Json derived = Run();
  for (const char* figure :
       {"retention", "cost_ratio", "search_equivalent_n", "break_even_queries"}) {
    EXPECT_TRUE(derived.at(figure).at("value").is_null()) << figure;
  }
  EXPECT_TRUE(derived.at("speedup").is_object());
}

TEST_F(DeriveTest, FindsTheEquivalentNOnTheFirstSamplesCurve) {
  const std::vector<Problem> problems = ReverseProblems(4);
  // Solved at the 1st, 3rd, 3rd try and never; the student solves two of four.
  const std::vector<int> solved_at = {0, 2, 2, 9};
  for (size_t i = 0; i < 4; ++i) {
    std::vector<std::string> texts(4, "a");
    if (solved_at[i] < 4) texts[static_cast<size_t>(solved_at[i])] = problems[i].answer;
    outcomes_.push_back(JudgeTree(SamplesTree(problems[i], texts), problems[i], ReverseVerifier()));
  }
  const Json figure = Run()["search_equivalent_n"];
  EXPECT_EQ(figure["value"], 3);
  EXPECT_EQ(figure["max_n"], 4);
}

TEST(SearchEquivalent, SaysWhenTheSearchNeverGetsThere) {
  const std::vector<std::vector<double>> curves(5, std::vector<double>{0, 0});
  const Json figure = SearchEquivalent(curves, std::vector<double>(5, 1.0), RngKey{1, 1});
  EXPECT_TRUE(figure["value"].is_null());
  EXPECT_EQ(figure["text"], "> 2 [> 2, > 2]");
}

TEST(SearchEquivalent, TakesEqualMeansOfThirdsAsReached) {
  const std::vector<std::vector<double>> curves(3, std::vector<double>{1});
  const std::vector<double> target = {1.0 / 3 + 1.0 / 3 + 1.0 / 3, 1, 1};
  EXPECT_EQ(SearchEquivalent(curves, target, RngKey{1, 1})["value"], 1);
}

TEST(RatioBootstrap, HasNoWidthForConstantLists) {
  const Estimate ratio =
      RatioBootstrap(std::vector<double>{6, 6, 6}, std::vector<double>{2, 2}, RngKey{1, 2});
  EXPECT_DOUBLE_EQ(ratio.value, 3);
  EXPECT_DOUBLE_EQ(ratio.low, 3);
  EXPECT_DOUBLE_EQ(ratio.high, 3);
}

TEST(BaselineName, TellsBatchSequentialAndAdaptiveApart) {
  const auto name = [](int wave, int stop) {
    return BaselineName({{"n", 64}, {"wave", wave}, {"stop_after_correct", stop}});
  };
  EXPECT_EQ(name(0, 0), "one batch");
  EXPECT_EQ(name(64, 0), "one batch");
  EXPECT_EQ(name(1, 0), "sequential");
  EXPECT_EQ(name(1, 1), "adaptive");
  EXPECT_EQ(name(16, 4), "in waves");
  EXPECT_EQ(BaselineName(Json::object()), "");
}

}  // namespace
}  // namespace retort
