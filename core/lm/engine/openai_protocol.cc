#include "core/lm/engine/openai_protocol.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <numeric>

#include "core/base/error.h"

namespace retort {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr size_t kMessageBytes = 300;

[[noreturn]] void Bad(const std::string& why) { throw Error(ExitCode::kData, why); }

/// `object[key]` unless it is missing or null.
const Json* Find(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

int32_t IdOf(const Json& value) {
  if (!value.is_number_integer() || value < 0 || value > INT32_MAX) Bad("a token id is no number");
  return value.get<int32_t>();
}

/// A server that has no finite value says -inf as null or as the lowest float.
float LogProbOf(const Json& value) {
  if (!value.is_number()) Bad("a log-probability is no number");
  const auto log_prob = value.get<double>();
  if (std::isnan(log_prob) || log_prob > 1e-3) Bad("a log-probability is above 0");
  return static_cast<float>(std::max(log_prob, -1e4));
}

std::vector<int32_t> IdsOf(const Json& values) {
  if (!values.is_array()) Bad("token ids are no list");
  std::vector<int32_t> ids;
  for (const Json& value : values) ids.push_back(IdOf(value));
  return ids;
}

/// OpenAI and vLLM: {"token_logprobs":[...]}. llama.cpp: {"content":[{"id","logprob"}]}.
void ReadLogProbs(const Json& choice, ServedChoice* result) {
  const Json* log_probs = Find(choice, "logprobs");
  if (log_probs == nullptr) return;
  if (const Json* values = Find(*log_probs, "token_logprobs"); values && values->is_array()) {
    for (const Json& value : *values) result->log_probs.push_back(LogProbOf(value));
  }
  if (const Json* tokens = Find(*log_probs, "content"); tokens && tokens->is_array()) {
    for (const Json& token : *tokens) {
      const Json* value = Find(token, "logprob");
      const Json* id = Find(token, "id");
      if (value == nullptr || id == nullptr) Bad("logprobs.content lacks ids or values");
      result->log_probs.push_back(LogProbOf(*value));
      result->log_prob_ids.push_back(IdOf(*id));
    }
  }
}

ServedChoice ReadChoice(const Json& choice) {
  ServedChoice result;
  const Json* text = Find(choice, "text");
  if (text == nullptr || !text->is_string()) Bad("a choice without text");
  result.text = text->get<std::string>();
  const Json* finish = Find(choice, "finish_reason");
  if (finish == nullptr || (*finish != "stop" && *finish != "length")) {
    Bad(StrCat("finish_reason ", finish ? DumpJson(*finish) : "missing"));
  }
  result.length = *finish == "length";
  const Json* reason = Find(choice, "stop_reason");
  result.stop_text = reason != nullptr && reason->is_string();
  if (const Json* ids = Find(choice, "token_ids")) result.ids = IdsOf(*ids);
  ReadLogProbs(choice, &result);
  return result;
}

std::optional<int64_t> Count(const Json& reply, const char* key) {
  const Json* usage = Find(reply, "usage");
  const Json* value = usage ? Find(*usage, key) : nullptr;
  if (value == nullptr || !value->is_number_integer() || *value < 0) return std::nullopt;
  return value->get<int64_t>();
}

/// llama.cpp's server tells ids and the kind of stop only beside the choices, and of one of them.
void ReadVerbose(const Json& reply, ServedChoice* only) {
  const Json* verbose = Find(reply, "__verbose");
  if (verbose == nullptr) return;
  if (const Json* tokens = Find(*verbose, "tokens"); tokens && !tokens->empty()) {
    only->ids = IdsOf(*tokens);
  }
  const Json* stop = Find(*verbose, "stop_type");
  only->stop_text = stop != nullptr && *stop == "word";
}

/// White space aside, because servers differ in what they strip; up to the first U+FFFD of either,
/// where a character is cut in half.
bool SameText(std::string_view a, std::string_view b) {
  const auto packed = [](std::string_view text) {
    std::string kept(text.substr(0, text.find(kReplacement)));
    std::erase_if(kept, [](unsigned char c) { return std::isspace(c) != 0; });
    return kept;
  };
  const std::string first = packed(a), second = packed(b);
  const size_t shared = std::min(first.size(), second.size());
  return first.compare(0, shared, second, 0, shared) == 0;
}

void CheckIds(const std::vector<int32_t>& ids, const std::string& text,
              const Tokenizer& tokenizer) {
  const auto outside =
      std::ranges::find_if(ids, [&](int32_t id) { return id >= tokenizer.VocabSize(); });
  if (outside != ids.end()) {
    Bad(StrCat("the server answers with token ", *outside, " and `tokenizer` has ",
               tokenizer.VocabSize(), " - set it to the folder of the served model"));
  }
  if (!SameText(tokenizer.Decode(ids), text)) {
    Bad(StrCat("the server's text \"", text.substr(0, 40), "\" is \"",
               tokenizer.Decode(ids).substr(0, 40),
               "\" by `tokenizer` - set it to the folder of the served model"));
  }
}

/// `log_probs` of `ids`. llama.cpp's server leaves out tokens that end inside a character and those
/// of a stop text: they count 0.
std::vector<float> Aligned(const ServedChoice& choice, const std::vector<int32_t>& ids) {
  std::vector<float> aligned(ids.size(), 0.0F);
  size_t next = 0;
  for (size_t i = 0; i < ids.size() && next < choice.log_prob_ids.size(); ++i) {
    if (ids[i] == choice.log_prob_ids[next]) aligned[i] = choice.log_probs[next++];
  }
  return aligned;
}

std::vector<float> LogProbs(const ServedChoice& choice, const std::vector<int32_t>& ids) {
  if (choice.log_probs.empty() && !ids.empty() && !choice.stop_text) {
    Bad("the server gives no log-probabilities - set server.log_probs: false to do without");
  }
  if (choice.ids && !choice.log_prob_ids.empty()) return Aligned(choice, ids);
  if (choice.log_probs.size() == ids.size()) return choice.log_probs;
  const double total = std::accumulate(choice.log_probs.begin(), choice.log_probs.end(), 0.0);
  return std::vector<float>(ids.size(),
                            static_cast<float>(total / static_cast<double>(ids.size())));
}

/// Whether the ids beside the log-probabilities are the whole completion.
bool NamesEveryToken(const ServedChoice& choice, const Tokenizer& tokenizer) {
  const auto& ids = choice.log_prob_ids;
  const bool inside =
      std::ranges::all_of(ids, [&](int32_t id) { return id < tokenizer.VocabSize(); });
  return !ids.empty() && inside && tokenizer.Decode(ids) == choice.text;
}

bool IsEndMarker(const Tokenizer& tokenizer, int32_t id) {
  return tokenizer.Decode(std::vector{id}).empty() && tokenizer.Piece(id).starts_with('<');
}

/// Ends `completion` in a stop id. A model may have ended its text by another token than ours
/// (<|im_end|> for <|endoftext|>), or the server may not tell the token at all.
void EndByStopId(const Tokenizer& tokenizer, const SamplingParams& sampling,
                 Completion* completion) {
  auto& ids = completion->token_ids;
  completion->finish = FinishReason::kStopId;
  if (sampling.stop_ids.empty()) return;
  const auto& stops = sampling.stop_ids;
  if (!ids.empty() && std::ranges::find(stops, ids.back()) != stops.end()) return;
  if (!ids.empty() && IsEndMarker(tokenizer, ids.back())) {
    ids.back() = stops.front();
    return;
  }
  ids.push_back(stops.front());
  completion->log_probs.push_back(0);
}

}  // namespace

std::string PromptText(const Tokenizer& tokenizer, std::span<const int32_t> prompt_ids) {
  if (!prompt_ids.empty() && prompt_ids.front() == tokenizer.Specials().bos) {
    prompt_ids = prompt_ids.subspan(1);
  }
  std::string text;
  std::vector<int32_t> plain;
  const auto flush = [&] {
    text += tokenizer.Decode(plain);
    plain.clear();
  };
  for (const int32_t id : prompt_ids) {
    if (!IsEndMarker(tokenizer, id)) {
      plain.push_back(id);
      continue;
    }
    flush();
    text += tokenizer.Piece(id);
  }
  flush();
  return text;
}

Json CompletionBody(const ServerConfig& config, const Tokenizer& tokenizer,
                    const GenerateRequest& request, int n) {
  const SamplingParams& sampling = request.sampling;
  Json body = {{"model", config.model},
               {"n", n},
               {"max_tokens", sampling.max_new_tokens},
               {"temperature", sampling.temperature},
               {"top_p", sampling.top_p},
               {"top_k", sampling.top_k == 0 ? -1 : sampling.top_k},
               {"min_p", sampling.min_p},
               {"repetition_penalty", 1.0},
               {"presence_penalty", 0.0},
               {"frequency_penalty", 0.0},
               // Signed 32 bits are what every server takes.
               {"seed", Rng(request.row_key).NextU32() & 0x7fffffffU},
               {"stream", false},
               {"return_token_ids", true},  // vLLM
               {"return_tokens", true},     // llama.cpp, together with
               {"verbose", true}};
  if (config.prompt == "ids") {
    body["prompt"] = request.prompt_ids;
  } else {
    body["prompt"] = PromptText(tokenizer, request.prompt_ids);
  }
  if (!sampling.stop_texts.empty()) body["stop"] = sampling.stop_texts;
  if (!sampling.stop_ids.empty()) body["stop_token_ids"] = sampling.stop_ids;
  if (config.log_probs) body["logprobs"] = 1;
  return body;
}

Json EchoBody(const ServerConfig& config, const std::vector<int32_t>& ids) {
  return {{"model", config.model}, {"prompt", ids}, {"max_tokens", 0}, {"temperature", 0},
          {"echo", true},          {"logprobs", 1}, {"n", 1},          {"stream", false}};
}

ServedAnswer ParseAnswer(const Json& reply, int n) {
  const Json* choices = Find(reply, "choices");
  if (choices == nullptr || !choices->is_array()) {
    Bad(StrCat("an answer without choices: ", ServerMessage(DumpJson(reply))));
  }
  if (choices->size() != static_cast<size_t>(n)) {
    Bad(StrCat("asked for ", n, " completions, got ", choices->size()));
  }
  std::vector<std::optional<ServedChoice>> by_index(choices->size());
  for (const Json& choice : *choices) {
    const Json* index = Find(choice, "index");
    if (index == nullptr || !index->is_number_integer() || *index < 0 || *index >= n) {
      Bad("a choice without a valid index");
    }
    std::optional<ServedChoice>& place = by_index[index->get<size_t>()];
    if (place) Bad("two choices with one index");
    place = ReadChoice(choice);
  }
  ServedAnswer answer{.choices = {},
                      .prompt_tokens = Count(reply, "prompt_tokens"),
                      .completion_tokens = Count(reply, "completion_tokens")};
  for (auto& choice : by_index) answer.choices.push_back(*std::move(choice));
  if (n == 1) ReadVerbose(reply, &answer.choices.front());
  return answer;
}

Completion ToCompletion(const ServedChoice& choice, const ServerConfig& config,
                        const Tokenizer& tokenizer, const SamplingParams& sampling) {
  Completion completion;
  if (choice.ids) {
    CheckIds(*choice.ids, choice.text, tokenizer);
    completion.token_ids = *choice.ids;
  } else if (NamesEveryToken(choice, tokenizer)) {
    completion.token_ids = choice.log_prob_ids;
  } else {
    completion.token_ids = tokenizer.Encode(choice.text);
  }
  if (config.log_probs) {
    completion.log_probs = LogProbs(choice, completion.token_ids);
  } else {
    completion.log_probs.assign(completion.token_ids.size(), 0.0F);
  }
  completion.finish = choice.length ? FinishReason::kLength : FinishReason::kStopText;
  if (!choice.length && !choice.stop_text) EndByStopId(tokenizer, sampling, &completion);
  if (completion.token_ids.empty() && choice.length) Bad("an empty completion of full length");
  return completion;
}

std::vector<float> ParseEcho(const Json& reply, size_t count) {
  const Json* choices = Find(reply, "choices");
  if (choices == nullptr || !choices->is_array() || choices->size() != 1) {
    Bad("an echo without one choice");
  }
  const Json* log_probs = Find(choices->front(), "logprobs");
  const Json* values = log_probs ? Find(*log_probs, "token_logprobs") : nullptr;
  if (values == nullptr || !values->is_array() || values->size() < count) {
    Bad("the server echoes no log-probabilities - set server.score: none");
  }
  std::vector<float> result;
  for (size_t i = values->size() - count; i < values->size(); ++i) {
    result.push_back(LogProbOf((*values)[i]));
  }
  return result;
}

std::string ServerMessage(const std::string& body) {
  std::string message = body;
  const Json reply = Json::parse(body, nullptr, false);
  for (const Json* place = reply.is_discarded() ? nullptr : &reply; place != nullptr;) {
    const Json* inner = Find(*place, "error");
    if (inner == nullptr) inner = Find(*place, "message");
    if (inner == nullptr) inner = Find(*place, "detail");
    if (inner != nullptr && inner->is_string()) message = inner->get<std::string>();
    place = inner;
  }
  std::ranges::replace_if(
      message, [](unsigned char c) { return c < ' ' || c == 127; }, ' ');
  if (message.size() > kMessageBytes) {
    message.resize(kMessageBytes);
    message += "...";
  }
  return message;
}

}  // namespace retort
