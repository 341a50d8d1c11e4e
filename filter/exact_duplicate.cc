// Drops a trace whose tokens are those of an earlier kept one of the same problem.
#include <map>
#include <string>
#include <vector>

#include "filter/candidates.h"
#include "filter/filter.h"

namespace retort {
namespace {

class ExactDuplicate final : public TraceFilter {
 public:
  std::string Name() const override { return "exact_duplicate"; }

  void Apply(ProblemCandidates& problem) const override {
    std::map<std::vector<int32_t>, std::string> first;
    for (Candidate& candidate : problem.candidates) {
      if (!candidate.kept()) continue;
      const auto [found, is_new] = first.try_emplace(candidate.tokens, NodeLabel(candidate));
      if (!is_new) Drop(candidate, Name(), "same tokens", "as " + found->second);
    }
  }
};

}  // namespace

std::unique_ptr<TraceFilter> MakeExactDuplicate(ConfigSection& /*section*/) {
  return std::make_unique<ExactDuplicate>();
}

}  // namespace retort
