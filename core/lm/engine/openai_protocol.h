// What goes over the wire to an OpenAI-compatible server and comes back: JSON to values and values
// to JSON, without a network. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"
#include "core/lm/engine/engine.h"
#include "core/lm/engine/openai.h"

namespace retort {

/// The body that asks for `n` completions of one prompt. Every sampling value is sent: servers have
/// defaults of their own (vLLM: 16 tokens, and whatever generation_config.json says).
Json CompletionBody(const ServerConfig& config, const Tokenizer& tokenizer,
                    const GenerateRequest& request, int n);

/// The body that asks for the log-probabilities of `ids` without sampling (vLLM's echo).
Json EchoBody(const ServerConfig& config, const std::vector<int32_t>& ids);

/// The text that a server encodes to `prompt_ids`, bos aside, which it adds itself. Special tokens
/// are spelled out. Inexact for tokenizers that drop a leading space when they decode.
std::string PromptText(const Tokenizer& tokenizer, std::span<const int32_t> prompt_ids);

/// One completion as the server tells it.
struct ServedChoice {
  std::string text;  // without the stop text
  std::optional<std::vector<int32_t>> ids;
  std::vector<float> log_probs;       // of the server's tokens
  std::vector<int32_t> log_prob_ids;  // their ids, where they come with one each
  bool length = false;                // ended by max_tokens
  bool stop_text = false;             // ended by a stop text, as far as the server says
};

struct ServedAnswer {
  std::vector<ServedChoice> choices;  // by index
  std::optional<int64_t> prompt_tokens;
  std::optional<int64_t> completion_tokens;
};

/// Error(kData) with the reason alone for anything but `n` whole choices.
ServedAnswer ParseAnswer(const Json& reply, int n);

/// The completion in the tokenizer's ids, ending in a stop id where the model ended its text: a
/// student must learn to stop. Error(kData) when ids and text do not belong to this tokenizer, or
/// when log-probabilities were asked for and are not there. Usage is left empty.
Completion ToCompletion(const ServedChoice& choice, const ServerConfig& config,
                        const Tokenizer& tokenizer, const SamplingParams& sampling);

/// Log-probabilities of the last `count` of the echoed prompt's tokens. Error(kData) with the
/// reason alone.
std::vector<float> ParseEcho(const Json& reply, size_t count);

/// What an error answer says, in one line of at most 300 bytes.
std::string ServerMessage(const std::string& body);

}  // namespace retort
