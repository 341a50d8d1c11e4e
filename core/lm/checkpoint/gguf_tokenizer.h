// Tokenizers in the metadata of GGUF files (tokenizer.ggml.*), turned into the files that Hugging
// Face has for them: one reader of tokenizers then decides ids, and an export is what was used.
#pragma once

#include <memory>

#include "core/base/json.h"
#include "core/lm/checkpoint/gguf.h"
#include "core/lm/tokenizer/tokenizer.h"

namespace retort {

struct TokenizerFiles {
  Json tokenizer;  // tokenizer.json, of model type BPE
  Json config;     // tokenizer_config.json, with the chat template if the file has one
};

/// Model gpt2 (byte-level BPE) with a pre-tokenizer Retort knows, or llama (SentencePiece BPE with
/// scores and byte fallback). Error(kData) naming the file for any other model or pre-tokenizer,
/// and for keys missing or contradictory.
TokenizerFiles GgufTokenizerFiles(const GgufFile& file);

/// The tokenizer of those files.
std::unique_ptr<Tokenizer> GgufTokenizer(const GgufFile& file);

}  // namespace retort
