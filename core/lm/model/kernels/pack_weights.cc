#include "core/base/error.h"
#include "core/lm/model/kernels/packed_matrix.h"
#include "core/lm/model/weights.h"

namespace retort {
namespace {

void Pack(LinearWeight& linear) {
  const at::Tensor& w = linear.weight;
  RETORT_CHECK(w.device().is_cpu() && w.scalar_type() == at::kFloat && w.is_contiguous(),
               "packing takes contiguous float32 matrices on the CPU");
  linear.packed =
      std::make_shared<const PackedMatrix>(w.const_data_ptr<float>(), w.size(0), w.size(1));
}

}  // namespace

void PackWeights(DecoderWeights& weights) {
  for (LayerWeights& layer : weights.layers) {
    for (LinearWeight* linear :
         {&layer.q, &layer.k, &layer.v, &layer.o, &layer.gate, &layer.up, &layer.down}) {
      Pack(*linear);
    }
  }
  if (weights.config.tie_word_embeddings) {
    Pack(weights.embedding);
    weights.head = weights.embedding;
  } else {
    Pack(weights.head);
  }
}

}  // namespace retort
