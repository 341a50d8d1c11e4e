#include "core/lm/model/decoder.h"

#include <ATen/ATen.h>

#include <string>

#include "core/base/error.h"

namespace retort {
namespace {

void CheckOffsets(const std::vector<int64_t>& offsets, int64_t total, const char* name) {
  RETORT_CHECK(!offsets.empty() && offsets.front() == 0 && offsets.back() == total, name,
               " must run from 0 to ", total);
  for (size_t i = 1; i < offsets.size(); ++i) {
    RETORT_CHECK(offsets[i] > offsets[i - 1], name, " must ascend; sequence ", i - 1, " is empty");
  }
}

void CheckRows(const TokenBatch& batch, const ModelConfig& config) {
  for (const int64_t id : batch.ids) {
    RETORT_CHECK(id >= 0 && id < config.vocab_size, "token id ", id, " is outside 0..",
                 config.vocab_size - 1);
  }
  for (const int64_t position : batch.positions) {
    RETORT_CHECK(position >= 0 && position < config.max_position_embeddings, "position ", position,
                 " is outside the model's max_position_embeddings ",
                 config.max_position_embeddings);
  }
  for (size_t i = 0; i < batch.logit_rows.size(); ++i) {
    const int64_t row = batch.logit_rows[i];
    const int64_t before = i == 0 ? -1 : batch.logit_rows[i - 1];
    RETORT_CHECK(row > before && row < batch.rows(), "logit_rows must ascend within the batch");
  }
}

void CheckCache(const TokenBatch& batch) {
  RETORT_CHECK(static_cast<int64_t>(batch.row_slots.size()) == batch.rows(), "row_slots has ",
               batch.row_slots.size(), " entries for ", batch.rows(), " rows");
  const auto contexts = static_cast<int64_t>(batch.context_slots.size());
  CheckOffsets(batch.context_offsets, contexts, "context_offsets");
  RETORT_CHECK(batch.context_offsets.size() == batch.sequence_offsets.size(),
               "context_offsets and sequence_offsets must have one entry a sequence");
  for (int64_t s = 0; s < batch.sequences(); ++s) {
    const auto i = static_cast<size_t>(s);
    const int64_t context = batch.context_offsets[i + 1] - batch.context_offsets[i];
    for (int64_t row = batch.sequence_offsets[i]; row < batch.sequence_offsets[i + 1]; ++row) {
      RETORT_CHECK(batch.positions[static_cast<size_t>(row)] < context, "row ", row,
                   " stands past the end of its context of ", context);
    }
  }
}

void CheckBatch(const TokenBatch& batch, const ModelConfig& config) {
  RETORT_CHECK(batch.rows() > 0, "an empty batch has no forward");
  RETORT_CHECK(batch.positions.size() == batch.ids.size(), "positions and ids differ in length");
  CheckOffsets(batch.sequence_offsets, batch.rows(), "sequence_offsets");
  CheckRows(batch, config);
  if (batch.cache != nullptr) CheckCache(batch);
}

at::Tensor SelfAttention(const at::Tensor& x_ND, const LayerWeights& layer, int index,
                         const ModelConfig& config, const TokenBatch& batch, DecoderOps& ops) {
  const int64_t n = batch.rows();
  at::Tensor q_NHK = ops.Linear(x_ND, layer.q).view({n, config.num_attention_heads, -1});
  at::Tensor k_NGK = ops.Linear(x_ND, layer.k).view({n, config.num_key_value_heads, -1});
  const at::Tensor v_NGK = ops.Linear(x_ND, layer.v).view({n, config.num_key_value_heads, -1});
  if (config.qk_norm) {
    q_NHK = ops.RmsNorm(q_NHK, layer.q_norm, config.Norm());
    k_NGK = ops.RmsNorm(k_NGK, layer.k_norm, config.Norm());
  }
  const RopeConfig rope = config.Rope(index);
  q_NHK = ops.Rotary(q_NHK, batch, rope);
  k_NGK = ops.Rotary(k_NGK, batch, rope);
  const AttentionConfig attention{.layer = index,
                                  .window = config.Slides(index) ? config.sliding_window : 0,
                                  .scale = config.AttentionScale()};
  return ops.Linear(ops.Attention(q_NHK, k_NGK, v_NGK, attention, batch), layer.o);
}

/// The residual stream after the last layer, [N, D].
at::Tensor RunLayers(const DecoderWeights& weights, const TokenBatch& batch, DecoderOps& ops) {
  const ModelConfig& config = weights.config;
  CheckBatch(batch, config);
  const auto norm = [&](const at::Tensor& x, const at::Tensor& weight) {
    return weight.defined() ? ops.RmsNorm(x, weight, config.Norm()) : x;
  };
  at::Tensor x_ND = ops.Embed(weights.embedding, batch, config.EmbeddingScale());
  for (size_t i = 0; i < weights.layers.size(); ++i) {
    const LayerWeights& layer = weights.layers[i];
    const at::Tensor attended = SelfAttention(norm(x_ND, layer.attention_norm), layer,
                                              static_cast<int>(i), config, batch, ops);
    x_ND = ops.Add(x_ND, norm(attended, layer.attention_output_norm));
    const at::Tensor mlp = ops.GatedMlp(norm(x_ND, layer.mlp_norm), layer, config.MlpActivation());
    x_ND = ops.Add(x_ND, norm(mlp, layer.mlp_output_norm));
  }
  return x_ND;
}

}  // namespace

at::Tensor DecoderHidden(const DecoderWeights& weights, const TokenBatch& batch, DecoderOps& ops) {
  return ops.RmsNorm(RunLayers(weights, batch, ops), weights.final_norm, weights.config.Norm());
}

at::Tensor DecoderForward(const DecoderWeights& weights, const TokenBatch& batch, DecoderOps& ops) {
  at::Tensor x_ND = RunLayers(weights, batch, ops);
  // Norm and head work row by row, so rows nobody reads are dropped before them.
  if (!batch.logit_rows.empty()) x_ND = ops.SelectRows(x_ND, batch.logit_rows);
  x_ND = ops.RmsNorm(x_ND, weights.final_norm, weights.config.Norm());
  return ops.Linear(x_ND, weights.config.tie_word_embeddings ? weights.embedding : weights.head);
}

}  // namespace retort
