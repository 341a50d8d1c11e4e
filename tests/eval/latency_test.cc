#include "eval/latency.h"

#include <gtest/gtest.h>

#include <map>
#include <mutex>

#include "tests/eval/eval_fixture.h"

namespace retort {
namespace {

QueryTime Query(double ms, std::optional<double> ttft_ms = std::nullopt, bool single_row = false) {
  QueryTime query;
  query.ms = ms;
  query.ttft_ms = ttft_ms;
  query.single_row = single_row;
  return query;
}

TEST(SummariseLatency, TakesMediansOverRepeatsThenPercentilesOverProblems) {
  const QueryTimes times = {{Query(1), Query(100), Query(2)}, {Query(4), Query(5), Query(6)}};
  const LatencyResult result = SummariseLatency(times, 2);
  EXPECT_EQ(result.per_problem_ms, (std::vector<double>{2, 5}));
  EXPECT_DOUBLE_EQ(result.ms.p50, 3.5);
  EXPECT_DOUBLE_EQ(result.ms.mean, 3.5);
  EXPECT_DOUBLE_EQ(result.ms.p95, 2 + 0.95 * 3);
  EXPECT_FALSE(result.ttft_ms);
  EXPECT_FALSE(result.capped);
}

TEST(SummariseLatency, KnowsASearchsFirstAnswerTokenOnlyAtItsEnd) {
  const LatencyResult one = SummariseLatency({{Query(9, 2, true)}}, 1);
  EXPECT_EQ(one.ttft_ms, 2);
  EXPECT_EQ(one.first_answer_token_ms, 2);
  const LatencyResult search = SummariseLatency({{Query(9, 2, false)}}, 1);
  EXPECT_EQ(search.ttft_ms, 2);
  EXPECT_EQ(search.first_answer_token_ms, 9);
}

TEST(SummariseLatency, SaysWhenTheBudgetEndedEarly) {
  EXPECT_TRUE(SummariseLatency({{Query(1)}}, 2).capped);
}

class MeasureLatencyTest : public testing::Test {
 protected:
  MeasureLatencyTest()
      : tokenizer_(MakeWordLevelTokenizer({"a", "b", "c", "d"})), problems_(ReverseProblems(6)) {}

  FunctionStrategy::Function Recorder(const std::string& arm) {
    return [this, arm](const Question& question, const SearchContext&) {
      calls_.push_back(arm + " " + question.id);
      TraceTree tree;
      tree.nodes.push_back(Node{});
      return tree;
    };
  }

  ArmSetting Setting() { return {.task = task_, .tokenizer = *tokenizer_, .problems = problems_}; }

  ReverseTask task_;
  std::unique_ptr<Tokenizer> tokenizer_;
  std::vector<Problem> problems_;
  std::vector<std::string> calls_;
};

TEST_F(MeasureLatencyTest, WarmsUpOnOtherProblemsAndInterleavesArms) {
  EvalConfig config;
  config.arms.push_back(MakeArm("x", ArmKind::kControl, Recorder("x")));
  config.arms.push_back(MakeArm("y", ArmKind::kControl, Recorder("y")));
  config.latency = {.problems = 2, .warmup = 1, .repeats = 2, .max_seconds_per_arm = 20};
  const auto results = MeasureLatency(config, {}, Setting());
  const std::vector<std::string> pass = {"x p5", "y p5", "x p0", "y p0", "x p1", "y p1"};
  std::vector<std::string> expected = pass;
  expected.insert(expected.end(), pass.begin(), pass.end());
  EXPECT_EQ(calls_, expected);
  EXPECT_EQ(results.at("x").per_problem_ms.size(), 2u);
}

TEST_F(MeasureLatencyTest, LeavesOutArmsThatDoNotWantIt) {
  EvalConfig config;
  config.arms.push_back(MakeArm("x", ArmKind::kControl, Recorder("x")));
  config.arms[0].latency = false;
  EXPECT_TRUE(MeasureLatency(config, {}, Setting()).empty());
}

TEST_F(MeasureLatencyTest, StopsAnArmThatUsedUpItsTime) {
  EvalConfig config;
  config.arms.push_back(MakeArm("x", ArmKind::kControl, Recorder("x")));
  config.latency = {.problems = 4, .warmup = 0, .repeats = 3, .max_seconds_per_arm = 1e-12};
  const auto results = MeasureLatency(config, {}, Setting());
  EXPECT_EQ(calls_.size(), 1u);
  EXPECT_TRUE(results.at("x").capped);
  EXPECT_EQ(results.at("x").per_problem_ms.size(), 1u);
}

TEST_F(MeasureLatencyTest, TakesAFreshEngineForEachPass) {
  int built = 0;
  const auto script = [](std::span<const int32_t>, RngKey) { return std::vector<int32_t>{2}; };
  std::map<std::string, ArmModels> models;
  models["m"].fresh = [&](int seed) {
    EXPECT_EQ(seed, 0);
    ++built;
    return MakeScriptedEngine(script, {});
  };
  EvalConfig config;
  config.arms.push_back(MakeArm(
      "x", ArmKind::kStudent,
      [](const Question& question, const SearchContext& context) {
        GenerateRequest request;
        request.prompt_ids = EncodePrompt(context.tokenizer, question.prompt);
        context.engine->Generate(std::vector{request});
        TraceTree tree;
        tree.nodes.push_back(Node{});
        return tree;
      },
      "m"));
  config.latency = {.problems = 2, .warmup = 1, .repeats = 3, .max_seconds_per_arm = 20};
  const auto results = MeasureLatency(config, models, Setting());
  EXPECT_EQ(built, 3);
  EXPECT_TRUE(results.at("x").ttft_ms);
}

}  // namespace
}  // namespace retort
