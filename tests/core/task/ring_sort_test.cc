#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "core/task/ring_distance.h"
#include "core/task/ring_text.h"
#include "tests/core/task/task_fixture.h"

namespace retort {
namespace {

constexpr uint64_t kSeed = 3;

std::unique_ptr<Task> RingTask(int size, int distance, const std::string& more = "") {
  return TaskFromYaml(
      StrCat("name: ring_sort\nsize: ", size, "\ndistance: ", distance, "\n", more));
}

Question RingQuestion(const std::string& prompt, int horizon) {
  return {.id = "q", .prompt = prompt, .horizon = horizon};
}

std::vector<Problem> AllProblems(const Task& task) {
  return task.MakeSplits({{"all", {.share = 1}}}, kSeed).at(0);
}

TEST(RingText, PromptsAndMovesRoundTrip) {
  Ring ring = Ring::Identity(12);
  ring.Apply(11);
  EXPECT_EQ(RingPromptText(ring), "t12 t2 t3 t4 t5 t6 t7 t8 t9 t10 t11 t1 :");
  EXPECT_EQ(ParseRingPrompt(RingPromptText(ring), 12), ring);
  EXPECT_EQ(RingMovesText({0, 11, 3}), "m1 m12 m4");
  EXPECT_EQ(ParseRingMoves("m1 m12 m4", 12), (std::vector<int>{0, 11, 3}));
}

TEST(RingText, ParsersRefuseWhatIsNotExactlyAWord) {
  for (const char* word :
       {"m0", "m10", "m01", "m", "M1", "m1 x", "m1m2", "1", "t1", "m-1", "m+1"}) {
    EXPECT_EQ(ParseRingMoves(word, 9), std::nullopt) << word;
  }
  for (const char* prompt : {"", ":", "t1 t2 t3", "t1 t2 t2 :", "t1 t2 :", "t1 t2 t4 :",
                             "t1 t2 t3 : t1", "t1 t2 t3 t4 :", "t1 t2 x3 :"}) {
    EXPECT_EQ(ParseRingPrompt(prompt, 3), std::nullopt) << prompt;
  }
}

TEST(RingSort, ChecksExactlyTheShortestSolutions) {
  const auto task = RingTask(4, 2);
  const Verifier& verifier = task->GetVerifier();
  // Swapping edges 1 and 3 of the identity gives t2 t1 t4 t3.
  const Question question = RingQuestion("t2 t1 t4 t3 :", 2);
  EXPECT_EQ(verifier.Check(question, "m1 m3"), Verdict::kCorrect);
  EXPECT_EQ(verifier.Check(question, "m3 m1"), Verdict::kCorrect);
  EXPECT_EQ(verifier.Check(question, " m3  m1\n"), Verdict::kCorrect);
  EXPECT_EQ(verifier.Check(question, "m1"), Verdict::kIncorrect);
  EXPECT_EQ(verifier.Check(question, "m1 m2"), Verdict::kIncorrect);
  EXPECT_EQ(verifier.Check(question, "m1 m3 m2 m2"), Verdict::kIncorrect);  // solved, too long
  EXPECT_EQ(verifier.Check(question, "m1 m3 m5"), Verdict::kUnparsed);
  EXPECT_EQ(verifier.Check(question, "m1,m3"), Verdict::kUnparsed);
  EXPECT_EQ(verifier.Check(question, " \n"), Verdict::kUnparsed);
}

TEST(RingSort, LastAndFirstTileAreNeighbours) {
  const auto task = RingTask(5, 1);
  EXPECT_EQ(task->GetVerifier().Check(RingQuestion("t5 t2 t3 t4 t1 :", 1), "m5"),
            Verdict::kCorrect);
}

TEST(RingSort, CountsStepsUntilTheFirstThatLeavesEveryShortestSolution) {
  const auto task = RingTask(4, 2);
  const Question question = RingQuestion("t2 t1 t4 t3 :", 2);
  EXPECT_EQ(task->GetVerifier().StepsBeforeError(question, "m1 m2"), 1);
  EXPECT_EQ(task->GetVerifier().StepsBeforeError(question, "m2 m1"), 0);
  EXPECT_EQ(task->GetVerifier().StepsBeforeError(question, "m1 m3 m3"), 2);
  EXPECT_EQ(task->GetVerifier().StepsBeforeError(question, "m1 zz"), 1);
}

TEST(RingSort, StatesItsCountsForTheQuickstart) {
  const TaskFacts facts = RingTask(9, 10)->Facts();
  EXPECT_EQ(facts.problems, 35592);
  EXPECT_EQ(facts.canonical_classes, 2001);
}

TEST(RingSort, IdsNameSizeDistanceAndTiles) {
  for (const Problem& problem : AllProblems(*RingTask(5, 3))) {
    EXPECT_EQ(problem.question.id.substr(0, 8), "ring5d3-");
    EXPECT_EQ(problem.question.id.size(), 13u);
    EXPECT_EQ(problem.source, "generated");
    EXPECT_EQ(problem.question.horizon, 3);
  }
  const auto large = RingTask(11, 4)->MakeSplits({{"a", {.count = 1, .share = 1}}}, kSeed);
  const std::string id = large.at(0).at(0).question.id;
  EXPECT_EQ(id.substr(0, 9), "ring11d4-");
  EXPECT_EQ(std::count(id.begin(), id.end(), '.'), 10);
}

TEST(RingSort, QuickstartSplitsHoldTheirCounts) {
  const auto task = RingTask(9, 10);
  const std::vector<ProblemSplit> splits = {{"gold", {.count = 700, .share = 0.30}},
                                            {"search", {.count = 8000, .share = 0.50}},
                                            {"dev", {.count = 500, .share = 0.05}},
                                            {"test", {.count = 1000, .share = 0.15}}};
  const auto made = task->MakeSplits(splits, kSeed);
  std::map<std::string, std::string> split_of_class;
  for (size_t s = 0; s < splits.size(); ++s) {
    EXPECT_EQ(made[s].size(), static_cast<size_t>(splits[s].config.count));
    for (const Problem& problem : made[s]) {
      EXPECT_EQ(problem.split, splits[s].name);
      EXPECT_EQ(split_of_class.try_emplace(task->CanonicalKey(problem.question), splits[s].name)
                    .first->second,
                splits[s].name);
    }
  }
}

TEST(RingSort, LargeRingsAreWalkedToTheExactDistance) {
  const auto task = RingTask(12, 9);
  const std::vector<ProblemSplit> splits = {{"gold", {.count = 40, .share = 0.5}},
                                            {"test", {.count = 60, .share = 0.5}}};
  const auto made = task->MakeSplits(splits, kSeed);
  std::map<std::string, std::string> split_of_class;
  std::set<std::string> ids;
  for (const auto& problems : made) {
    for (const Problem& problem : problems) {
      EXPECT_EQ(ClosedFormRingDistance(*ParseRingPrompt(problem.question.prompt, 12)), 9);
      EXPECT_EQ(task->GetVerifier().Verify(problem, problem.answer), Verdict::kCorrect);
      EXPECT_TRUE(ids.insert(problem.question.id).second);
      EXPECT_EQ(split_of_class.try_emplace(task->CanonicalKey(problem.question), problem.split)
                    .first->second,
                problem.split);
    }
  }
  EXPECT_EQ(ids.size(), 100u);
  EXPECT_EQ(task->MakeSplits(splits, kSeed), made);
}

TEST(RingSort, LargeRingsSayWhenAShareIsUsedUpOrCannotBeListed) {
  const auto task = RingTask(10, 1);  // ten states, all one class
  const std::string used_up = ErrorOf([&] {
    task->MakeSplits({{"train", {.count = 11, .share = 1}}}, kSeed);
  });
  EXPECT_NE(used_up.find("11 problems asked, 10 available"), std::string::npos) << used_up;
  const std::string all = ErrorOf([&] { task->MakeSplits({{"train", {.share = 1}}}, kSeed); });
  EXPECT_NE(all.find("problems.train.count"), std::string::npos) << all;
}

TEST(RingSort, GoldLowEdgeOneAlwaysTakesTheLowestEdge) {
  const auto task = RingTask(6, 6, "gold_low_edge: 1.0\n");
  for (const Problem& problem : AllProblems(*task)) {
    for (const std::string& trace : task->GoldTraces(problem, 2, Rng::DeriveKey({kSeed}))) {
      EXPECT_EQ(trace, problem.answer);
    }
  }
}

/// Share of gold traces whose first step is the lowest optimal edge, for a state with `k` of them.
double LowFirstShare(const std::string& gold_low_edge, const Question& question, int count) {
  const auto task = RingTask(6, 3, gold_low_edge);
  const Problem problem{.question = question, .answer = "", .source = "", .split = ""};
  int low = 0;
  for (const std::string& trace : task->GoldTraces(problem, count, Rng::DeriveKey({kSeed}))) {
    low += trace.substr(0, 2) == "m1";
  }
  return low / static_cast<double>(count);
}

TEST(RingSort, GoldLowEdgeSetsHowOftenTheLowestEdgeIsTaken) {
  // Three separate swaps: every order is optimal, so three edges compete at the first step.
  const Question question = RingQuestion("t2 t1 t4 t3 t6 t5 :", 3);
  const auto standard_error = [](double p) { return std::sqrt(p * (1 - p) / 4000); };
  const double uniform = LowFirstShare("gold_low_edge: 0.0\n", question, 4000);
  EXPECT_NEAR(uniform, 1.0 / 3, 4 * standard_error(1.0 / 3));
  const double half = LowFirstShare("gold_low_edge: 0.5\n", question, 4000);
  EXPECT_NEAR(half, 2.0 / 3, 4 * standard_error(2.0 / 3));
}

TEST(RingSort, RandomPlayNeverUndoesItsLastMove) {
  const auto task = RingTask(9, 10);
  const auto problems = task->MakeSplits({{"a", {.count = 20, .share = 1}}}, kSeed).at(0);
  for (const Problem& problem : problems) {
    Rng rng = Rng::Derive({kSeed, problem.question.id});
    for (int repeat = 0; repeat < 50; ++repeat) {
      const std::string text = task->RandomPlay(problem.question, rng).value();
      const std::vector<int> moves = ParseRingMoves(text, 9).value();
      EXPECT_EQ(moves.size(), 10u);
      for (size_t i = 1; i < moves.size(); ++i) EXPECT_NE(moves[i], moves[i - 1]);
    }
  }
}

TEST(RingSort, RandomPlayReachesTheSmallestRingsAtTheExpectedRate) {
  // Distance 2 on a ring of 4, two commuting swaps: 2 of the 4 * 3 plays are right.
  const auto task = RingTask(4, 2);
  const Question question = RingQuestion("t2 t1 t4 t3 :", 2);
  Rng rng = Rng::Derive({kSeed});
  int correct = 0;
  for (int i = 0; i < 6000; ++i) {
    const std::string text = task->RandomPlay(question, rng).value();
    correct += task->GetVerifier().Check(question, text) == Verdict::kCorrect;
  }
  EXPECT_NEAR(correct / 6000.0, 1.0 / 6, 4 * std::sqrt(1.0 / 6 * 5 / 6 / 6000));
}

TEST(RingSort, HeuristicSolvesTheShareThatAnIndependentSimulationFound) {
  // 45 % of 25,600 plays of the same rule written apart from this code (Python).
  const auto task = RingTask(9, 10);
  const auto problems = task->MakeSplits({{"a", {.count = 2000, .share = 1}}}, kSeed).at(0);
  int correct = 0;
  for (const Problem& problem : problems) {
    Rng rng = Rng::Derive({kSeed, problem.question.id});
    const std::string text = task->HeuristicPlay(problem.question, rng).value();
    correct += task->GetVerifier().Check(problem.question, text) == Verdict::kCorrect;
  }
  EXPECT_NEAR(correct / 2000.0, 0.45, 0.035);
}

TEST(RingSort, SolveDrawsEverySolution) {
  const auto task = RingTask(6, 3);
  const Question question = RingQuestion("t2 t1 t4 t3 t6 t5 :", 3);
  ASSERT_EQ(task->CountSolutions(question), 6);
  Rng rng = Rng::Derive({kSeed});
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i) seen.insert(task->Solve(question, rng).value());
  EXPECT_EQ(seen.size(), 6u);
}

TEST(RingSort, AugmentGivesEachDistinctImageOnce) {
  const auto task = RingTask(5, 1);
  EXPECT_EQ(task->Augment(RingQuestion("t2 t1 t3 t4 t5 :", 1), "m1").size(), 5u);
  const auto larger = RingTask(7, 4);
  const Problem problem = AllProblems(*larger).front();
  EXPECT_LE(larger->Augment(problem.question, problem.answer).size(), 14u);
}

TEST(RingSort, FromJsonTakesTilesAloneAndFillsInTheRest) {
  const auto task = RingTask(4, 2);
  const Problem problem = task->FromJson(Json{{"tiles", {2, 1, 4, 3}}});
  EXPECT_EQ(problem.question.id, "ring4d2-2143");
  EXPECT_EQ(problem.question.prompt, "t2 t1 t4 t3 :");
  EXPECT_EQ(problem.question.horizon, 2);
  EXPECT_EQ(problem.answer, "m1 m3");
  const Problem named =
      task->FromJson(Json{{"tiles", {2, 1, 4, 3}}, {"id", "mine-1"}, {"solution", "m3 m1"}});
  EXPECT_EQ(named.question.id, "mine-1");
  EXPECT_EQ(named.answer, "m3 m1");
}

TEST(RingSort, FromJsonSaysWhatIsWrong) {
  const auto task = RingTask(4, 2);
  const auto reason = [&](const char* text) {
    return ErrorOf([&] { task->FromJson(ParseJson(text, "test")); });
  };
  EXPECT_NE(reason(R"({"tiles":[1,1,2,3]})").find("tiles"), std::string::npos);
  EXPECT_NE(reason(R"({"tiles":{"a":1,"b":2,"c":3,"d":4}})").find("tiles"), std::string::npos);
  EXPECT_NE(reason(R"({"tiles":[1.0,2,4,3]})").find("tiles"), std::string::npos);
  EXPECT_NE(reason(R"({"tiles":[1,2,3,4]})").find("need 0 moves"), std::string::npos);
  EXPECT_NE(reason(R"({"tiles":[3,2,1,4]})").find("need 3 moves"), std::string::npos);
  EXPECT_NE(reason(R"({"tiles":[2,1,4,3],"solution":"m1 m2"})").find("incorrect"),
            std::string::npos);
  EXPECT_NE(reason(R"({"tiles":[2,1,4,3],"solution":7})").find("solution"), std::string::npos);
  EXPECT_NE(reason(R"({"tiles":[2,1,4,3],"id":""})").find("id"), std::string::npos);
  EXPECT_NE(reason(R"({"tiles":[2,1,4,3],"id":"a b"})").find("id"), std::string::npos);
  EXPECT_NE(reason(R"({"tiles":[2,1,4,3],"tile":1})").find("\"tile\""), std::string::npos);
}

TEST(RingSort, ConfigRefusesImpossibleRings) {
  const std::string far = ErrorOf([] { RingTask(5, 7); });
  EXPECT_NE(far.find("distance"), std::string::npos) << far;
  EXPECT_NE(far.find("more than 6 moves"), std::string::npos) << far;
  EXPECT_NE(ErrorOf([] { RingTask(13, 7); }).find("size"), std::string::npos);
  EXPECT_NE(ErrorOf([] { RingTask(2, 1); }).find("size"), std::string::npos);
  EXPECT_NE(ErrorOf([] { RingTask(9, 10, "gold_low_edge: 1.5\n"); }).find("gold_low_edge"),
            std::string::npos);
  EXPECT_NE(ErrorOf([] { RingTask(9, 10, "sise: 9\n"); }).find("sise"), std::string::npos);
}

TEST(RingSort, IdentityNamesEveryParameter) {
  const std::string identity = RingTask(7, 5, "gold_low_edge: 0.25\n")->Identity();
  for (const char* part : {"ring_sort/", "size=7", "distance=5", "gold_low_edge=0.25"}) {
    EXPECT_NE(identity.find(part), std::string::npos) << identity;
  }
}

}  // namespace
}  // namespace retort
