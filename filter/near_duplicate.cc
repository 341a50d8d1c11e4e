// Drops a trace that is too much like an earlier kept one of the same problem: traces of a beam are
// its mode several times over, and such sets teach far less than as many different ones.
#include <algorithm>
#include <string>
#include <vector>

#include "core/base/strings.h"
#include "filter/candidates.h"
#include "filter/filter.h"

namespace retort {
namespace {

struct NearDuplicateConfig {
  double max_shared_positions =
      1;                          // fraction of equal steps over the longer trace; more is dropped
  int64_t max_shared_prefix = 0;  // a common prefix of so many steps is dropped; 0: off

  static NearDuplicateConfig FromConfig(ConfigSection& section) {
    NearDuplicateConfig config;
    section.Float("max_shared_positions", &config.max_shared_positions, {.min = 0, .max = 1});
    section.Int("max_shared_prefix", &config.max_shared_prefix, {.min = 0});
    return config;
  }
};

class NearDuplicate final : public TraceFilter {
 public:
  explicit NearDuplicate(NearDuplicateConfig config) : config_(config) {}

  std::string Name() const override { return "near_duplicate"; }

  void Apply(ProblemCandidates& problem) const override {
    std::vector<const Candidate*> earlier;
    for (Candidate& candidate : problem.candidates) {
      if (!candidate.kept()) continue;
      for (const Candidate* other : earlier) {
        if (DropIfNear(candidate, *other)) break;
      }
      if (candidate.kept()) earlier.push_back(&candidate);
    }
  }

 private:
  bool DropIfNear(Candidate& candidate, const Candidate& other) const {
    if (SharedPositionFraction(candidate, other) > config_.max_shared_positions) {
      const size_t longer = std::max(candidate.steps.size(), other.steps.size());
      Drop(candidate, Name(), "shared positions",
           StrCat(SharedPositions(candidate, other), " of ", longer, " with ", NodeLabel(other)));
      return true;
    }
    const auto prefix = static_cast<int64_t>(SharedPrefix(candidate, other));
    if (config_.max_shared_prefix == 0 || prefix < config_.max_shared_prefix) return false;
    Drop(candidate, Name(), "shared prefix", StrCat(prefix, " steps with ", NodeLabel(other)));
    return true;
  }

  NearDuplicateConfig config_;
};

}  // namespace

std::unique_ptr<TraceFilter> MakeNearDuplicate(ConfigSection& section) {
  return std::make_unique<NearDuplicate>(NearDuplicateConfig::FromConfig(section));
}

}  // namespace retort
