// Keeps at most so many traces of a problem, so that easy problems do not drown hard ones.
#include <algorithm>
#include <string>
#include <vector>

#include "core/base/strings.h"
#include "filter/candidates.h"
#include "filter/filter.h"

namespace retort {
namespace {

struct CapConfig {
  int64_t per_problem = 4;
  std::string order = "log_prob";  // log_prob: likeliest first | first: node order | diverse

  static CapConfig FromConfig(ConfigSection& section) {
    CapConfig config;
    section.Int("per_problem", &config.per_problem, {.min = 1});
    section.Choice("order", &config.order, {"log_prob", "first", "diverse"});
    return config;
  }
};

using Ranking = std::vector<Candidate*>;

void SortByLogProb(Ranking& ranking) {
  std::ranges::stable_sort(
      ranking, [](const Candidate* a, const Candidate* b) { return a->log_prob > b->log_prob; });
}

/// Largest overlap with any of the chosen ones.
double Overlap(const Candidate& candidate, const Ranking& chosen) {
  double overlap = 0;
  for (const Candidate* other : chosen) {
    overlap = std::max(overlap, SharedPositionFraction(candidate, *other));
  }
  return overlap;
}

/// The likeliest first, then always the one that overlaps least with those before it
/// (farthest-point order); ties go to the likelier.
void SortByDiversity(Ranking& ranking) {
  SortByLogProb(ranking);
  Ranking chosen;
  while (!ranking.empty()) {
    const auto next = std::ranges::min_element(
        ranking, {}, [&](const Candidate* candidate) { return Overlap(*candidate, chosen); });
    chosen.push_back(*next);
    ranking.erase(next);
  }
  ranking = std::move(chosen);
}

class Cap final : public TraceFilter {
 public:
  explicit Cap(CapConfig config) : config_(std::move(config)) {}

  std::string Name() const override { return "cap"; }

  void Apply(ProblemCandidates& problem) const override {
    Ranking ranking;
    for (Candidate& candidate : problem.candidates) {
      if (candidate.kept()) ranking.push_back(&candidate);
    }
    if (config_.order == "log_prob") SortByLogProb(ranking);
    if (config_.order == "diverse") SortByDiversity(ranking);
    for (size_t i = static_cast<size_t>(config_.per_problem); i < ranking.size(); ++i) {
      Drop(*ranking[i], Name(), "more than the cap",
           StrCat("number ", i + 1, " by ", config_.order, ", ", config_.per_problem, " are kept"));
    }
  }

 private:
  CapConfig config_;
};

}  // namespace

std::unique_ptr<TraceFilter> MakeCap(ConfigSection& section) {
  return std::make_unique<Cap>(CapConfig::FromConfig(section));
}

}  // namespace retort
