#include "pipeline/models.h"

#include "core/base/error.h"
#include "core/lm/checkpoint/checkpoint.h"

namespace retort {

LoadedModel LoadModel(const Env& env, const std::string& dir, const Tokenizer& tokenizer) {
  if (!env.IsDirectory(dir)) {
    throw Error(ExitCode::kData,
                StrCat(dir,
                       ": no such checkpoint folder - a model is the name of a train stage or a "
                       "folder with config.json and model.safetensors"));
  }
  const std::unique_ptr<Tokenizer> own = LoadTokenizer(env, dir);
  if (own->Sha256() != tokenizer.Sha256()) {
    throw Error(ExitCode::kData,
                StrCat(dir, ": its tokenizer (", own->VocabSize(),
                       " pieces) is not the experiment's (", tokenizer.VocabSize(),
                       " pieces) - set task parameters or `tokenizer:` so that both agree"));
  }
  LoadedModel model{
      .weights = LoadCheckpoint(env, dir), .sha256 = CheckpointSha256(env, dir), .dir = dir};
  if (model.weights.config.vocab_size < tokenizer.VocabSize()) {
    throw Error(ExitCode::kData,
                StrCat(dir, "/config.json: vocab_size ", model.weights.config.vocab_size,
                       " is smaller than the tokenizer's ", tokenizer.VocabSize(),
                       " pieces - the model and the tokenizer are not of one checkpoint"));
  }
  return model;
}

}  // namespace retort
