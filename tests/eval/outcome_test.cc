#include "eval/outcome.h"

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/eval/eval_fixture.h"

namespace retort {
namespace {

const Problem kProblem = ReverseProblems(1)[0];  // "a b c" -> "c b a"

TEST(JudgeTree, JudgesTheSelectedTraceWithTheGoldAnswer) {
  const TraceTree tree = SamplesTree(kProblem, {"a", "c b a", "a"});
  const ProblemOutcome outcome = JudgeTree(tree, kProblem, ReverseVerifier());
  EXPECT_EQ(outcome.text, "c b a");
  EXPECT_TRUE(outcome.correct());
  EXPECT_EQ(outcome.selection, Selection::kChecker);
  ASSERT_EQ(outcome.samples.size(), 3u);
  EXPECT_EQ(outcome.samples[2].same_as, 0);
  EXPECT_EQ(outcome.samples[1].tokens, 4);
}

TEST(JudgeTree, NeverTakesATruncatedTraceForAnAnswer) {
  TraceTree tree = SamplesTree(kProblem, {"c b a"});
  tree.nodes[1].verdict = Verdict::kTruncated;
  EXPECT_EQ(JudgeTree(tree, kProblem, ReverseVerifier()).verdict, Verdict::kTruncated);
}

TEST(JudgeTree, CountsASearchWithoutAnswerAsUnparsed) {
  TraceTree tree = SamplesTree(kProblem, {});
  Problem problem = kProblem;
  problem.answer = "";
  EXPECT_EQ(JudgeTree(tree, problem, ReverseVerifier()).verdict, Verdict::kUnparsed);
}

TEST(ProblemOutcome, SurvivesJson) {
  const TraceTree tree = SamplesTree(kProblem, {"a", "c b a", "b"}, Scorer::kVote);
  const ProblemOutcome outcome = JudgeTree(tree, kProblem, ReverseVerifier());
  EXPECT_EQ(OutcomeFromJson(OutcomeToJson(outcome), "here"), outcome);
}

TEST(ProblemOutcome, RefusesForeignJson) {
  EXPECT_THROW(OutcomeFromJson(Json::object(), "here"), Error);
  Json json =
      OutcomeToJson(JudgeTree(SamplesTree(kProblem, {"a", "b"}), kProblem, ReverseVerifier()));
  json["samples"][0][1] = 99;
  EXPECT_THROW(OutcomeFromJson(json, "here"), Error);
}

/// Trees of random short texts, some truncated, with random log-probabilities.
TraceTree RandomTree(uint64_t seed) {
  Rng rng = Rng::Derive({seed, "outcome_test"});
  std::vector<std::string> texts;
  const std::vector<std::string> pool = {"a", "b", "c b a", "d d", "a b"};
  for (int i = 0; i < 12; ++i) texts.push_back(pool[rng.NextBelow(pool.size())]);
  TraceTree tree = SamplesTree(kProblem, texts);
  for (size_t i = 1; i < tree.nodes.size(); ++i) {
    tree.nodes[i].sum_log_prob = -static_cast<float>(rng.NextBelow(5));
    if (rng.NextBelow(4) == 0) tree.nodes[i].verdict = Verdict::kTruncated;
  }
  return tree;
}

TEST(SelectedCorrect, AgreesWithTheStrategiesOwnSelectionForEveryKAndRule) {
  const ReverseVerifier verifier;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const TraceTree tree = RandomTree(seed);
    const std::vector<int32_t> terminals = Terminals(tree);
    const ProblemOutcome outcome = JudgeTree(tree, kProblem, verifier);
    for (const Selection rule :
         {Selection::kFirst, Selection::kChecker, Selection::kVote, Selection::kLogProb}) {
      const std::vector<bool> correct = SelectedCorrect(outcome.samples, rule);
      for (size_t k = 1; k <= terminals.size(); ++k) {
        const int32_t node = SelectTerminal(tree, std::span(terminals).first(k), rule);
        const bool expected = JudgeTerminal(tree, node, kProblem, verifier) == Verdict::kCorrect;
        ASSERT_EQ(correct[k - 1], expected)
            << "seed " << seed << ", rule " << static_cast<int>(rule) << ", k " << k;
      }
    }
  }
}

TEST(BestOfCurve, KeepsTheAnswerOfASearchThatStoppedEarly) {
  const ProblemOutcome outcome =
      JudgeTree(SamplesTree(kProblem, {"a", "c b a"}), kProblem, ReverseVerifier());
  EXPECT_EQ(BestOfCurve(outcome, Selection::kChecker, 4), (std::vector<double>{0, 1, 1, 1}));
}

TEST(BestOfCurve, RepeatsTheVerdictOfASingleAnswer) {
  const ProblemOutcome outcome =
      JudgeTree(SamplesTree(kProblem, {"c b a"}), kProblem, ReverseVerifier());
  EXPECT_TRUE(outcome.samples.empty());
  EXPECT_EQ(BestOfCurve(outcome, Selection::kChecker, 2), (std::vector<double>{1, 1}));
}

TEST(TokensOfFirst, SumsOnlyTheFirstSamples) {
  const ProblemOutcome outcome =
      JudgeTree(SamplesTree(kProblem, {"a", "c b a"}), kProblem, ReverseVerifier());
  EXPECT_EQ(TokensOfFirst(outcome, 1), 2);
  EXPECT_EQ(TokensOfFirst(outcome, 9), 6);
}

}  // namespace
}  // namespace retort
