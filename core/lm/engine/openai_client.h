// Talks to one server: which failures are tried again, how long to wait, what to tell the user.
//
// An answer that takes too long is asked for again with twice the time, so that a slow server is
// not asked in vain for ever. Waits are "full jitter" (random below a doubling limit), never
// shorter than Retry-After. For one thread at a time; several clients share one ServedTraffic.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/rng.h"
#include "core/lm/engine/http_client.h"
#include "core/lm/engine/openai.h"

namespace retort {

/// Longest wait between two attempts for `attempt` = 1, 2, ... that failed, in seconds.
double BackoffLimit(double first_seconds, int attempt);

/// Counts attempts, and failed ones by cause, and says so once a minute. Thread-safe.
class ServedTraffic {
 public:
  void CountAttempt() { ++attempts_; }
  void CountFailure(const std::string& cause);
  int64_t attempts() const { return attempts_; }

 private:
  std::atomic<int64_t> attempts_{0};
  std::mutex mutex_;  // guards what follows
  std::map<std::string, int64_t> counts_;
  double last_said_seconds_ = 0;
};

/// How one request is to be treated.
struct AskOptions {
  RngKey key;                             // of the jitter
  std::function<bool()> given_up{};       // true ends waits and transfers: Error(kUnavailable)
  std::function<void(const Json&)> read;  // Error(kData): a broken answer, tried again
  bool wait_for_server = true;            // false: a refused connection is final
};

class OpenAiClient {
 public:
  /// Borrows all of them.
  OpenAiClient(const ServerConfig& config, const ApiKey& key, ServedTraffic& traffic);

  /// POSTs `body` (GETs when null) to a path such as "/v1/completions" until `read` has taken the
  /// answer. Error(kUnavailable) when they are used up, the key or the model
  /// is refused; Error(kData) for a request that exceeds the model's context; what
  /// ThrowIfStopRequested throws on a stop.
  void Ask(const std::string& path, const Json& body, const AskOptions& options);

  /// One attempt; nullopt unless the status is 200 and the body is JSON. For optional questions.
  std::optional<Json> TryAsk(const std::string& path, const Json& body);

 private:
  struct Failure;
  HttpReply Send(const std::string& path, const Json& body, const AskOptions& options,
                 double timeout_seconds);
  std::optional<Failure> Judge(const HttpReply& reply, const AskOptions& options) const;
  void Refuse(const HttpReply& reply) const;
  void Wait(double seconds, const AskOptions& options) const;
  [[noreturn]] void Fail(ExitCode code, const std::string& why) const;

  const ServerConfig& config_;
  const ApiKey& key_;
  ServedTraffic& traffic_;
  HttpClient http_;
};

}  // namespace retort
