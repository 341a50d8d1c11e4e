#include "generate/selection.h"

#include <gtest/gtest.h>

#include "tests/generate/search_fixture.h"

namespace retort {
namespace {

using testing::DigitTokenizer;
using testing::FakeTerminal;
using testing::FakeTree;

int32_t Select(const std::vector<FakeTerminal>& terminals, Selection rule) {
  const TraceTree tree = FakeTree(*DigitTokenizer(), terminals);
  return SelectTerminal(tree, Terminals(tree), rule);
}

TEST(Selection, CheckerTakesTheFirstCorrectTrace) {
  EXPECT_EQ(Select({{"1", Verdict::kIncorrect, 0},
                    {"2", Verdict::kCorrect, -9},
                    {"3", Verdict::kCorrect, -1}},
                   Selection::kChecker),
            2);
}

TEST(Selection, CheckerWithoutACorrectTraceTakesTheLikeliest) {
  EXPECT_EQ(Select({{"1", Verdict::kIncorrect, -5},
                    {"2", Verdict::kUnparsed, -1},
                    {"3", Verdict::kIncorrect, -2}},
                   Selection::kChecker),
            2);
}

TEST(Selection, VoteTakesTheMostFrequentTextAndItsEarliestTrace) {
  EXPECT_EQ(Select({{"9"}, {"1"}, {"2"}, {"2"}}, Selection::kVote), 3);
}

TEST(Selection, VoteBreaksTiesByTheEarliestTrace) {
  EXPECT_EQ(Select({{"7"}, {"1"}, {"1"}, {"7"}}, Selection::kVote), 1);
}

TEST(Selection, LogProbIsPerToken) {
  // -3 over four tokens beats -2 over two.
  EXPECT_EQ(Select({{"1", Verdict::kIncorrect, -2}, {"1 2 3", Verdict::kIncorrect, -3}},
                   Selection::kLogProb),
            2);
}

TEST(Selection, TruncatedTracesAreTakenOnlyWhenAllAre) {
  const FakeTerminal truncated{"1", Verdict::kTruncated, 0};
  const FakeTerminal wrong{"2", Verdict::kIncorrect, -9};
  EXPECT_EQ(Select({truncated, truncated, wrong}, Selection::kVote), 3);
  EXPECT_EQ(Select({truncated, wrong}, Selection::kLogProb), 2);
  EXPECT_EQ(Select({truncated, truncated}, Selection::kVote), 1);
}

TEST(Selection, OfNothingIsNothing) {
  for (const Selection rule :
       {Selection::kFirst, Selection::kChecker, Selection::kVote, Selection::kLogProb}) {
    EXPECT_EQ(Select({}, rule), -1);
  }
}

TEST(Selection, AmongTheFirstFewIgnoresLaterTraces) {
  const TraceTree tree =
      FakeTree(*DigitTokenizer(), {{"1"}, {"2", Verdict::kCorrect}, {"3"}, {"3"}});
  const std::vector<int32_t> all = Terminals(tree);
  EXPECT_EQ(SelectTerminal(tree, std::span(all).first(2), Selection::kChecker), 2);
  EXPECT_EQ(SelectTerminal(tree, std::span(all).first(3), Selection::kVote), 1);
  EXPECT_EQ(SelectTerminal(tree, all, Selection::kVote), 3);
}

TEST(Selection, ScoresSayWhatTheRuleCompares) {
  TraceTree tree = FakeTree(*DigitTokenizer(), {{"1", Verdict::kIncorrect, -4},
                                                {"1", Verdict::kIncorrect, -2},
                                                {"2", Verdict::kCorrect, -6},
                                                {"3", Verdict::kTruncated, -1}});
  ScoreAndSelect(tree, Selection::kVote);
  EXPECT_EQ(tree.nodes[1].scorer, Scorer::kVote);
  EXPECT_FLOAT_EQ(tree.nodes[1].score, 2.0F / 3);
  EXPECT_FLOAT_EQ(tree.nodes[3].score, 1.0F / 3);
  EXPECT_EQ(tree.nodes[4].score, 0);
  ScoreAndSelect(tree, Selection::kChecker);
  EXPECT_EQ(tree.nodes[3].score, 1);
  EXPECT_EQ(tree.nodes[2].score, 0);
  EXPECT_EQ(tree.selected, 3);
  ScoreAndSelect(tree, Selection::kLogProb);
  EXPECT_FLOAT_EQ(tree.nodes[1].score, -2);
  EXPECT_EQ(tree.nodes[1].scorer, Scorer::kLogProb);
}

}  // namespace
}  // namespace retort
