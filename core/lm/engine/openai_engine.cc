#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/stop.h"
#include "core/lm/engine/openai.h"
#include "core/lm/engine/openai_client.h"
#include "core/lm/engine/openai_protocol.h"
#include "core/lm/engine/usage.h"

namespace retort {
namespace {

/// Pieces that tokenizers cut differently.
constexpr const char* kTokenizeProbe = "12345 + 0.5 = x; can't\n\n  naïve   café: ÄÖ 東京 don't";

/// The requests of one Generate or Score call. Lives on the caller's stack until all are over.
struct Call {
  size_t unfinished = 0;
  std::exception_ptr failure;       // the first one; what has not begun then never will
  std::atomic<bool> failed{false};  // failure is set
};

/// One request: asks the server and keeps its answer; returns what that was worth.
using Ask = std::function<ServedUse(OpenAiClient&, Call&)>;

struct Job {
  Call* call = nullptr;
  Ask ask;
};

bool SameRow(const GenerateRequest& a, const GenerateRequest& b) {
  const SamplingParams &x = a.sampling, &y = b.sampling;
  return a.prompt_ids == b.prompt_ids && x.temperature == y.temperature && x.top_k == y.top_k &&
         x.top_p == y.top_p && x.min_p == y.min_p && x.max_new_tokens == y.max_new_tokens &&
         x.stop_ids == y.stop_ids && x.stop_texts == y.stop_texts;
}

/// The shape behind a server is unknown: its FLOPs count 0.
ModelConfig UnknownShape(int vocab_size) {
  ModelConfig config;
  config.vocab_size = vocab_size;
  config.hidden_size = config.intermediate_size = config.num_hidden_layers = 0;
  return config;
}

/// The model's name among those the server lists, where it lists any.
void CheckListed(const ServerConfig& config, const Json& reply) {
  if (!reply.is_object() || !reply.contains("data") || !reply["data"].is_array()) return;
  std::vector<std::string> names;
  for (const Json& entry : reply["data"]) {
    if (entry.is_object() && entry.contains("id") && entry["id"].is_string()) {
      names.push_back(entry["id"].get<std::string>());
    }
  }
  if (names.empty() || std::ranges::find(names, config.model) != names.end()) return;
  if (names.size() > 10) names.resize(10);
  throw Error(ExitCode::kUnavailable,
              StrCat("server ", config.url, ": serves no model ", config.model,
                     " - set server.model to one of: ", Join(names, ", ")));
}

void CheckTokenizer(const ServerConfig& config, const Tokenizer& tokenizer, const Json& reply) {
  if (!reply.is_object() || !reply.contains("tokens") || !reply["tokens"].is_array()) return;
  if (reply["tokens"] == Json(tokenizer.Encode(kTokenizeProbe))) return;
  throw Error(ExitCode::kData, StrCat("server ", config.url,
                                      ": cuts a text into other tokens than `tokenizer` does "
                                      "- set it to the folder of the served model"));
}

void Check(const ServerConfig& config, const Tokenizer& tokenizer, OpenAiClient& client,
           std::function<bool()> given_up) {
  client.Ask("/v1/models", nullptr,
             {.key = Rng::DeriveKey({"models"}),
              .given_up = std::move(given_up),
              .read = [&](const Json& reply) { CheckListed(config, reply); },
              .wait_for_server = false});
  // vLLM reads `prompt`, llama.cpp's server `content`; others answer 404.
  const Json body = {{"model", config.model},
                     {"prompt", kTokenizeProbe},
                     {"content", kTokenizeProbe},
                     {"add_special_tokens", false},
                     {"add_special", false}};
  if (const auto tokens = client.TryAsk("/tokenize", body)) {
    CheckTokenizer(config, tokenizer, *tokens);
  }
}

class OpenAiEngine final : public Engine {
 public:
  OpenAiEngine(const ServerConfig& config, const Tokenizer& tokenizer)
      : config_(config), tokenizer_(tokenizer), key_(ApiKey::FromEnvironment(config.api_key_env)) {
    info_ = {.model_sha256 = ServedModelSha256(config),
             .config = UnknownShape(tokenizer.VocabSize()),
             .description = StrCat("served ", config.model, " at ", config.url)};
    for (int i = 0; i < config.concurrency; ++i) {
      clients_.push_back(std::make_unique<OpenAiClient>(config_, key_, traffic_));
    }
    for (const auto& client : clients_) {
      workers_.emplace_back(
          [this, &client = *client](const std::stop_token& stop) { Work(client, stop); });
    }
  }

  std::vector<Completion> Generate(std::span<const GenerateRequest> requests) override {
    std::vector<Completion> completions(requests.size());
    std::vector<Ask> asks;
    for (size_t begin = 0, end = 0; begin < requests.size(); begin = end) {
      RETORT_CHECK(!requests[begin].prompt_ids.empty(), "an empty prompt");
      end = EndOfGroup(requests, begin);
      asks.push_back(
          [this, rows = requests.subspan(begin, end - begin),
           answers = std::span(completions).subspan(begin, end - begin)](
              OpenAiClient& client, Call& call) { return Sample(client, call, rows, answers); });
    }
    Run(std::move(asks));
    UsageLedger ledger(info_.config);
    for (size_t i = 0; i < requests.size(); ++i) {
      const auto& ids = completions[i].token_ids;
      completions[i].usage.decoded = std::ssize(ids);
      ledger.Count(requests[i].prompt_ids, std::span(ids).first(ids.empty() ? 0 : ids.size() - 1),
                   &completions[i].usage);
    }
    return completions;
  }

  std::vector<ScoreResult> Score(std::span<const ScoreRequest> requests) override {
    if (config_.score == "none") {
      throw Error(ExitCode::kConfig,
                  "server.score: none - this search scores given tokens; set it to echo if the "
                  "server can echo log-probabilities (vLLM), or choose another search");
    }
    std::vector<ScoreResult> results(requests.size());
    std::vector<Ask> asks;
    for (size_t i = 0; i < requests.size(); ++i) {
      RETORT_CHECK(!requests[i].prompt_ids.empty(), "an empty prompt");
      if (requests[i].completion_ids.empty()) continue;
      asks.push_back(
          [this, &request = requests[i], &result = results[i]](OpenAiClient& client, Call& call) {
            return Echo(client, call, request, &result);
          });
    }
    Run(std::move(asks));
    UsageLedger ledger(info_.config);
    for (size_t i = 0; i < requests.size(); ++i) {
      const auto& ids = requests[i].completion_ids;
      if (ids.empty()) continue;
      ledger.Count(requests[i].prompt_ids, std::span(ids).first(ids.size() - 1), &results[i].usage);
    }
    return results;
  }

  const EngineInfo& Info() const override { return info_; }

  EngineStats Stats() const override {
    const std::lock_guard lock(mutex_);
    EngineStats stats;
    stats.served = use_;
    stats.served.attempts = traffic_.attempts();
    stats.served.money =
        (static_cast<double>(use_.prompt_tokens) * config_.price.input_per_million +
         static_cast<double>(use_.completion_tokens) * config_.price.output_per_million) /
        1e6;
    return stats;
  }

 private:
  /// The rows of one request: as many equal ones as it may ask for.
  size_t EndOfGroup(std::span<const GenerateRequest> requests, size_t begin) const {
    const size_t limit = begin + static_cast<size_t>(config_.samples_per_request);
    size_t end = begin + 1;
    while (end < std::min(limit, requests.size()) && SameRow(requests[begin], requests[end])) ++end;
    return end;
  }

  AskOptions Options(RngKey key, Call& call, std::function<void(const Json&)> read) const {
    return {.key = key,
            .given_up = [this, &call] { return failed_.load() || call.failed.load(); },
            .read = std::move(read)};
  }

  ServedUse Sample(OpenAiClient& client, Call& call, std::span<const GenerateRequest> rows,
                   std::span<Completion> completions) const {
    const double start = MonotonicSeconds();
    const GenerateRequest& first = rows.front();
    const int n = static_cast<int>(rows.size());
    ServedAnswer answer;
    client.Ask(
        "/v1/completions", CompletionBody(config_, tokenizer_, first, n),
        Options(first.row_key, call, [&](const Json& reply) { answer = ParseAnswer(reply, n); }));
    int64_t decoded = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      completions[i] = ToCompletion(answer.choices[i], config_, tokenizer_, rows[i].sampling);
      completions[i].usage.seconds = MonotonicSeconds() - start;
      completions[i].usage.first_token_seconds = completions[i].usage.seconds;  // no streaming
      decoded += std::ssize(completions[i].token_ids);
    }
    // Of several choices llama.cpp's server counts the first alone.
    int64_t sampled = answer.completion_tokens.value_or(decoded);
    if (n > 1) sampled = std::max(sampled, decoded);
    return {.requests = 1,
            .prompt_tokens = answer.prompt_tokens.value_or(std::ssize(first.prompt_ids)),
            .completion_tokens = sampled};
  }

  ServedUse Echo(OpenAiClient& client, Call& call, const ScoreRequest& request,
                 ScoreResult* result) const {
    const double start = MonotonicSeconds();
    std::vector<int32_t> ids = request.prompt_ids;
    ids.insert(ids.end(), request.completion_ids.begin(), request.completion_ids.end());
    const size_t count = request.completion_ids.size();
    client.Ask("/v1/completions", EchoBody(config_, ids),
               Options(Rng::DeriveKey({"echo", uint64_t{ids.size()}}), call,
                       [&](const Json& reply) { result->log_probs = ParseEcho(reply, count); }));
    result->usage.seconds = MonotonicSeconds() - start;
    return {.requests = 1, .prompt_tokens = std::ssize(ids)};
  }

  /// Waits for every ask; throws the first failure.
  void Run(std::vector<Ask> asks) {
    Call call;
    std::unique_lock lock(mutex_);
    if (failure_) std::rethrow_exception(failure_);
    call.unfinished = asks.size();
    for (auto& ask : asks) queue_.push_back({&call, std::move(ask)});
    work_arrived_.notify_all();
    call_over_.wait(lock, [&] { return call.unfinished == 0; });
    if (call.failure) std::rethrow_exception(call.failure);
  }

  void Work(OpenAiClient& client, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (work_arrived_.wait(lock, stop, [this] { return !queue_.empty(); })) {
      const Job job = std::move(queue_.front());
      queue_.pop_front();
      ServedUse use;
      std::exception_ptr failure = failure_ ? failure_ : job.call->failure;
      if (!failure) {
        lock.unlock();
        failure = Try(job, client, &use);
        lock.lock();
      }
      use_ += use;
      if (failure && !job.call->failure) job.call->failure = failure;
      if (failure) job.call->failed = true;
      if (--job.call->unfinished == 0) call_over_.notify_all();
    }
  }

  std::exception_ptr Try(const Job& job, OpenAiClient& client, ServedUse* use) {
    try {
      CheckOnce();
      *use = job.ask(client, *job.call);
      return nullptr;
    } catch (const Error& error) {
      // A request that cannot be answered fails its call, whose other requests are then given up; a
      // server that cannot answer fails all.
      const bool given_up = job.call->failed.load();
      if (error.code() != ExitCode::kData && !given_up) FailAll(std::current_exception());
      return std::current_exception();
    } catch (...) {
      return std::current_exception();
    }
  }

  void FailAll(const std::exception_ptr& failure) {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = failure;
    failed_ = true;
  }

  void CheckOnce() {
    const std::lock_guard lock(check_mutex_);
    if (checked_) return;
    ServedTraffic traffic;  // of its own: these requests cost nothing
    OpenAiClient client(config_, key_, traffic);
    Check(config_, tokenizer_, client, [this] { return failed_.load(); });
    checked_ = true;
  }

  const ServerConfig config_;
  const Tokenizer& tokenizer_;
  const ApiKey key_;
  EngineInfo info_;
  ServedTraffic traffic_;
  std::mutex check_mutex_;
  bool checked_ = false;             // guarded by check_mutex_
  std::atomic<bool> failed_{false};  // failure_ is set
  mutable std::mutex mutex_;         // guards what follows, and the calls
  std::condition_variable_any work_arrived_;
  std::condition_variable call_over_;
  std::deque<Job> queue_;
  ServedUse use_;
  std::exception_ptr failure_;
  std::vector<std::unique_ptr<OpenAiClient>> clients_;
  std::vector<std::jthread> workers_;  // last: they use everything above
};

}  // namespace

std::unique_ptr<Engine> MakeOpenAiEngine(const ServerConfig& config, const Tokenizer& tokenizer) {
  return std::make_unique<OpenAiEngine>(config, tokenizer);
}

void CheckServer(const ServerConfig& config, const Tokenizer& tokenizer) {
  const ApiKey key = ApiKey::FromEnvironment(config.api_key_env);
  ServerConfig once = config;
  once.max_attempts = 1;
  ServedTraffic traffic;
  OpenAiClient client(once, key, traffic);
  Check(once, tokenizer, client, {});
}

}  // namespace retort
