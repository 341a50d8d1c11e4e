#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/lm/model/decoder.h"
#include "core/lm/model/kernels/packed_matrix.h"
#include "core/lm/model/kernels/select.h"

namespace retort {
namespace {

// Work below this many floating-point operations (about 20 microseconds of one core) is done by the
// calling thread: waking another costs more than it saves.
constexpr double kParallelFlops = 2e6;
// Few rows wait for their weights: the work one core does while a byte comes from memory.
constexpr double kFlopsPerByte = 5;
// The window of attention without one.
constexpr int64_t kEverything = std::numeric_limits<int64_t>::max();

/// Tensors handed out again once nobody else holds them: a forward of a small model would otherwise
/// spend much of its time allocating.
class TensorArena {
 public:
  at::Tensor Empty(at::IntArrayRef sizes) {
    const int64_t numel = c10::multiply_integers(sizes);
    for (Entry& entry : entries_) {
      if (entry.capacity < numel || !Unused(entry.tensor)) continue;
      entry.tensor.unsafeGetTensorImpl()->set_sizes_contiguous(sizes);
      return entry.tensor;
    }
    // The smallest unused tensor makes room for one that is large enough.
    std::erase_if(entries_, [](const Entry& entry) { return Unused(entry.tensor); });
    entries_.push_back({at::empty(sizes, at::kFloat), numel});
    return entries_.back().tensor;
  }

 private:
  struct Entry {
    at::Tensor tensor;
    int64_t capacity;
  };
  /// A view of the tensor would hold its storage.
  static bool Unused(const at::Tensor& tensor) {
    return tensor.use_count() == 1 && tensor.storage().use_count() == 1;
  }
  std::vector<Entry> entries_;
};

/// cos and sin of every position so far asked for, [positions, width / 2] each. Angles are float32
/// products, as `transformers` computes them; their functions are rounded from double.
class RotaryTable {
 public:
  RotaryTable(const RopeConfig& rope, int64_t width) : rope_(rope), width_(width) {
    for (int64_t i = 0; i < width / 2; ++i) {
      const double exponent = 2.0 * static_cast<double>(i) / static_cast<double>(width);
      const auto frequency = static_cast<float>(1.0 / std::pow(rope.theta, exponent));
      frequencies_.push_back(ScaleFrequency(frequency, rope.scaling));
    }
  }
  bool Is(const RopeConfig& rope, int64_t width) const { return rope_ == rope && width_ == width; }
  void Prepare(const std::vector<int64_t>& positions) {
    const int64_t last = *std::max_element(positions.begin(), positions.end());
    for (; rows_ <= last; ++rows_) AppendRow(static_cast<float>(rows_));
  }
  const float* cos(int64_t position) const { return cos_.data() + position * (width_ / 2); }
  const float* sin(int64_t position) const { return sin_.data() + position * (width_ / 2); }

 private:
  void AppendRow(float position) {
    for (const float frequency : frequencies_) {
      const float angle = position * frequency;
      cos_.push_back(static_cast<float>(std::cos(static_cast<double>(angle))));
      sin_.push_back(static_cast<float>(std::sin(static_cast<double>(angle))));
    }
  }
  RopeConfig rope_;
  int64_t width_;
  int64_t rows_ = 0;
  std::vector<float> frequencies_, cos_, sin_;
};

/// Keys, values and slots of a batch's contexts, whether they lie in a cache or in the batch
/// itself.
struct ContextView {
  const void* keys;
  const void* values;
  bool bfloat16;                          // or float32
  std::vector<const int32_t*> row_slots;  // [N] slots of the row's context
  std::vector<int64_t> row_context;       // [N] tokens the row attends to
};

double AsDouble(int64_t value) { return static_cast<double>(value); }

class NativeOps final : public DecoderOps {
 public:
  NativeOps(ThreadPool& pool, const Kernels& kernels) : pool_(pool), kernels_(kernels) {}

  at::Tensor Embed(const LinearWeight& embedding, const TokenBatch& batch, float scale) override {
    RETORT_CHECK(c10::InferenceMode::is_enabled(), "native ops run under c10::InferenceMode");
    const PackedMatrix* packed = embedding.packed.get();
    const int64_t width = packed != nullptr ? packed->in() : embedding.weight.size(1);
    at::Tensor y = arena_.Empty({batch.rows(), width});
    float* to = y.mutable_data_ptr<float>();
    if (packed != nullptr) {
      for (const int64_t id : batch.ids) packed->CopyRow(id, std::exchange(to, to + width));
    } else {
      CopyRows(embedding.weight.const_data_ptr<float>(), width, batch.ids, to);
    }
    if (scale != 1) {
      for (float& value : std::span(y.mutable_data_ptr<float>(), static_cast<size_t>(y.numel()))) {
        value *= scale;
      }
    }
    return y;
  }

  at::Tensor Linear(const at::Tensor& x_ND, const LinearWeight& weight) override {
    RETORT_CHECK(weight.packed != nullptr, "native ops take packed weights (PackWeights)");
    at::Tensor y = arena_.Empty({x_ND.size(0), weight.packed->out()});
    const PackedMatrix& packed = *weight.packed;
    const bool rounds = packed.precision() == Precision::kBfloat16;
    const GemmArgs args{
        .x = x_ND.const_data_ptr<float>(),
        .bfloat16_x =
            rounds ? Rounded(x_ND.const_data_ptr<float>(), x_ND.size(0), packed.in()) : nullptr,
        .rows = x_ND.size(0),
        .panels = packed.float32_panels(),
        .bfloat16_panels = packed.bfloat16_panels(),
        .bias = weight.bias.defined() ? weight.bias.const_data_ptr<float>() : nullptr,
        .in = packed.in(),
        .out = packed.out(),
        .y = y.mutable_data_ptr<float>(),
        .first_output = 0,
        .last_output = packed.out()};
    Gemm(args);
    return y;
  }

  at::Tensor RmsNorm(const at::Tensor& x, const at::Tensor& weight,
                     const NormConfig& norm) override {
    at::Tensor y = arena_.Empty(x.sizes());
    const int64_t width = weight.size(0);
    const float* in = x.const_data_ptr<float>();
    const float* scale = weight.const_data_ptr<float>();
    float* out = y.mutable_data_ptr<float>();
    const int64_t rows = x.numel() / width;
    Split(rows, 4 * AsDouble(x.numel()), [&](int64_t begin, int64_t end) {
      kernels_.rms_norm({.x = in + begin * width,
                         .rows = end - begin,
                         .width = width,
                         .weight = scale,
                         .offset = static_cast<float>(norm.offset),
                         .eps = static_cast<float>(norm.eps),
                         .y = out + begin * width});
    });
    return y;
  }

  at::Tensor Rotary(const at::Tensor& x_NHK, const TokenBatch& batch,
                    const RopeConfig& rope) override {
    at::Tensor y = arena_.Empty(x_NHK.sizes());
    const int64_t heads = x_NHK.size(1), width = x_NHK.size(2);
    RotaryTable& table = TableOf(rope, width);
    table.Prepare(batch.positions);
    const float* in = x_NHK.const_data_ptr<float>();
    float* out = y.mutable_data_ptr<float>();
    Split(batch.rows(), 4 * AsDouble(x_NHK.numel()), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const int64_t position = batch.positions[static_cast<size_t>(row)];
        kernels_.rotary(in + row * heads * width, heads, width, table.cos(position),
                        table.sin(position), out + row * heads * width);
      }
    });
    return y;
  }

  at::Tensor Attention(const at::Tensor& q_NHK, const at::Tensor& k_NGK, const at::Tensor& v_NGK,
                       const AttentionConfig& attention, const TokenBatch& batch) override {
    const int64_t heads = q_NHK.size(1), groups = k_NGK.size(1), width = q_NHK.size(2);
    at::Tensor y = arena_.Empty({batch.rows(), heads * width});
    if (batch.cache != nullptr) {
      UseCache(k_NGK, v_NGK, attention.layer, batch);
    } else {
      UseOwnRows(k_NGK, v_NGK, batch);
    }
    const int64_t window = attention.window > 0 ? attention.window : kEverything;
    const AttentionArgs common{.q = q_NHK.const_data_ptr<float>(),
                               .keys = view_.keys,
                               .values = view_.values,
                               .bfloat16 = view_.bfloat16,
                               .slots = nullptr,
                               .context = 0,
                               .heads = heads,
                               .groups = groups,
                               .width = width,
                               .scale = attention.scale,
                               .scores = nullptr,
                               .out = y.mutable_data_ptr<float>()};
    const int64_t tokens = std::accumulate(
        view_.row_context.begin(), view_.row_context.end(), int64_t{0},
        [window](int64_t sum, int64_t context) { return sum + std::min(context, window); });
    Split(batch.rows(), 8 * AsDouble(tokens * heads * width),
          [&](int64_t begin, int64_t end) { AttendRows(common, window, begin, end); });
    return y;
  }

  at::Tensor GatedMlp(const at::Tensor& x_ND, const LayerWeights& layer,
                      Activation activation) override {
    const at::Tensor gate = Linear(x_ND, layer.gate);
    const at::Tensor up = Linear(x_ND, layer.up);
    const auto activate =
        activation == Activation::kSilu ? kernels_.silu_mul : kernels_.gelu_tanh_mul;
    const float* in = up.const_data_ptr<float>();
    float* out = gate.mutable_data_ptr<float>();
    Split(gate.numel(), 20 * AsDouble(gate.numel()), [&](int64_t begin, int64_t end) {
      activate(out + begin, in + begin, end - begin, out + begin);
    });
    return Linear(gate, layer.down);
  }

  at::Tensor Add(const at::Tensor& x, const at::Tensor& y) override {
    at::Tensor sum = arena_.Empty(x.sizes());
    kernels_.add(x.const_data_ptr<float>(), y.const_data_ptr<float>(), x.numel(),
                 sum.mutable_data_ptr<float>());
    return sum;
  }

  at::Tensor SelectRows(const at::Tensor& x_ND, const std::vector<int64_t>& rows) override {
    at::Tensor y = arena_.Empty({static_cast<int64_t>(rows.size()), x_ND.size(1)});
    CopyRows(x_ND.const_data_ptr<float>(), x_ND.size(1), rows, y.mutable_data_ptr<float>());
    return y;
  }

 private:
  /// body(begin, end) over [0, n): in blocks on the pool when `flops` are worth it.
  template <typename Body>
  void Split(int64_t n, double flops, const Body& body) {
    if (flops < kParallelFlops || pool_.threads() == 1) return body(int64_t{0}, n);
    const int64_t blocks = int64_t{2} * pool_.threads();
    pool_.ParallelFor(n, (n + blocks - 1) / blocks, body);
  }

  static void CopyRows(const float* from, int64_t width, const std::vector<int64_t>& rows,
                       float* to) {
    for (const int64_t row : rows) {
      std::memcpy(to, from + row * width, static_cast<size_t>(width) * sizeof(float));
      to += width;
    }
  }

  RotaryTable& TableOf(const RopeConfig& rope, int64_t width) {
    const auto found = std::find_if(rotary_.begin(), rotary_.end(), [&](const RotaryTable& table) {
      return table.Is(rope, width);
    });
    return found != rotary_.end() ? *found : rotary_.emplace_back(rope, width);
  }

  static int64_t RoundedWidth(int64_t width) { return width + width % 2; }

  /// [rows, width] in bfloat16, until the next call.
  const uint16_t* Rounded(const float* x, int64_t rows, int64_t width) {
    const int64_t rounded_width = RoundedWidth(width);
    rounded_.resize(std::max(rounded_.size(), static_cast<size_t>(rows * rounded_width)));
    Split(rows, AsDouble(rows * width), [&](int64_t begin, int64_t end) {
      kernels_.round_to_bfloat16(x + begin * width, end - begin, width,
                                 rounded_.data() + begin * rounded_width);
    });
    return rounded_.data();
  }

  /// Many rows are split by rows, few by outputs; neither changes a sum.
  void Gemm(const GemmArgs& args) {
    const double bytes = AsDouble(args.in * args.out) * (args.panels != nullptr ? 4 : 2);
    const double flops =
        std::max(2 * AsDouble(args.rows * args.in * args.out), kFlopsPerByte * bytes);
    if (args.rows >= int64_t{16} * pool_.threads()) {
      Split(args.rows, flops, [&](int64_t begin, int64_t end) {
        GemmArgs part = args;
        part.x += begin * args.in;
        if (args.bfloat16_x != nullptr) part.bfloat16_x += begin * RoundedWidth(args.in);
        part.y += begin * args.out;
        part.rows = end - begin;
        kernels_.gemm(part);
      });
      return;
    }
    constexpr int64_t kWidth = PackedMatrix::kPanelWidth;
    Split((args.out + kWidth - 1) / kWidth, flops, [&](int64_t begin, int64_t end) {
      GemmArgs part = args;
      part.first_output = begin * kWidth;
      part.last_output = std::min(args.out, end * kWidth);
      kernels_.gemm(part);
    });
  }

  /// Writes each row of x [N, G, K] to its slot of `pool`, a layer of which begins at `offset`, in
  /// the pool's type; returns that layer.
  const void* WriteSlots(const at::Tensor& x, const std::vector<int32_t>& slots, int64_t offset,
                         const at::Tensor& pool) const {
    const int64_t width = x.size(1) * x.size(2);
    const float* from = x.const_data_ptr<float>();
    if (pool.scalar_type() == at::kBFloat16) {
      auto* layer = static_cast<uint16_t*>(pool.mutable_data_ptr()) + offset;
      for (const int32_t slot : slots) {
        kernels_.round_to_bfloat16(std::exchange(from, from + width), 1, width,
                                   layer + slot * width);
      }
      return layer;
    }
    float* layer = pool.mutable_data_ptr<float>() + offset;
    for (const int32_t slot : slots) {
      std::memcpy(layer + slot * width, std::exchange(from, from + width),
                  static_cast<size_t>(width) * sizeof(float));
    }
    return layer;
  }

  /// Writes the batch's keys and values to their slots and looks at the cache from then on.
  void UseCache(const at::Tensor& k_NGK, const at::Tensor& v_NGK, int layer,
                const TokenBatch& batch) {
    const int64_t width = k_NGK.size(1) * k_NGK.size(2);
    const int64_t offset = layer * batch.cache->slots * width;
    view_.bfloat16 = batch.cache->keys.scalar_type() == at::kBFloat16;
    view_.keys = WriteSlots(k_NGK, batch.row_slots, offset, batch.cache->keys);
    view_.values = WriteSlots(v_NGK, batch.row_slots, offset, batch.cache->values);
    if (layer == 0) ViewContexts(batch, batch.context_slots.data(), batch.context_offsets);
  }

  /// Without a cache the batch's own rows are the slots.
  void UseOwnRows(const at::Tensor& k_NGK, const at::Tensor& v_NGK, const TokenBatch& batch) {
    view_.bfloat16 = false;
    view_.keys = k_NGK.const_data_ptr<float>();
    view_.values = v_NGK.const_data_ptr<float>();
    own_rows_.resize(static_cast<size_t>(batch.rows()));
    std::iota(own_rows_.begin(), own_rows_.end(), 0);
    ViewContexts(batch, own_rows_.data(), batch.sequence_offsets);
  }

  void ViewContexts(const TokenBatch& batch, const int32_t* slots,
                    const std::vector<int64_t>& offsets) {
    view_.row_slots.clear();
    view_.row_context.clear();
    for (size_t s = 0; s + 1 < batch.sequence_offsets.size(); ++s) {
      for (int64_t row = batch.sequence_offsets[s]; row < batch.sequence_offsets[s + 1]; ++row) {
        view_.row_slots.push_back(slots + offsets[s]);
        view_.row_context.push_back(batch.cache != nullptr
                                        ? batch.positions[static_cast<size_t>(row)] + 1
                                        : row - offsets[s] + 1);
      }
    }
  }

  void AttendRows(const AttentionArgs& common, int64_t window, int64_t begin, int64_t end) const {
    std::vector<float> scores;
    for (int64_t row = begin; row < end; ++row) {
      const auto i = static_cast<size_t>(row);
      AttentionArgs args = common;
      args.q += row * common.heads * common.width;
      args.out += row * common.heads * common.width;
      args.context = std::min(view_.row_context[i], window);
      args.slots = view_.row_slots[i] + (view_.row_context[i] - args.context);
      const int64_t scratch = args.heads / args.groups * (args.context + 15);
      scores.resize(std::max(scores.size(), static_cast<size_t>(scratch)));
      args.scores = scores.data();
      kernels_.attention(args);
    }
  }

  ThreadPool& pool_;
  const Kernels& kernels_;
  TensorArena arena_;
  std::vector<RotaryTable> rotary_;  // a model turns its layers by one or two
  ContextView view_;
  std::vector<int32_t> own_rows_;
  std::vector<uint16_t> rounded_;
};

}  // namespace

std::unique_ptr<DecoderOps> MakeNativeOps(ThreadPool& pool, Isa isa) {
  RETORT_CHECK(IsaSupported(isa), "this processor does not run ", IsaName(isa), " kernels");
  return std::make_unique<NativeOps>(pool, KernelsFor(isa));
}

}  // namespace retort
