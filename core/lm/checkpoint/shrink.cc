#include "core/lm/checkpoint/shrink.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

#include "core/base/error.h"

namespace retort {
namespace {

bool Holds(at::ScalarType type, const DecoderWeights& weights) {
  const auto parameters = NamedParameters(weights);
  return std::all_of(parameters.begin(), parameters.end(), [type](const auto& named) {
    return named.second.to(type).to(at::kFloat).equal(named.second);
  });
}

}  // namespace

void TrimVocabulary(DecoderWeights& weights, int vocab_size) {
  RETORT_CHECK(vocab_size >= 1 && vocab_size <= weights.config.vocab_size, "vocab_size ",
               vocab_size);
  if (vocab_size == weights.config.vocab_size) return;
  const auto trimmed = [&](const at::Tensor& rows) {
    return rows.narrow(0, 0, vocab_size).contiguous();
  };
  const bool tied = weights.config.tie_word_embeddings;
  weights.embedding.weight = trimmed(weights.embedding.weight);
  weights.head.weight = tied ? weights.embedding.weight : trimmed(weights.head.weight);
  weights.config.vocab_size = vocab_size;
}

ModelConfig WithLayers(ModelConfig config, const std::vector<int64_t>& layers) {
  config.num_hidden_layers = static_cast<int>(layers.size());
  return config;
}

void KeepLayers(DecoderWeights& weights, const std::vector<int64_t>& layers) {
  std::vector<LayerWeights> kept;
  int64_t previous = -1;
  for (const int64_t layer : layers) {
    RETORT_CHECK(layer > previous && layer < std::ssize(weights.layers), "layer ", layer, " of ",
                 weights.layers.size());
    kept.push_back(weights.layers[static_cast<size_t>(layer)]);
    previous = layer;
  }
  RETORT_CHECK(!kept.empty(), "no layers to keep");
  weights.layers = std::move(kept);
  weights.config = WithLayers(weights.config, layers);
}

void NarrowValues(DecoderWeights& weights) {
  for (const at::ScalarType type : {at::kBFloat16, at::kHalf}) {
    if (!Holds(type, weights)) continue;
    for (const auto& [name, tensor] : NamedParameters(weights)) *tensor = tensor->to(type);
    if (weights.config.tie_word_embeddings) weights.head.weight = weights.embedding.weight;
    return;
  }
}

}  // namespace retort
