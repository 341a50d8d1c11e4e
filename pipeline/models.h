// Where a model reference leads: a Hugging Face folder, or what a train stage wrote.
#pragma once

#include <string>

#include "core/base/env.h"
#include "core/lm/engine/engine.h"
#include "core/lm/model/weights.h"
#include "core/lm/tokenizer/tokenizer.h"

namespace retort {

struct LoadedModel {
  DecoderWeights weights;
  std::string sha256;  // of the folder (weights, config, tokenizer)
  std::string dir;
};

/// Loads `dir`. Error(kData) when its tokenizer is not `tokenizer`, or its vocabulary is another
/// size: a teacher and a tokenizer that disagree give fluent nonsense.
LoadedModel LoadModel(const Env& env, const std::string& dir, const Tokenizer& tokenizer);

}  // namespace retort
