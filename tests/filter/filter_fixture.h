// Builds candidates and applies filters, for tests.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "filter/candidates.h"
#include "filter/filter.h"
#include "tests/generate/fake_task.h"

namespace retort::testing {

struct Trace {
  std::string text;
  Verdict verdict = Verdict::kCorrect;
  float log_prob = 0;
};

inline TraceTree TreeOf(const Tokenizer& tokenizer, const std::string& id,
                        const std::string& prompt, const std::vector<Trace>& traces) {
  TraceTree tree;
  tree.problem_id = id;
  tree.question = prompt;
  tree.horizon = 3;
  tree.prompt_ids = EncodePrompt(tokenizer, prompt);
  tree.nodes.emplace_back();
  for (const Trace& trace : traces) {
    std::vector<int32_t> tokens = tokenizer.Encode(trace.text);
    if (trace.verdict != Verdict::kTruncated) tokens.push_back(tokenizer.Specials().eos);
    tree.AddNode(0, tokens, trace.text);
    tree.nodes.back().terminal = true;
    tree.nodes.back().verdict = trace.verdict;
    tree.nodes.back().sum_log_prob = trace.log_prob;
  }
  return tree;
}

class FilterTest : public ::testing::Test {
 protected:
  static std::unique_ptr<TraceFilter> Filter(const std::string& yaml) {
    const auto document = ParseConfig(yaml);
    std::unique_ptr<TraceFilter> filter = MakeFilter(document->Root());
    document->Finish();
    return filter;
  }

  /// One problem whose traces are nodes 1, 2, ... of the stage "teacher".
  ProblemCandidates Problem123(const std::vector<Trace>& traces) {
    trees_ = {{.source = "teacher", .tree = TreeOf(*tokenizer_, "p123", "1 2 3", traces)}};
    return MakeCandidates(trees_, task_.GetStepRule());
  }

  /// Texts that `yaml`'s filter keeps of `traces`.
  std::vector<std::string> Keep(const std::string& yaml, const std::vector<Trace>& traces) {
    ProblemCandidates problem = Problem123(traces);
    Filter(yaml)->Apply(problem);
    std::vector<std::string> kept;
    for (const Candidate& candidate : problem.candidates) {
      if (candidate.kept()) kept.push_back(candidate.text);
    }
    return kept;
  }

  /// Reasons of `traces` under `yaml`'s filter, "" for kept ones.
  std::vector<std::string> Reasons(const std::string& yaml, const std::vector<Trace>& traces) {
    ProblemCandidates problem = Problem123(traces);
    Filter(yaml)->Apply(problem);
    std::vector<std::string> reasons;
    for (const Candidate& candidate : problem.candidates) reasons.push_back(candidate.reason);
    return reasons;
  }

  FakeTask task_;
  std::unique_ptr<Tokenizer> tokenizer_ = DigitTokenizer();
  std::vector<SourcedTree> trees_;
};

}  // namespace retort::testing
