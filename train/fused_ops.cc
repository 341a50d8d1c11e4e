#include "train/fused_ops.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "core/base/error.h"

namespace retort {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

constexpr int64_t kLaneCount = 16;

int64_t PaddedTo16(int64_t n) { return (n + kLaneCount - 1) / kLaneCount * kLaneCount; }

const float* Data(const at::Tensor& t) { return t.const_data_ptr<float>(); }
float* Mutable(const at::Tensor& t) { return t.mutable_data_ptr<float>(); }

const TrainKernels* KernelsOf(AutogradContext* context) {
  // The tables are constants of the program: their address outlives every graph.
  return reinterpret_cast<const TrainKernels*>(context->saved_data["kernels"].toInt());
}

void SaveKernels(AutogradContext* context, const TrainKernels* kernels) {
  context->saved_data["kernels"] = reinterpret_cast<int64_t>(kernels);
}

/// Copies rows of `width` values at a distance of `stride` into columns of out [width, out_row].
void Transpose(const float* rows, int64_t stride, int64_t n, int64_t width, float* out,
               int64_t out_row) {
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < width; ++j) out[j * out_row + i] = rows[i * stride + j];
  }
}

/// y = x W^T.
struct LinearFunction : Function<LinearFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x_ND,
                            const at::Tensor& weight, const TrainKernels* kernels) {
    const at::Tensor x = x_ND.contiguous();
    const int64_t rows = x.size(0), in = weight.size(1), out = weight.size(0);
    const at::Tensor y = at::empty({rows, out}, x.options());
    const at::Tensor transposed = at::empty({in, out}, x.options());
    Transpose(Data(weight), in, out, in, Mutable(transposed), out);
    kernels->matmul({.a = Data(x),
                     .a_row = in,
                     .a_inner = 1,
                     .b = Data(transposed),
                     .b_row = out,
                     .c = Mutable(y),
                     .c_row = out,
                     .rows = rows,
                     .inner = in,
                     .columns = out});
    context->save_for_backward({x, weight});
    SaveKernels(context, kernels);
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor& x = saved[0];
    const at::Tensor& weight = saved[1];
    const TrainKernels* kernels = KernelsOf(context);
    const at::Tensor dy = gradients[0].contiguous();
    const int64_t rows = x.size(0), in = weight.size(1), out = weight.size(0);
    const at::Tensor dx = at::empty({rows, in}, x.options());
    kernels->matmul({.a = Data(dy),
                     .a_row = out,
                     .a_inner = 1,
                     .b = Data(weight),
                     .b_row = in,
                     .c = Mutable(dx),
                     .c_row = in,
                     .rows = rows,
                     .inner = out,
                     .columns = in});
    const at::Tensor dweight = at::empty({out, in}, x.options());
    kernels->matmul({.a = Data(dy),
                     .a_row = 1,
                     .a_inner = out,
                     .b = Data(x),
                     .b_row = in,
                     .c = Mutable(dweight),
                     .c_row = in,
                     .rows = out,
                     .inner = rows,
                     .columns = in});
    return {dx, dweight, at::Tensor()};
  }
};

struct RmsNormFunction : Function<RmsNormFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x_in,
                            const at::Tensor& weight, double eps, const TrainKernels* kernels) {
    const at::Tensor x = x_in.contiguous();
    const int64_t width = x.size(-1), rows = x.numel() / width;
    const at::Tensor y = at::empty(x.sizes(), x.options());
    const at::Tensor scale = at::empty({rows}, x.options());
    kernels->rms_norm(Data(x), rows, width, Data(weight), static_cast<float>(eps), Mutable(y),
                      Mutable(scale));
    context->save_for_backward({x, weight, scale});
    SaveKernels(context, kernels);
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor& x = saved[0];
    const at::Tensor dy = gradients[0].contiguous();
    const int64_t width = x.size(-1), rows = x.numel() / width;
    const at::Tensor dx = at::empty(x.sizes(), x.options());
    const at::Tensor dweight = at::zeros({width}, x.options());
    KernelsOf(context)->rms_norm_backward(Data(x), Data(saved[2]), Data(saved[1]), Data(dy), rows,
                                          width, Mutable(dx), Mutable(dweight));
    return {dx, dweight, at::Tensor(), at::Tensor()};
  }
};

struct SiluMulFunction : Function<SiluMulFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& gate, const at::Tensor& up,
                            const TrainKernels* kernels) {
    const at::Tensor y = at::empty(gate.sizes(), gate.options());
    kernels->silu_mul(Data(gate), Data(up), gate.numel(), Mutable(y));
    context->save_for_backward({gate, up});
    SaveKernels(context, kernels);
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor dy = gradients[0].contiguous();
    const at::Tensor dgate = at::empty(dy.sizes(), dy.options());
    const at::Tensor dup = at::empty(dy.sizes(), dy.options());
    KernelsOf(context)->silu_mul_backward(Data(saved[0]), Data(saved[1]), Data(dy), dy.numel(),
                                          Mutable(dgate), Mutable(dup));
    return {dgate, dup, at::Tensor()};
  }
};

/// (a, b) -> (a cos - b sin, b cos + a sin) over the halves of each head; `turn` 1 or, for the
/// gradient, -1.
at::Tensor Rotate(const at::Tensor& x_NHK, const at::Tensor& cos, const at::Tensor& sin,
                  float turn) {
  const at::Tensor y = at::empty(x_NHK.sizes(), x_NHK.options());
  const int64_t heads = x_NHK.size(1), half = x_NHK.size(2) / 2;
  const float* in = Data(x_NHK);
  float* out = Mutable(y);
  for (int64_t row = 0; row < x_NHK.size(0); ++row) {
    const float* c = Data(cos) + row * half;
    const float* s = Data(sin) + row * half;
    for (int64_t head = 0; head < heads; ++head, in += 2 * half, out += 2 * half) {
      for (int64_t i = 0; i < half; ++i) {
        out[i] = in[i] * c[i] - turn * s[i] * in[half + i];
        out[half + i] = in[half + i] * c[i] + turn * s[i] * in[i];
      }
    }
  }
  return y;
}

struct RotaryFunction : Function<RotaryFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x_NHK,
                            const at::Tensor& cos, const at::Tensor& sin) {
    context->save_for_backward({cos, sin});
    return Rotate(x_NHK.contiguous(), cos, sin, 1);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    return {Rotate(gradients[0].contiguous(), saved[0], saved[1], -1), at::Tensor(), at::Tensor()};
  }
};

/// One head of one sequence.
struct Head {
  int64_t first;   // row of the sequence's first token
  int64_t rows;    // tokens of the sequence
  int64_t padded;  // rows rounded up to whole lanes
  int64_t head;
  int64_t probabilities;  // where its [rows, padded] probabilities lie in the saved buffer
};

/// Shapes of an attention over the rows [offsets[s], offsets[s + 1]) of each sequence.
struct HeadLayout {
  HeadLayout(const at::Tensor& q_NHK, const at::Tensor& k_NGK, const at::Tensor& offsets)
      : heads(q_NHK.size(1)), groups(k_NGK.size(1)), width(q_NHK.size(2)) {
    const int64_t* offset = offsets.const_data_ptr<int64_t>();
    for (int64_t s = 0; s + 1 < offsets.numel(); ++s) {
      const int64_t rows = offset[s + 1] - offset[s], padded = PaddedTo16(rows);
      longest = std::max(longest, padded);
      for (int64_t head = 0; head < heads; ++head) {
        all.push_back({offset[s], rows, padded, head, probability_count});
        probability_count += rows * padded;
      }
    }
  }

  int64_t query_row() const { return heads * width; }
  int64_t key_row() const { return groups * width; }
  /// Where a head's queries begin in [N, H, K], and its keys or values in [N, G, K].
  int64_t QueryAt(const Head& h) const { return h.first * query_row() + h.head * width; }
  int64_t KeyAt(const Head& h) const {
    return h.first * key_row() + h.head / (heads / groups) * width;
  }
  float factor() const { return static_cast<float>(1 / std::sqrt(static_cast<double>(width))); }

  int64_t heads, groups, width;
  int64_t longest = 0;  // padded rows of the longest sequence
  int64_t probability_count = 0;
  std::vector<Head> all;
};

struct AttentionFunction : Function<AttentionFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& q_in,
                            const at::Tensor& k_in, const at::Tensor& v_in,
                            const at::Tensor& offsets, const TrainKernels* kernels) {
    const at::Tensor q = q_in.contiguous(), k = k_in.contiguous(), v = v_in.contiguous();
    const HeadLayout layout(q, k, offsets);
    const at::Tensor out = at::empty({q.size(0), layout.query_row()}, q.options());
    const at::Tensor probabilities = at::empty({layout.probability_count}, q.options());
    std::vector<float> keys(static_cast<size_t>(layout.width * layout.longest));
    for (const Head& h : layout.all) {
      float* p = Mutable(probabilities) + h.probabilities;
      Transpose(Data(k) + layout.KeyAt(h), layout.key_row(), h.rows, layout.width, keys.data(),
                h.padded);
      kernels->matmul({.a = Data(q) + layout.QueryAt(h),
                       .a_row = layout.query_row(),
                       .a_inner = 1,
                       .b = keys.data(),
                       .b_row = h.padded,
                       .c = p,
                       .c_row = h.padded,
                       .rows = h.rows,
                       .inner = layout.width,
                       .columns = h.rows});
      kernels->causal_softmax(p, h.rows, h.padded, layout.factor());
      kernels->matmul({.a = p,
                       .a_row = h.padded,
                       .a_inner = 1,
                       .b = Data(v) + layout.KeyAt(h),
                       .b_row = layout.key_row(),
                       .c = Mutable(out) + layout.QueryAt(h),
                       .c_row = layout.query_row(),
                       .rows = h.rows,
                       .inner = h.rows,
                       .columns = layout.width});
    }
    context->save_for_backward({q, k, v, offsets, probabilities});
    SaveKernels(context, kernels);
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor dout = gradients[0].contiguous();
    const HeadLayout layout(saved[0], saved[1], saved[3]);
    const at::Tensor dq = at::empty(saved[0].sizes(), dout.options());
    const at::Tensor dk = at::zeros(saved[1].sizes(), dout.options());
    const at::Tensor dv = at::zeros(saved[2].sizes(), dout.options());
    std::vector<float> values(static_cast<size_t>(layout.width * layout.longest));
    std::vector<float> scores(static_cast<size_t>(layout.longest * layout.longest));
    const Pointers pointers{.q = Data(saved[0]),
                            .k = Data(saved[1]),
                            .v = Data(saved[2]),
                            .probabilities = Data(saved[4]),
                            .dout = Data(dout),
                            .dq = Mutable(dq),
                            .dk = Mutable(dk),
                            .dv = Mutable(dv),
                            .values = values.data(),
                            .scores = scores.data()};
    const TrainKernels& kernels = *KernelsOf(context);
    for (const Head& h : layout.all) HeadBackward(layout, pointers, h, kernels);
    return {dq, dk, dv, at::Tensor(), at::Tensor()};
  }

 private:
  struct Pointers {
    const float *q, *k, *v, *probabilities, *dout;
    float *dq, *dk, *dv;
    float* values;  // scratch: v of one head, transposed
    float* scores;  // scratch: gradient of the scores of one head
  };

  static void HeadBackward(const HeadLayout& layout, const Pointers& p, const Head& h,
                           const TrainKernels& kernels) {
    const int64_t query = layout.QueryAt(h), key = layout.KeyAt(h);
    ScoreGradient(layout, p, h, kernels);
    MatmulArgs product{.a = p.scores,
                       .a_row = h.padded,
                       .a_inner = 1,
                       .b = p.k + key,
                       .b_row = layout.key_row(),
                       .c = p.dq + query,
                       .c_row = layout.query_row(),
                       .rows = h.rows,
                       .inner = h.rows,
                       .columns = layout.width};
    kernels.matmul(product);
    // The transposes, added: several query heads may share one key head.
    product.a_row = 1;
    product.a_inner = h.padded;
    product.b = p.q + query;
    product.b_row = layout.query_row();
    product.c = p.dk + key;
    product.c_row = product.start_row = layout.key_row();
    product.start = product.c;
    kernels.matmul(product);
    product.a = p.probabilities + h.probabilities;
    product.b = p.dout + query;
    product.c = p.dv + key;
    product.start = product.c;
    kernels.matmul(product);
  }

  /// scores = gradient of q k^T of one head.
  static void ScoreGradient(const HeadLayout& layout, const Pointers& p, const Head& h,
                            const TrainKernels& kernels) {
    Transpose(p.v + layout.KeyAt(h), layout.key_row(), h.rows, layout.width, p.values, h.padded);
    // Columns past the last row must hold finite numbers: their probability is 0.
    for (int64_t i = 0; i < h.rows; ++i) {
      std::fill(p.scores + i * h.padded + h.rows, p.scores + (i + 1) * h.padded, 0.0f);
    }
    kernels.matmul({.a = p.dout + layout.QueryAt(h),
                    .a_row = layout.query_row(),
                    .a_inner = 1,
                    .b = p.values,
                    .b_row = h.padded,
                    .c = p.scores,
                    .c_row = h.padded,
                    .rows = h.rows,
                    .inner = layout.width,
                    .columns = h.rows});
    kernels.softmax_backward(p.probabilities + h.probabilities, p.scores, h.rows, h.padded,
                             layout.factor(), p.scores);
  }
};

class FusedTrainingOps final : public DecoderOps {
 public:
  explicit FusedTrainingOps(const TrainKernels& kernels) : kernels_(&kernels) {}

  at::Tensor Embed(const LinearWeight& embedding, const TokenBatch& batch) override {
    return composite_->Embed(embedding, batch);
  }
  at::Tensor Linear(const at::Tensor& x_ND, const LinearWeight& weight) override {
    const at::Tensor product = LinearFunction::apply(x_ND, weight.weight, kernels_);
    return weight.bias.defined() ? product + weight.bias : product;
  }
  at::Tensor RmsNorm(const at::Tensor& x, const at::Tensor& weight, double eps) override {
    return RmsNormFunction::apply(x, weight, eps, kernels_);
  }
  at::Tensor Rotary(const at::Tensor& x_NHK, const TokenBatch& batch, double theta) override {
    UpdateAngles(batch, x_NHK.size(2), theta);
    return RotaryFunction::apply(x_NHK, cos_, sin_);
  }
  at::Tensor Attention(const at::Tensor& q_NHK, const at::Tensor& k_NGK, const at::Tensor& v_NGK,
                       int, const TokenBatch& batch) override {
    RETORT_CHECK(batch.cache == nullptr, "training operators know no key/value cache");
    const at::Tensor offsets = at::tensor(batch.sequence_offsets, at::kLong);
    return AttentionFunction::apply(q_NHK, k_NGK, v_NGK, offsets, kernels_);
  }
  at::Tensor GatedMlp(const at::Tensor& x_ND, const LayerWeights& layer) override {
    const at::Tensor gate = Linear(x_ND, layer.gate);
    return Linear(SiluMulFunction::apply(gate, Linear(x_ND, layer.up), kernels_), layer.down);
  }
  at::Tensor Add(const at::Tensor& x, const at::Tensor& y) override { return x + y; }
  at::Tensor SelectRows(const at::Tensor& x_ND, const std::vector<int64_t>& rows) override {
    return composite_->SelectRows(x_ND, rows);
  }

 private:
  /// cos and sin [N, K / 2] of the batch's positions, as the composite operators compute them.
  void UpdateAngles(const TokenBatch& batch, int64_t width, double theta) {
    if (positions_ == batch.positions && theta_ == theta && cos_.size(1) == width / 2) return;
    positions_ = batch.positions;
    theta_ = theta;
    const at::Tensor exponents =
        at::arange(0, width, 2, at::kLong).to(at::kFloat) / static_cast<double>(width);
    const at::Tensor frequencies = at::reciprocal(at::pow(theta, exponents));
    const at::Tensor angles =
        at::tensor(positions_, at::kFloat).unsqueeze(1) * frequencies.unsqueeze(0);
    cos_ = angles.cos();
    sin_ = angles.sin();
  }

  const TrainKernels* kernels_;
  std::unique_ptr<DecoderOps> composite_ = MakeCompositeOps();
  std::vector<int64_t> positions_;
  double theta_ = 0;
  at::Tensor cos_, sin_;
};

}  // namespace

std::unique_ptr<DecoderOps> MakeFusedTrainingOps(const TrainKernels& kernels) {
  return std::make_unique<FusedTrainingOps>(kernels);
}

}  // namespace retort
