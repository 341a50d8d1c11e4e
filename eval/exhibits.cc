#include "eval/exhibits.h"

#include <algorithm>
#include <map>
#include <memory>
#include <tuple>

#include "core/base/strings.h"

namespace retort {
namespace {

/// A solved problem in whose tree at most this share of the traces is correct shows a search at
/// work; a higher share shows an easy problem.
constexpr double kHardShare = 0.25;

struct StepNode {
  std::string step;
  int64_t count = 0;
  bool selected = false;
  std::map<Verdict, int64_t> verdicts;
  std::map<std::string, std::unique_ptr<StepNode>> children;
  int64_t correct() const {
    const auto found = verdicts.find(Verdict::kCorrect);
    return found == verdicts.end() ? 0 : found->second;
  }
};

std::vector<std::string> CutSteps(const StepRule& rule, std::string_view text) {
  std::vector<std::string> steps;
  size_t begin = 0;
  std::vector<size_t> ends = rule.StepEnds(text);
  if (ends.empty() || ends.back() < text.size()) ends.push_back(text.size());
  for (const size_t end : ends) {
    // Steps are told apart by their words: white space between them belongs to neither.
    std::vector<std::string> words;
    for (const std::string_view word : SplitWords(text.substr(begin, end - begin))) {
      words.emplace_back(word);
    }
    if (!words.empty()) steps.push_back(Join(words, " "));
    begin = end;
  }
  return steps;
}

void AddTrace(StepNode* node, const std::vector<std::string>& steps, Verdict verdict,
              bool selected) {
  const auto visit = [&](StepNode* at) {
    ++at->count;
    ++at->verdicts[verdict];
    at->selected = at->selected || selected;
  };
  visit(node);
  for (const std::string& step : steps) {
    std::unique_ptr<StepNode>& child = node->children[step];
    if (child == nullptr) {
      child = std::make_unique<StepNode>();
      child->step = step;
    }
    node = child.get();
    visit(node);
  }
}

Json StepNodeToJson(const StepNode& node) {
  Json verdicts = Json::object();
  for (const auto& [verdict, count] : node.verdicts) {
    verdicts[std::string(VerdictName(verdict))] = count;
  }
  std::vector<const StepNode*> ordered;
  for (const auto& [step, child] : node.children) ordered.push_back(child.get());
  std::sort(ordered.begin(), ordered.end(), [](const StepNode* a, const StepNode* b) {
    return std::tuple(-a->correct(), -a->count, a->step) <
           std::tuple(-b->correct(), -b->count, b->step);
  });
  Json children = Json::array();
  for (const StepNode* child : ordered) children.push_back(StepNodeToJson(*child));
  return {{"step", node.step},         {"count", node.count},  {"correct", node.correct()},
          {"selected", node.selected}, {"verdicts", verdicts}, {"children", children}};
}

int64_t CorrectSamples(const ProblemOutcome& outcome) {
  return std::count_if(outcome.samples.begin(), outcome.samples.end(),
                       [](const SampleOutcome& sample) { return sample.correct; });
}

int TellingRank(const ProblemOutcome& outcome) {
  if (outcome.samples.empty()) return 3;
  const int64_t correct = CorrectSamples(outcome);
  if (!outcome.correct() || correct == 0) return 2;
  const double share = static_cast<double>(correct) / static_cast<double>(outcome.samples.size());
  return share <= kHardShare ? 0 : 1;
}

Json ItemJson(size_t index, const Problem& problem, const Verifier& verifier,
              const std::vector<const ArmResult*>& arms) {
  Json answers = Json::array();
  for (const ArmResult* arm : arms) {
    const ItemResult& item = arm->items[index];
    answers.push_back(
        {{"arm", arm->name},
         {"text", item.text},
         {"verdict", VerdictName(item.verdict)},
         {"steps_before_error", verifier.StepsBeforeError(problem.question, item.text)}});
  }
  return {{"problem_id", problem.question.id},
          {"question", problem.question.prompt},
          {"answer", problem.answer},
          {"horizon", problem.question.horizon},
          {"answers", answers}};
}

}  // namespace

size_t MostTellingTree(std::span<const ProblemOutcome> outcomes) {
  size_t best = outcomes.size();
  int best_rank = 3;
  for (size_t i = 0; i < outcomes.size(); ++i) {
    const int rank = TellingRank(outcomes[i]);
    if (rank >= best_rank) continue;
    best = i;
    best_rank = rank;
  }
  return best;
}

Json StepTree(const TraceTree& tree, const Problem& problem, const Task& task,
              const std::string& arm) {
  StepNode root;
  for (size_t i = 0; i < tree.nodes.size(); ++i) {
    if (!tree.nodes[i].terminal) continue;
    const int32_t node = static_cast<int32_t>(i);
    const std::string text = tree.PathText(node);
    AddTrace(&root, CutSteps(task.GetStepRule(), text),
             JudgeTerminal(tree, node, problem, task.GetVerifier()), node == tree.selected);
  }
  return {{"arm", arm},
          {"algorithm", tree.algorithm},
          {"problem_id", problem.question.id},
          {"question", problem.question.prompt},
          {"answer", problem.answer},
          {"samples", root.count},
          {"correct", root.correct()},
          {"root", StepNodeToJson(root)}};
}

Json WorstItems(std::span<const Problem> problems, const Verifier& verifier,
                const std::vector<const ArmResult*>& arms, const ArmResult& student,
                const ArmResult* search, size_t count) {
  using Rank = std::tuple<double, double, int, std::string, size_t>;
  std::vector<Rank> ranks;
  for (size_t i = 0; i < problems.size(); ++i) {
    const ItemResult& item = student.items[i];
    if (item.score >= 1.0) continue;
    ranks.emplace_back(item.score, search == nullptr ? 0.0 : -search->items[i].score,
                       verifier.StepsBeforeError(problems[i].question, item.text),
                       problems[i].question.id, i);
  }
  std::sort(ranks.begin(), ranks.end());
  Json worst = Json::array();
  for (size_t r = 0; r < std::min(count, ranks.size()); ++r) {
    const size_t i = std::get<4>(ranks[r]);
    worst.push_back(ItemJson(i, problems[i], verifier, arms));
  }
  return worst;
}

}  // namespace retort
