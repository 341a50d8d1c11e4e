// What a search costs, counted from its tree alone. Measured engine totals depend on scheduling and
// on what the prefix tree happened to hold; these do not, so they may enter hashed bytes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/lm/model/model_config.h"
#include "core/trace/types.h"

namespace retort {

/// Floating point operations of sampling `completions` after a prompt of `prompt_tokens`: each
/// distinct (prefix, token) row once, which is what an engine with a prefix tree computes. The last
/// token of a completion is sampled but never fed back, so it is a row only where another
/// completion goes on from it.
double SharedFlops(const ModelConfig& config, int64_t prompt_tokens,
                   std::vector<std::span<const int32_t>> completions);

/// Logical counts of independent samples of one prompt: the prompt is computed once and shared by
/// every further sample, each sampled token is decoded, flops are SharedFlops. `verifier_calls` is
/// left at 0.
TokenCounts CountSamples(const ModelConfig& config, int64_t prompt_tokens,
                         const std::vector<std::span<const int32_t>>& completions);

}  // namespace retort
