// Blocking HTTP through libcurl, whose headers appear in http_client.cc alone.
//
// A client belongs to one thread at a time. Each request has a connection of its own and is sent
// once. No redirect is followed, because a key must not travel to another host. A key is only ever
// written into the request's Authorization header: it has no operator<<, and Redact cuts it out of
// what a server says.
#pragma once

#include <functional>
#include <memory>
#include <string>

namespace retort {

/// The secret that an environment variable holds.
class ApiKey {
 public:
  /// No key when `variable` is "". Error(kUnavailable) naming the variable when it is unset or
  /// empty, or holds anything but printable ASCII.
  static ApiKey FromEnvironment(const std::string& variable);

  bool empty() const { return key_.empty(); }
  std::string AuthorizationHeader() const { return "Authorization: Bearer " + key_; }
  /// `text` with "***" for the key.
  std::string Redact(std::string text) const;

 private:
  std::string key_;
};

struct HttpRequest {
  std::string url;
  std::string body{};  // JSON to POST; "": GET
  double timeout_seconds = 60;
};

struct HttpReply {
  /// What kept the server from answering in full.
  enum class Fault { kNone, kNoConnection, kTimeout, kBroken, kCancelled };
  Fault fault = Fault::kNone;
  std::string problem{};  // libcurl's words, "" without a fault
  int status = 0;         // 200
  std::string body{};
  double retry_after_seconds = 0;  // of a Retry-After header, 0 if there is none
};

class HttpClient {
 public:
  /// Borrows `key`.
  explicit HttpClient(const ApiKey& key);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// Never throws for what a network does. `cancelled` is asked about once a second; true closes
  /// the connection, so that the server stops working on the answer. Answers over 256 MiB are
  /// broken.
  HttpReply Send(const HttpRequest& request, const std::function<bool()>& cancelled);

 private:
  struct Handle;
  std::unique_ptr<Handle> handle_;
};

}  // namespace retort
