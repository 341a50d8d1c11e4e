#include <gtest/gtest.h>

#include <set>

#include "tests/filter/filter_fixture.h"

namespace retort {
namespace {

using Texts = std::vector<std::string>;
using testing::Trace;
using testing::TreeOf;

class FiltersTest : public testing::FilterTest {};

TEST_F(FiltersTest, VerifiedKeepsCorrectTracesAndNamesTheOthersVerdict) {
  EXPECT_EQ(Reasons("name: verified", {{"1 2 3", Verdict::kCorrect},
                                       {"1 2 4", Verdict::kIncorrect},
                                       {"1 2", Verdict::kUnparsed},
                                       {"1 2 3 4", Verdict::kTruncated},
                                       {"5", Verdict::kUnverified}}),
            (Texts{"", "incorrect", "unparsed", "truncated", "unverified"}));
}

TEST_F(FiltersTest, ExactDuplicateKeepsTheFirst) {
  EXPECT_EQ(
      Reasons("name: exact_duplicate", {{"1 2 3"}, {"3 2 1"}, {"1 2 3"}, {"1 2 3"}}),
      (Texts{"", "", "same tokens: as node 1 of teacher", "same tokens: as node 1 of teacher"}));
}

TEST_F(FiltersTest, ExactDuplicateIgnoresTracesThatWereDroppedBefore) {
  ProblemCandidates problem = Problem123({{"1 2 3", Verdict::kIncorrect}, {"1 2 3"}});
  Filter("name: verified")->Apply(problem);
  Filter("name: exact_duplicate")->Apply(problem);
  EXPECT_FALSE(problem.candidates[0].kept());
  EXPECT_TRUE(problem.candidates[1].kept());
}

TEST_F(FiltersTest, NearDuplicateByPositions) {
  EXPECT_EQ(Reasons("{name: near_duplicate, max_shared_positions: 0.5}",
                    {{"1 2 3 4"}, {"1 2 9 9"}, {"1 2 3 9"}, {"1 2 3 4 5 6 7 8"}}),
            (Texts{"", "", "shared positions: 3 of 4 with node 1 of teacher", ""}))
      << "half is not more than half; the longer trace counts";
}

TEST_F(FiltersTest, NearDuplicateByPrefix) {
  EXPECT_EQ(Reasons("{name: near_duplicate, max_shared_prefix: 2}",
                    {{"1 2 3"}, {"9 2 3"}, {"1 9 3"}, {"1 2 9"}}),
            (Texts{"", "", "", "shared prefix: 2 steps with node 1 of teacher"}));
}

TEST_F(FiltersTest, NearDuplicateByDefaultDropsNothing) {
  EXPECT_EQ(Keep("name: near_duplicate", {{"1 2 3"}, {"1 2 3"}}).size(), 2U);
}

TEST_F(FiltersTest, NearDuplicateAgreesWithBruteForce) {
  Rng rng = Rng::Derive({uint64_t{1}, "near"});
  for (int round = 0; round < 50; ++round) {
    std::vector<Trace> traces;
    for (int i = 0; i < 12; ++i) {
      Trace trace;
      const uint64_t steps = 1 + rng.NextBelow(5);
      for (uint64_t step = 0; step < steps; ++step) {
        trace.text += StrCat(step == 0 ? "" : " ", rng.NextBelow(3));
      }
      traces.push_back(trace);
    }
    Texts expected;
    for (const Trace& trace : traces) {
      bool near = false;
      const auto a = Split(trace.text, ' ');
      for (const std::string& earlier : expected) {
        const auto b = Split(earlier, ' ');
        size_t equal = 0;
        for (size_t i = 0; i < a.size() && i < b.size(); ++i) equal += a[i] == b[i];
        size_t prefix = 0;
        while (prefix < a.size() && prefix < b.size() && a[prefix] == b[prefix]) ++prefix;
        near = near || 10 * equal > 6 * std::max(a.size(), b.size()) || prefix >= 3;
      }
      if (!near) expected.push_back(trace.text);
    }
    EXPECT_EQ(
        Keep("{name: near_duplicate, max_shared_positions: 0.6, max_shared_prefix: 3}", traces),
        expected);
  }
}

TEST_F(FiltersTest, CapKeepsTheLikeliest) {
  EXPECT_EQ(Reasons("{name: cap, per_problem: 2}", {{"1", Verdict::kCorrect, -3},
                                                    {"2", Verdict::kCorrect, -1},
                                                    {"3", Verdict::kCorrect, -2},
                                                    {"4", Verdict::kCorrect, -2}}),
            (Texts{"more than the cap: number 4 by log_prob, 2 are kept", "", "",
                   "more than the cap: number 3 by log_prob, 2 are kept"}));
}

TEST_F(FiltersTest, CapByFirstKeepsNodeOrder) {
  EXPECT_EQ(Keep("{name: cap, per_problem: 2, order: first}",
                 {{"1", Verdict::kCorrect, -3}, {"2", Verdict::kCorrect, -2}, {"3"}}),
            (Texts{"1", "2"}));
}

TEST_F(FiltersTest, CapByDiversityKeepsTheLikeliestAndThenTheMostDifferent) {
  EXPECT_EQ(
      Keep("{name: cap, per_problem: 3, order: diverse}", {{"1 1 1 1", Verdict::kCorrect, -2},
                                                           {"2 2 2 2", Verdict::kCorrect, -1},
                                                           {"2 2 2 1", Verdict::kCorrect, -1.5},
                                                           {"2 2 1 1", Verdict::kCorrect, -3},
                                                           {"1 1 3 3", Verdict::kCorrect, -4}}),
      (Texts{"1 1 1 1", "2 2 2 2", "2 2 1 1"}));
}

TEST_F(FiltersTest, PassRateDropsWholeProblemsOutsideTheBand) {
  const std::vector<Trace> one_of_four = {
      {"1"}, {"2", Verdict::kIncorrect}, {"3", Verdict::kUnparsed}, {"4", Verdict::kTruncated}};
  EXPECT_EQ(Reasons("{name: pass_rate, min: 0.3}", one_of_four)[0],
            "pass rate too low: 1 of 4 correct, below 0.3");
  EXPECT_EQ(Reasons("{name: pass_rate, max: 0.2}", one_of_four)[0],
            "pass rate too high: 1 of 4 correct, above 0.2");
  EXPECT_EQ(Keep("{name: pass_rate, min: 0.25, max: 0.25}", one_of_four).size(), 4U);
}

TEST_F(FiltersTest, PassRateCountsTracesThatWereDroppedBefore) {
  ProblemCandidates problem = Problem123({{"1"}, {"2", Verdict::kIncorrect}});
  Filter("name: verified")->Apply(problem);
  Filter("{name: pass_rate, max: 0.6}")->Apply(problem);
  EXPECT_TRUE(problem.candidates[0].kept());
}

TEST_F(FiltersTest, LengthCountsTokensWithEndOfText) {
  EXPECT_EQ(
      Reasons("{name: length, min_tokens: 3, max_tokens: 4}",
              {{"1"}, {"1 2"}, {"1 2 3"}, {"1 2 3 4"}}),
      (Texts{"too short: 2 tokens, fewer than 3", "", "", "too long: 5 tokens, more than 4"}));
}

/// Every registered filter: what it drops has its name and a reason whose kind has no number in it,
/// what was dropped before stays as it was, and nothing else changes.
TEST_F(FiltersTest, EveryFilterKeepsTheRules) {
  for (const std::string& name : FilterNames()) {
    ProblemCandidates problem = Problem123(
        {{"1 2 3"}, {"1 2 4", Verdict::kIncorrect}, {"1 2 3"}, {"1 2 3 4 5", Verdict::kTruncated}});
    Drop(problem.candidates[0], "earlier", "for a test");
    Filter("name: " + name)->Apply(problem);
    EXPECT_EQ(Filter("name: " + name)->Name(), name);
    ASSERT_EQ(problem.candidates.size(), 4U);
    EXPECT_EQ(problem.candidates[0].dropped_by, "earlier");
    EXPECT_EQ(problem.candidates[0].reason, "for a test");
    for (size_t i = 1; i < 4; ++i) {
      const Candidate& candidate = problem.candidates[i];
      EXPECT_EQ(candidate.kept(), candidate.reason.empty());
      if (candidate.kept()) continue;
      EXPECT_EQ(candidate.dropped_by, name);
      EXPECT_EQ(ReasonKind(candidate.reason).find_first_of("0123456789"), std::string::npos);
    }
  }
}

TEST_F(FiltersTest, AWrongNameIsReportedWithTheNearest) {
  const auto document = testing::ParseConfig("name: exact_duplicates");
  EXPECT_EQ(MakeFilter(document->Root()), nullptr);
  try {
    document->Finish();
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("exact_duplicate"), std::string::npos) << e.what();
  }
}

TEST_F(FiltersTest, BandsUpsideDownAreRefused) {
  for (const char* yaml :
       {"{name: pass_rate, min: 0.9, max: 0.1}", "{name: length, min_tokens: 5, max_tokens: 4}"}) {
    EXPECT_THROW(Filter(yaml), Error) << yaml;
  }
}

TEST_F(FiltersTest, CompletionViewLearnsTheEndExactlyOnce) {
  const auto document = testing::ParseConfig("{}");
  const auto view = MakeView(document->Root());
  ProblemCandidates problem =
      Problem123({{"1 2 3"}, {"4 5 6", Verdict::kTruncated}, {"7 8 9"}, {"1"}});
  problem.candidates[2].tokens.pop_back();  // as a server gives it
  Drop(problem.candidates[3], "test", "for a test");
  const std::vector<Example> examples = view->MakeExamples(problem, *tokenizer_);
  ASSERT_EQ(examples.size(), 3U);
  EXPECT_EQ(examples[0].prompt_ids, (std::vector<int32_t>{1, 5, 6, 7}));
  EXPECT_EQ(examples[0].completion_ids, (std::vector<int32_t>{5, 6, 7, 2}));
  EXPECT_EQ(examples[0].problem_id, "p123");
  EXPECT_EQ(examples[0].source, "teacher");
  EXPECT_EQ(examples[0].node, 1);
  EXPECT_EQ(examples[1].completion_ids, (std::vector<int32_t>{8, 9, 10}));
  EXPECT_EQ(examples[2].completion_ids, (std::vector<int32_t>{11, 12, 13, 2}));
}

TEST_F(FiltersTest, CandidatesOfTwoInputsComeInInputOrder) {
  const std::vector<SourcedTree> trees = {
      {.source = "b", .tree = TreeOf(*tokenizer_, "p", "1 2", {{"1"}, {"2"}})},
      {.source = "a", .tree = TreeOf(*tokenizer_, "p", "1 2", {{"1"}})}};
  ProblemCandidates problem = MakeCandidates(trees, task_.GetStepRule());
  ASSERT_EQ(problem.candidates.size(), 3U);
  EXPECT_EQ(NodeLabel(problem.candidates[1]), "node 2 of b");
  Filter("name: exact_duplicate")->Apply(problem);
  EXPECT_EQ(problem.candidates[2].reason, "same tokens: as node 1 of b");
}

TEST_F(FiltersTest, InputsThatDisagreeAboutAPromptAreRefused) {
  const std::vector<SourcedTree> trees = {
      {.source = "a", .tree = TreeOf(*tokenizer_, "p", "1 2", {{"1"}})},
      {.source = "b", .tree = TreeOf(*tokenizer_, "p", "2 1", {{"1"}})}};
  EXPECT_THROW(MakeCandidates(trees, task_.GetStepRule()), Error);
}

}  // namespace
}  // namespace retort
