#include "generate/sampling.h"

#include <algorithm>

namespace retort {

SamplingParams SamplingFor(const SamplingParams& base, const SearchContext& context) {
  SamplingParams sampling = base;
  const int32_t eos = context.tokenizer.Specials().eos;
  if (eos >= 0) sampling.stop_ids = {eos};
  sampling.stop_texts = context.task.StopTexts();
  if (sampling.max_new_tokens == 0) sampling.max_new_tokens = context.task.MaxCompletionTokens();
  if (context.budget.max_tokens > 0) {
    sampling.max_new_tokens =
        static_cast<int>(std::min<int64_t>(sampling.max_new_tokens, context.budget.max_tokens));
  }
  return sampling;
}

std::vector<GenerateRequest> SampleRequests(const std::vector<int32_t>& prompt_ids,
                                            const Question& question,
                                            const SamplingParams& sampling, uint64_t seed,
                                            int64_t begin, int64_t end) {
  std::vector<GenerateRequest> requests;
  for (int64_t i = begin; i < end; ++i) {
    requests.push_back({.prompt_ids = prompt_ids,
                        .sampling = sampling,
                        .row_key = Rng::DeriveKey({seed, "sample", std::string_view(question.id),
                                                   static_cast<uint64_t>(i)})});
  }
  return requests;
}

}  // namespace retort
