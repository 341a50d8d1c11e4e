// One loader a tokenizer format, and what they share. LoadTokenizer chooses between them.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/base/env.h"
#include "core/base/json.h"
#include "core/lm/tokenizer/tokenizer.h"

namespace retort {

inline constexpr char kTokenizerJsonName[] = "tokenizer.json";
inline constexpr char kTokenizerModelName[] = "tokenizer.model";
inline constexpr char kTokenizerConfigName[] = "tokenizer_config.json";
inline constexpr char kChatTemplateName[] = "chat_template.jinja";
/// Larger tokenizer files are refused unread.
inline constexpr uint64_t kMaxTokenizerBytes = uint64_t{64} << 20;

/// Throws Error(kData): cannot use the tokenizer - where - why.
[[noreturn]] void FailTokenizer(const std::string& where, const std::string& why);

/// The content of a special token in tokenizer_config.json (text, or an object with `content`), ""
/// if it is absent or null.
std::string SpecialToken(const Json& tokenizer_config, const std::string& key,
                         const std::string& where);

/// The chat_template of tokenizer_config.json: its text, or of several the one named default; "" if
/// there is none.
std::string ChatTemplateOf(const Json& tokenizer_config);

/// The ids of bos_token, eos_token, pad_token and unk_token in tokenizer_config.json. `id_of` gives
/// the id of a spelling, -1 if there is none; Error(kData) for a named token without one.
SpecialIds ReadSpecialIds(const Json& tokenizer_config,
                          const std::function<int32_t(const std::string&)>& id_of,
                          const std::string& where);

/// What of them decides ids, as text for a tokenizer's SHA-256.
std::string SpecialIdsText(const SpecialIds& ids);

/// `tokenizer` is a parsed tokenizer.json with a WordLevel model, `tokenizer_config` the file
/// beside it or an empty object.
std::unique_ptr<Tokenizer> MakeWordLevelFromJson(const Json& tokenizer,
                                                 const Json& tokenizer_config,
                                                 const std::string& where);

/// `bytes` are those of a tokenizer.json with a BPE model and `tokenizer` what they parse as. The
/// tokenizer equals the one `tokenizers` 0.23 makes of the file (see pipeline_reader.h for what is
/// read), except that a special token is always left out when decoding and that a character nobody
/// can represent is an error instead of nothing.
std::unique_ptr<Tokenizer> MakeBpeFromJson(std::string bytes, const Json& tokenizer,
                                           Json tokenizer_config, const std::string& where);

/// `model` holds the bytes of a SentencePiece model; special ids come from the model.
std::unique_ptr<Tokenizer> MakeSentencePieceTokenizer(std::string model, Json tokenizer_config,
                                                      const std::string& where);

}  // namespace retort
