#include "eval/metered_engine.h"

#include <algorithm>
#include <limits>

#include "core/base/clock.h"

namespace retort {

std::vector<Completion> MeteredEngine::Generate(std::span<const GenerateRequest> requests) {
  const double submitted_s = MonotonicSeconds();
  std::vector<Completion> completions = inner_.Generate(requests);
  double earliest_s = std::numeric_limits<double>::infinity();
  const std::lock_guard lock(mutex_);
  for (const Completion& completion : completions) {
    Add(completion.usage);
    earliest_s = std::min(earliest_s, completion.usage.first_token_seconds);
  }
  generated_rows_ += static_cast<int64_t>(completions.size());
  if (!first_token_s_ && !completions.empty()) {
    first_token_s_ = submitted_s - query_start_s_ + earliest_s;
  }
  return completions;
}

std::vector<ScoreResult> MeteredEngine::Score(std::span<const ScoreRequest> requests) {
  std::vector<ScoreResult> results = inner_.Score(requests);
  const std::lock_guard lock(mutex_);
  for (const ScoreResult& result : results) Add(result.usage);
  return results;
}

void MeteredEngine::Add(const Usage& usage) {
  total_.prefill_computed += usage.prefill_computed;
  total_.prefill_shared += usage.prefill_shared;
  total_.decoded += usage.decoded;
  total_.flops += usage.flops;
}

Usage MeteredEngine::Total() const {
  const std::lock_guard lock(mutex_);
  return total_;
}

int64_t MeteredEngine::GeneratedRows() const {
  const std::lock_guard lock(mutex_);
  return generated_rows_;
}

void MeteredEngine::StartQuery() {
  const std::lock_guard lock(mutex_);
  total_ = Usage{};
  generated_rows_ = 0;
  first_token_s_.reset();
  query_start_s_ = MonotonicSeconds();
}

std::optional<double> MeteredEngine::FirstTokenSeconds() const {
  const std::lock_guard lock(mutex_);
  return first_token_s_;
}

}  // namespace retort
