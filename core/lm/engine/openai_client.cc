#include "core/lm/engine/openai_client.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/stop.h"
#include "core/lm/engine/openai_protocol.h"

namespace retort {
namespace {

constexpr double kLongestBackoff = 30;
constexpr double kLongestRetryAfter = 600;
constexpr double kSayEverySeconds = 60;
constexpr int kMaxTimeouts = 4;  // each attempt after a timeout may take twice as long

bool IsTransient(int status) {
  return status == 408 || status == 425 || status == 429 || status >= 500;
}

/// "http://host:8000", whether or not the user wrote the /v1 or a slash behind it.
std::string BaseUrl(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  if (url.ends_with("/v1")) url.resize(url.size() - 3);
  return url;
}

}  // namespace

double BackoffLimit(double first_seconds, int attempt) {
  return std::min(kLongestBackoff, first_seconds * std::exp2(std::min(attempt - 1, 20)));
}

void ServedTraffic::CountFailure(const std::string& cause) {
  const std::lock_guard lock(mutex_);
  ++counts_[cause];
  const double now = MonotonicSeconds();
  if (last_said_seconds_ != 0 && now - last_said_seconds_ < kSayEverySeconds) return;
  last_said_seconds_ = now;
  std::vector<std::string> parts;
  for (const auto& [name, count] : counts_) parts.push_back(StrCat(count, " x ", name));
  LogWarning(StrCat("server: trying again after ", Join(parts, ", ")));
}

/// Why an attempt failed; the request is tried again.
struct OpenAiClient::Failure {
  std::string cause;  // short, for counts
  std::string what;   // for the message
};

OpenAiClient::OpenAiClient(const ServerConfig& config, const ApiKey& key, ServedTraffic& traffic)
    : config_(config), key_(key), traffic_(traffic), http_(key) {}

void OpenAiClient::Fail(ExitCode code, const std::string& why) const {
  throw Error(code, key_.Redact(StrCat("server ", config_.url, ": ", why)));
}

HttpReply OpenAiClient::Send(const std::string& path, const Json& body, const AskOptions& options,
                             double timeout_seconds) {
  const HttpRequest request{.url = BaseUrl(config_.url) + path,
                            .body = body.is_null() ? "" : DumpJson(body),
                            .timeout_seconds = timeout_seconds};
  return http_.Send(
      request, [&] { return StopRequested() != 0 || (options.given_up && options.given_up()); });
}

void OpenAiClient::Refuse(const HttpReply& reply) const {
  const std::string said = StrCat("HTTP ", reply.status, ", ", ServerMessage(reply.body));
  if (reply.status == 401 || reply.status == 403) {
    Fail(ExitCode::kUnavailable,
         config_.api_key_env.empty()
             ? StrCat("asks for a key (", said,
                      ") - export it and name the variable as server.api_key_env")
             : StrCat("refuses the key in ", config_.api_key_env, " (", said,
                      ") - export a valid one"));
  }
  if (reply.status == 404) {
    Fail(ExitCode::kUnavailable, StrCat("knows no model ", config_.model, " or no such path (",
                                        said, ") - check server.model and server.url"));
  }
  const bool too_long = reply.status == 413 || said.find("context") != std::string::npos;
  if (too_long && reply.status < 500) {
    Fail(ExitCode::kData,
         StrCat("prompt and max_new_tokens exceed the model's context (", said,
                ") - shorten the prompt or max_new_tokens, or serve more context"));
  }
  Fail(ExitCode::kUnavailable, StrCat("refuses a request (", said, ")"));
}

std::optional<OpenAiClient::Failure> OpenAiClient::Judge(const HttpReply& reply,
                                                         const AskOptions& options) const {
  using Fault = HttpReply::Fault;
  if (reply.fault == Fault::kNoConnection) {
    return Failure{"no connection", StrCat("no connection (", reply.problem, ")")};
  }
  if (reply.fault == Fault::kTimeout) {
    return Failure{"timeout", StrCat("no whole answer (", reply.problem, ")")};
  }
  if (reply.fault == Fault::kBroken) {
    return Failure{"broken connection", StrCat("broken connection (", reply.problem, ")")};
  }
  if (IsTransient(reply.status)) {
    const std::string cause = StrCat("HTTP ", reply.status);
    return Failure{cause, StrCat(cause, " (", ServerMessage(reply.body), ")")};
  }
  if (reply.status != 200) Refuse(reply);
  try {
    options.read(ParseJson(reply.body, "answer"));
  } catch (const Error& error) {
    if (error.code() != ExitCode::kData) throw;
    return Failure{"bad answer", StrCat("bad answer (", error.what(), ")")};
  }
  return std::nullopt;
}

void OpenAiClient::Wait(double seconds, const AskOptions& options) const {
  const double end = MonotonicSeconds() + seconds;
  double left = seconds;
  while (left > 0) {
    ThrowIfStopRequested();
    if (options.given_up && options.given_up()) Fail(ExitCode::kUnavailable, "given up");
    std::this_thread::sleep_for(std::chrono::duration<double>(std::min(left, 0.1)));
    left = end - MonotonicSeconds();
  }
}

void OpenAiClient::Ask(const std::string& path, const Json& body, const AskOptions& options) {
  Rng jitter(options.key);
  ThrowIfStopRequested();
  int timeouts = 0;
  double timeout_seconds = config_.timeout_seconds;
  for (int attempt = 1;; ++attempt) {
    traffic_.CountAttempt();
    const HttpReply reply = Send(path, body, options, timeout_seconds);
    ThrowIfStopRequested();
    if (reply.fault == HttpReply::Fault::kCancelled) Fail(ExitCode::kUnavailable, "given up");
    const std::optional<Failure> failure = Judge(reply, options);
    if (!failure) return;
    const bool refused = reply.fault == HttpReply::Fault::kNoConnection;
    if (refused && !options.wait_for_server) {
      Fail(ExitCode::kUnavailable, failure->what + " - start it, or correct server.url");
    }
    if (reply.fault == HttpReply::Fault::kTimeout) {
      timeout_seconds *= 2;
      if (++timeouts == kMaxTimeouts) {
        Fail(ExitCode::kUnavailable, failure->what +
                                         " - raise server.timeout_seconds or lower "
                                         "server.concurrency");
      }
    }
    if (reply.retry_after_seconds > kLongestRetryAfter) {
      Fail(ExitCode::kUnavailable, StrCat(failure->what, ", asks to wait ",
                                          reply.retry_after_seconds, " s - run it again then"));
    }
    if (attempt == config_.max_attempts) {
      Fail(ExitCode::kUnavailable, StrCat("gave up after ", attempt, " attempts, the last: ",
                                          failure->what, " - run it again when it is back"));
    }
    traffic_.CountFailure(failure->cause);
    Wait(std::max(reply.retry_after_seconds,
                  jitter.NextDouble() * BackoffLimit(config_.backoff_seconds, attempt)),
         options);
  }
}

std::optional<Json> OpenAiClient::TryAsk(const std::string& path, const Json& body) {
  const HttpReply reply = Send(path, body, {}, config_.timeout_seconds);
  if (reply.fault != HttpReply::Fault::kNone || reply.status != 200) return std::nullopt;
  Json parsed = Json::parse(reply.body, nullptr, false);
  if (parsed.is_discarded()) return std::nullopt;
  return parsed;
}

}  // namespace retort
