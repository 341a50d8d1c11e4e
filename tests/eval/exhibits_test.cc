#include "eval/exhibits.h"

#include <gtest/gtest.h>

#include "tests/eval/eval_fixture.h"

namespace retort {
namespace {

ProblemOutcome Outcome(const Problem& problem, const std::vector<std::string>& texts) {
  return JudgeTree(SamplesTree(problem, texts), problem, ReverseVerifier());
}

TEST(MostTellingTree, PrefersAHardProblemThatWasSolved) {
  const std::vector<Problem> problems = ReverseProblems(4);
  const auto right = [&](size_t i) { return problems[i].answer; };
  const std::vector<ProblemOutcome> outcomes = {
      Outcome(problems[0], {"a", "b", "c", "d"}),
      Outcome(problems[1], {right(1), right(1), "a", "b"}),
      Outcome(problems[2], {"a", "b", right(2), "c"}),
      Outcome(problems[3], {"a", "b", "c", right(3)})};
  EXPECT_EQ(MostTellingTree(outcomes), 2u);
  EXPECT_EQ(MostTellingTree(std::span(outcomes).first(2)), 1u);
  EXPECT_EQ(MostTellingTree(std::span(outcomes).first(1)), 0u);
}

TEST(MostTellingTree, FindsNothingAmongSingleAnswers) {
  const std::vector<Problem> problems = ReverseProblems(1);
  const std::vector<ProblemOutcome> outcomes = {Outcome(problems[0], {"a"})};
  EXPECT_EQ(MostTellingTree(outcomes), 1u);
}

TEST(StepTree, FoldsTracesByTheirSteps) {
  const Problem problem = ReverseProblems(1)[0];  // a b c
  const TraceTree tree = SamplesTree(problem, {"c a", "c b a", "d", "c b a"});
  const Json json = StepTree(tree, problem, ReverseTask(), "search");
  EXPECT_EQ(json["samples"], 4);
  EXPECT_EQ(json["correct"], 2);
  const Json& children = json["root"]["children"];
  ASSERT_EQ(children.size(), 2u);
  EXPECT_EQ(children[0]["step"], "c");
  EXPECT_EQ(children[0]["count"], 3);
  EXPECT_EQ(children[0]["correct"], 2);
  EXPECT_EQ(children[0]["selected"], true);
  EXPECT_EQ(children[0]["children"][0]["step"], "b");
  EXPECT_EQ(children[1]["step"], "d");
  EXPECT_EQ(children[1]["selected"], false);
  EXPECT_EQ(children[1]["verdicts"]["incorrect"], 1);
}

ArmResult ArmWith(const std::string& name, const std::vector<std::string>& texts,
                  const std::vector<double>& scores) {
  ArmResult arm;
  arm.name = name;
  for (size_t i = 0; i < texts.size(); ++i) {
    arm.items.push_back({.score = scores[i],
                         .text = texts[i],
                         .verdict = scores[i] == 1 ? Verdict::kCorrect : Verdict::kIncorrect,
                         .tokens = 0,
                         .flops = 0});
  }
  return arm;
}

TEST(WorstItems, OrdersByScoreThenSearchThenEarliestError) {
  const std::vector<Problem> problems = ReverseProblems(5);  // answers "c b a", "d c b", ...
  const ArmResult student =
      ArmWith("student", {"c d", "a", "x", problems[3].answer, "x"}, {0, 0.5, 0, 1, 0});
  const ArmResult search = ArmWith("search", {"1", "2", "3", "4", "5"}, {1, 1, 1, 1, 0});
  const Json worst =
      WorstItems(problems, ReverseVerifier(), {&student, &search}, student, &search, 5);
  ASSERT_EQ(worst.size(), 4u);  // the solved one is not bad at all
  EXPECT_EQ(worst[0]["problem_id"], "p2");
  EXPECT_EQ(worst[1]["problem_id"], "p0");
  EXPECT_EQ(worst[2]["problem_id"], "p4");
  EXPECT_EQ(worst[3]["problem_id"], "p1");
  EXPECT_EQ(worst[1]["answers"][0]["steps_before_error"], 1);
  EXPECT_EQ(worst[1]["answers"][1]["arm"], "search");
  EXPECT_EQ(worst[1]["answers"][1]["verdict"], "correct");
}

TEST(WorstItems, StopsAtTheCount) {
  const std::vector<Problem> problems = ReverseProblems(3);
  const ArmResult student = ArmWith("student", {"x", "x", "x"}, {0, 0, 0});
  EXPECT_EQ(WorstItems(problems, ReverseVerifier(), {&student}, student, nullptr, 2).size(), 2u);
}

}  // namespace
}  // namespace retort
