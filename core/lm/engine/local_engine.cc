#include <algorithm>
#include <condition_variable>
#include <exception>
#include <limits>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/lm/checkpoint/checkpoint.h"
#include "core/lm/engine/engine.h"
#include "core/lm/engine/forward_runner.h"
#include "core/lm/engine/row.h"
#include "core/lm/engine/scheduler.h"
#include "core/lm/engine/usage.h"
#include "core/lm/model/decoder.h"

namespace retort {
namespace {

/// Rows whose logits are stored beside their keys and values must not take much more memory.
constexpr int64_t kLogitShare = 4;

SchedulerConfig MakeSchedulerConfig(const EngineConfig& config, const ModelConfig& model) {
  const int64_t kv_bytes = KvCache::BytesPerSlot(model, config.NumberPrecision());
  const int64_t logit_bytes = model.vocab_size * static_cast<int64_t>(sizeof(float));
  SchedulerConfig result;
  result.max_batch = config.max_batch;
  result.prefix_cache = config.prefix_cache;
  result.keep_logits = logit_bytes * kLogitShare <= kv_bytes;
  const int64_t bytes = kv_bytes + (result.keep_logits ? logit_bytes : 0);
  const int64_t fitting = config.kv_memory_mb * (int64_t{1} << 20) / bytes;
  result.slots = std::min(fitting, int64_t{std::numeric_limits<int32_t>::max() / 2});
  if (result.slots < 1) {
    throw Error(ExitCode::kConfig, StrCat("kv_memory_mb: ", config.kv_memory_mb, " - one token of ",
                                          "this model takes ", bytes, " bytes - raise it"));
  }
  return result;
}

/// The rows of one Generate or Score call. Shared, because the engine still holds it for a moment
/// when its caller has woken up.
class Call {
 public:
  std::vector<Row> rows;
  double submitted = 0;
  size_t unfinished = 0;  // guarded by the engine's mutex

  void Await() {
    std::unique_lock lock(mutex_);
    woken_up_.wait(lock, [this] { return over_; });
  }
  void Wake() {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    woken_up_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable woken_up_;
  bool over_ = false;
};

using SharedCall = std::shared_ptr<Call>;

class LocalEngine final : public Engine {
 public:
  LocalEngine(const EngineConfig& config, DecoderWeights weights, const Tokenizer& tokenizer,
              int threads)
      : scheduling_(MakeSchedulerConfig(config, weights.config)), tokenizer_(tokenizer) {
    info_.model_sha256 = WeightsSha256(weights);
    info_.config = weights.config;
    CheckVocabulary(weights.config, tokenizer, "engine");
    runner_ = std::make_unique<ForwardRunner>(config, std::move(weights),
                                              Scheduler::CacheSlots(scheduling_), threads);
    info_.description = runner_->description();
    scheduler_ = std::make_unique<Scheduler>(scheduling_, *runner_, tokenizer_);
    thread_ = std::jthread([this](const std::stop_token& stop) { Serve(stop); });
  }

  std::vector<Completion> Generate(std::span<const GenerateRequest> requests) override {
    const auto call = std::make_shared<Call>();
    call->rows.reserve(requests.size());
    for (const GenerateRequest& request : requests) {
      RETORT_CHECK(request.sampling.max_new_tokens >= 1, "max_new_tokens ",
                   request.sampling.max_new_tokens);
      CheckIds(request.prompt_ids, "prompt");
      call->rows.emplace_back(request);
    }
    Run(call);
    return Completions(requests, *call);
  }

  std::vector<ScoreResult> Score(std::span<const ScoreRequest> requests) override {
    const auto call = std::make_shared<Call>();
    call->rows.reserve(requests.size());
    for (const ScoreRequest& request : requests) {
      CheckIds(request.prompt_ids, "prompt");
      if (!request.completion_ids.empty()) CheckIds(request.completion_ids, "completion");
      call->rows.emplace_back(request);
    }
    Run(call);
    return Scores(requests, *call);
  }

  const EngineInfo& Info() const override { return info_; }

  EngineStats Stats() const override {
    const std::lock_guard lock(mutex_);
    return stats_;
  }

 private:
  void CheckIds(const std::vector<int32_t>& ids, const char* what) const {
    RETORT_CHECK(!ids.empty(), "an empty ", what);
    for (const int32_t id : ids) {
      RETORT_CHECK(id >= 0 && id < tokenizer_.VocabSize(), what, " token id ", id,
                   " is outside 0..", tokenizer_.VocabSize() - 1);
    }
  }

  void CheckFits(const Row& row) const {
    if (row.longest() > info_.config.max_position_embeddings) {
      throw Error(ExitCode::kConfig,
                  StrCat("a prompt and its completion may take ", row.longest(),
                         " positions, but the model has max_position_embeddings ",
                         info_.config.max_position_embeddings, " - lower max_new_tokens"));
    }
    if (row.longest() > scheduling_.slots) {
      throw Error(ExitCode::kConfig,
                  StrCat("kv_memory_mb: a prompt and its completion may take ", row.longest(),
                         " tokens, but the memory holds ", scheduling_.slots,
                         " - raise kv_memory_mb or lower max_new_tokens"));
    }
  }

  /// Hands the rows to the scheduler's thread and waits for all of them.
  void Run(const SharedCall& call) {
    for (const Row& row : call->rows) CheckFits(row);
    call->submitted = MonotonicSeconds();
    {
      const std::lock_guard lock(mutex_);
      if (failure_) std::rethrow_exception(failure_);
      for (Row& row : call->rows) {
        if (row.done()) continue;
        arrived_.emplace_back(&row, call);
        ++call->unfinished;
      }
      if (call->unfinished == 0) return;
    }
    work_.notify_one();
    call->Await();
    const std::lock_guard lock(mutex_);
    if (call->unfinished > 0) std::rethrow_exception(failure_);
  }

  /// The scheduler's thread.
  void Serve(const std::stop_token& stop) {
    try {
      while (AwaitWork(stop)) {
        const double start = MonotonicSeconds();
        finished_.clear();
        scheduler_->Step(&finished_);
        Deliver(MonotonicSeconds() - start);
      }
    } catch (...) {
      Fail(std::current_exception());
    }
  }

  /// Moves what has arrived to the scheduler; false when the engine goes away.
  bool AwaitWork(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    if (scheduler_->idle()) work_.wait(lock, stop, [this] { return !arrived_.empty(); });
    if (stop.stop_requested()) return false;
    for (auto& [row, call] : arrived_) {
      scheduler_->Add(row);
      calls_.emplace(row, std::move(call));
    }
    arrived_.clear();
    return true;
  }

  void Deliver(double seconds) {
    std::vector<SharedCall> over;
    {
      const std::lock_guard lock(mutex_);
      stats_.computed_tokens = scheduler_->computed_tokens();
      stats_.steps = scheduler_->forwards();
      stats_.evicted_slots = scheduler_->evicted_slots();
      stats_.busy_seconds += seconds;
      for (Row* row : finished_) {
        const auto found = calls_.find(row);
        if (--found->second->unfinished == 0) over.push_back(std::move(found->second));
        calls_.erase(found);
      }
    }
    // Outside the lock: whoever wakes up comes back with its next rows.
    for (const SharedCall& call : over) call->Wake();
  }

  /// After a failed forward the tree is not to be trusted: every caller, now and later, is told.
  void Fail(std::exception_ptr failure) {
    const std::lock_guard lock(mutex_);
    failure_ = std::move(failure);
    for (auto& [row, call] : calls_) call->Wake();
    for (auto& [row, call] : arrived_) call->Wake();
  }

  static void AddSeconds(const Call& call, const Row& row, Usage* usage) {
    if (row.log_probs().empty()) return;
    usage->first_token_seconds = row.first_token_time() - call.submitted;
    usage->seconds = row.end_time() - call.submitted;
  }

  std::vector<Completion> Completions(std::span<const GenerateRequest> requests, const Call& call) {
    UsageLedger ledger(info_.config);
    std::vector<Completion> completions(requests.size());
    for (size_t i = 0; i < requests.size(); ++i) {
      const Row& row = call.rows[i];
      const std::span fed(row.completion().data(), row.completion().size() - 1);
      Completion& completion = completions[i];
      completion = {.token_ids = row.completion(),
                    .log_probs = row.log_probs(),
                    .finish = row.finish(),
                    .usage = {}};
      completion.usage.decoded = std::ssize(row.completion());
      ledger.Count(requests[i].prompt_ids, fed, &completion.usage);
      AddSeconds(call, row, &completion.usage);
    }
    CountUnique(ledger);
    return completions;
  }

  std::vector<ScoreResult> Scores(std::span<const ScoreRequest> requests, const Call& call) {
    UsageLedger ledger(info_.config);
    std::vector<ScoreResult> results(requests.size());
    for (size_t i = 0; i < requests.size(); ++i) {
      const Row& row = call.rows[i];
      results[i].log_probs = row.log_probs();
      if (!row.log_probs().empty()) {
        ledger.Count(row.ids(), {}, &results[i].usage);
      }
      AddSeconds(call, row, &results[i].usage);
    }
    CountUnique(ledger);
    return results;
  }

  void CountUnique(const UsageLedger& ledger) {
    const std::lock_guard lock(mutex_);
    stats_.unique_tokens += ledger.unique_tokens();
  }

  const SchedulerConfig scheduling_;
  const Tokenizer& tokenizer_;
  EngineInfo info_;
  std::unique_ptr<ForwardRunner> runner_;
  std::unique_ptr<Scheduler> scheduler_;        // touched by thread_ alone once that runs
  std::unordered_map<Row*, SharedCall> calls_;  // rows the scheduler has; thread_'s own
  std::vector<Row*> finished_;                  // of the last step; thread_'s own
  mutable std::mutex mutex_;                    // guards what follows, and Call::unfinished
  std::condition_variable_any work_;
  std::vector<std::pair<Row*, SharedCall>> arrived_;  // not yet with the scheduler
  EngineStats stats_;
  std::exception_ptr failure_;
  std::jthread thread_;  // last: joined before anything it uses goes away
};

}  // namespace

std::unique_ptr<Engine> MakeLocalEngine(const EngineConfig& config, DecoderWeights weights,
                                        const Tokenizer& tokenizer, int threads) {
  return std::make_unique<LocalEngine>(config, std::move(weights), tokenizer, threads);
}

}  // namespace retort
