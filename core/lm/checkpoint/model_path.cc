#include "core/lm/checkpoint/model_path.h"

#include "core/base/commit.h"
#include "core/lm/checkpoint/checkpoint.h"
#include "core/lm/checkpoint/gguf_model.h"
#include "core/lm/checkpoint/gguf_tokenizer.h"

namespace retort {

bool IsGgufPath(const std::string& path) { return path.ends_with(".gguf"); }

DecoderWeights LoadModelWeights(const Env& env, const std::string& path) {
  return IsGgufPath(path) ? LoadGguf(env, path) : LoadCheckpoint(env, path);
}

std::unique_ptr<Tokenizer> LoadModelTokenizer(const Env& env, const std::string& path) {
  return IsGgufPath(path) ? GgufTokenizer(ReadGguf(env, path)) : LoadTokenizer(env, path);
}

std::string ModelSha256(const Env& env, const std::string& path) {
  return IsGgufPath(path) ? Sha256OfFile(env, path) : CheckpointSha256(env, path);
}

}  // namespace retort
