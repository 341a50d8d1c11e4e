#include "core/trace/types.h"

#include <gtest/gtest.h>

#include "tests/core/trace/trace_fixture.h"

namespace retort {
namespace {

TraceTree TwoBranches() {
  TraceTree tree;
  tree.problem_id = "p";
  tree.AddNode(-1, {}, "");
  const int32_t stem = tree.AddNode(0, {1, 2}, "a b");
  const int32_t left = tree.AddNode(stem, {3}, " c");
  const int32_t right = tree.AddNode(stem, {4, 5}, " d e");
  tree.nodes[1].sum_log_prob = -1;
  tree.nodes[2].sum_log_prob = -0.5;
  tree.nodes[3].sum_log_prob = -0.25;
  for (const int32_t end : {left, right}) tree.nodes[static_cast<size_t>(end)].terminal = true;
  tree.nodes[2].verdict = Verdict::kCorrect;
  tree.nodes[3].verdict = Verdict::kUnparsed;
  tree.selected = left;
  return tree;
}

TEST(Verdict, NamesRoundTrip) {
  for (int i = 0; i < kVerdictCount; ++i) {
    const auto verdict = static_cast<Verdict>(i);
    EXPECT_EQ(VerdictFromName(VerdictName(verdict)), verdict);
  }
  EXPECT_EQ(VerdictName(Verdict::kCorrect), "correct");
  EXPECT_EQ(VerdictName(Verdict::kUnverified), "unverified");
  EXPECT_EQ(VerdictFromName("Correct"), std::nullopt);
  EXPECT_EQ(ScorerName(Scorer::kLogProb), "log_prob");
}

TEST(TraceTree, PathsRunFromBelowTheRootToTheNode) {
  const TraceTree tree = TwoBranches();
  EXPECT_EQ(tree.PathText(2), "a b c");
  EXPECT_EQ(tree.PathText(3), "a b d e");
  EXPECT_EQ(tree.PathTokens(3), (std::vector<int32_t>{1, 2, 4, 5}));
  EXPECT_DOUBLE_EQ(tree.PathLogProb(2), -1.5);
  EXPECT_EQ(tree.NodeText(3), " d e");
  EXPECT_EQ(tree.PathText(0), "");
  EXPECT_TRUE(tree.PathTokens(0).empty());
}

TEST(TraceTree, CountsVerdictsOfTerminalsOnly) {
  const TraceTree tree = TwoBranches();
  EXPECT_EQ(tree.CountVerdict(Verdict::kCorrect), 1);
  EXPECT_EQ(tree.CountVerdict(Verdict::kUnparsed), 1);
  EXPECT_EQ(tree.CountVerdict(Verdict::kIncorrect), 0);
}

TEST(TraceTree, AddNodeRefusesAMissingParent) {
  TraceTree tree;
  EXPECT_THROW(tree.AddNode(0, {}, ""), Error);
  tree.AddNode(-1, {}, "");
  EXPECT_THROW(tree.AddNode(-1, {}, ""), Error);
  EXPECT_THROW(tree.AddNode(1, {}, ""), Error);
  EXPECT_THROW(tree.PathText(1), Error);
}

TEST(TokenCounts, AddUp) {
  TokenCounts sum{
      .prefill_computed = 1, .prefill_shared = 2, .decoded = 3, .verifier_calls = 4, .flops = 0.5};
  sum += sum;
  EXPECT_EQ(sum, (TokenCounts{.prefill_computed = 2,
                              .prefill_shared = 4,
                              .decoded = 6,
                              .verifier_calls = 8,
                              .flops = 1.0}));
}

TEST(CheckTree, AcceptsAWholeTree) { EXPECT_NO_THROW(CheckTree(TwoBranches(), "test")); }

TEST(CheckTree, NamesPlaceProblemAndFault) {
  TraceTree tree = TwoBranches();
  tree.nodes[2].parent = 3;
  const std::string message = ErrorOf([&] { CheckTree(tree, "shard 7"); });
  EXPECT_NE(message.find("shard 7"), std::string::npos) << message;
  EXPECT_NE(message.find("problem p"), std::string::npos) << message;
  EXPECT_NE(message.find("node 2 comes before its parent"), std::string::npos) << message;
}

TEST(CheckTree, RefusesEveryBrokenRule) {
  using Break = void (*)(TraceTree&);
  const std::vector<Break> breaks = {
      [](TraceTree& t) { t.nodes.clear(); },
      [](TraceTree& t) { t.nodes[0].parent = 0; },
      [](TraceTree& t) { t.nodes[0].terminal = true; },
      [](TraceTree& t) { t.nodes[0].token_end = 1; },
      [](TraceTree& t) { t.nodes[1].parent = -1; },
      [](TraceTree& t) { t.nodes[1].parent = 1; },
      [](TraceTree& t) { t.nodes[1].parent = 99; },
      [](TraceTree& t) { t.nodes[1].token_begin = -1; },
      [](TraceTree& t) { t.nodes[1].token_end = 99; },
      [](TraceTree& t) { t.nodes[1].token_begin = 2, t.nodes[1].token_end = 1; },
      [](TraceTree& t) { t.nodes[1].text_end = 99; },
      [](TraceTree& t) { t.nodes[1].text_begin = INT64_MAX; },
      [](TraceTree& t) { t.nodes[1].verdict = Verdict::kCorrect; },
      [](TraceTree& t) { t.selected = 1; },
      [](TraceTree& t) { t.selected = 4; },
      [](TraceTree& t) { t.selected = -2; },
  };
  for (size_t i = 0; i < breaks.size(); ++i) {
    TraceTree tree = TwoBranches();
    breaks[i](tree);
    EXPECT_THROW(CheckTree(tree, "test"), Error) << i;
  }
}

}  // namespace
}  // namespace retort
