// A tiny task and hand-made trees for the eval tests: the question is a few words, the answer the
// same words in reverse.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/strings.h"
#include "eval/eval_stage.h"

namespace retort {

inline std::string Reversed(std::string_view text) {
  const std::vector<std::string_view> words = SplitWords(text);
  std::vector<std::string> reversed(words.rbegin(), words.rend());
  return Join(reversed, " ");
}

class ReverseVerifier final : public Verifier {
 public:
  Verdict Verify(const Problem& problem, std::string_view text) const override {
    return Judge(problem.answer, text);
  }
  Verdict Check(const Question& question, std::string_view text) const override {
    return Judge(Reversed(question.prompt), text);
  }
  int StepsBeforeError(const Question& question, std::string_view text) const override {
    const std::string answer = Reversed(question.prompt);
    const std::vector<std::string_view> gold = SplitWords(answer);
    const std::vector<std::string_view> given = SplitWords(text);
    size_t same = 0;
    while (same < gold.size() && same < given.size() && gold[same] == given[same]) ++same;
    return static_cast<int>(same);
  }
  std::string Identity() const override { return "reverse 1"; }

 private:
  static Verdict Judge(std::string_view answer, std::string_view text) {
    if (text.empty()) return Verdict::kUnparsed;
    return text == answer ? Verdict::kCorrect : Verdict::kIncorrect;
  }
};

class WordRule final : public StepRule {
 public:
  std::vector<size_t> StepEnds(std::string_view text) const override {
    std::vector<size_t> ends;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] == ' ') ends.push_back(i + 1);
    }
    if (!text.empty() && text.back() != ' ') ends.push_back(text.size());
    return ends;
  }
};

class ReverseTask final : public Task {
 public:
  std::string Name() const override { return "reverse"; }
  std::string Identity() const override { return "reverse 1"; }
  TaskFacts Facts() const override { return {}; }
  std::vector<std::vector<Problem>> MakeSplits(const std::vector<ProblemSplit>&,
                                               uint64_t) const override {
    return {};
  }
  std::string CanonicalKey(const Question& question) const override { return question.prompt; }
  const Verifier& GetVerifier() const override { return verifier_; }
  const StepRule& GetStepRule() const override { return rule_; }
  std::vector<std::string> Vocabulary() const override { return {"a", "b", "c", "d"}; }
  int MaxCompletionTokens() const override { return 8; }
  std::vector<std::string> GoldTraces(const Problem&, int, RngKey) const override { return {}; }
  std::optional<int64_t> CountSolutions(const Question&) const override { return 1; }
  std::optional<std::string> RandomPlay(const Question&, Rng&) const override { return "a"; }
  std::optional<std::string> HeuristicPlay(const Question&, Rng&) const override { return "b"; }
  std::optional<std::string> Solve(const Question& question, Rng&) const override {
    return Reversed(question.prompt);
  }
  std::vector<std::pair<std::string, std::string>> Augment(const Question& question,
                                                           std::string_view text) const override {
    return {{question.prompt, std::string(text)}};
  }
  Json ToJson(const Problem&) const override { return {}; }
  Problem FromJson(const Json&) const override { return {}; }

 private:
  ReverseVerifier verifier_;
  WordRule rule_;
};

/// "a b c", "b c d", ... with different ids; answers reversed.
inline std::vector<Problem> ReverseProblems(size_t count) {
  const std::vector<std::string> words = {"a", "b", "c", "d"};
  std::vector<Problem> problems;
  for (size_t i = 0; i < count; ++i) {
    std::vector<std::string> prompt;
    for (size_t k = 0; k < 3; ++k) prompt.push_back(words[(i + k * (1 + i / 4)) % 4]);
    Problem problem;
    problem.question.id = StrCat("p", i);
    problem.question.prompt = Join(prompt, " ");
    problem.question.horizon = i % 2 == 0 ? 2 : 3;
    problem.answer = Reversed(problem.question.prompt);
    problem.split = "test";
    problems.push_back(problem);
  }
  return problems;
}

/// A tree of independent samples with verdicts by Check, scored by `scorer`, first correct
/// selected.
inline TraceTree SamplesTree(const Problem& problem, const std::vector<std::string>& texts,
                             Scorer scorer = Scorer::kChecker) {
  TraceTree tree;
  tree.problem_id = problem.question.id;
  tree.question = problem.question.prompt;
  tree.algorithm = "best_of_n";
  tree.nodes.push_back(Node{});
  const ReverseVerifier verifier;
  for (const std::string& text : texts) {
    const std::vector<int32_t> tokens(SplitWords(text).size() + 1, 4);
    const int32_t index = tree.AddNode(0, tokens, text);
    Node& node = tree.nodes[static_cast<size_t>(index)];
    node.order = index;
    node.terminal = true;
    node.scorer = scorer;
    node.verdict = verifier.Check(problem.question, text);
    tree.counts.decoded += static_cast<int64_t>(tokens.size());
    if (tree.selected < 0 && node.verdict == Verdict::kCorrect) tree.selected = index;
  }
  if (tree.selected < 0 && !texts.empty()) tree.selected = 1;
  tree.counts.prefill_computed = 4;
  tree.counts.verifier_calls = static_cast<int64_t>(texts.size());
  tree.counts.flops = 100.0 * static_cast<double>(tree.counts.decoded);
  return tree;
}

/// A strategy from a function.
class FunctionStrategy final : public SearchStrategy {
 public:
  using Function = std::function<TraceTree(const Question&, const SearchContext&)>;
  FunctionStrategy(Function function, bool needs_engine)
      : function_(std::move(function)), needs_engine_(needs_engine) {}
  std::string Name() const override { return "function"; }
  bool NeedsEngine() const override { return needs_engine_; }
  TraceTree Search(const Question& question, const SearchContext& context) const override {
    return function_(question, context);
  }

 private:
  Function function_;
  bool needs_engine_;
};

inline ArmConfig MakeArm(const std::string& name, ArmKind kind, FunctionStrategy::Function function,
                         const std::string& model = "") {
  ArmConfig arm;
  arm.name = name;
  arm.label = name;
  arm.kind = kind;
  arm.model = model;
  arm.strategy = std::make_unique<FunctionStrategy>(std::move(function), !model.empty());
  return arm;
}

/// An empty folder of this test and process.
inline std::string FreshDir(const std::string& name) {
  const auto* info = testing::UnitTest::GetInstance()->current_test_info();
  const std::string dir = StrCat(testing::TempDir(), "/retort-eval-", info->test_suite_name(), "-",
                                 info->name(), "-", name, "-", getpid());
  std::filesystem::remove_all(dir);
  std::filesystem::create_directories(dir);
  return dir;
}

}  // namespace retort
