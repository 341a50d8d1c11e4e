// Keeps traces of min_tokens to max_tokens tokens, end-of-text included.
#include <string>

#include "core/base/strings.h"
#include "filter/candidates.h"
#include "filter/filter.h"

namespace retort {
namespace {

struct LengthConfig {
  int64_t min_tokens = 0;
  int64_t max_tokens = 0;  // 0: no limit

  static LengthConfig FromConfig(ConfigSection& section) {
    LengthConfig config;
    section.Int("min_tokens", &config.min_tokens, {.min = 0});
    section.Int("max_tokens", &config.max_tokens, {.min = 0});
    if (config.max_tokens > 0 && config.min_tokens > config.max_tokens) {
      section.Fail("min_tokens", "greater than max_tokens");
    }
    return config;
  }
};

class Length final : public TraceFilter {
 public:
  explicit Length(LengthConfig config) : config_(config) {}

  std::string Name() const override { return "length"; }

  void Apply(ProblemCandidates& problem) const override {
    for (Candidate& candidate : problem.candidates) {
      if (!candidate.kept()) continue;
      const auto tokens = static_cast<int64_t>(candidate.tokens.size());
      if (tokens < config_.min_tokens) {
        Drop(candidate, Name(), "too short",
             StrCat(tokens, " tokens, fewer than ", config_.min_tokens));
      } else if (config_.max_tokens > 0 && tokens > config_.max_tokens) {
        Drop(candidate, Name(), "too long",
             StrCat(tokens, " tokens, more than ", config_.max_tokens));
      }
    }
  }

 private:
  LengthConfig config_;
};

}  // namespace

std::unique_ptr<TraceFilter> MakeLength(ConfigSection& section) {
  return std::make_unique<Length>(LengthConfig::FromConfig(section));
}

}  // namespace retort
