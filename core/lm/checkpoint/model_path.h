// A model as a user names it: a Hugging Face folder, or a GGUF file (its name ends in .gguf).
#pragma once

#include <memory>
#include <string>

#include "core/base/env.h"
#include "core/lm/model/weights.h"
#include "core/lm/tokenizer/tokenizer.h"

namespace retort {

bool IsGgufPath(const std::string& path);

/// Each throws Error(kData) naming the path for anything missing, malformed or unsupported.
/// Float32 weights on the CPU.
DecoderWeights LoadModelWeights(const Env& env, const std::string& path);
std::unique_ptr<Tokenizer> LoadModelTokenizer(const Env& env, const std::string& path);
/// SHA-256 that names the content: weights, shape and tokenizer.
std::string ModelSha256(const Env& env, const std::string& path);

}  // namespace retort
