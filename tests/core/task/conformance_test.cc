// What every task must keep to; runs over every name of tasks.def.
#include <gmock/gmock.h>

#include <atomic>
#include <map>
#include <set>
#include <thread>

#include "core/base/strings.h"
#include "tests/core/task/task_fixture.h"

namespace retort {
namespace {

constexpr uint64_t kSeed = 11;
constexpr size_t kMegabyte = size_t{1} << 20;
constexpr int kManySolutions = 256;  // enough to meet every solution of a small problem

/// Eighty problems of the shape question / answer with a worked solution.
std::string WordProblemsFile() {
  std::string text;
  for (int i = 0; i < 80; ++i) {
    const Json record = {
        {"question", StrCat("Ida has ", i, " shells and finds ", i + 4, " more. How many now?")},
        {"answer", StrCat(i, " + ", i + 4, " = ", 2 * i + 4, "\n#### ", 2 * i + 4)}};
    text += DumpJson(record) + "\n";
  }
  return WriteTestFile("word_problems.jsonl", text);
}

/// A small instance of each task. A task without one fails EveryTaskHasASmallConfig.
std::map<std::string, std::string> SmallConfigs() {
  const std::map<std::string, std::string> configs = {
      {"ring_sort", "name: ring_sort\nsize: 6\ndistance: 5\n"},
      {"jsonl", StrCat("name: jsonl\nfile: ", WordProblemsFile(), "\n")},
  };
  return configs;
}

std::vector<ProblemSplit> SmallSplits() {
  return {{"gold", {.count = 10, .traces = 3, .share = 0.4}},
          {"search", {.count = 0, .share = 0.3}},
          {"test", {.count = 12, .share = 0.3}}};
}

std::vector<Problem> Flatten(const std::vector<std::vector<Problem>>& splits) {
  std::vector<Problem> all;
  for (const auto& split : splits) all.insert(all.end(), split.begin(), split.end());
  return all;
}

class TaskConformance : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(SmallConfigs().contains(GetParam())) << "give " << GetParam() << " a small config";
    task_ = TaskFromYaml(SmallConfigs().at(GetParam()));
    ASSERT_NE(task_, nullptr);
    problems_ = Flatten(task_->MakeSplits(SmallSplits(), kSeed));
  }

  std::vector<std::string> Gold(const Problem& problem, int count = 4) const {
    return task_->GoldTraces(problem, count, Rng::DeriveKey({kSeed, problem.question.id}));
  }
  /// Not correct, unless the task itself draws this very text as a solution of the problem: two
  /// solutions may differ in one step, and two problems may share one.
  void ExpectRefused(const Problem& problem, const std::string& text) const {
    if (task_->GetVerifier().Verify(problem, text) != Verdict::kCorrect) return;
    EXPECT_THAT(Gold(problem, kManySolutions), testing::Contains(text)) << problem.question.id;
  }
  /// Whether a question says nothing about its answer: only Verify can judge.
  bool NeedsGold() const {
    const Problem& problem = problems_.front();
    return task_->GetVerifier().Check(problem.question, problem.answer) == Verdict::kUnverified;
  }
  Rng RngFor(const Problem& problem) const {
    return Rng::Derive({kSeed, std::string_view("play"), problem.question.id});
  }

  std::unique_ptr<Task> task_;
  std::vector<Problem> problems_;
};

INSTANTIATE_TEST_SUITE_P(AllTasks, TaskConformance, testing::ValuesIn(TaskNames()),
                         [](const auto& name) { return name.param; });

TEST(TaskList, EveryTaskHasASmallConfig) {
  for (const std::string& name : TaskNames()) EXPECT_TRUE(SmallConfigs().contains(name)) << name;
  EXPECT_EQ(SmallConfigs().size(), TaskNames().size());
}

TEST_P(TaskConformance, NamesItself) {
  EXPECT_EQ(task_->Name(), GetParam());
  EXPECT_NE(task_->Identity().find(GetParam()), std::string::npos);
  EXPECT_FALSE(task_->GetVerifier().Identity().empty());
}

TEST_P(TaskConformance, GoldTracesVerify) {
  const Verifier& verifier = task_->GetVerifier();
  for (const Problem& problem : problems_) {
    EXPECT_EQ(verifier.Verify(problem, problem.answer), Verdict::kCorrect) << problem.question.id;
    for (const std::string& trace : Gold(problem)) {
      EXPECT_EQ(verifier.Verify(problem, trace), Verdict::kCorrect) << trace;
      EXPECT_EQ(verifier.Check(problem.question, trace),
                NeedsGold() ? Verdict::kUnverified : Verdict::kCorrect)
          << trace;
    }
  }
}

TEST_P(TaskConformance, OneCorruptedStepFails) {
  if (NeedsGold()) GTEST_SKIP() << "the answer alone is judged, not its steps";
  const std::vector<std::string> words = task_->Vocabulary();
  for (const Problem& problem : problems_) {
    for (const std::string& trace : Gold(problem, 2)) {
      const std::vector<std::string_view> steps = SplitWords(trace);
      for (const std::string_view step : steps) {
        const auto begin = static_cast<size_t>(step.data() - trace.data());
        for (const std::string& word : words) {
          if (word == step) continue;
          std::string corrupted = trace;
          corrupted.replace(begin, step.size(), word);
          ExpectRefused(problem, corrupted);
        }
      }
    }
  }
}

TEST_P(TaskConformance, AnotherProblemsAnswerFails) {
  for (size_t i = 1; i < problems_.size(); ++i) {
    ExpectRefused(problems_[i], problems_[i - 1].answer);
  }
}

TEST_P(TaskConformance, AProblemWithoutAnAnswerIsNeverJudgedByIt) {
  if (!NeedsGold()) GTEST_SKIP() << "a question alone can be checked";
  Problem problem = problems_.front();
  problem.answer.clear();
  for (const std::string& text : {std::string(), problems_.front().answer}) {
    EXPECT_EQ(task_->GetVerifier().Verify(problem, text), Verdict::kUnverified);
    EXPECT_EQ(task_->GetVerifier().Check(problem.question, text), Verdict::kUnverified);
  }
}

TEST_P(TaskConformance, TracesWithAStepMoreOrLessFail) {
  if (NeedsGold()) GTEST_SKIP() << "the answer alone is judged, not its steps";
  for (const Problem& problem : problems_) {
    const std::string trace = Gold(problem, 1).at(0);
    const std::vector<size_t> ends = task_->GetStepRule().StepEnds(trace);
    const std::string shorter = ends.size() > 1 ? trace.substr(0, ends[ends.size() - 2]) : "";
    const std::string longer = trace + " " + trace.substr(0, ends.front());
    ExpectRefused(problem, shorter);
    ExpectRefused(problem, longer);
  }
}

TEST_P(TaskConformance, VerifierReturnsOnAnyBytes) {
  const Problem& problem = problems_.front();
  Rng rng = Rng::Derive({kSeed, std::string_view("bytes")});
  for (int repeat = 0; repeat < 2000; ++repeat) {
    std::string text(rng.NextBelow(64), '\0');
    for (char& c : text) c = static_cast<char>(rng.NextU32());
    EXPECT_NE(task_->GetVerifier().Verify(problem, text), Verdict::kCorrect);
    EXPECT_NE(task_->GetVerifier().Check(problem.question, text), Verdict::kCorrect);
    EXPECT_GE(task_->GetVerifier().StepsBeforeError(problem.question, text), 0);
  }
}

TEST_P(TaskConformance, VerifierReturnsOnAMegabyte) {
  const Problem& problem = problems_.front();
  Rng rng = Rng::Derive({kSeed, std::string_view("megabyte")});
  std::vector<std::string> texts = {std::string(kMegabyte, ' '), std::string(kMegabyte, '('),
                                    std::string(kMegabyte, '\0'), std::string(kMegabyte, '9')};
  std::string steps;
  while (steps.size() < kMegabyte) steps += problem.answer + " ";
  texts.push_back(steps);
  std::string noise(kMegabyte, '\0');
  for (char& c : noise) c = static_cast<char>(rng.NextU32());
  texts.push_back(noise);
  for (const std::string& text : texts) {
    // The same solution over and over still ends on the right answer.
    const bool may_be_right = NeedsGold() && text == steps;
    EXPECT_TRUE(task_->GetVerifier().Verify(problem, text) != Verdict::kCorrect || may_be_right);
    EXPECT_GE(task_->GetVerifier().StepsBeforeError(problem.question, text), 0);
    const std::vector<size_t> ends = task_->GetStepRule().StepEnds(text);
    EXPECT_TRUE(ends.empty() || ends.back() <= text.size());
  }
}

TEST_P(TaskConformance, EmptyTextIsUnparsed) {
  EXPECT_EQ(task_->GetVerifier().Verify(problems_.front(), ""), Verdict::kUnparsed);
}

TEST_P(TaskConformance, VerifierFailsOpenlyOnAForeignQuestion) {
  Question question = problems_.front().question;
  question.prompt = "something else";
  EXPECT_EQ(task_->GetVerifier().Check(question, problems_.front().answer), Verdict::kUnverified);
}

TEST_P(TaskConformance, SplitsAreDisjointByCanonicalProblem) {
  std::map<std::string, std::string> split_of_class;
  std::set<std::string> ids;
  for (const Problem& problem : problems_) {
    const auto [entry, is_new] =
        split_of_class.try_emplace(task_->CanonicalKey(problem.question), problem.split);
    EXPECT_EQ(entry->second, problem.split) << problem.question.id;
    EXPECT_TRUE(ids.insert(problem.question.id).second) << problem.question.id;
  }
}

TEST_P(TaskConformance, SeedChoosesProblemsButNeverTheSplitOfAClass) {
  std::map<std::string, std::string> split_of_class;
  for (uint64_t seed = 0; seed < 5; ++seed) {
    for (const Problem& problem : Flatten(task_->MakeSplits(SmallSplits(), seed))) {
      const auto entry =
          split_of_class.try_emplace(task_->CanonicalKey(problem.question), problem.split).first;
      EXPECT_EQ(entry->second, problem.split);
    }
  }
  EXPECT_EQ(Flatten(task_->MakeSplits(SmallSplits(), kSeed)), problems_);
  EXPECT_NE(Flatten(task_->MakeSplits(SmallSplits(), kSeed + 1)), problems_);
}

TEST_P(TaskConformance, AskingForTooManyNamesSplitAskedAndAvailable) {
  const std::string message = ErrorOf([&] {
    task_->MakeSplits({{"train", {.count = 1000000000, .share = 0.5}}}, kSeed);
  });
  EXPECT_NE(message.find("problems.train"), std::string::npos) << message;
  EXPECT_NE(message.find("1,000,000,000"), std::string::npos) << message;
  EXPECT_NE(message.find("available"), std::string::npos) << message;
}

TEST_P(TaskConformance, FactsStateTheClasses) {
  const TaskFacts facts = task_->Facts();
  EXPECT_FALSE(facts.description.empty());
  EXPECT_FALSE(facts.solver.empty());
  EXPECT_FALSE(facts.symmetry.empty());
  EXPECT_GT(facts.canonical_classes, 0);
  std::set<std::string> classes;
  const auto all = task_->MakeSplits({{"all", {.share = 1}}}, kSeed);
  for (const Problem& problem : all.at(0)) classes.insert(task_->CanonicalKey(problem.question));
  EXPECT_EQ(facts.problems, static_cast<int64_t>(all.at(0).size()));
  EXPECT_EQ(facts.canonical_classes, static_cast<int64_t>(classes.size()));
}

TEST_P(TaskConformance, ProblemsSurviveJson) {
  for (const Problem& problem : problems_) {
    const Json json = ParseJson(DumpJson(task_->ToJson(problem)), "test");
    const Problem again = task_->FromJson(json);
    EXPECT_EQ(again.question, problem.question);
    EXPECT_EQ(again.answer, problem.answer);
  }
}

TEST_P(TaskConformance, FromJsonRefusesOtherObjects) {
  const std::vector<Json> refused = {Json(), Json(3), Json::array(), Json::object(),
                                     Json{{"unknown", 1}}};
  for (const Json& object : refused) {
    EXPECT_THROW(task_->FromJson(object), Error) << object;
  }
}

TEST_P(TaskConformance, StepsBeforeErrorCountsEveryGoldStep) {
  if (NeedsGold()) GTEST_SKIP() << "the answer alone is judged, not its steps";
  for (const Problem& problem : problems_) {
    for (const std::string& trace : Gold(problem)) {
      const std::vector<size_t> ends = task_->GetStepRule().StepEnds(trace);
      EXPECT_EQ(task_->GetVerifier().StepsBeforeError(problem.question, trace),
                static_cast<int>(ends.size()));
      EXPECT_EQ(task_->GetVerifier().StepsBeforeError(problem.question, "? " + trace), 0);
      if (problem.question.horizon > 0) {
        EXPECT_EQ(problem.question.horizon, static_cast<int>(ends.size()));
      }
    }
  }
}

TEST_P(TaskConformance, StepEndsAscend) {
  Rng rng = Rng::Derive({kSeed, std::string_view("steps")});
  for (const Problem& problem : problems_) {
    std::string text = problem.answer;
    EXPECT_EQ(task_->GetStepRule().StepEnds(text).back(), text.size());
    for (char& c : text) c = rng.NextBelow(4) == 0 ? static_cast<char>(rng.NextU32()) : c;
    size_t last = 0;
    for (const size_t end : task_->GetStepRule().StepEnds(text)) {
      EXPECT_GT(end, last);
      EXPECT_LE(end, text.size());
      last = end;
    }
  }
  EXPECT_TRUE(task_->GetStepRule().StepEnds("").empty());
}

TEST_P(TaskConformance, AugmentedImagesVerifyAndAreTheSameClass) {
  for (const Problem& problem : problems_) {
    const auto images = task_->Augment(problem.question, problem.answer);
    ASSERT_FALSE(images.empty());
    EXPECT_EQ(images[0], std::pair(problem.question.prompt, problem.answer));
    for (const auto& [prompt, solution] : images) {
      Question image = problem.question;
      image.prompt = prompt;
      const Problem shown{.question = image, .answer = problem.answer};
      EXPECT_EQ(NeedsGold() ? task_->GetVerifier().Verify(shown, solution)
                            : task_->GetVerifier().Check(image, solution),
                Verdict::kCorrect)
          << prompt;
      EXPECT_EQ(task_->CanonicalKey(image), task_->CanonicalKey(problem.question));
      EXPECT_EQ(task_->CountSolutions(image), task_->CountSolutions(problem.question));
    }
  }
}

TEST_P(TaskConformance, PlayersWriteTextsThatParse) {
  const Verifier& verifier = task_->GetVerifier();
  for (const Problem& problem : problems_) {
    Rng rng = RngFor(problem);
    for (const auto& text :
         {task_->RandomPlay(problem.question, rng), task_->HeuristicPlay(problem.question, rng)}) {
      if (!text) continue;
      const Verdict verdict = verifier.Check(problem.question, *text);
      EXPECT_TRUE(verdict == Verdict::kCorrect || verdict == Verdict::kIncorrect) << *text;
    }
    if (const auto text = task_->Solve(problem.question, rng)) {
      EXPECT_EQ(verifier.Check(problem.question, *text), Verdict::kCorrect) << *text;
    }
  }
}

TEST_P(TaskConformance, PlayersDependOnTheGeneratorAlone) {
  const Question& question = problems_.front().question;
  const auto play = [&](const Task& task) {
    Rng rng = RngFor(problems_.front());
    return std::vector{task.RandomPlay(question, rng), task.HeuristicPlay(question, rng),
                       task.Solve(question, rng)};
  };
  EXPECT_EQ(play(*task_), play(*task_));
  EXPECT_EQ(play(*task_), play(*TaskFromYaml(SmallConfigs().at(GetParam()))));
}

TEST_P(TaskConformance, MoreGoldTracesBeginWithTheFewer) {
  for (const Problem& problem : problems_) {
    const std::vector<std::string> many = Gold(problem, 5);
    const std::vector<std::string> few = Gold(problem, 2);
    EXPECT_EQ(many.size(), NeedsGold() ? 1u : 5u);
    ASSERT_LE(few.size(), many.size());
    EXPECT_TRUE(std::equal(few.begin(), few.end(), many.begin()));
  }
}

TEST_P(TaskConformance, CountsAtLeastTheSolutionsThatGoldTracesShow) {
  for (const Problem& problem : problems_) {
    const std::optional<int64_t> count = task_->CountSolutions(problem.question);
    if (!count) continue;
    const std::vector<std::string> traces = Gold(problem, 30);
    EXPECT_GE(*count, static_cast<int64_t>(std::set(traces.begin(), traces.end()).size()));
  }
}

TEST_P(TaskConformance, VocabularyCoversPromptsAndTraces) {
  const std::vector<std::string> words = task_->Vocabulary();
  if (words.empty()) GTEST_SKIP() << "free text";
  const std::set<std::string_view> known(words.begin(), words.end());
  EXPECT_EQ(known.size(), words.size());
  for (const Problem& problem : problems_) {
    for (const std::string& text : {problem.question.prompt, problem.answer}) {
      for (const std::string_view word : SplitWords(text)) EXPECT_TRUE(known.contains(word));
    }
    EXPECT_LT(SplitWords(problem.answer).size(), static_cast<size_t>(task_->MaxCompletionTokens()));
  }
}

TEST_P(TaskConformance, AnswersFromManyThreadsAtOnce) {
  // A fresh task, so that the first uses of what it builds lazily collide.
  const std::unique_ptr<Task> fresh = TaskFromYaml(SmallConfigs().at(GetParam()));
  std::atomic<int> correct = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (const Problem& problem : problems_) {
          correct += fresh->GetVerifier().Verify(problem, problem.answer) == Verdict::kCorrect;
        }
      });
    }
  }
  EXPECT_EQ(correct.load(), static_cast<int>(4 * problems_.size()));
}

}  // namespace
}  // namespace retort
