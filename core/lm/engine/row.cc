#include "core/lm/engine/row.h"

#include <algorithm>

#include "core/base/clock.h"
#include "core/lm/engine/sampler.h"

namespace retort {
namespace {

// Most completions are shorter than their limit.
constexpr int kReservedTokens = 64;

}  // namespace

Row::Row(const GenerateRequest& request)
    : generate_(&request),
      ids_(request.prompt_ids),
      next_(static_cast<int64_t>(ids_.size()) - 1),
      longest_(next_ + request.sampling.max_new_tokens) {
  const auto expected =
      static_cast<size_t>(std::min(request.sampling.max_new_tokens, kReservedTokens));
  ids_.reserve(ids_.size() + expected);
  completion_.reserve(expected);
  log_probs_.reserve(expected);
}

Row::Row(const ScoreRequest& request)
    : score_(&request),
      ids_(request.prompt_ids),
      next_(static_cast<int64_t>(ids_.size()) - 1),
      done_(request.completion_ids.empty()) {
  if (!done_)
    ids_.insert(ids_.end(), request.completion_ids.begin(), request.completion_ids.end() - 1);
  longest_ = static_cast<int64_t>(ids_.size());
}

void Row::Take(std::span<const float> logits_V, const Tokenizer& tokenizer) {
  if (generate_ != nullptr) {
    Sample(logits_V, tokenizer);
  } else {
    const int32_t target = score_->completion_ids[log_probs_.size()];
    log_probs_.push_back(LogProbOf(logits_V, target));
    done_ = log_probs_.size() == score_->completion_ids.size();
  }
  ++next_;
  if (done_ || first_token_time_ == 0) end_time_ = MonotonicSeconds();
  if (first_token_time_ == 0) first_token_time_ = end_time_;
}

void Row::Sample(std::span<const float> logits_V, const Tokenizer& tokenizer) {
  const SamplingParams& sampling = generate_->sampling;
  const SampledToken token =
      SampleToken(logits_V, sampling, generate_->row_key, static_cast<int64_t>(completion_.size()));
  completion_.push_back(token.id);
  log_probs_.push_back(token.log_prob);
  done_ = Stops(tokenizer);
  if (!done_) ids_.push_back(token.id);
}

bool Row::Stops(const Tokenizer& tokenizer) {
  const SamplingParams& sampling = generate_->sampling;
  const auto& ids = sampling.stop_ids;
  if (std::find(ids.begin(), ids.end(), completion_.back()) != ids.end()) {
    finish_ = FinishReason::kStopId;
    return true;
  }
  if (!sampling.stop_texts.empty()) {
    const std::string text = tokenizer.Decode(completion_);
    for (const std::string& stop : sampling.stop_texts) {
      if (text.find(stop) == std::string::npos) continue;
      finish_ = FinishReason::kStopText;
      return true;
    }
  }
  finish_ = FinishReason::kLength;
  return static_cast<int64_t>(completion_.size()) >= sampling.max_new_tokens;
}

}  // namespace retort
