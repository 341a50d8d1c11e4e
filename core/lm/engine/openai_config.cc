#include "core/base/hash.h"
#include "core/lm/engine/openai.h"

namespace retort {
namespace {

void CheckUrl(ConfigSection& section, const std::string& url) {
  const bool http = url.rfind("http://", 0) == 0 || url.rfind("https://", 0) == 0;
  const size_t host = url.find("//") + 2;
  if (!http || url.size() <= host) {
    section.Fail("url", "expected http://HOST:PORT or https://HOST of an OpenAI-compatible server");
  } else if (url.substr(host, url.find('/', host) - host).find('@') != std::string::npos) {
    section.Fail("url",
                 "no secrets in the file: export the key and name its variable as api_key_env");
  } else if (url.find_first_of("?# ") != std::string::npos) {
    section.Fail("url", "expected no query, fragment or space");
  }
}

}  // namespace

ServerConfig ServerConfig::FromConfig(ConfigSection section) {
  ServerConfig config;
  section.String("url", &config.url);
  CheckUrl(section, config.url);
  section.String("model", &config.model);
  if (config.model.empty()) {
    section.Fail("model", "missing: the name under which the server lists the model (/v1/models)");
  }
  section.String("api_key_env", &config.api_key_env);
  section.Choice("prompt", &config.prompt, {"ids", "text"});
  section.Bool("log_probs", &config.log_probs);
  section.Choice("score", &config.score, {"none", "echo"});
  if (config.score == "echo" && !config.log_probs) {
    section.Fail("score", "echo needs log_probs: true");
  }
  section.Int("samples_per_request", &config.samples_per_request, {.min = 1, .max = 1024});
  section.Int("concurrency", &config.concurrency, {.min = 1, .max = 1024});
  section.Float("timeout_seconds", &config.timeout_seconds, {.min = 0.1, .max = 86400});
  section.Int("max_attempts", &config.max_attempts, {.min = 1, .max = 1000});
  section.Float("backoff_seconds", &config.backoff_seconds, {.min = 0, .max = 30});
  ConfigSection price = section.Section("price");
  price.Float("input_per_million", &config.price.input_per_million, {.min = 0});
  price.Float("output_per_million", &config.price.output_per_million, {.min = 0});
  return config;
}

std::string ServedModelSha256(const ServerConfig& config) {
  return Sha256("served " + config.model);
}

}  // namespace retort
