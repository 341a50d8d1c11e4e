// Named chat formats: the text around one question, as a checkpoint was trained to read it. A
// checkpoint's Jinja template is only ever recognised, by what it spells out; it is never executed.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/lm/tokenizer/tokenizer.h"

namespace retort {

/// chatml, llama3, llama3.1, gemma, llama2, zephyr.
std::vector<std::string> ChatFormatNames();

/// How a prompt is put into a chat.
struct Chat {
  std::string format{};  // a name of ChatFormatNames
  std::string system{};  // the system text; "": none
};

/// The format that a template spells out, with the system text it puts where none is given; nullopt
/// for a template that no named format equals on a system text (if any) and one question. Llama
/// 3.2's template asks the clock for a date, of which this is its own default, 26 Jul 2024.
std::optional<Chat> RecognizeChat(std::string_view chat_template);

/// The prompt up to where the reply begins; `bos` and `eos` are those tokens as they are spelled.
std::string RenderChat(const Chat& chat, std::string_view question, const std::string& bos,
                       const std::string& eos);

/// `base` with prompts rendered as `chat` says; eos is the token that ends the assistant's turn.
/// Error(kConfig) if the tokenizer has not the tokens of the format.
std::unique_ptr<Tokenizer> MakeChatTokenizer(std::unique_ptr<Tokenizer> base, const Chat& chat);

}  // namespace retort
