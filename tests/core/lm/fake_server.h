// An OpenAI-compatible server on a socket of its own, for tests: it answers by a function, in the
// manner of vLLM, of llama.cpp's server or of one that tells text alone, and breaks a share of its
// answers in every way a network and a server have. What goes wrong depends on the request and its
// attempt, never on time. Thread-safe.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/base/json.h"
#include "core/base/rng.h"
#include "core/base/strings.h"
#include "core/lm/tokenizer/tokenizer.h"

namespace retort::testing_server {

struct FakeServerOptions {
  enum class Manner { kVllm, kLlamaCpp, kTextOnly };
  Manner manner = Manner::kVllm;
  std::string model = "fake-7b";
  std::string key;        // asked for if not empty
  double fault_rate = 0;  // share of attempts that go wrong, equally in every way
  int first_fault = -1;   // way in which every request's first attempt goes wrong; -1: none
  /// Completion ids without the end of text, which follows where the length allows.
  std::function<std::vector<int32_t>(const std::vector<int32_t>& prompt, uint64_t seed)> script;
  /// Overrides every completion: {status, body}. Null: none.
  std::function<std::pair<int, std::string>(const Json& request)> refuse;
  double seconds_per_answer = 0;
};

class FakeServer {
 public:
  static constexpr int kFaults = 9;         // ways to go wrong
  static constexpr int kSlowDownFault = 5;  // 429 with Retry-After: 1

  /// `tokenizer` outlives the server.
  FakeServer(const Tokenizer& tokenizer, FakeServerOptions options)
      : tokenizer_(tokenizer), options_(std::move(options)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    socklen_t size = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    EXPECT_EQ(listen(listener_, 256), 0);
    acceptor_ = std::jthread([this] { Accept(); });
  }
  ~FakeServer() {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
      for (const int connection : open_) shutdown(connection, SHUT_RDWR);
    }
    closing_changed_.notify_all();
    shutdown(listener_, SHUT_RDWR);
    acceptor_ = {};
    connections_.clear();
    close(listener_);
  }
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  std::string url() const { return StrCat("http://127.0.0.1:", port_); }
  /// Completions asked for, whatever came of it.
  int64_t attempts() const { return Locked(attempts_); }
  /// Completions answered in full.
  int64_t answers() const { return Locked(answers_); }
  /// Whole answers that some request got beyond its first.
  int64_t repeated_answers() const {
    const std::lock_guard lock(mutex_);
    int64_t repeated = 0;
    for (const auto& [body, count] : answers_of_) repeated += count - 1;
    return repeated;
  }
  int most_at_once() const { return Locked(most_at_once_); }
  int64_t requests_of_any_kind() const { return Locked(any_); }
  /// Bodies of all completion requests, in order of arrival.
  std::vector<Json> requests() const { return Locked(requests_); }

 private:
  struct Request {
    std::string method, path, headers, body;
  };
  template <typename Value>
  Value Locked(const Value& value) const {
    const std::lock_guard lock(mutex_);
    return value;
  }

  void Accept() {
    for (;;) {
      const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (connection < 0) return;
      const std::lock_guard lock(mutex_);
      if (closing_) {
        close(connection);
        return;
      }
      open_.insert(connection);
      connections_.emplace_back([this, connection] { Serve(connection); });
    }
  }

  void Serve(int connection) {
    Request request;
    while (Read(connection, &request) && Answer(connection, request)) {
    }
    const std::lock_guard lock(mutex_);
    open_.erase(connection);
    close(connection);
  }

  static bool Read(int connection, Request* request) {
    std::string text;
    size_t end = std::string::npos;
    char bytes[65536];
    size_t wanted = 0;
    while (end == std::string::npos || text.size() < wanted) {
      const ssize_t count = recv(connection, bytes, sizeof bytes, 0);
      if (count <= 0) return false;
      text.append(bytes, static_cast<size_t>(count));
      end = text.find("\r\n\r\n");
      if (end == std::string::npos) continue;
      const size_t length = text.find("Content-Length: ");
      wanted = end + 4 + (length < end ? std::stoul(text.substr(length + 16)) : 0);
    }
    request->method = text.substr(0, text.find(' '));
    const size_t path = request->method.size() + 1;
    request->path = text.substr(path, text.find(' ', path) - path);
    request->headers = text.substr(0, end + 2);
    request->body = text.substr(end + 4);
    return true;
  }

  static void Send(int connection, const std::string& bytes) {
    for (size_t sent = 0; sent < bytes.size();) {
      const ssize_t count =
          send(connection, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (count <= 0) return;
      sent += static_cast<size_t>(count);
    }
  }
  static std::string Head(int status, size_t length, const std::string& more = "") {
    return StrCat("HTTP/1.1 ", status, " Status\r\nContent-Type: application/json\r\n", more,
                  "Content-Length: ", length, "\r\n\r\n");
  }
  static bool Reply(int connection, int status, const std::string& body,
                    const std::string& more = "") {
    Send(connection, Head(status, body.size(), more) + body);
    return true;
  }
  static bool Reset(int connection) {
    const linger now{.l_onoff = 1, .l_linger = 0};
    setsockopt(connection, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    return false;
  }

  /// False when the connection is to be closed.
  bool Answer(int connection, const Request& request) {
    {
      const std::lock_guard lock(mutex_);
      ++any_;
    }
    if (!options_.key.empty() && request.headers.find("Authorization: Bearer " + options_.key +
                                                      "\r\n") == std::string::npos) {
      // A careless server repeats what it was sent.
      const size_t sent = request.headers.find("Bearer ");
      const std::string said =
          sent == std::string::npos
              ? "no key"
              : request.headers.substr(sent, request.headers.find("\r\n", sent) - sent);
      return Reply(connection, 401, DumpJson({{"error", {{"message", "wrong key " + said}}}}));
    }
    if (request.path == "/v1/models") {
      return Reply(connection, 200, DumpJson({{"data", {{{"id", options_.model}}}}}));
    }
    if (request.path == "/tokenize" && options_.manner != FakeServerOptions::Manner::kTextOnly) {
      const Json asked = Json::parse(request.body);
      return Reply(
          connection, 200,
          DumpJson({{"tokens", tokenizer_.Encode(asked.at("content").get<std::string>())}}));
    }
    if (request.path != "/v1/completions") return Reply(connection, 404, "{}");
    return Complete(connection, request.body);
  }

  bool Complete(int connection, const std::string& body) {
    const Json request = Json::parse(body);
    int attempt = 0;
    {
      const std::lock_guard lock(mutex_);
      ++attempts_;
      attempt = ++attempts_of_[body];
      requests_.push_back(request);
      most_at_once_ = std::max(most_at_once_, ++at_once_);
    }
    return CompleteOnce(connection, request, body, attempt);
  }

  /// Before the answer leaves: its reader may ask again at once.
  void Done() {
    const std::lock_guard lock(mutex_);
    --at_once_;
  }

  bool CompleteOnce(int connection, const Json& request, const std::string& body, int attempt) {
    if (options_.refuse) {
      const auto [status, text] = options_.refuse(request);
      if (status != 0) {
        Done();
        return Reply(connection, status, text);
      }
    }
    if (attempt == 1 && options_.first_fault >= 0) {
      Done();
      return Break(connection, DumpJson(Respond(request)), options_.first_fault);
    }
    Rng rng = Rng::Derive({"fault", std::string_view(body), static_cast<uint64_t>(attempt)});
    if (rng.NextDouble() < options_.fault_rate) {
      Done();
      return Break(connection, DumpJson(Respond(request)),
                   static_cast<int>(rng.NextBelow(kFaults)));
    }
    Sleep(options_.seconds_per_answer);
    const std::string answer = DumpJson(Respond(request));
    {
      const std::lock_guard lock(mutex_);
      ++answers_;
      ++answers_of_[body];
    }
    Done();
    return Reply(connection, 200, answer);
  }

  bool Break(int connection, const std::string& answer, int kind) {
    const size_t half = answer.size() / 2;
    switch (kind) {
      case 0:
        return Reset(connection);
      case 1:
        Send(connection, Head(200, answer.size()) + answer.substr(0, half));
        return Reset(connection);
      case 2:
        Send(connection, Head(200, answer.size()) + answer.substr(0, half));
        return false;
      case 3:
        return Reply(connection, 200, answer.substr(0, half));
      case 4:
        return Reply(connection, 200, R"({"choices": [], "usage": {}})");
      case kSlowDownFault:
        return Reply(connection, 429, R"({"error": {"message": "slow down"}})",
                     "Retry-After: 1\r\n");
      case 6:
        return Reply(connection, 500, R"({"error": "out of memory"})");
      case 7:
        return Reply(connection, 503, "<html>Bad gateway</html>");
      default:
        Sleep(600);  // until the client has had enough, or this server ends
        return false;
    }
  }

  void Sleep(double seconds) {
    if (seconds <= 0) return;
    std::unique_lock lock(mutex_);
    closing_changed_.wait_for(lock, std::chrono::duration<double>(std::min(seconds, 3.0)),
                              [this] { return closing_; });
  }

  std::vector<int32_t> PromptIds(const Json& prompt) const {
    if (prompt.is_array()) return prompt.get<std::vector<int32_t>>();
    return EncodePrompt(tokenizer_, prompt.get<std::string>());
  }

  /// Greater or less by what a token is, never 0.
  static double LogProb(int32_t id) { return -0.25 - 0.125 * (id % 8); }

  Json Respond(const Json& request) const {
    const std::vector<int32_t> prompt = PromptIds(request.at("prompt"));
    if (request.value("echo", false)) return Echo(prompt);
    Json choices = Json::array();
    Json verbose;
    int64_t sampled = 0;
    const auto n = request.at("n").get<int>();
    for (int index = n - 1; index >= 0; --index) {  // backwards: only `index` tells which is which
      choices.push_back(Choice(request, prompt, index, &sampled, &verbose));
    }
    Json reply = {{"model", options_.model},
                  {"choices", choices},
                  {"usage", {{"prompt_tokens", prompt.size()}, {"completion_tokens", sampled}}}};
    if (options_.manner == FakeServerOptions::Manner::kLlamaCpp) reply["__verbose"] = verbose;
    return reply;
  }

  Json Choice(const Json& request, const std::vector<int32_t>& prompt, int index, int64_t* sampled,
              Json* verbose) const {
    std::vector<int32_t> ids =
        options_.script(prompt, request.at("seed").get<uint64_t>() + static_cast<uint64_t>(index));
    const auto longest = request.at("max_tokens").get<size_t>();
    const bool length = ids.size() >= longest;
    length ? ids.resize(longest) : ids.push_back(tokenizer_.Specials().eos);
    std::string text = tokenizer_.Decode(ids);
    bool stop_text = false;
    for (const Json& stop : request.value("stop", Json::array())) {
      const size_t at = text.find(stop.get<std::string>());
      if (at == std::string::npos) continue;
      text.resize(at);
      stop_text = true;
    }
    *sampled += static_cast<int64_t>(ids.size());
    Json values = Json::array(), content = Json::array();
    for (const int32_t id : ids) {
      values.push_back(LogProb(id));
      content.push_back({{"id", id}, {"logprob", LogProb(id)}});
    }
    Json choice = {{"index", index},
                   {"text", text},
                   {"finish_reason", length && !stop_text ? "length" : "stop"}};
    if (options_.manner == FakeServerOptions::Manner::kLlamaCpp) {
      choice["logprobs"] = {{"content", content}};
      *verbose = {{"tokens", ids}, {"stop_type", stop_text ? "word" : length ? "limit" : "eos"}};
    } else {
      choice["logprobs"] = {{"token_logprobs", values}};
    }
    if (options_.manner == FakeServerOptions::Manner::kVllm) {
      choice["token_ids"] = ids;
      if (stop_text) choice["stop_reason"] = "stop";
    }
    return choice;
  }

  static Json Echo(const std::vector<int32_t>& prompt) {
    Json values = Json::array({nullptr});
    for (size_t i = 1; i < prompt.size(); ++i) values.push_back(LogProb(prompt[i]));
    return {
        {"choices", {{{"index", 0}, {"text", ""}, {"logprobs", {{"token_logprobs", values}}}}}}};
  }

  const Tokenizer& tokenizer_;
  const FakeServerOptions options_;
  int listener_ = -1;
  int port_ = 0;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable closing_changed_;
  bool closing_ = false;
  std::set<int> open_;
  int64_t any_ = 0, attempts_ = 0, answers_ = 0;
  int at_once_ = 0, most_at_once_ = 0;
  std::map<std::string, int> attempts_of_, answers_of_;
  std::vector<Json> requests_;
  std::vector<std::jthread> connections_;
  std::jthread acceptor_;
};

}  // namespace retort::testing_server
