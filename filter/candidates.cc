#include "filter/candidates.h"

#include <algorithm>
#include <string_view>

#include "core/base/error.h"
#include "core/base/strings.h"

namespace retort {
namespace {

std::vector<std::string> CutSteps(const std::string& text, const StepRule& rule) {
  std::vector<std::string> steps;
  size_t begin = 0;
  for (const size_t end : rule.StepEnds(text)) {
    steps.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  if (begin < text.size()) steps.push_back(text.substr(begin));
  return steps;
}

/// A step with single spaces between its words and none around them: "3" and " 3" are the same
/// move.
std::string Normalized(const std::string& step) {
  std::vector<std::string> words;
  for (const std::string_view word : SplitWords(step)) words.emplace_back(word);
  return Join(words, " ");
}

Candidate MakeCandidate(const SourcedTree& from, int32_t node, const StepRule& rule) {
  Candidate candidate{
      .source = from.source,
      .node = node,
      .tokens = from.tree.PathTokens(node),
      .text = from.tree.PathText(node),
      .steps = {},
      .log_prob = from.tree.PathLogProb(node),
      .verdict = from.tree.nodes[static_cast<size_t>(node)].verdict.value_or(Verdict::kUnverified),
      .dropped_by = "",
      .reason = ""};
  for (const std::string& step : CutSteps(candidate.text, rule)) {
    candidate.steps.push_back(Normalized(step));
  }
  return candidate;
}

}  // namespace

ProblemCandidates MakeCandidates(const std::vector<SourcedTree>& trees, const StepRule& steps) {
  RETORT_CHECK(!trees.empty(), "a problem without trees");
  ProblemCandidates problem{.tree = &trees.front().tree, .candidates = {}};
  for (const SourcedTree& from : trees) {
    if (from.tree.prompt_ids != problem.tree->prompt_ids) {
      throw Error(ExitCode::kData,
                  StrCat("filter: problem ", from.tree.problem_id, " has another prompt in ",
                         from.source, " than in ", trees.front().source,
                         " - use inputs that were made from the same problems"));
    }
    for (size_t node = 0; node < from.tree.nodes.size(); ++node) {
      if (!from.tree.nodes[node].terminal) continue;
      problem.candidates.push_back(MakeCandidate(from, static_cast<int32_t>(node), steps));
    }
  }
  return problem;
}

void Drop(Candidate& candidate, const std::string& filter, const std::string& kind,
          const std::string& detail) {
  RETORT_CHECK(candidate.kept(), NodeLabel(candidate), " was dropped by ", candidate.dropped_by);
  candidate.dropped_by = filter;
  candidate.reason = detail.empty() ? kind : kind + ": " + detail;
}

std::string ReasonKind(const std::string& reason) { return reason.substr(0, reason.find(": ")); }

std::string NodeLabel(const Candidate& candidate) {
  return StrCat("node ", candidate.node, " of ", candidate.source);
}

size_t SharedPositions(const Candidate& a, const Candidate& b) {
  const size_t common = std::min(a.steps.size(), b.steps.size());
  size_t shared = 0;
  for (size_t i = 0; i < common; ++i) shared += a.steps[i] == b.steps[i] ? 1 : 0;
  return shared;
}

double SharedPositionFraction(const Candidate& a, const Candidate& b) {
  const size_t longer = std::max(a.steps.size(), b.steps.size());
  if (longer == 0) return 1;
  return static_cast<double>(SharedPositions(a, b)) / static_cast<double>(longer);
}

size_t SharedPrefix(const Candidate& a, const Candidate& b) {
  return static_cast<size_t>(std::ranges::mismatch(a.steps, b.steps).in1 - a.steps.begin());
}

}  // namespace retort
