// The steps around the model in a tokenizer.json of model type BPE: normalizer, pre-tokenizer,
// decoder. What would change ids or text and has no step here is refused by name. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/lm/tokenizer/pre_tokenizer.h"
#include "core/lm/tokenizer/text_steps.h"
#include "core/lm/tokenizer/tokenizer_json.h"

namespace retort {

struct TokenizerPipeline {
  std::vector<NormalizeStep> normalizer;
  std::vector<SplitStep> pre_tokenizer;
  std::vector<DecodeStep> decoder;
  bool byte_level = false;  // the model's symbols are bytes, spelled as ByteLevel's characters
  std::string first_token;  // what the post-processor puts before a text; "": nothing
};

/// `tokenizer` is the parsed file. Error(kData) through `json` unless each part is one of
///   normalizer      null, NFC, Prepend, Replace (of a string), Sequence
///   pre_tokenizer   null, ByteLevel (last), Split (at a regular expression of pre_tokenizer.h),
///                   Digits, Metaspace (not splitting), Sequence
///   decoder         ByteLevel if the pre_tokenizer has it, otherwise Replace, ByteFallback, Fuse,
///                   Strip; Sequence
///   post_processor  null, TemplateProcessing with at most one token before the text, ByteLevel,
///                   Sequence: what it puts after a text is not for prompts and not read
/// `truncation` and `padding` are the business of whoever builds batches and are not read.
TokenizerPipeline ReadPipeline(const Json& tokenizer, const TokenizerJson& json);

/// The token that a post_processor of those puts before a text, "" if it puts none.
std::string FirstTokenOf(const Json& post_processor, const TokenizerJson& json);

/// The post_processor that puts `token` before a text.
Json PutFirst(const std::string& token, int64_t id);

}  // namespace retort
