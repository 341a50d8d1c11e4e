// Keep-or-drop decisions with reasons, over the candidates of one problem at a time. One file a
// filter; filters.def lists them. Filters are immutable and thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/config.h"
#include "core/lm/tokenizer/tokenizer.h"
#include "core/task/task.h"
#include "core/trace/types.h"

namespace retort {

/// One finished trace on its way to the training set.
struct Candidate {
  std::string source;           // generate stage whose tree it stands in
  int32_t node = -1;            // terminal in that tree
  std::vector<int32_t> tokens;  // path tokens below the prompt
  std::string text;
  std::vector<std::string> steps;  // text cut by the task's StepRule
  double log_prob = 0;
  Verdict verdict = Verdict::kUnverified;
  std::string dropped_by;  // filter name, "" while kept
  std::string reason;      // "shared positions: 7 of 10 with node 3 of teacher"
  bool kept() const { return dropped_by.empty(); }
};

/// All candidates of one problem, from one or more generate stages: in input order, then node
/// order.
struct ProblemCandidates {
  const TraceTree* tree = nullptr;  // borrowed: the first input's, for prompt and problem id
  std::vector<Candidate> candidates;
};

class TraceFilter {
 public:
  virtual ~TraceFilter() = default;
  virtual std::string Name() const = 0;
  /// Marks candidates that are still kept and should not be, by Drop (filter/candidates.h).
  virtual void Apply(ProblemCandidates& problem) const = 0;
};

std::vector<std::string> FilterNames();
/// Reads `name` and that filter's own keys. Null if the section has errors.
std::unique_ptr<TraceFilter> MakeFilter(ConfigSection section);

/// How kept traces become training examples. One file a view; views.def lists them.
class DatasetView {
 public:
  virtual ~DatasetView() = default;
  virtual std::string Name() const = 0;
  /// Examples of the kept candidates, in their order.
  virtual std::vector<Example> MakeExamples(const ProblemCandidates& problem,
                                            const Tokenizer& tokenizer) const = 0;
};
std::vector<std::string> ViewNames();
/// Reads `name` (default completion) and that view's own keys. Null if the section has errors.
std::unique_ptr<DatasetView> MakeView(ConfigSection section);

/// A gold solution text as an example: bos + prompt, then the encoded text and eos.
Example GoldExample(const Problem& problem, const std::string& solution,
                    const Tokenizer& tokenizer);

}  // namespace retort
