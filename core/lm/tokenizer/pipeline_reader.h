// The steps around the model in a tokenizer.json of model type BPE: normalizer, pre-tokenizer,
// decoder. What would change ids or text and has no step here is refused by name. Pure functions.
#pragma once

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
};

/// `tokenizer` is the parsed file. Error(kData) through `json` unless each part is one of
///   normalizer      null, NFC, Prepend, Replace (of a string), Sequence
///   pre_tokenizer   null, ByteLevel (last), Split (at a regular expression of pre_tokenizer.h),
///                   Digits, Metaspace (not splitting), Sequence
///   decoder         ByteLevel if the pre_tokenizer has it, otherwise Replace, ByteFallback, Fuse,
///                   Strip; Sequence
///   post_processor  null, TemplateProcessing, ByteLevel, Sequence: the special tokens a template
///                   adds are none of Encode's business, so it is not read further
/// `truncation` and `padding` are the business of whoever builds batches and are not read.
TokenizerPipeline ReadPipeline(const Json& tokenizer, const TokenizerJson& json);

}  // namespace retort
