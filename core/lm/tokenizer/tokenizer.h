// Text <-> token ids, and the files tokenizers live in. Implementations are immutable and
// thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/env.h"

namespace retort {

struct SpecialIds {
  int32_t bos = -1;  // -1: none
  int32_t eos = -1;
  int32_t pad = -1;
  int32_t unk = -1;
  bool adds_bos = false;  // whether a prompt begins with bos
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  /// Without the special tokens a template would add. Error(kData) if the text has something it
  /// cannot represent. In tokenizer.json tokenizers an added token spelled in the text becomes its
  /// id; with model type BPE bytes that are no UTF-8 count as U+FFFD.
  virtual std::vector<int32_t> Encode(std::string_view text) const = 0;
  /// Special ids are left out; ids out of range are an error of the caller.
  virtual std::string Decode(std::span<const int32_t> ids) const = 0;
  /// The token's own spelling, specials included ("<eos>"), for displays.
  virtual std::string Piece(int32_t id) const = 0;
  virtual int VocabSize() const = 0;
  virtual const SpecialIds& Specials() const = 0;
  /// SHA-256 of what decides ids and text; part of stage keys and provenance.
  virtual const std::string& Sha256() const = 0;
  /// The text a model reads for a question: itself, or a chat that ends where the reply begins
  /// (chat_format.h).
  virtual std::string RenderPrompt(std::string_view question) const {
    return std::string(question);
  }
  /// The Jinja text of chat_template.jinja or tokenizer_config.json, never executed; "" for none.
  virtual std::string ChatTemplate() const { return ""; }
  /// Writes tokenizer.json (or tokenizer.model) and tokenizer_config.json as `transformers` reads
  /// them.
  virtual void Save(Env& env, const std::string& dir) const = 0;
};

/// Words separated by white space; ids: <pad> 0, <bos> 1, <eos> 2, <unk> 3, then `words`. Decode
/// joins with single spaces. An unknown word encodes as <unk>.
std::unique_ptr<Tokenizer> MakeWordLevelTokenizer(const std::vector<std::string>& words);

/// Loads the tokenizer of a checkpoint folder: tokenizer.json (model type BPE or WordLevel), or
/// tokenizer.model (SentencePiece) where there is no tokenizer.json of such a type. Error(kData)
/// for a malformed or unsupported file, naming it.
std::unique_ptr<Tokenizer> LoadTokenizer(const Env& env, const std::string& dir);

/// The rendered prompt as ids, after bos where the tokenizer's files put it: what every prompt in
/// Retort is. As in `transformers` 5, tokenizer.json's post-processor decides, and add_bos_token
/// only of a tokenizer.model (true if absent). A word-level tokenizer without a post-processor
/// puts its bos first.
std::vector<int32_t> EncodePrompt(const Tokenizer& tokenizer, std::string_view prompt);

}  // namespace retort
