#include "generate/strategy.h"

#include <gtest/gtest.h>

#include <set>

#include "generate/selection.h"
#include "tests/generate/search_fixture.h"

namespace retort {
namespace {

class StrategyTest : public testing::SearchTest {};

/// Answers with the same ids whatever is asked.
std::unique_ptr<Engine> ConstantEngine(std::vector<int32_t> ids) {
  return MakeScriptedEngine([ids](std::span<const int32_t>, RngKey) { return ids; },
                            testing::TinyModel());
}

std::vector<std::string> Texts(const TraceTree& tree) {
  std::vector<std::string> texts;
  for (const int32_t node : Terminals(tree)) texts.push_back(tree.PathText(node));
  return texts;
}

TEST_F(StrategyTest, GreedyAsksForOneCompletionAtTemperatureZero) {
  const auto engine = ConstantEngine({5, 6, 7, 2});
  const TraceTree tree = Search("name: greedy", engine.get());
  ASSERT_EQ(tree.nodes.size(), 2U);
  EXPECT_EQ(tree.algorithm, "greedy");
  EXPECT_EQ(tree.prompt_ids, (std::vector<int32_t>{1, 5, 6, 7}));
  EXPECT_EQ(tree.PathTokens(1), (std::vector<int32_t>{5, 6, 7, 2}));
  EXPECT_EQ(tree.PathText(1), "1 2 3");
  EXPECT_EQ(tree.nodes[1].verdict, Verdict::kCorrect);
  EXPECT_EQ(tree.selected, 1);
  EXPECT_EQ(tree.counts.decoded, 4);
  EXPECT_EQ(tree.counts.prefill_computed, 4);
  EXPECT_EQ(tree.counts.verifier_calls, 1);
}

TEST_F(StrategyTest, ACompletionThatEndsByItsLengthIsTruncatedAndNeverVerified) {
  const auto engine = ConstantEngine({5, 6, 7, 8, 9, 10, 11, 12});
  const TraceTree tree = Search("name: greedy", engine.get());
  EXPECT_EQ(tree.nodes[1].verdict, Verdict::kTruncated);
  EXPECT_EQ(tree.counts.decoded, 6) << "the task's MaxCompletionTokens";
  EXPECT_EQ(tree.counts.verifier_calls, 0);
}

TEST_F(StrategyTest, MaxNewTokensOverridesTheTasksLength) {
  const auto engine = ConstantEngine({5, 6, 7, 2});
  EXPECT_EQ(Search("{name: greedy, max_new_tokens: 3}", engine.get()).nodes[1].verdict,
            Verdict::kTruncated);
}

TEST_F(StrategyTest, BestOfNCountsExactly) {
  const auto engine = RandomEngine();
  const TraceTree tree = Search("{name: best_of_n, n: 40}", engine.get());
  ASSERT_EQ(tree.nodes.size(), 41U);
  const int64_t truncated = tree.CountVerdict(Verdict::kTruncated);
  EXPECT_GT(truncated, 0);
  EXPECT_EQ(tree.counts.verifier_calls, 40 - truncated);
  EXPECT_EQ(tree.counts.decoded, 4 * (40 - truncated) + 6 * truncated);
  EXPECT_EQ(tree.counts.prefill_computed, 4);
  EXPECT_EQ(tree.counts.prefill_shared, 4 * 39);
  EXPECT_EQ(tree.nodes[1].token_end - tree.nodes[1].token_begin,
            static_cast<int64_t>(tree.PathTokens(1).size()));
}

TEST_F(StrategyTest, CountsOfOneWaveAreTheEnginesOwn) {
  const auto engine = RandomEngine();
  const TraceTree tree = Search("{name: best_of_n, n: 40}", engine.get());
  std::vector<std::vector<int32_t>> completions;
  for (const int32_t node : Terminals(tree)) completions.push_back(tree.PathTokens(node));
  size_t next = 0;
  const auto replay = MakeScriptedEngine(
      [&](std::span<const int32_t>, RngKey) { return completions[next++]; }, testing::TinyModel());
  std::vector<GenerateRequest> requests(40);
  for (GenerateRequest& request : requests) request.prompt_ids = tree.prompt_ids;
  double flops = 0;
  for (const Completion& completion : replay->Generate(requests)) flops += completion.usage.flops;
  EXPECT_EQ(tree.counts.flops, flops);
}

TEST_F(StrategyTest, ASmallerNIsAPrefixOfALargerOne) {
  const auto engine = RandomEngine();
  const std::vector<std::string> large = Texts(Search("{name: best_of_n, n: 32}", engine.get()));
  const std::vector<std::string> small = Texts(Search("{name: best_of_n, n: 8}", engine.get()));
  EXPECT_EQ(small, std::vector<std::string>(large.begin(), large.begin() + 8));
}

TEST_F(StrategyTest, TheSizeOfAWaveChangesNothing) {
  const auto engine = RandomEngine();
  const TraceTree whole = Search("{name: best_of_n, n: 20}", engine.get());
  for (const int wave : {1, 3, 7, 20, 50}) {
    EXPECT_EQ(Search(StrCat("{name: best_of_n, n: 20, wave: ", wave, "}"), engine.get()), whole);
  }
}

TEST_F(StrategyTest, SamplesDifferBetweenSeedsAndProblems) {
  const auto engine = RandomEngine();
  const auto strategy = Strategy("{name: best_of_n, n: 8}");
  const SearchContext context{
      .task = task_, .tokenizer = *tokenizer_, .engine = engine.get(), .seed = 1, .budget = {}};
  Question other = question_;
  other.id = "p124";
  SearchContext other_seed = context;
  other_seed.seed = 2;
  const auto texts = Texts(strategy->Search(question_, context));
  EXPECT_NE(texts, Texts(strategy->Search(other, context)));
  EXPECT_NE(texts, Texts(strategy->Search(question_, other_seed)));
}

TEST_F(StrategyTest, AdaptiveStopEndsAfterTheWaveWithEnoughDistinctCorrectTraces) {
  const auto engine = RandomEngine();
  const TraceTree all = Search("{name: best_of_n, n: 400}", engine.get());
  // The same rule, read off the full run.
  std::set<std::string> correct;
  int64_t needed = 0;
  for (const int32_t node : Terminals(all)) {
    if (correct.size() == 3) break;
    ++needed;
    if (all.nodes[static_cast<size_t>(node)].verdict == Verdict::kCorrect) {
      correct.insert(all.PathText(node));
    }
  }
  ASSERT_EQ(correct.size(), 3U);
  for (const int64_t wave : {1, 8}) {
    const TraceTree tree = Search(
        StrCat("{name: best_of_n, n: 400, stop_after_correct: 3, wave: ", wave, "}"), engine.get());
    EXPECT_EQ(static_cast<int64_t>(tree.nodes.size()) - 1, (needed + wave - 1) / wave * wave);
  }
}

TEST_F(StrategyTest, AdaptiveStopCountsATextOnce) {
  const auto engine = ConstantEngine({5, 6, 7, 2});
  const TraceTree tree =
      Search("{name: best_of_n, n: 10, wave: 2, stop_after_correct: 2}", engine.get());
  EXPECT_EQ(tree.nodes.size(), 11U);
}

TEST_F(StrategyTest, ATokenBudgetIsNeverPassedAndDoesNotDependOnTheWave) {
  const auto engine = RandomEngine();
  const Budget budget{.max_tokens = 50};
  const TraceTree one = Search("{name: best_of_n, n: 64, wave: 1}", engine.get(), budget);
  EXPECT_LE(one.counts.decoded, 50);
  EXPECT_GT(one.counts.decoded, 50 - 6);
  for (const int wave : {4, 64}) {
    EXPECT_EQ(Search(StrCat("{name: best_of_n, n: 64, wave: ", wave, "}"), engine.get(), budget),
              one);
  }
}

TEST_F(StrategyTest, ABudgetBelowOneSampleShortensIt) {
  const auto engine = ConstantEngine({5, 6, 7, 2});
  const TraceTree tree = Search("{name: best_of_n, n: 4}", engine.get(), {.max_tokens = 2});
  ASSERT_EQ(tree.nodes.size(), 2U);
  EXPECT_EQ(tree.counts.decoded, 2);
  EXPECT_EQ(tree.nodes[1].verdict, Verdict::kTruncated);
}

TEST_F(StrategyTest, ASpentTimeBudgetStopsBeforeTheNextWave) {
  const auto engine = ConstantEngine({5, 6, 7, 2});
  const TraceTree tree =
      Search("{name: best_of_n, n: 1000000, wave: 100}", engine.get(), {.max_seconds = 0.02});
  EXPECT_LT(tree.nodes.size(), 1000001U);
}

TEST_F(StrategyTest, SelectionRuleScoresEveryTrace) {
  const auto engine = RandomEngine();
  EXPECT_EQ(Search("{name: best_of_n, n: 4, select: vote}", engine.get()).nodes[1].scorer,
            Scorer::kVote);
  EXPECT_EQ(Search("{name: best_of_n, n: 4, select: log_prob}", engine.get()).nodes[1].scorer,
            Scorer::kLogProb);
}

TEST_F(StrategyTest, PlayersNeedNoEngineAndTheirTracesEndWithEndOfText) {
  const TraceTree tree = Search("{name: random_play, n: 50}", nullptr);
  ASSERT_EQ(tree.nodes.size(), 51U);
  EXPECT_EQ(tree.counts.verifier_calls, 50);
  EXPECT_EQ(tree.counts.decoded, 0);
  EXPECT_EQ(tree.counts.flops, 0);
  EXPECT_EQ(tree.PathTokens(1).size(), 4U);
  EXPECT_EQ(tree.PathTokens(1).back(), tokenizer_->Specials().eos);
}

TEST_F(StrategyTest, TriesOfAPlayerDiffer) {
  const std::vector<std::string> texts = Texts(Search("{name: random_play, n: 50}", nullptr));
  EXPECT_GT(std::set<std::string>(texts.begin(), texts.end()).size(), 40U);
}

TEST_F(StrategyTest, TheSolverIsAlwaysRight) {
  const TraceTree tree = Search("{name: solver, n: 5}", nullptr);
  EXPECT_EQ(tree.CountVerdict(Verdict::kCorrect), 5);
  EXPECT_EQ(tree.selected, 1);
}

TEST_F(StrategyTest, APlayerTheTaskLacksIsAnError) {
  try {
    Search("name: heuristic_play", nullptr);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ExitCode::kConfig);
    EXPECT_STREQ(e.what(),
                 "strategy heuristic_play - task digits has no such player - choose another "
                 "strategy");
  }
}

TEST_F(StrategyTest, EveryTreeHoldsTogether) {
  const auto engine = RandomEngine();
  for (const std::string& name : StrategyNames()) {
    if (name == "heuristic_play") continue;
    const TraceTree tree = Search("name: " + name, engine.get());
    CheckTree(tree, name);
    EXPECT_EQ(tree.algorithm, name);
    EXPECT_EQ(tree.problem_id, question_.id);
    EXPECT_EQ(tree.seed, 7U);
    EXPECT_EQ(tree.horizon, 3);
    EXPECT_GE(tree.selected, 1);
    EXPECT_TRUE(tree.answer.empty()) << "a search never sees the gold answer";
  }
}

TEST_F(StrategyTest, AWrongNameIsReportedWithTheNearest) {
  const auto document = testing::ParseConfig("name: best_of_m");
  EXPECT_EQ(MakeStrategy(document->Root()), nullptr);
  try {
    document->Finish();
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("best_of_n"), std::string::npos) << e.what();
  }
}

TEST_F(StrategyTest, AMissingNameListsTheChoices) {
  const auto document = testing::ParseConfig("{}");
  EXPECT_EQ(MakeStrategy(document->Root()), nullptr);
  try {
    document->Finish();
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("greedy, best_of_n"), std::string::npos) << e.what();
  }
}

TEST_F(StrategyTest, OutOfRangeAndUnknownKeysAreReportedTogether) {
  const auto document = testing::ParseConfig("{name: best_of_n, n: 0, top_p: 0, selct: vote}");
  MakeStrategy(document->Root());
  try {
    document->Finish();
    FAIL();
  } catch (const Error& e) {
    for (const char* part : {"n:", "top_p", "selct", "select"}) {
      EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
    }
  }
}

}  // namespace
}  // namespace retort
