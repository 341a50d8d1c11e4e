// One token from one row of logits. Pure; the same bits on every machine: exp and log are our own
// polynomials (core/lm/model/kernels) and sums run in a fixed order.
#pragma once

#include <cstdint>
#include <span>

#include "core/base/rng.h"
#include "core/lm/engine/engine.h"

namespace retort {

struct SampledToken {
  int32_t id = 0;
  float log_prob = 0;  // log softmax(logits)[id], untempered and untruncated
};

/// Draws from softmax(logits / temperature) after top_k, then top_p, then min_p, each of what the
/// one before left and renormalised; among equal probabilities the lower id counts as the more
/// likely. Temperature 0 takes the largest logit. `position` is the index of the token in its
/// completion: it selects the random number. Error(kData) when the logits are not finite.
SampledToken SampleToken(std::span<const float> logits_V, const SamplingParams& params,
                         RngKey row_key, int64_t position);

/// log softmax(logits)[id] in the same fixed order.
float LogProbOf(std::span<const float> logits_V, int32_t id);

}  // namespace retort
