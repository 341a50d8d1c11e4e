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
  std::vector<bool> sliding;
  for (const int64_t layer : layers) sliding.push_back(config.Slides(static_cast<int>(layer)));
  const bool slides = std::find(sliding.begin(), sliding.end(), true) != sliding.end();
  config.sliding_layers = slides ? sliding : std::vector<bool>();
  if (!slides) {
    config.sliding_window = 0;
    config.rope_local_base_freq = 0;
  }
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
