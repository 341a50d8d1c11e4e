#include "train/fused_ops.h"

#include <cmath>
#include <vector>

#include "core/base/error.h"
#include "train/fused_attention.h"
#include "train/fused_autograd.h"

namespace retort {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

/// y = x W^T.
struct LinearFunction : Function<LinearFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x_ND,
                            const at::Tensor& weight, const TrainKernels* kernels) {
    const at::Tensor x = x_ND.contiguous();
    const int64_t rows = x.size(0), in = weight.size(1), out = weight.size(0);
    at::Tensor y = at::empty({rows, out}, x.options());
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
    const TrainKernels& kernels = SavedKernels(context);
    const at::Tensor dy = gradients[0].contiguous();
    const int64_t rows = x.size(0), in = weight.size(1), out = weight.size(0);
    const at::Tensor dx = at::empty({rows, in}, x.options());
    kernels.matmul({.a = Data(dy),
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
    kernels.matmul({.a = Data(dy),
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
    at::Tensor y = at::empty(x.sizes(), x.options());
    const at::Tensor scale = at::empty({rows}, x.options());
    kernels->rms_norm({.x = Data(x), .weight = Data(weight), .rows = rows, .width = width},
                      static_cast<float>(eps), Mutable(y), Mutable(scale));
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
    SavedKernels(context).rms_norm_backward(
        {.x = Data(x), .weight = Data(saved[1]), .rows = rows, .width = width}, Data(saved[2]),
        Data(dy), Mutable(dx), Mutable(dweight));
    return {dx, dweight, at::Tensor(), at::Tensor()};
  }
};

struct SiluMulFunction : Function<SiluMulFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& gate, const at::Tensor& up,
                            const TrainKernels* kernels) {
    at::Tensor y = at::empty(gate.sizes(), gate.options());
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
    SavedKernels(context).silu_mul_backward(Data(saved[0]), Data(saved[1]), Data(dy), dy.numel(),
                                            Mutable(dgate), Mutable(dup));
    return {dgate, dup, at::Tensor()};
  }
};

/// (a, b) -> (a cos - b sin, b cos + a sin) over the halves of each head; `turn` 1 or, for the
/// gradient, -1.
at::Tensor Rotate(const at::Tensor& x_NHK, const at::Tensor& cos, const at::Tensor& sin,
                  float turn) {
  at::Tensor y = at::empty(x_NHK.sizes(), x_NHK.options());
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

class FusedTrainingOps final : public DecoderOps {
 public:
  explicit FusedTrainingOps(const TrainKernels& kernels) : kernels_(&kernels) {}

  at::Tensor Embed(const LinearWeight& embedding, const TokenBatch& batch, float scale) override {
    return composite_->Embed(embedding, batch, scale);
  }
  at::Tensor Linear(const at::Tensor& x_ND, const LinearWeight& weight) override {
    const at::Tensor product = LinearFunction::apply(x_ND, weight.weight, kernels_);
    return weight.bias.defined() ? product + weight.bias : product;
  }
  at::Tensor RmsNorm(const at::Tensor& x, const at::Tensor& weight,
                     const NormConfig& norm) override {
    const at::Tensor factors = norm.offset == 0 ? weight : weight + norm.offset;
    return RmsNormFunction::apply(x, factors, norm.eps, kernels_);
  }
  at::Tensor Rotary(const at::Tensor& x_NHK, const TokenBatch& batch,
                    const RopeConfig& rope) override {
    UpdateAngles(batch, x_NHK.size(2), rope);
    return RotaryFunction::apply(x_NHK, cos_, sin_);
  }
  at::Tensor Attention(const at::Tensor& q_NHK, const at::Tensor& k_NGK, const at::Tensor& v_NGK,
                       const AttentionConfig& attention, const TokenBatch& batch) override {
    RETORT_CHECK(batch.cache == nullptr, "training operators know no key/value cache");
    const float usual_scale = 1.0F / std::sqrt(static_cast<float>(q_NHK.size(2)));
    if (attention.window > 0 || attention.scale != usual_scale) {
      return composite_->Attention(q_NHK, k_NGK, v_NGK, attention, batch);
    }
    const at::Tensor offsets = at::tensor(batch.sequence_offsets, at::kLong);
    return FusedAttention(q_NHK, k_NGK, v_NGK, offsets, *kernels_);
  }
  at::Tensor GatedMlp(const at::Tensor& x_ND, const LayerWeights& layer,
                      Activation activation) override {
    if (activation != Activation::kSilu) return composite_->GatedMlp(x_ND, layer, activation);
    const at::Tensor gate = Linear(x_ND, layer.gate);
    return Linear(SiluMulFunction::apply(gate, Linear(x_ND, layer.up), kernels_), layer.down);
  }
  at::Tensor Add(const at::Tensor& x, const at::Tensor& y) override { return x + y; }
  at::Tensor SelectRows(const at::Tensor& x_ND, const std::vector<int64_t>& rows) override {
    return composite_->SelectRows(x_ND, rows);
  }

 private:
  /// cos and sin [N, K / 2] of the batch's positions, as the composite operators compute them.
  void UpdateAngles(const TokenBatch& batch, int64_t width, const RopeConfig& rope) {
    if (positions_ == batch.positions && rope_ == rope && cos_.size(1) == width / 2) return;
    positions_ = batch.positions;
    rope_ = rope;
    const at::Tensor angles = at::tensor(positions_, at::kFloat).unsqueeze(1) *
                              RotaryFrequencies(rope, width).unsqueeze(0);
    cos_ = angles.cos();
    sin_ = angles.sin();
  }

  const TrainKernels* kernels_;
  std::unique_ptr<DecoderOps> composite_ = MakeCompositeOps();
  std::vector<int64_t> positions_;
  RopeConfig rope_;
  at::Tensor cos_, sin_;
};

}  // namespace

std::unique_ptr<DecoderOps> MakeFusedTrainingOps(const TrainKernels& kernels) {
  return std::make_unique<FusedTrainingOps>(kernels);
}

}  // namespace retort
