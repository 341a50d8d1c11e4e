// Models as Hugging Face folders: config.json (model types llama, qwen2, qwen3, gemma3_text),
// model.safetensors, generation_config.json, and the tokenizer's files. Reads are bounded by the
// size of the file; nothing is executed.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <memory>
#include <string>

#include "core/base/env.h"
#include "core/base/json.h"
#include "core/lm/model/weights.h"
#include "core/lm/tokenizer/tokenizer.h"

namespace retort {

/// Tensors of a safetensors file (F32, F16, BF16, F64, I64, I32, U8), copied to CPU memory.
/// Error(kData) naming the file for anything malformed.
std::map<std::string, at::Tensor> ReadSafetensors(
    const Env& env, const std::string& path,
    std::map<std::string, std::string>* metadata = nullptr);
/// Writes contiguous CPU tensors, header padded to 8 bytes, atomically.
void WriteSafetensors(Env& env, const std::string& path,
                      const std::map<std::string, at::Tensor>& tensors,
                      const std::map<std::string, std::string>& metadata);

/// Loads a folder (one model.safetensors, or shards with an index); weights are float32 on the CPU.
/// Error(kData) that names every tensor missing, extra, misshapen or not finite.
DecoderWeights LoadCheckpoint(const Env& env, const std::string& dir);

/// Writes config.json, model.safetensors, generation_config.json into `dir` (created), in the type
/// the weights have (float32, bfloat16, float16). The caller saves the tokenizer beside it.
void SaveCheckpoint(Env& env, const std::string& dir, const DecoderWeights& weights, int bos_id,
                    int eos_id, int pad_id);

/// SHA-256 that names a checkpoint folder's content (weights, config and tokenizer files).
std::string CheckpointSha256(const Env& env, const std::string& dir);

/// Error(kData) naming `where` unless the model has a row for every id of the tokenizer. It may
/// have more (Qwen rounds the number up); an engine never samples those.
void CheckVocabulary(const ModelConfig& config, const Tokenizer& tokenizer,
                     const std::string& where);

}  // namespace retort
