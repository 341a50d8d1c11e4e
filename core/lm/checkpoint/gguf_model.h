// Models of the architectures llama, qwen2 and qwen3 in GGUF files, as llama.cpp's converter writes
// them, under Hugging Face's names and in Hugging Face's order of rows. Their tokenizer is read
// elsewhere, from the metadata that GgufFile gives.
#pragma once

#include <string>

#include "core/base/env.h"
#include "core/lm/checkpoint/gguf.h"
#include "core/lm/model/weights.h"

namespace retort {

/// The shape of the model, from the keys of its architecture and from which tensors there are: the
/// head is tied when output.weight is absent. Error(kData) naming the file for another
/// architecture, mixtures of experts, rotary scaling other than linear and Llama 3's, and keys
/// missing or out of range.
ModelConfig GgufModelConfig(const GgufFile& file);

/// Every tensor as float32 on the CPU, with the converter's permutation of query and key rows
/// undone. Error(kData) that names every tensor missing, extra, misshapen or not finite. Takes the
/// bytes of the float32 weights, and the pages of the file that the system keeps.
DecoderWeights GgufWeights(const GgufFile& file);

/// Opens a file and reads its weights.
DecoderWeights LoadGguf(const Env& env, const std::string& path);

}  // namespace retort
