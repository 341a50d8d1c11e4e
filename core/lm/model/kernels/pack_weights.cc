#include "core/base/error.h"
#include "core/lm/model/kernels/packed_matrix.h"
#include "core/lm/model/weights.h"

namespace retort {
namespace {

void Pack(LinearWeight& linear, Unpacked unpacked, Precision precision) {
  const at::Tensor& w = linear.weight;
  RETORT_CHECK(w.device().is_cpu() && w.scalar_type() == at::kFloat && w.is_contiguous(),
               "packing takes contiguous float32 matrices on the CPU");
  linear.packed = std::make_shared<const PackedMatrix>(w.const_data_ptr<float>(), w.size(0),
                                                       w.size(1), precision);
  if (unpacked == Unpacked::kDrop) linear.weight = at::Tensor();
}

}  // namespace

void PackWeights(DecoderWeights& weights, Unpacked unpacked, Precision precision) {
  const bool tied = weights.config.tie_word_embeddings;
  if (tied) weights.head = LinearWeight();  // or it would hold the embedding that is dropped
  for (LayerWeights& layer : weights.layers) {
    for (LinearWeight* linear :
         {&layer.q, &layer.k, &layer.v, &layer.o, &layer.gate, &layer.up, &layer.down}) {
      Pack(*linear, unpacked, precision);
    }
  }
  Pack(tied ? weights.embedding : weights.head, unpacked, precision);
  if (tied) weights.head = weights.embedding;
}

}  // namespace retort
