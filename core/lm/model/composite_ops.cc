#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "core/base/error.h"
#include "core/lm/model/decoder.h"

namespace retort {
namespace {

at::Tensor ToDevice(const std::vector<int64_t>& values, at::Device device) {
  return at::tensor(values, at::kLong).to(device);
}

/// Where the rows of a batch go in a grid [S, T] of sequences padded to the longest at the end.
struct RowLayout {
  int64_t sequences = 0;
  int64_t longest = 0;
  bool ragged = false;    // some sequence is shorter than `longest`
  at::Tensor grid_index;  // [N] place of each row in the flattened grid; ragged layouts only
};

RowLayout MakeRowLayout(const std::vector<int64_t>& offsets, at::Device device) {
  RowLayout layout;
  layout.sequences = static_cast<int64_t>(offsets.size()) - 1;
  for (size_t s = 0; s + 1 < offsets.size(); ++s) {
    layout.longest = std::max(layout.longest, offsets[s + 1] - offsets[s]);
  }
  layout.ragged = offsets.back() != layout.sequences * layout.longest;
  if (!layout.ragged) return layout;
  // Remembered across calls: a tensor made in InferenceMode could not serve a later backward.
  const c10::InferenceMode normal_mode(false);
  std::vector<int64_t> index;
  index.reserve(static_cast<size_t>(offsets.back()));
  for (size_t s = 0; s + 1 < offsets.size(); ++s) {
    const int64_t base = static_cast<int64_t>(s) * layout.longest;
    for (int64_t i = 0; i < offsets[s + 1] - offsets[s]; ++i) index.push_back(base + i);
  }
  layout.grid_index = ToDevice(index, device);
  return layout;
}

/// x [N, heads, K] -> [S, heads, T, K], zeros where a sequence has ended.
at::Tensor RowsToGrid(const at::Tensor& x_NHK, const RowLayout& layout) {
  const int64_t heads = x_NHK.size(1), width = x_NHK.size(2);
  at::Tensor grid = x_NHK;
  if (layout.ragged) {
    grid = at::zeros({layout.sequences * layout.longest, heads, width}, x_NHK.options())
               .index_copy(0, layout.grid_index, x_NHK);
  }
  return grid.view({layout.sequences, layout.longest, heads, width}).transpose(1, 2);
}

/// The inverse: [S, heads, T, K] -> [N, heads * K].
at::Tensor GridToRows(const at::Tensor& grid_SHTK, const RowLayout& layout) {
  const int64_t width = grid_SHTK.size(1) * grid_SHTK.size(3);
  const at::Tensor rows = grid_SHTK.transpose(1, 2).reshape({-1, width});
  return layout.ragged ? rows.index_select(0, layout.grid_index) : rows;
}

/// [S, G, C, K] -> [S, H, C, K]: query head h reads key head h / (H / G).
at::Tensor RepeatHeads(const at::Tensor& x_SGCK, int64_t heads) {
  const int64_t groups = x_SGCK.size(1);
  if (groups == heads) return x_SGCK;
  return x_SGCK.unsqueeze(2)
      .expand({-1, -1, heads / groups, -1, -1})
      .reshape({x_SGCK.size(0), heads, x_SGCK.size(2), x_SGCK.size(3)});
}

/// Slots of every sequence's context padded to the longest, and which of them each row may see.
struct ContextLayout {
  int64_t longest = 0;
  at::Tensor row_slots;     // [N]
  at::Tensor slots;         // [S * C]
  at::Tensor columns;       // [C] 0, 1, ...
  at::Tensor last_visible;  // [S, 1, T, 1] each row's own column
  at::Tensor visible;       // [S, 1, T, C] bool: columns up to the row's own
};

ContextLayout MakeContextLayout(const TokenBatch& batch, const RowLayout& rows, at::Device device) {
  ContextLayout layout;
  const auto& offsets = batch.context_offsets;
  for (size_t s = 0; s + 1 < offsets.size(); ++s) {
    layout.longest = std::max(layout.longest, offsets[s + 1] - offsets[s]);
  }
  // Padding repeats a slot of the sequence's own and stays invisible.
  std::vector<int64_t> slots, last_visible;
  for (size_t s = 0; s + 1 < offsets.size(); ++s) {
    for (int64_t c = 0; c < layout.longest; ++c) {
      const int64_t at = std::min(offsets[s] + c, offsets[s + 1] - 1);
      slots.push_back(batch.context_slots[static_cast<size_t>(at)]);
    }
    for (int64_t t = 0; t < rows.longest; ++t) {
      const int64_t row =
          std::min(batch.sequence_offsets[s] + t, batch.sequence_offsets[s + 1] - 1);
      last_visible.push_back(batch.positions[static_cast<size_t>(row)]);
    }
  }
  const std::vector<int64_t> row_slots(batch.row_slots.begin(), batch.row_slots.end());
  layout.row_slots = ToDevice(row_slots, device);
  layout.slots = ToDevice(slots, device);
  layout.columns = at::arange(layout.longest, at::TensorOptions().dtype(at::kLong).device(device));
  layout.last_visible = ToDevice(last_visible, device).view({rows.sequences, 1, rows.longest, 1});
  layout.visible = layout.columns <= layout.last_visible;
  return layout;
}

/// What rotary positions multiply with, for one list of positions.
struct RotaryTable {
  RopeConfig rope;
  std::vector<int64_t> positions;
  at::Tensor cos;         // [N, 1, K]
  at::Tensor signed_sin;  // [N, 1, K], first half negated: x cos + swap_halves(x) signed_sin
};

/// As `transformers` computes it: inverse frequencies, angles, cosines and sines in float32.
RotaryTable MakeRotaryTable(const std::vector<int64_t>& positions, int64_t width,
                            const RopeConfig& rope, at::Device device) {
  const c10::InferenceMode normal_mode(false);  // as in MakeRowLayout
  const at::Tensor frequencies = RotaryFrequencies(rope, width);
  const at::Tensor angles =
      at::tensor(positions, at::kFloat).unsqueeze(1) * frequencies.unsqueeze(0);  // [N, K / 2]
  const at::Tensor cos = angles.cos(), sin = angles.sin();
  return {rope, positions, at::cat({cos, cos}, 1).unsqueeze(1).to(device),
          at::cat({-sin, sin}, 1).unsqueeze(1).to(device)};
}

class CompositeOps final : public DecoderOps {
 public:
  explicit CompositeOps(at::ScalarType matmul_dtype) : matmul_dtype_(matmul_dtype) {}

  at::Tensor Embed(const LinearWeight& embedding, const TokenBatch& batch, float scale) override {
    const at::Tensor x_ND =
        at::embedding(embedding.weight, ToDevice(batch.ids, embedding.weight.device()))
            .to(at::kFloat);
    return scale == 1 ? x_ND : x_ND * static_cast<double>(scale);
  }

  at::Tensor Linear(const at::Tensor& x_ND, const LinearWeight& weight) override {
    if (matmul_dtype_ == at::kFloat) return at::linear(x_ND, weight.weight, Optional(weight.bias));
    const at::Tensor product =
        at::linear(x_ND.to(matmul_dtype_), weight.weight.to(matmul_dtype_)).to(at::kFloat);
    return weight.bias.defined() ? product + weight.bias : product;
  }

  at::Tensor RmsNorm(const at::Tensor& x, const at::Tensor& weight,
                     const NormConfig& norm) override {
    const at::Tensor factors = norm.offset == 0 ? weight : weight + norm.offset;
    // Spelled out: at::rms_norm takes half as long again, forward and backward, on the CPU.
    return x * at::rsqrt(at::mean(x * x, {-1}, /*keepdim=*/true) + norm.eps) * factors;
  }

  at::Tensor Rotary(const at::Tensor& x_NHK, const TokenBatch& batch,
                    const RopeConfig& rope) override {
    const int64_t width = x_NHK.size(2);
    const RotaryTable& table = TableOf(batch.positions, width, rope, x_NHK.device());
    const at::Tensor swapped = at::roll(x_NHK, {width / 2}, {2});
    return at::addcmul(x_NHK * table.cos, swapped, table.signed_sin);
  }

  at::Tensor Attention(const at::Tensor& q_NHK, const at::Tensor& k_NGK, const at::Tensor& v_NGK,
                       const AttentionConfig& attention, const TokenBatch& batch) override {
    UpdateRowLayout(batch, q_NHK.device());
    const int64_t heads = q_NHK.size(1);
    const auto scale = static_cast<double>(attention.scale);
    at::Tensor attended;
    if (batch.cache != nullptr) {
      // Layer 0 begins a forward: slots may have changed although everything else looks the same.
      if (attention.layer == 0) context_ = MakeContextLayout(batch, rows_, q_NHK.device());
      const at::Tensor keys = batch.cache->keys.select(0, attention.layer);
      const at::Tensor values = batch.cache->values.select(0, attention.layer);
      const at::ScalarType stored = keys.scalar_type();
      keys.index_copy_(0, context_.row_slots, k_NGK.to(stored));
      values.index_copy_(0, context_.row_slots, v_NGK.to(stored));
      attended = at::scaled_dot_product_attention(
                     RowsToGrid(q_NHK.to(stored), rows_), GatherContext(keys, heads),
                     GatherContext(values, heads), VisibleContext(attention.window), 0.0,
                     /*is_causal=*/false, scale)
                     .to(at::kFloat);
    } else {
      const at::Tensor visible = VisibleRows(attention.window, q_NHK.device());
      attended = at::scaled_dot_product_attention(
          RowsToGrid(q_NHK, rows_), RepeatHeads(RowsToGrid(k_NGK, rows_), heads),
          RepeatHeads(RowsToGrid(v_NGK, rows_), heads), Optional(visible), 0.0,
          /*is_causal=*/!visible.defined(), scale);
    }
    return GridToRows(attended, rows_);
  }

  at::Tensor GatedMlp(const at::Tensor& x_ND, const LayerWeights& layer,
                      Activation activation) override {
    const at::Tensor gate = Linear(x_ND, layer.gate);
    const at::Tensor active =
        activation == Activation::kSilu ? at::silu(gate) : at::gelu(gate, "tanh");
    return Linear(active * Linear(x_ND, layer.up), layer.down);
  }

  at::Tensor Add(const at::Tensor& x, const at::Tensor& y) override { return x + y; }

  at::Tensor SelectRows(const at::Tensor& x_ND, const std::vector<int64_t>& rows) override {
    return x_ND.index_select(0, ToDevice(rows, x_ND.device()));
  }

 private:
  static std::optional<at::Tensor> Optional(const at::Tensor& tensor) {
    return tensor.defined() ? std::optional<at::Tensor>(tensor) : std::nullopt;
  }

  const RotaryTable& TableOf(const std::vector<int64_t>& positions, int64_t width,
                             const RopeConfig& rope, at::Device device) {
    // A model turns its layers by one table or two.
    auto table = std::find_if(rotary_.begin(), rotary_.end(), [&](const RotaryTable& t) {
      return t.rope == rope && t.cos.size(2) == width;
    });
    if (table == rotary_.end()) table = rotary_.insert(table, RotaryTable{});
    if (table->positions != positions || table->cos.device() != device) {
      *table = MakeRotaryTable(positions, width, rope, device);
    }
    return *table;
  }

  void UpdateRowLayout(const TokenBatch& batch, at::Device device) {
    const bool same_device = !rows_.ragged || rows_.grid_index.device() == device;
    if (row_offsets_ == batch.sequence_offsets && same_device) return;
    rows_ = MakeRowLayout(batch.sequence_offsets, device);
    row_offsets_ = batch.sequence_offsets;
  }

  /// [S, 1, T, C]: the context a row sees through its window.
  at::Tensor VisibleContext(int64_t window) const {
    if (window == 0 || window >= context_.longest) return context_.visible;
    const at::Tensor from = context_.last_visible - window;
    return at::logical_and(context_.visible, context_.columns > from);
  }

  /// [T, T], or undefined where the window leaves plain causal attention as it is.
  at::Tensor VisibleRows(int64_t window, at::Device device) const {
    if (window == 0 || window >= rows_.longest) return {};
    const at::Tensor all = at::ones({rows_.longest, rows_.longest},
                                    at::TensorOptions().dtype(at::kBool).device(device));
    return all.tril().triu(1 - window);
  }

  /// One layer's slots [slots, G, K] -> [S, H, C, K].
  at::Tensor GatherContext(const at::Tensor& pool, int64_t heads) const {
    const at::Tensor context = pool.index_select(0, context_.slots)
                                   .view({rows_.sequences, context_.longest, pool.size(1), -1})
                                   .transpose(1, 2);
    return RepeatHeads(context, heads);
  }

  at::ScalarType matmul_dtype_;
  std::vector<int64_t> row_offsets_;
  RowLayout rows_;
  ContextLayout context_;
  std::vector<RotaryTable> rotary_;
};

}  // namespace

at::Tensor RotaryFrequencies(const RopeConfig& rope, int64_t width) {
  const at::Tensor exponents =
      at::arange(0, width, 2, at::kLong).to(at::kFloat) / static_cast<double>(width);
  at::Tensor frequencies = at::reciprocal(at::pow(rope.theta, exponents));
  float* data = frequencies.mutable_data_ptr<float>();
  for (int64_t i = 0; i < width / 2; ++i) data[i] = ScaleFrequency(data[i], rope.scaling);
  return frequencies;
}

std::unique_ptr<DecoderOps> MakeCompositeOps(at::ScalarType matmul_dtype) {
  RETORT_CHECK(matmul_dtype == at::kFloat || matmul_dtype == at::kBFloat16,
               "matrix products run in float32 or bfloat16");
  return std::make_unique<CompositeOps>(matmul_dtype);
}

}  // namespace retort
