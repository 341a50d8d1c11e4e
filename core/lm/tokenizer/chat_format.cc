#include "core/lm/tokenizer/chat_format.h"

#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/base/strings.h"
#include "core/lm/tokenizer/unicode.h"

namespace retort {
namespace {

struct ChatFormat {
  std::string_view name;
  // The whole prompt; placeholders are filled in, trimmed if they say so.
  std::string_view with_system;
  std::string_view without_system;
  std::string_view end_of_turn;
  std::string_view turn{};  // the token that begins each, if it is one
};

constexpr ChatFormat kFormats[] = {
    {.name = "chatml",
     .with_system = "<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{user}<|im_end|>\n"
                    "<|im_start|>assistant\n",
     .without_system = "<|im_start|>user\n{user}<|im_end|>\n<|im_start|>assistant\n",
     .end_of_turn = "<|im_end|>",
     .turn = "<|im_start|>"},
    {.name = "llama3",
     .with_system = "{bos}<|start_header_id|>system<|end_header_id|>\n\n{system|trim}<|eot_id|>"
                    "<|start_header_id|>user<|end_header_id|>\n\n{user|trim}<|eot_id|>"
                    "<|start_header_id|>assistant<|end_header_id|>\n\n",
     .without_system = "{bos}<|start_header_id|>user<|end_header_id|>\n\n{user|trim}<|eot_id|>"
                       "<|start_header_id|>assistant<|end_header_id|>\n\n",
     .end_of_turn = "<|eot_id|>",
     .turn = "<|start_header_id|>"},
    {.name = "llama3.1",
     .with_system = "{bos}<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: "
                    "December 2023\nToday Date: 26 Jul 2024\n\n{system|trim}<|eot_id|>"
                    "<|start_header_id|>user<|end_header_id|>\n\n{user|trim}<|eot_id|>"
                    "<|start_header_id|>assistant<|end_header_id|>\n\n",
     .without_system = "{bos}<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: "
                       "December 2023\nToday Date: 26 Jul 2024\n\n<|eot_id|>"
                       "<|start_header_id|>user<|end_header_id|>\n\n{user|trim}<|eot_id|>"
                       "<|start_header_id|>assistant<|end_header_id|>\n\n",
     .end_of_turn = "<|eot_id|>",
     .turn = "<|start_header_id|>"},
    {.name = "gemma",
     .with_system = "{bos}<start_of_turn>user\n{system}\n\n{user|trim}<end_of_turn>\n"
                    "<start_of_turn>model\n",
     .without_system = "{bos}<start_of_turn>user\n{user|trim}<end_of_turn>\n<start_of_turn>model\n",
     .end_of_turn = "<end_of_turn>",
     .turn = "<start_of_turn>"},
    {.name = "llama2",
     .with_system = "{bos}[INST] <<SYS>>\n{system}\n<</SYS>>\n\n{user|trim end} [/INST]",
     .without_system = "{bos}[INST] {user|trim} [/INST]",
     .end_of_turn = "{eos}"},
    {.name = "zephyr",
     .with_system = "<|system|>\n{system}{eos}\n<|user|>\n{user}{eos}\n<|assistant|>\n",
     .without_system = "<|user|>\n{user}{eos}\n<|assistant|>\n",
     .end_of_turn = "{eos}"}};

const ChatFormat& FormatOf(const Chat& chat) {
  for (const ChatFormat& format : kFormats) {
    if (format.name == chat.format) return format;
  }
  throw Error(ExitCode::kInternal, StrCat("no chat format ", chat.format));
}

std::string ReplaceAll(std::string_view text, std::string_view pattern, std::string_view content) {
  std::string replaced;
  for (size_t at = 0; (at = text.find(pattern)) != std::string_view::npos;) {
    replaced.append(text.substr(0, at)).append(content);
    text.remove_prefix(at + pattern.size());
  }
  return replaced.append(text);
}

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// Whether a string literal of the template ends in `part`.
bool LiteralEndsIn(std::string_view text, std::string_view part) {
  for (size_t at = 0; (at = text.find(part, at)) != std::string_view::npos; ++at) {
    const std::string_view rest = text.substr(at + part.size(), 1);
    if (rest == "'" || rest == "\"" || rest == "{") return true;
  }
  return false;
}

/// The static text that the template puts between `begin` and `end` somewhere, "" if it computes
/// what stands there; nullopt for two texts, or one that takes more than unescaping backslashes.
std::optional<std::string> StaticTextBetween(std::string_view text, std::string_view begin,
                                             std::string_view end) {
  std::string found;
  for (size_t at = 0; (at = text.find(begin, at)) != std::string_view::npos;) {
    const bool quoted = at > 0 && (text[at - 1] == '\'' || text[at - 1] == '"');
    at += begin.size();
    const std::string_view rest = text.substr(at);
    if (rest.find_first_of("'\"") == 0 || rest.starts_with("{{") || rest.starts_with("{%"))
      continue;
    std::string spelled(rest.substr(0, rest.find(end)));
    if (spelled.size() == rest.size() || spelled.find_first_of("'\"") != std::string::npos ||
        Contains(spelled, "{{") || Contains(spelled, "{%")) {
      return std::nullopt;
    }
    if (quoted) {
      spelled = ReplaceAll(spelled, "\\\\", "\x01");
      if (Contains(spelled, "\\")) return std::nullopt;  // some other escape
      spelled = ReplaceAll(spelled, "\x01", "\\");
    }
    if (!found.empty() && found != spelled) return std::nullopt;
    found = spelled;
  }
  return found;
}

/// A template as it is spelled, for what its literals put out, and as code without any blanks.
struct Template {
  std::string text;
  std::string code;
};

Template ReadTemplate(std::string_view chat_template) {
  Template read{.text = ReplaceAll(chat_template, "\\n", "\n"), .code = ""};
  for (const char c : read.text) {
    if (c != ' ' && c != '\n') read.code += c == '"' ? '\'' : c;
  }
  return read;
}

bool TrimsContent(const Template& t) {
  return Contains(t.code, "content']|trim") || Contains(t.code, "content|trim") ||
         Contains(t.code, "content'].strip()") || Contains(t.code, "content.strip()");
}

/// Whether the prompt ends in `reply`, and in an empty thought only for who asks for it.
bool EndsIn(const Template& t, std::string_view reply) {
  if (!LiteralEndsIn(t.text, reply)) return false;
  const std::string_view rest = std::string_view(t.text).substr(t.text.rfind(reply));
  if (!Contains(rest, "think")) return true;
  return Contains(rest, "enable_thinking is false") && !Contains(rest, "else");
}

/// Whether a variable gets a text of its own, such as a default system text.
bool AssignsText(const Template& t) {
  constexpr size_t kShortBytes = 8;
  for (size_t at = 0; (at = t.code.find("set", at)) != std::string::npos; ++at) {
    const size_t quote = t.code.find('\'', at), end = t.code.find('%', at);
    if (quote > end || quote == 0 || t.code[quote - 1] != '=') continue;
    if (t.code.find('\'', quote + 1) - quote > kShortBytes) return true;
  }
  return false;
}

std::optional<Chat> RecognizeChatml(const Template& t) {
  const bool same = EndsIn(t, "<|im_start|>assistant\n") && !TrimsContent(t) &&
                    (Contains(t.text, "<|im_end|>\n") || Contains(t.code, "'<|im_end|>'+''")) &&
                    !Contains(t.code, "bos_token") && !Contains(t.code, "strftime_now") &&
                    !AssignsText(t);
  const auto system = StaticTextBetween(t.text, "<|im_start|>system\n", "<|im_end|>");
  if (!same || !system) return std::nullopt;
  return Chat{.format = "chatml", .system = *system};
}

std::optional<Chat> RecognizeLlama3(const Template& t) {
  const bool same = EndsIn(t, "<|start_header_id|>assistant<|end_header_id|>\n\n") &&
                    TrimsContent(t) && Contains(t.code, "bos_token");
  if (!same) return std::nullopt;
  if (Contains(t.text, "Cutting Knowledge Date: December 2023") &&
      Contains(t.code, "setdate_string='26Jul2024'")) {
    return Chat{.format = "llama3.1"};
  }
  // A system block of its own, of whatever content.
  if (Contains(t.text, "<|start_header_id|>system") || Contains(t.code, "functions")) {
    return std::nullopt;
  }
  return Chat{.format = "llama3"};
}

std::optional<Chat> RecognizeGemma(const Template& t) {
  const bool same =
      EndsIn(t, "<start_of_turn>model\n") && TrimsContent(t) && Contains(t.code, "{{bos_token}}");
  return same ? std::optional<Chat>({.format = "gemma"}) : std::nullopt;
}

std::optional<Chat> RecognizeLlama2(const Template& t) {
  const bool same = Contains(t.code, "bos_token+'[INST]'+content") && TrimsContent(t) &&
                    Contains(t.code, "setsystem_message=false") && Contains(t.code, "<<SYS>>");
  return same ? std::optional<Chat>({.format = "llama2"}) : std::nullopt;
}

std::optional<Chat> RecognizeZephyr(const Template& t) {
  const bool same = Contains(t.code, "'<|user|>'+message['content']+eos_token") &&
                    Contains(t.text, "{{ '<|assistant|>' }}\n") && !TrimsContent(t) &&
                    !Contains(t.code, "bos_token");
  return same ? std::optional<Chat>({.format = "zephyr"}) : std::nullopt;
}

/// Without white space at its ends.
std::string_view Trimmed(std::string_view text) {
  size_t begin = 0, end = 0;  // of what is no white space
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = FirstCodePoint(text.substr(at));
    const bool blank = IsBlank(point.value);
    if (blank && end == 0) begin = at + point.size_bytes;
    at += point.size_bytes;
    if (!blank) end = at;
  }
  return end == 0 ? text.substr(0, 0) : text.substr(begin, end - begin);
}

std::string_view TrimmedEnd(std::string_view text) {
  const std::string_view trimmed = Trimmed(text);
  return {text.data(), static_cast<size_t>(trimmed.data() + trimmed.size() - text.data())};
}

struct Placeholder {
  std::string_view spelling;
  std::string_view value;
};

/// Fills in placeholders; values that look like one stay as they are.
std::string Fill(std::string_view pattern, const std::vector<Placeholder>& placeholders) {
  std::string filled;
  while (!pattern.empty()) {
    const auto it =
        std::find_if(placeholders.begin(), placeholders.end(),
                     [pattern](const Placeholder& p) { return pattern.starts_with(p.spelling); });
    const bool found = it != placeholders.end();
    filled += found ? it->value : pattern.substr(0, 1);
    pattern.remove_prefix(found ? it->spelling.size() : 1);
  }
  return filled;
}

class ChatTokenizer final : public Tokenizer {
 public:
  ChatTokenizer(std::unique_ptr<Tokenizer> base, Chat chat)
      : base_(std::move(base)), chat_(std::move(chat)), specials_(base_->Specials()) {
    const ChatFormat& format = FormatOf(chat_);
    bos_ = SpellingOf(specials_.bos);
    eos_ = SpellingOf(specials_.eos);
    specials_.adds_bos = false;  // the format spells it
    if (Contains(format.with_system, "{bos}")) TokenOf(bos_);
    if (!format.turn.empty()) TokenOf(std::string(format.turn));
    specials_.eos = TokenOf(Fill(format.end_of_turn, {{"{eos}", eos_}}));
  }

  std::vector<int32_t> Encode(std::string_view text) const override { return base_->Encode(text); }
  std::string Decode(std::span<const int32_t> ids) const override { return base_->Decode(ids); }
  std::string Piece(int32_t id) const override { return base_->Piece(id); }
  int VocabSize() const override { return base_->VocabSize(); }
  const SpecialIds& Specials() const override { return specials_; }
  const std::string& Sha256() const override { return base_->Sha256(); }
  std::string ChatTemplate() const override { return base_->ChatTemplate(); }
  void Save(Env& env, const std::string& dir) const override { base_->Save(env, dir); }
  std::string RenderPrompt(std::string_view question) const override {
    return RenderChat(chat_, question, bos_, eos_);
  }

 private:
  std::string SpellingOf(int32_t id) const { return id < 0 ? "" : base_->Piece(id); }

  /// The one token that this spelling is when it stands in a text.
  int32_t TokenOf(const std::string& spelling) const {
    const std::vector<int32_t> ids = spelling.empty() ? std::vector<int32_t>() : Encode(spelling);
    if (ids.size() == 1 && base_->Piece(ids.front()) == spelling) return ids.front();
    throw Error(ExitCode::kConfig,
                StrCat("chat: ", chat_.format, " needs a token \"", spelling,
                       "\" that can stand in a text, which the tokenizer has not - set chat: to "
                       "the format the model was trained with (",
                       Join(ChatFormatNames(), ", "), ", or none)"));
  }

  std::unique_ptr<Tokenizer> base_;
  Chat chat_;
  SpecialIds specials_;
  std::string bos_, eos_;
};

}  // namespace

std::vector<std::string> ChatFormatNames() {
  std::vector<std::string> names;
  for (const ChatFormat& format : kFormats) names.emplace_back(format.name);
  return names;
}

std::optional<Chat> RecognizeChat(std::string_view chat_template) {
  const Template t = ReadTemplate(chat_template);
  if (Contains(t.text, "<|im_start|>")) return RecognizeChatml(t);
  if (Contains(t.text, "<|start_header_id|>")) return RecognizeLlama3(t);
  if (Contains(t.text, "<start_of_turn>")) return RecognizeGemma(t);
  if (Contains(t.text, "[INST]")) return RecognizeLlama2(t);
  return RecognizeZephyr(t);
}

std::string RenderChat(const Chat& chat, std::string_view question, const std::string& bos,
                       const std::string& eos) {
  const ChatFormat& format = FormatOf(chat);
  const auto pattern = chat.system.empty() ? format.without_system : format.with_system;
  return Fill(pattern, {{"{bos}", bos},
                        {"{eos}", eos},
                        {"{system}", chat.system},
                        {"{system|trim}", Trimmed(chat.system)},
                        {"{user}", question},
                        {"{user|trim}", Trimmed(question)},
                        {"{user|trim end}", TrimmedEnd(question)}});
}

std::unique_ptr<Tokenizer> MakeChatTokenizer(std::unique_ptr<Tokenizer> base, const Chat& chat) {
  return std::make_unique<ChatTokenizer>(std::move(base), chat);
}

}  // namespace retort
