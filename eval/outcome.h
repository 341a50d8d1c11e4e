// What one arm did on one problem, reduced from its search tree to what the metrics need, and
// curves over the first k samples of each tree. Pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/task/task.h"
#include "core/trace/types.h"
#include "generate/selection.h"

namespace retort {

/// One finished trace of a tree, in order of expansion.
struct SampleOutcome {
  int32_t same_as = 0;  // index of the first sample with the same answer (Verifier::AnswerKey)
  Verdict checked = Verdict::kUnverified;  // by the question alone, as the search saw it
  bool correct = false;                    // by the gold answer
  double mean_log_prob = 0;                // per token, under the model
  int64_t tokens = 0;
  bool operator==(const SampleOutcome&) const = default;
};

struct ProblemOutcome {
  std::string text;  // of the selected trace; "" if the search gave no answer
  Verdict verdict = Verdict::kUnverified;
  TokenCounts counts;
  Selection selection = Selection::kFirst;  // the rule the search chose by
  std::vector<SampleOutcome> samples;       // empty for a tree with one trace or none
  bool correct() const { return verdict == Verdict::kCorrect; }
  bool operator==(const ProblemOutcome&) const = default;
};

/// The trace that ends in `node`, judged with the gold answer. A truncated, timed-out or pruned one
/// keeps that verdict: its text is never taken for an answer.
Verdict JudgeTerminal(const TraceTree& tree, int32_t node, const Problem& problem,
                      const Verifier& verifier);

/// Judges the selected trace, and each sample where there are several.
ProblemOutcome JudgeTree(const TraceTree& tree, const Problem& problem, const Verifier& verifier);

Json OutcomeToJson(const ProblemOutcome& outcome);
/// Error(kData) naming `where` for anything else than OutcomeToJson makes.
ProblemOutcome OutcomeFromJson(const Json& json, const std::string& where);

/// result[k-1]: whether the sample that `selection` takes among the first k is correct. The same
/// choice as SelectTerminal (generate/selection.h), in one pass over all k.
std::vector<bool> SelectedCorrect(std::span<const SampleOutcome> samples, Selection selection);

/// result[k-1] for 1 <= k <= max_k: score of one problem; a search that stopped early keeps its
/// last answer. A problem without samples repeats its verdict.
std::vector<double> BestOfCurve(const ProblemOutcome& outcome, Selection selection, int64_t max_k);

/// Decoded tokens of the first k samples.
double TokensOfFirst(const ProblemOutcome& outcome, int64_t k);

/// Most samples any problem has.
int64_t MostSamples(std::span<const ProblemOutcome> outcomes);
/// Fewest samples any problem has.
int64_t FewestSamples(std::span<const ProblemOutcome> outcomes);

}  // namespace retort
