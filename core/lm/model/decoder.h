// The decoder, written once over two sets of ops.
//
// Rows are tokens of one or more sequences laid end to end; no padding. Without a cache each
// sequence attends to itself (training, scoring); with one, each row's key and value go to its slot
// and the row attends to the slots of its sequence's context up to its own position.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/thread_pool.h"
#include "core/lm/model/isa.h"
#include "core/lm/model/kv_cache.h"
#include "core/lm/model/weights.h"

namespace retort {

struct TokenBatch {
  std::vector<int64_t> ids;               // [N] token ids
  std::vector<int64_t> positions;         // [N] position of each row in its own sequence, from 0
  std::vector<int64_t> sequence_offsets;  // [S+1] rows of sequence s: [offsets[s], offsets[s+1])

  // With a cache only:
  KvCache* cache = nullptr;
  std::vector<int32_t> row_slots;        // [N] slot that receives the row's key and value
  std::vector<int32_t> context_slots;    // slots of each sequence's whole context, by position,
  std::vector<int64_t> context_offsets;  // [S+1] ... the batch's own rows included

  // Rows whose logits are wanted, ascending; empty means all.
  std::vector<int64_t> logit_rows;

  int64_t rows() const { return static_cast<int64_t>(ids.size()); }
  int64_t sequences() const { return static_cast<int64_t>(sequence_offsets.size()) - 1; }
};

/// What an attention layer adds to the shapes of its inputs.
struct AttentionConfig {
  int layer = 0;    // of the batch's cache
  int window = 0;   // positions a row sees, its own included; 0 is all before it
  float scale = 1;  // of query times key
};

/// The operators of the decoder. Inputs and outputs are float32 unless the training precision says
/// otherwise; N rows. Implementations are stateless between calls but for scratch; see each.
class DecoderOps {
 public:
  virtual ~DecoderOps() = default;
  /// ids [N] -> [N, D], times `scale`.
  virtual at::Tensor Embed(const LinearWeight& embedding, const TokenBatch& batch, float scale) = 0;
  /// x [N, in] -> [N, out] = x W^T (+ b).
  virtual at::Tensor Linear(const at::Tensor& x_ND, const LinearWeight& weight) = 0;
  /// x [..., D] / sqrt(mean(x^2) + eps) * (offset + weight [D]), over the last dimension.
  virtual at::Tensor RmsNorm(const at::Tensor& x, const at::Tensor& weight,
                             const NormConfig& norm) = 0;
  /// Rotate-half rotary embedding of x [N, heads, K] at the batch's positions.
  virtual at::Tensor Rotary(const at::Tensor& x_NHK, const TokenBatch& batch,
                            const RopeConfig& rope) = 0;
  /// q [N, H, K], k and v [N, G, K] -> [N, H*K]; causal within each sequence and its window.
  /// Writes k and v into the batch's cache if there is one.
  virtual at::Tensor Attention(const at::Tensor& q_NHK, const at::Tensor& k_NGK,
                               const at::Tensor& v_NGK, const AttentionConfig& attention,
                               const TokenBatch& batch) = 0;
  /// down(activation(gate(x)) * up(x)).
  virtual at::Tensor GatedMlp(const at::Tensor& x_ND, const LayerWeights& layer,
                              Activation activation) = 0;
  /// x + y.
  virtual at::Tensor Add(const at::Tensor& x, const at::Tensor& y) = 0;
  /// The rows of x that want logits.
  virtual at::Tensor SelectRows(const at::Tensor& x_ND, const std::vector<int64_t>& rows) = 0;
};

/// LibTorch operators: differentiable, any device. The oracle of the native ops. One thread at a
/// time: it remembers index tensors of its last batch. With kBFloat16 the matrix products (not
/// attention, norms or the residual stream) round their operands to bfloat16; float32 otherwise.
std::unique_ptr<DecoderOps> MakeCompositeOps(at::ScalarType matmul_dtype = at::kFloat);

/// Radians a position of each pair of a head of `width`, [width / 2] float32 on the CPU.
at::Tensor RotaryFrequencies(const RopeConfig& rope, int64_t width);

/// Our CPU kernels over packed weights; only under c10::InferenceMode. Same bits for every Isa,
/// thread count and batch (the numerics rule of kernels/kernels.h). `pool` outlives the ops.
std::unique_ptr<DecoderOps> MakeNativeOps(ThreadPool& pool, Isa isa = Isa::kAuto);

/// Logits [R, V] float32 for the batch's logit rows (all rows if none are named).
at::Tensor DecoderForward(const DecoderWeights& weights, const TokenBatch& batch, DecoderOps& ops);

/// Final hidden states [N, D] of every row, after the final norm: what the head projects.
at::Tensor DecoderHidden(const DecoderWeights& weights, const TokenBatch& batch, DecoderOps& ops);

}  // namespace retort
