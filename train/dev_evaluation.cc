#include <algorithm>
#include <memory>

#include "core/base/error.h"
#include "core/lm/engine/engine.h"
#include "core/lm/model/kv_cache.h"
#include "core/lm/model/weights.h"
#include "train/train_stage.h"

namespace retort {
namespace {

std::vector<GenerateRequest> GreedyRequests(const Task& task, const Tokenizer& tokenizer,
                                            const std::vector<Problem>& problems) {
  std::vector<GenerateRequest> requests;
  for (const Problem& problem : problems) {
    GenerateRequest request;
    request.prompt_ids = EncodePrompt(tokenizer, problem.question.prompt);
    request.sampling.temperature = 0;
    request.sampling.max_new_tokens = task.MaxCompletionTokens();
    request.sampling.stop_ids = {tokenizer.Specials().eos};
    request.sampling.stop_texts = task.StopTexts();
    requests.push_back(std::move(request));
  }
  return requests;
}

/// An engine where the weights are, with just the memory that these requests can use at once.
EngineConfig EngineFor(const DecoderWeights& weights,
                       const std::vector<GenerateRequest>& requests) {
  EngineConfig config;
  config.device = weights.final_norm.is_cpu() ? "cpu" : "cuda";
  size_t longest = 0;
  for (const GenerateRequest& request : requests) {
    longest = std::max(
        longest, request.prompt_ids.size() + static_cast<size_t>(request.sampling.max_new_tokens));
  }
  const int64_t rows =
      std::min<int64_t>(config.max_batch, static_cast<int64_t>(requests.size())) + 1;
  const int64_t slots = rows * static_cast<int64_t>(longest + 1);
  config.kv_memory_mb =
      std::min(config.kv_memory_mb, slots * KvCache::BytesPerSlot(weights.config) / (1 << 20) + 1);
  return config;
}

}  // namespace

DevPoint EvaluateGreedy(const DecoderWeights& weights, const Task& task, const Tokenizer& tokenizer,
                        const std::vector<Problem>& problems, int threads) {
  RETORT_CHECK(!problems.empty(), "an evaluation needs problems");
  const std::vector<GenerateRequest> requests = GreedyRequests(task, tokenizer, problems);
  const std::unique_ptr<Engine> engine =
      MakeLocalEngine(EngineFor(weights, requests), CloneWeights(weights), tokenizer, threads);
  const std::vector<Completion> completions = engine->Generate(requests);

  const Verifier& verifier = task.GetVerifier();
  int64_t correct = 0;
  int64_t steps_before_error = 0;
  for (size_t i = 0; i < problems.size(); ++i) {
    const std::string text = tokenizer.Decode(completions[i].token_ids);
    correct += verifier.Verify(problems[i], text) == Verdict::kCorrect;
    steps_before_error += verifier.StepsBeforeError(problems[i].question, text);
  }
  const auto n = static_cast<double>(problems.size());
  DevPoint point;
  point.accuracy = static_cast<double>(correct) / n;
  point.steps_before_error = static_cast<double>(steps_before_error) / n;
  return point;
}

}  // namespace retort
