// The view `completion`: prompt ids, then the trace's own token ids as the completion. Text is
// never encoded again: encode(prompt) + encode(trace) need not be encode(prompt + trace).
#include <string>
#include <utility>

#include "filter/filter.h"

namespace retort {
namespace {

/// A server may have kept the end-of-text to itself; a student that never sees it never stops. A
/// truncated trace has no end to learn.
std::vector<int32_t> WithEnd(const Candidate& candidate, int32_t eos) {
  std::vector<int32_t> ids = candidate.tokens;
  const bool ended = !ids.empty() && ids.back() == eos;
  if (eos >= 0 && !ended && candidate.verdict != Verdict::kTruncated) ids.push_back(eos);
  return ids;
}

class CompletionView final : public DatasetView {
 public:
  std::string Name() const override { return "completion"; }

  std::vector<Example> MakeExamples(const ProblemCandidates& problem,
                                    const Tokenizer& tokenizer) const override {
    std::vector<Example> examples;
    for (const Candidate& candidate : problem.candidates) {
      if (!candidate.kept()) continue;
      examples.push_back({.problem_id = problem.tree->problem_id,
                          .source = candidate.source,
                          .node = candidate.node,
                          .prompt_ids = problem.tree->prompt_ids,
                          .completion_ids = WithEnd(candidate, tokenizer.Specials().eos)});
    }
    return examples;
  }
};

}  // namespace

std::unique_ptr<DatasetView> MakeCompletion(ConfigSection& /*section*/) {
  return std::make_unique<CompletionView>();
}

}  // namespace retort
