// Keeps problems that the search solves neither too rarely (luck) nor too often (nothing to learn).
// The rate counts all candidates of the problem, also those that other filters dropped before.
#include <algorithm>
#include <string>

#include "core/base/strings.h"
#include "filter/candidates.h"
#include "filter/filter.h"

namespace retort {
namespace {

struct PassRateConfig {
  double min = 0;
  double max = 1;

  static PassRateConfig FromConfig(ConfigSection& section) {
    PassRateConfig config;
    section.Float("min", &config.min, {.min = 0, .max = 1});
    section.Float("max", &config.max, {.min = 0, .max = 1});
    if (config.min > config.max) section.Fail("min", "greater than max");
    return config;
  }
};

class PassRate final : public TraceFilter {
 public:
  explicit PassRate(PassRateConfig config) : config_(config) {}

  std::string Name() const override { return "pass_rate"; }

  void Apply(ProblemCandidates& problem) const override {
    const auto all = static_cast<int64_t>(problem.candidates.size());
    const int64_t correct = std::ranges::count(problem.candidates, Verdict::kCorrect,
                                               [](const Candidate& c) { return c.verdict; });
    const double rate = all == 0 ? 0 : static_cast<double>(correct) / static_cast<double>(all);
    if (rate >= config_.min && rate <= config_.max) return;
    const bool low = rate < config_.min;
    for (Candidate& candidate : problem.candidates) {
      if (!candidate.kept()) continue;
      Drop(candidate, Name(), low ? "pass rate too low" : "pass rate too high",
           StrCat(correct, " of ", all, " correct, ", low ? "below " : "above ",
                  DoubleText(low ? config_.min : config_.max)));
    }
  }

 private:
  PassRateConfig config_;
};

}  // namespace

std::unique_ptr<TraceFilter> MakePassRate(ConfigSection& section) {
  return std::make_unique<PassRate>(PassRateConfig::FromConfig(section));
}

}  // namespace retort
