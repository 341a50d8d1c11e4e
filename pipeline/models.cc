#include "pipeline/models.h"

#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/strings.h"
#include "core/lm/checkpoint/model_path.h"
#include "core/lm/checkpoint/shrink.h"
#include "core/lm/tokenizer/tokenizer_json.h"

namespace retort {
namespace {

void CheckIsModel(const Env& env, const std::string& path) {
  if (env.Exists(path) && env.IsDirectory(path) != IsGgufPath(path)) return;
  throw Error(ExitCode::kData,
              StrCat(path,
                     ": no such model - a model is the name of a train stage, a folder with "
                     "config.json and model.safetensors, or a .gguf file"));
}

std::unique_ptr<Tokenizer> OpenPlainTokenizer(const Env& env, const Experiment& experiment) {
  if (!experiment.tokenizer_path.empty()) return LoadModelTokenizer(env, experiment.tokenizer_path);
  const std::vector<std::string> words = experiment.task->Vocabulary();
  if (!words.empty()) return MakeWordLevelTokenizer(words);
  const std::vector<std::string> models = experiment.ModelPaths();
  if (!models.empty()) {
    CheckIsModel(env, models.front());
    return LoadModelTokenizer(env, models.front());
  }
  throw Error(ExitCode::kConfig, StrCat("tokenizer: task ", experiment.task->Name(),
                                        " has no vocabulary of its own - set tokenizer: to a "
                                        "checkpoint's folder or a .gguf file"));
}

/// What the tokenizer's template says.
Chat TemplatesChat(const Tokenizer& tokenizer) {
  const std::string choices = StrCat("set chat: to ", Join(ChatFormatNames(), ", "), " or none");
  const std::string text = tokenizer.ChatTemplate();
  if (text.empty()) {
    throw Error(ExitCode::kConfig,
                StrCat("chat: auto, but the tokenizer has no chat template - ", choices));
  }
  const std::optional<Chat> chat = RecognizeChat(text);
  if (chat) return *chat;
  throw Error(ExitCode::kConfig,
              StrCat("chat: auto, but the tokenizer's chat template is none Retort knows (",
                     Quoted(text), ") - ", choices));
}

}  // namespace

LoadedModel LoadModel(const Env& env, const std::string& path, const Tokenizer& tokenizer) {
  CheckIsModel(env, path);
  const std::unique_ptr<Tokenizer> own = LoadModelTokenizer(env, path);
  if (own->Sha256() != tokenizer.Sha256()) {
    throw Error(ExitCode::kData,
                StrCat(path, ": its tokenizer (", own->VocabSize(),
                       " pieces) is not the experiment's (", tokenizer.VocabSize(),
                       " pieces) - set task parameters or `tokenizer:` so that both agree"));
  }
  LoadedModel model{
      .weights = LoadModelWeights(env, path), .sha256 = ModelSha256(env, path), .path = path};
  if (model.weights.config.vocab_size < tokenizer.VocabSize()) {
    throw Error(ExitCode::kData,
                StrCat(path, ": its vocab_size ", model.weights.config.vocab_size,
                       " is smaller than the tokenizer's ", tokenizer.VocabSize(),
                       " pieces - the model and the tokenizer are not of one checkpoint"));
  }
  TrimVocabulary(model.weights, tokenizer.VocabSize());
  return model;
}

std::unique_ptr<Tokenizer> OpenTokenizer(const Env& env, const Experiment& experiment,
                                         std::optional<Chat>* chat) {
  std::unique_ptr<Tokenizer> tokenizer = OpenPlainTokenizer(env, experiment);
  chat->reset();
  if (experiment.chat == "none") {
    if (!tokenizer->ChatTemplate().empty()) {
      LogInfo(
          "the tokenizer has a chat template, and prompts go in as they are - set chat: auto "
          "if the model is to answer as in a chat");
    }
    return tokenizer;
  }
  *chat = experiment.chat == "auto" ? TemplatesChat(*tokenizer) : Chat{.format = experiment.chat};
  if (!experiment.system_prompt.empty()) (*chat)->system = experiment.system_prompt;
  return MakeChatTokenizer(std::move(tokenizer), **chat);
}

}  // namespace retort
