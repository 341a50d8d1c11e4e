// Where a model reference leads: a Hugging Face folder, a GGUF file, or what a train stage wrote.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/base/env.h"
#include "core/lm/engine/engine.h"
#include "core/lm/model/weights.h"
#include "core/lm/tokenizer/chat_format.h"
#include "core/lm/tokenizer/tokenizer.h"
#include "pipeline/experiment.h"

namespace retort {

struct LoadedModel {
  DecoderWeights weights;
  std::string sha256;  // of the content (weights, config, tokenizer)
  std::string path;
};

/// Loads `path`. Error(kData) when its tokenizer is not `tokenizer`, or has more pieces than the
/// model has rows: a teacher and a tokenizer that disagree give fluent nonsense. Rows without a
/// piece are dropped.
LoadedModel LoadModel(const Env& env, const std::string& path, const Tokenizer& tokenizer);

/// The experiment's tokenizer: that of `tokenizer:`, else the task's own words, else that of the
/// first model. Its prompts are chats if the experiment says so; `chat` receives how, nullopt for
/// plain prompts. Error(kConfig) if there is no tokenizer, or the chat template is none Retort
/// knows.
std::unique_ptr<Tokenizer> OpenTokenizer(const Env& env, const Experiment& experiment,
                                         std::optional<Chat>* chat);

}  // namespace retort
