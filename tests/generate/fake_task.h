// A tiny task and its tokenizer for tests of searches and filters: a prompt of digits, answered by
// exactly three digits whose sum is that of the prompt modulo ten. One answer in ten is right, a
// hundred answers are; problems are canonically the same up to the order of the prompt's digits.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/stage.h"
#include "core/base/strings.h"
#include "core/lm/tokenizer/tokenizer.h"
#include "core/task/task.h"

namespace retort::testing {

/// Digits of "1 2 3"; nullopt when there is anything else.
inline std::optional<std::vector<int>> ParseDigits(std::string_view text) {
  std::vector<int> digits;
  for (const std::string_view word : SplitWords(text)) {
    if (word.size() != 1 || word[0] < '0' || word[0] > '9') return std::nullopt;
    digits.push_back(word[0] - '0');
  }
  return digits;
}

inline int SumModTen(const std::vector<int>& digits) {
  int sum = 0;
  for (const int digit : digits) sum += digit;
  return sum % 10;
}

/// Whether DigitVerifier::Check judges, or leaves it to Verify as a task with gold answers does.
enum class Judging { kByQuestion, kByGold };

class DigitVerifier final : public Verifier {
 public:
  explicit DigitVerifier(Judging judging = Judging::kByQuestion) : judging_(judging) {}

  Verdict Verify(const Problem& problem, std::string_view text) const override {
    return Judge(problem.question, text);
  }
  Verdict Check(const Question& question, std::string_view text) const override {
    return judging_ == Judging::kByGold ? Verdict::kUnverified : Judge(question, text);
  }
  int StepsBeforeError(const Question&, std::string_view) const override { return 0; }
  std::string Identity() const override { return "digits-1"; }

 private:
  static Verdict Judge(const Question& question, std::string_view text) {
    const auto digits = ParseDigits(text);
    if (!digits || digits->size() != 3) return Verdict::kUnparsed;
    const bool right = SumModTen(*digits) == SumModTen(*ParseDigits(question.prompt));
    return right ? Verdict::kCorrect : Verdict::kIncorrect;
  }

  Judging judging_;
};

class WordSteps final : public StepRule {
 public:
  std::vector<size_t> StepEnds(std::string_view text) const override {
    std::vector<size_t> ends;
    for (const std::string_view word : SplitWords(text)) {
      ends.push_back(static_cast<size_t>(word.data() - text.data()) + word.size());
    }
    return ends;
  }
};

/// What FakeTask::HeuristicPlay does.
enum class Heuristic { kNone, kFirstTwoZero };

class FakeTask : public Task {
 public:
  explicit FakeTask(Heuristic heuristic = Heuristic::kNone, Judging judging = Judging::kByQuestion)
      : heuristic_(heuristic), verifier_(judging) {}

  std::string Name() const override { return "digits"; }
  std::string Identity() const override { return "digits-1"; }
  TaskFacts Facts() const override { return {}; }
  std::vector<std::vector<Problem>> MakeSplits(const std::vector<ProblemSplit>&,
                                               uint64_t) const override {
    return {};
  }
  std::string CanonicalKey(const Question& question) const override {
    std::vector<int> digits = *ParseDigits(question.prompt);
    std::ranges::sort(digits);
    return Text(digits);
  }
  const Verifier& GetVerifier() const override { return verifier_; }
  const StepRule& GetStepRule() const override { return steps_; }
  std::vector<std::string> Vocabulary() const override {
    return {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
  }
  int MaxCompletionTokens() const override { return 6; }
  std::vector<std::string> GoldTraces(const Problem& problem, int count,
                                      RngKey key) const override {
    Rng rng(key);
    std::vector<std::string> traces;
    for (int i = 0; i < count; ++i) traces.push_back(*Solve(problem.question, rng));
    return traces;
  }
  std::optional<int64_t> CountSolutions(const Question&) const override { return 100; }
  std::optional<std::string> RandomPlay(const Question&, Rng& rng) const override {
    return Text({Digit(rng), Digit(rng), Digit(rng)});
  }
  std::optional<std::string> HeuristicPlay(const Question&, Rng& rng) const override {
    if (heuristic_ == Heuristic::kNone) return std::nullopt;
    return Text({0, 0, Digit(rng)});
  }
  std::optional<std::string> Solve(const Question& question, Rng& rng) const override {
    const int a = Digit(rng);
    const int b = Digit(rng);
    return Text({a, b, (SumModTen(*ParseDigits(question.prompt)) + 20 - a - b) % 10});
  }
  std::vector<std::pair<std::string, std::string>> Augment(
      const Question& question, std::string_view solution) const override {
    std::vector<int> digits = *ParseDigits(question.prompt);
    std::ranges::reverse(digits);
    return {{question.prompt, std::string(solution)}, {Text(digits), std::string(solution)}};
  }
  Json ToJson(const Problem&) const override { return {}; }
  Problem FromJson(const Json&) const override { return {}; }

 private:
  static int Digit(Rng& rng) { return static_cast<int>(rng.NextBelow(10)); }
  static std::string Text(const std::vector<int>& digits) {
    std::string text;
    for (const int digit : digits) text += StrCat(text.empty() ? "" : " ", digit);
    return text;
  }

  Heuristic heuristic_;
  DigitVerifier verifier_;
  WordSteps steps_;
};

inline std::unique_ptr<Tokenizer> DigitTokenizer() {
  return MakeWordLevelTokenizer(FakeTask().Vocabulary());
}

/// Problems "p000", "p001", ... with three-digit prompts.
inline std::vector<Problem> DigitProblems(int count, const std::string& split = "search") {
  std::vector<Problem> problems;
  for (int i = 0; i < count; ++i) {
    const std::string number = StrCat(i / 100, i / 10 % 10, i % 10);
    problems.push_back({.question = {.id = "p" + number,
                                     .prompt = StrCat(number[0], " ", number[1], " ", number[2]),
                                     .horizon = 3},
                        .answer = "gold " + number,
                        .source = "generated",
                        .split = split});
  }
  return problems;
}

/// The context of a stage named `name` in `dir`, with key "key".
inline StageContext ContextOf(Env& env, const std::string& dir, const std::string& name,
                              uint64_t seed) {
  return {.env = env,
          .dir = dir,
          .name = name,
          .key = "key",
          .seed = seed,
          .threads = 1,
          .tensorboard_dir = ""};
}

/// Parses "key: value" lines as the root of an experiment file.
inline std::unique_ptr<ConfigDocument> ParseConfig(const std::string& yaml) {
  return ConfigDocument::Parse(yaml, "test.yaml", {});
}

}  // namespace retort::testing
