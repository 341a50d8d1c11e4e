// Smaller models made of bigger ones: fewer layers, fewer tokens, fewer bytes a value. Tensors are
// shared where they can be, not copied.
#pragma once

#include <cstdint>
#include <vector>

#include "core/lm/model/weights.h"

namespace retort {

/// Drops the rows from `vocab_size` on: checkpoints pad their vocabulary with ids no token has.
/// `vocab_size` is 1..config.vocab_size.
void TrimVocabulary(DecoderWeights& weights, int vocab_size);

/// The shape of a model cut to these layers.
ModelConfig WithLayers(ModelConfig config, const std::vector<int64_t>& layers);

/// Keeps these layers (0-based, ascending, each below config.num_hidden_layers), with embedding,
/// last norm and head.
void KeepLayers(DecoderWeights& weights, const std::vector<int64_t>& layers);

/// Turns float32 tensors into bfloat16 or float16 if that holds every value of all of them.
void NarrowValues(DecoderWeights& weights);

}  // namespace retort
