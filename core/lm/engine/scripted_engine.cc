#include <algorithm>
#include <mutex>
#include <utility>

#include "core/base/error.h"
#include "core/lm/engine/engine.h"
#include "core/lm/engine/usage.h"

namespace retort {
namespace {

/// Stop ids and lengths hold as in any engine; stop texts need a tokenizer and do not.
class ScriptedEngine final : public Engine {
 public:
  ScriptedEngine(Script script, ModelConfig config) : script_(std::move(script)) {
    info_ = {.model_sha256 = "scripted", .config = std::move(config), .description = "scripted"};
  }

  std::vector<Completion> Generate(std::span<const GenerateRequest> requests) override {
    UsageLedger ledger(info_.config);
    std::vector<Completion> completions;
    for (const GenerateRequest& request : requests) {
      RETORT_CHECK(!request.prompt_ids.empty(), "an empty prompt");
      completions.push_back(Play(request, &ledger));
    }
    Count(ledger);
    return completions;
  }

  std::vector<ScoreResult> Score(std::span<const ScoreRequest> requests) override {
    UsageLedger ledger(info_.config);
    std::vector<ScoreResult> results;
    for (const ScoreRequest& request : requests) {
      ScoreResult result;
      result.log_probs.assign(request.completion_ids.size(), 0.0F);
      if (!result.log_probs.empty()) {
        const std::span fed(request.completion_ids.data(), request.completion_ids.size() - 1);
        ledger.Count(request.prompt_ids, fed, &result.usage);
      }
      results.push_back(std::move(result));
    }
    Count(ledger);
    return results;
  }

  const EngineInfo& Info() const override { return info_; }

  EngineStats Stats() const override {
    const std::lock_guard lock(mutex_);
    return stats_;
  }

 private:
  Completion Play(const GenerateRequest& request, UsageLedger* ledger) const {
    const SamplingParams& sampling = request.sampling;
    Completion completion;
    completion.token_ids = script_(request.prompt_ids, request.row_key);
    auto& ids = completion.token_ids;
    RETORT_CHECK(!ids.empty(), "a script gave an empty completion");
    if (std::ssize(ids) > sampling.max_new_tokens) {
      ids.resize(static_cast<size_t>(sampling.max_new_tokens));
    }
    const auto stop = std::find_first_of(ids.begin(), ids.end(), sampling.stop_ids.begin(),
                                         sampling.stop_ids.end());
    if (stop != ids.end()) {
      ids.erase(stop + 1, ids.end());
      completion.finish = FinishReason::kStopId;
    }
    completion.log_probs.assign(ids.size(), 0.0F);
    completion.usage.decoded = std::ssize(ids);
    ledger->Count(request.prompt_ids, std::span(ids.data(), ids.size() - 1), &completion.usage);
    return completion;
  }

  void Count(const UsageLedger& ledger) {
    const std::lock_guard lock(mutex_);
    stats_.unique_tokens += ledger.unique_tokens();
    stats_.computed_tokens += ledger.unique_tokens();
    ++stats_.steps;
  }

  const Script script_;
  EngineInfo info_;
  mutable std::mutex mutex_;
  EngineStats stats_;
};

}  // namespace

std::unique_ptr<Engine> MakeScriptedEngine(Script script, ModelConfig config) {
  return std::make_unique<ScriptedEngine>(std::move(script), std::move(config));
}

}  // namespace retort
