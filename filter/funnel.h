// The filter's books: what came in, what each filter dropped and why, what was left, and how unlike
// each other the kept traces are. Single-threaded.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "filter/filter.h"

namespace retort {

class Funnel {
 public:
  explicit Funnel(const std::vector<std::string>& filter_names);

  /// Applies `filter`, the `index`-th, and books what it did.
  void Apply(size_t index, const TraceFilter& filter, ProblemCandidates& problem);
  /// Books a problem's candidates before the first filter and after the last.
  void AddProblem(const ProblemCandidates& before);
  void FinishProblem(const ProblemCandidates& after);

  int64_t input() const { return input_; }
  int64_t kept() const { return kept_; }
  int64_t problems_kept() const { return problems_kept_; }

  /// funnel.json without the gold fields (filter/filter_stage.h).
  Json ToJson() const;
  /// {"input","kept","problems","problems_kept","filters":[{"name","dropped"}]} for the manifest.
  Json Totals() const;
  /// {"pairs","shared_positions","shared_prefix"}: means over all pairs of kept traces of a problem
  /// (fraction of the longer trace, steps).
  Json Diversity() const;

  static constexpr int kSamplesPerReason = 3;

 private:
  struct Stage {
    std::string name;
    int64_t in = 0;
    int64_t out = 0;
    std::map<std::string, int64_t> reasons;  // by kind
    Json samples = Json::array();
  };

  void BookDrop(Stage& stage, const ProblemCandidates& problem, const Candidate& candidate);

  std::vector<Stage> stages_;
  int64_t input_ = 0;
  int64_t kept_ = 0;
  int64_t problems_ = 0;
  int64_t problems_kept_ = 0;
  int64_t pairs_ = 0;
  double shared_positions_ = 0;
  double shared_prefix_ = 0;
};

}  // namespace retort
