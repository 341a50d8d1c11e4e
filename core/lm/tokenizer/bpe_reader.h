// The vocabulary side of a tokenizer.json of model type BPE: pieces, merges, added tokens. Pure
// functions.
#pragma once

#include <vector>

#include "core/base/json.h"
#include "core/lm/tokenizer/added_tokens.h"
#include "core/lm/tokenizer/bpe_model.h"
#include "core/lm/tokenizer/tokenizer_json.h"

namespace retort {

/// `model` is the file's model. Error(kData) through `json` for ids that are not dense and unique,
/// merges that are not all pairs or all "a b" texts, and options that change ids and have no
/// meaning here (dropout, continuing_subword_prefix, end_of_word_suffix).
BpeParts ReadBpeParts(const Json& model, const TokenizerJson& json);

/// The added tokens of `tokenizer`, the parsed file, in its order. `vocab_size` counts the pieces
/// of `model`. Error(kData) unless each has the id that `tokenizers` gives it: that of the model's
/// piece of its spelling, or the next one after the vocabulary.
std::vector<AddedToken> ReadAddedTokens(const Json& tokenizer, const BpeModel& model,
                                        size_t vocab_size, const TokenizerJson& json);

/// Error(kData) if there are no merges although a piece that is no added token needs one.
void CheckMergesSuffice(const BpeParts& parts, const std::vector<AddedToken>& added,
                        const TokenizerJson& json);

}  // namespace retort
