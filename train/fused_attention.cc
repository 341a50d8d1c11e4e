#include "train/fused_attention.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "train/fused_autograd.h"

namespace retort {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

constexpr int64_t kLanes = 16;

int64_t PaddedToLanes(int64_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

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
      const int64_t rows = offset[s + 1] - offset[s], padded = PaddedToLanes(rows);
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
    at::Tensor out = at::empty({q.size(0), layout.query_row()}, q.options());
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
    const TrainKernels& kernels = SavedKernels(context);
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

}  // namespace

at::Tensor FusedAttention(const at::Tensor& q_NHK, const at::Tensor& k_NGK, const at::Tensor& v_NGK,
                          const at::Tensor& offsets, const TrainKernels& kernels) {
  return AttentionFunction::apply(q_NHK, k_NGK, v_NGK, offsets, &kernels);
}

}  // namespace retort
