#include "filter/limit.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/base/rng.h"
#include "core/base/strings.h"
#include "filter/candidates.h"

namespace retort {
namespace {

class Limit final : public TraceFilter {
 public:
  Limit(uint64_t seed, int64_t limit, uint64_t largest_key)
      : seed_(seed), limit_(limit), largest_key_(largest_key) {}

  std::string Name() const override { return "limit"; }

  void Apply(ProblemCandidates& problem) const override {
    for (Candidate& candidate : problem.candidates) {
      if (!candidate.kept()) continue;
      if (LimitKey(seed_, problem.tree->problem_id, candidate) <= largest_key_) continue;
      Drop(candidate, Name(), "over the limit", StrCat("of ", limit_, " traces in all"));
    }
  }

 private:
  uint64_t seed_;
  int64_t limit_;
  uint64_t largest_key_;
};

}  // namespace

uint64_t LimitKey(uint64_t seed, const std::string& problem_id, const Candidate& candidate) {
  return Rng::DeriveKey({seed, "limit", std::string_view(problem_id),
                         std::string_view(candidate.source), static_cast<uint64_t>(candidate.node)})
      .key;
}

std::unique_ptr<TraceFilter> MakeLimit(uint64_t seed, int64_t limit, std::vector<uint64_t> keys) {
  uint64_t largest = std::numeric_limits<uint64_t>::max();
  if (static_cast<int64_t>(keys.size()) > limit) {
    const auto last = keys.begin() + static_cast<std::ptrdiff_t>(limit - 1);
    std::ranges::nth_element(keys, last);
    largest = *last;
  }
  return std::make_unique<Limit>(seed, limit, largest);
}

}  // namespace retort
