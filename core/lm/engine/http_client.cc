#include "core/lm/engine/http_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <cstdlib>

#include "core/base/error.h"

namespace retort {
namespace {

constexpr size_t kMaxBodyBytes = size_t{256} << 20;
constexpr long kConnectSeconds = 10;

/// libcurl wants to be initialised once, before the first handle.
void InitCurl() {
  static const CURLcode status = curl_global_init(CURL_GLOBAL_DEFAULT);
  RETORT_CHECK(status == CURLE_OK, "curl_global_init: ", curl_easy_strerror(status));
}

size_t Receive(const char* bytes, size_t size, size_t count, void* body) {
  auto& text = *static_cast<std::string*>(body);
  if (text.size() + size * count > kMaxBodyBytes) return 0;  // libcurl then ends the transfer
  text.append(bytes, size * count);
  return size * count;
}

int AskCancelled(void* cancelled, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return (*static_cast<const std::function<bool()>*>(cancelled))() ? 1 : 0;
}

HttpReply::Fault FaultOf(CURLcode code) {
  switch (code) {
    case CURLE_OK:
      return HttpReply::Fault::kNone;
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PEER_FAILED_VERIFICATION:
      return HttpReply::Fault::kNoConnection;
    case CURLE_OPERATION_TIMEDOUT:
      return HttpReply::Fault::kTimeout;
    case CURLE_ABORTED_BY_CALLBACK:
      return HttpReply::Fault::kCancelled;
    default:
      return HttpReply::Fault::kBroken;
  }
}

}  // namespace

ApiKey ApiKey::FromEnvironment(const std::string& variable) {
  ApiKey key;
  if (variable.empty()) return key;
  const char* value = std::getenv(variable.c_str());
  if (value == nullptr || *value == '\0') {
    throw Error(ExitCode::kUnavailable,
                StrCat("server.api_key_env: the environment variable ", variable,
                       " is not set - export the server's key in it"));
  }
  key.key_ = value;
  // Anything else could end the header line and begin another.
  if (!std::ranges::all_of(key.key_, [](char c) { return c > ' ' && c <= '~'; })) {
    throw Error(ExitCode::kUnavailable,
                StrCat("server.api_key_env: the environment variable ", variable,
                       " holds more than one word of printable ASCII - export the key alone"));
  }
  return key;
}

std::string ApiKey::Redact(std::string text) const {
  if (key_.empty()) return text;
  for (size_t at = text.find(key_); at != std::string::npos; at = text.find(key_, at)) {
    text.replace(at, key_.size(), "***");
    at += 3;
  }
  return text;
}

struct HttpClient::Handle {
  explicit Handle(const ApiKey& key) : curl(curl_easy_init()) {
    RETORT_CHECK(curl != nullptr, "curl_easy_init");
    Add("Content-Type: application/json");
    // On a connection it has used before, libcurl sends a request twice if the first one gets no
    // answer: nobody would have counted that.
    curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
    Add("Connection: close");
    Add("Expect:");  // or libcurl waits a second for "100 Continue" before a long prompt
    if (!key.empty()) Add(key.AuthorizationHeader());
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, AskCancelled);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, Receive);
  }
  ~Handle() {
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  void Add(const std::string& header) {
    curl_slist* longer = curl_slist_append(headers, header.c_str());
    RETORT_CHECK(longer != nullptr, "curl_slist_append");
    headers = longer;
  }

  CURL* curl;
  curl_slist* headers = nullptr;
};

HttpClient::HttpClient(const ApiKey& key) {
  InitCurl();
  handle_ = std::make_unique<Handle>(key);
}

HttpClient::~HttpClient() = default;

HttpReply HttpClient::Send(const HttpRequest& request, const std::function<bool()>& cancelled) {
  CURL* curl = handle_->curl;
  HttpReply reply;
  char problem[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, problem);
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout_seconds * 1000));
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &cancelled);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &reply.body);
  if (request.body.empty()) {
    curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
  } else {
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.c_str());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
  }
  const CURLcode code = curl_easy_perform(curl);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, nullptr);
  reply.fault = FaultOf(code);
  curl_off_t connected_us = 0;
  curl_easy_getinfo(curl, CURLINFO_CONNECT_TIME_T, &connected_us);
  if (reply.fault == HttpReply::Fault::kTimeout && connected_us == 0) {
    reply.fault = HttpReply::Fault::kNoConnection;
  }
  if (code != CURLE_OK) reply.problem = *problem != '\0' ? problem : curl_easy_strerror(code);
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  reply.status = static_cast<int>(status);
  curl_off_t retry_after = 0;
  curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_after);
  reply.retry_after_seconds = static_cast<double>(retry_after);
  return reply;
}

}  // namespace retort
