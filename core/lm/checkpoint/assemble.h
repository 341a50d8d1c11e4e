// Tensors under Hugging Face names, from whatever file they came, put together as a decoder.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>

#include "core/lm/model/weights.h"

namespace retort {

/// Where tensors come from and what to do when they do not fit, for messages.
struct WeightsSource {
  std::string where;
  std::string remedy;
};

/// Float32 weights on the CPU; tensors that are float32 already are shared, not copied.
/// Error(kData) that names every tensor missing, extra, misshapen, not floating point or not
/// finite. Rotary tables of old checkpoints and a head that equals the embedding it is tied to are
/// not extra.
DecoderWeights AssembleWeights(const ModelConfig& config,
                               const std::map<std::string, at::Tensor>& found,
                               const WeightsSource& source);

}  // namespace retort
