// Keeps correct traces only; the verdict of the others is the reason.
#include <string>

#include "filter/candidates.h"
#include "filter/filter.h"

namespace retort {
namespace {

class Verified final : public TraceFilter {
 public:
  std::string Name() const override { return "verified"; }

  void Apply(ProblemCandidates& problem) const override {
    for (Candidate& candidate : problem.candidates) {
      if (!candidate.kept() || candidate.verdict == Verdict::kCorrect) continue;
      Drop(candidate, Name(), std::string(VerdictName(candidate.verdict)));
    }
  }
};

}  // namespace

std::unique_ptr<TraceFilter> MakeVerified(ConfigSection& /*section*/) {
  return std::make_unique<Verified>();
}

}  // namespace retort
