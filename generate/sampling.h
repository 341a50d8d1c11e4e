// What the sampling strategies share: requests for numbered samples of one prompt.
#pragma once

#include <cstdint>
#include <vector>

#include "core/lm/engine/engine.h"
#include "generate/strategy.h"

namespace retort {

/// `base` for one question: end-of-text stops, 0 new tokens means the task's MaxCompletionTokens,
/// and no sample may be longer than the whole token budget.
SamplingParams SamplingFor(const SamplingParams& base, const SearchContext& context);

/// Requests for samples [begin, end). Sample i's random numbers depend on (seed, question id, i)
/// alone, so a smaller N is a prefix of a larger one and the size of a wave changes nothing.
std::vector<GenerateRequest> SampleRequests(const std::vector<int32_t>& prompt_ids,
                                            const Question& question,
                                            const SamplingParams& sampling, uint64_t seed,
                                            int64_t begin, int64_t end);

}  // namespace retort
