// A teacher served elsewhere, through the OpenAI-compatible /v1/completions of vLLM, SGLang or
// llama.cpp's server. Torch-free.
//
// Prompts travel as token ids where the server takes them. Completions come back as the server's
// own ids where it names them (vLLM: return_token_ids; llama.cpp: return_tokens), otherwise as text
// that the tokenizer encodes anew; that is inexact where the model sampled another spelling of the
// same text, and every token of such a completion carries an equal share of the server's total
// log-probability. A seed derived from the row key goes with every request, but no server promises
// equal answers: what is reproducible begins at the journal.
#pragma once

#include <memory>
#include <string>

#include "core/base/config.h"
#include "core/lm/engine/engine.h"
#include "core/lm/tokenizer/tokenizer.h"

namespace retort {

/// Money for a million tokens by the server's own count.
struct TokenPrice {
  double input_per_million = 0;
  double output_per_million = 0;
};

struct ServerConfig {
  std::string url;               // http://host:8000, with or without /v1
  std::string model;             // as the server lists it; with the tokenizer, its identity
  std::string api_key_env;       // environment variable that holds the key; "": no key
  std::string prompt = "ids";    // ids | text, for servers that take no ids
  bool log_probs = true;         // false for servers that give none; they are 0 then
  std::string score = "none";    // none | echo: how Score is answered (vLLM: echo)
  int samples_per_request = 1;   // rows of one prompt asked for at once, with one seed
  int concurrency = 16;          // requests in flight
  double timeout_seconds = 600;  // for one whole answer
  int max_attempts = 10;         // of one request
  double backoff_seconds =
      0.5;  // longest first wait; it doubles up to 30 s, or as Retry-After says
  TokenPrice price;

  static ServerConfig FromConfig(ConfigSection section);
};

/// SHA-256 that stands for the weights, which nobody here can see: of the model's name.
std::string ServedModelSha256(const ServerConfig& config);

/// `tokenizer` must outlive the engine. Reaches for the server at the first request, then throws
/// what CheckServer throws; later Error(kUnavailable) once a request has used up its attempts,
/// Error(kData) for a prompt longer than the model's context or an answer in other tokens, and what
/// ThrowIfStopRequested throws as soon as a stop is requested. Owns `concurrency` threads.
/// Error(kUnavailable) when the key is missing.
std::unique_ptr<Engine> MakeOpenAiEngine(const ServerConfig& config, const Tokenizer& tokenizer);

/// Asks, without sampling a token, whether the server is there, takes the key, serves the model and
/// (where it has /tokenize) cuts text as `tokenizer` does. Error(kUnavailable or kData) in one
/// line.
void CheckServer(const ServerConfig& config, const Tokenizer& tokenizer);

}  // namespace retort
