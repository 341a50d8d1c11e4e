#include "core/lm/model/cuda_ops.h"

#include <ATen/ATen.h>
#include <ATen/cuda/CUDAContext.h>
#include <ATen/cuda/CUDAEvent.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/lm/model/kernels/cuda_kernels.h"

namespace retort {
namespace {

// Room from the start: 1 MiB.
constexpr size_t kFirstRows = 1024;
constexpr size_t kFirstContexts = 1 << 18;

cuda::Stream CurrentStream() { return at::cuda::getCurrentCUDAStream(); }

at::TensorOptions OnDevice(at::ScalarType type) {
  return at::TensorOptions().dtype(type).device(at::kCUDA);
}

/// What the kernels read of a batch, in one piece of memory, here and on the device: 64-bit numbers
/// first, then 32-bit ones.
class BatchBuffer {
 public:
  void Upload(const TokenBatch& batch) {
    copied_.synchronize();  // the last copy may still be reading
    const auto rows = static_cast<size_t>(batch.rows());
    const bool all_rows = batch.logit_rows.empty();
    Reserve(rows, batch.context_slots.size());
    Put(ids_, batch.ids);
    Put(positions_, batch.positions);
    auto* begin = reinterpret_cast<int64_t*>(host_ + context_begin_);
    for (size_t s = 0; s + 1 < batch.sequence_offsets.size(); ++s) {
      std::fill(begin + batch.sequence_offsets[s], begin + batch.sequence_offsets[s + 1],
                batch.context_offsets[s]);
    }
    if (!all_rows) Put(logit_rows_, batch.logit_rows);
    Put(row_slots_, batch.row_slots);
    Put(context_slots_, batch.context_slots);
    const auto bytes =
        static_cast<int64_t>(context_slots_ + batch.context_slots.size() * sizeof(int32_t));
    device_.narrow(0, 0, bytes).copy_(pinned_.narrow(0, 0, bytes), /*non_blocking=*/true);
    copied_.record();
  }

  int64_t generation() const { return generation_; }
  const int64_t* ids() const { return At<int64_t>(ids_); }
  const int64_t* positions() const { return At<int64_t>(positions_); }
  const int64_t* context_begin() const { return At<int64_t>(context_begin_); }
  const int32_t* row_slots() const { return At<int32_t>(row_slots_); }
  const int32_t* context_slots() const { return At<int32_t>(context_slots_); }
  at::Tensor LogitRows(size_t count) const {
    const auto size = static_cast<int64_t>(count * sizeof(int64_t));
    return device_.narrow(0, static_cast<int64_t>(logit_rows_), size).view(at::kLong);
  }

 private:
  /// Places for `rows` rows and `contexts` context slots; they stay where they are while they fit.
  void Reserve(size_t rows, size_t contexts) {
    if (rows <= rows_ && contexts <= contexts_ && device_.defined()) return;
    rows_ = std::max({rows, 2 * rows_, kFirstRows});
    contexts_ = std::max({contexts, 2 * contexts_, kFirstContexts});
    size_t bytes = 0;
    for (size_t* place : {&ids_, &positions_, &context_begin_, &logit_rows_}) {
      *place = std::exchange(bytes, bytes + rows_ * sizeof(int64_t));
    }
    row_slots_ = std::exchange(bytes, bytes + rows_ * sizeof(int32_t));
    context_slots_ = std::exchange(bytes, bytes + contexts_ * sizeof(int32_t));
    pinned_ = at::empty({static_cast<int64_t>(bytes)},
                        at::TensorOptions().dtype(at::kByte).pinned_memory(true));
    device_ = at::empty({static_cast<int64_t>(bytes)}, OnDevice(at::kByte));
    host_ = pinned_.mutable_data_ptr<uint8_t>();
    ++generation_;
  }

  template <typename T>
  void Put(size_t place, const std::vector<T>& values) {
    std::memcpy(host_ + place, values.data(), values.size() * sizeof(T));
  }

  template <typename T>
  const T* At(size_t place) const {
    return reinterpret_cast<const T*>(device_.const_data_ptr<uint8_t>() + place);
  }

  size_t rows_ = 0, contexts_ = 0;
  size_t ids_ = 0, positions_ = 0, context_begin_ = 0, logit_rows_ = 0;  // byte offsets
  size_t row_slots_ = 0, context_slots_ = 0;
  at::Tensor pinned_, device_;
  uint8_t* host_ = nullptr;
  int64_t generation_ = 0;
  at::cuda::CUDAEvent copied_;
};

class CudaOpsImpl final : public CudaOps {
 public:
  explicit CudaOpsImpl(Precision precision)
      : precision_(precision),
        stored_(precision == Precision::kBfloat16 ? at::kBFloat16 : at::kFloat) {}

  void Upload(const TokenBatch& batch) override {
    RETORT_CHECK(batch.cache != nullptr, "operators for inference need a cache");
    buffer_.Upload(batch);
  }

  int64_t Generation() const override { return buffer_.generation(); }

  at::Tensor Embed(const LinearWeight& embedding, const TokenBatch& batch, float scale) override {
    const int64_t width = embedding.weight.size(1);
    at::Tensor y_ND = at::empty({batch.rows(), width}, OnDevice(at::kFloat));
    cuda::Embed(embedding.weight.const_data_ptr(), precision_, buffer_.ids(), batch.rows(), width,
                scale, y_ND.mutable_data_ptr<float>(), CurrentStream());
    return y_ND;
  }

  /// Of float32 or stored numbers; gives float32.
  at::Tensor Linear(const at::Tensor& x_ND, const LinearWeight& weight) override {
    if (stored_ == at::kFloat) {
      return weight.bias.defined() ? at::linear(x_ND, weight.weight, weight.bias)
                                   : at::mm(x_ND, weight.weight.t());
    }
    const at::Tensor y = at::mm(Rounded(x_ND), weight.weight.t(), at::kFloat);
    return weight.bias.defined() ? y + weight.bias : y;
  }

  at::Tensor RmsNorm(const at::Tensor& x, const at::Tensor& weight,
                     const NormConfig& norm) override {
    const int64_t width = x.size(-1), rows = x.numel() / width;
    at::Tensor y = at::empty(x.sizes(), OnDevice(at::kFloat));
    at::Tensor rounded;
    if (stored_ != at::kFloat) rounded = at::empty(x.sizes(), OnDevice(stored_));
    cuda::RmsNorm(x.const_data_ptr<float>(), weight.const_data_ptr<float>(), rows, width, norm,
                  y.mutable_data_ptr<float>(),
                  rounded.defined() ? rounded.mutable_data_ptr() : nullptr, CurrentStream());
    normed_ = y;
    rounded_ = rounded;
    return y;
  }

  /// In place: nothing else reads a query or a key before it is turned.
  at::Tensor Rotary(const at::Tensor& x_NHK, const TokenBatch& batch,
                    const RopeConfig& rope) override {
    const int64_t width = x_NHK.size(2);
    cuda::Rotate(x_NHK.mutable_data_ptr<float>(), batch.rows(), x_NHK.size(1), width,
                 buffer_.positions(), Frequencies(rope, width), CurrentStream());
    return x_NHK;
  }

  at::Tensor Attention(const at::Tensor& q_NHK, const at::Tensor& k_NGK, const at::Tensor& v_NGK,
                       const AttentionConfig& attention, const TokenBatch& batch) override {
    const int64_t rows = batch.rows(), heads = q_NHK.size(1), groups = k_NGK.size(1);
    const int64_t width = q_NHK.size(2);
    const at::Tensor keys = batch.cache->keys.select(0, attention.layer);
    const at::Tensor values = batch.cache->values.select(0, attention.layer);
    cuda::StoreKeysValues(k_NGK.const_data_ptr<float>(), v_NGK.const_data_ptr<float>(), rows,
                          groups * width, buffer_.row_slots(), keys.mutable_data_ptr(),
                          values.mutable_data_ptr(), precision_, CurrentStream());
    at::Tensor y = at::empty({rows, heads * width}, OnDevice(stored_));
    cuda::Attend({.rows = rows,
                  .heads = static_cast<int>(heads),
                  .groups = static_cast<int>(groups),
                  .width = static_cast<int>(width),
                  .window = attention.window,
                  .scale = attention.scale,
                  .q = q_NHK.const_data_ptr<float>(),
                  .keys = keys.const_data_ptr(),
                  .values = values.const_data_ptr(),
                  .context_slots = buffer_.context_slots(),
                  .context_begin = buffer_.context_begin(),
                  .positions = buffer_.positions(),
                  .y = y.mutable_data_ptr(),
                  .stored = precision_},
                 CurrentStream());
    return y;
  }

  at::Tensor GatedMlp(const at::Tensor& x_ND, const LayerWeights& layer,
                      Activation activation) override {
    const at::Tensor gate = Linear(x_ND, layer.gate), up = Linear(x_ND, layer.up);
    const at::Tensor y = at::empty(gate.sizes(), OnDevice(stored_));
    cuda::GatedActivation(gate.const_data_ptr<float>(), up.const_data_ptr<float>(), gate.numel(),
                          activation, y.mutable_data_ptr(), precision_, CurrentStream());
    return Linear(y, layer.down);
  }

  at::Tensor Add(const at::Tensor& x, const at::Tensor& y) override { return x + y; }

  at::Tensor SelectRows(const at::Tensor& x_ND, const std::vector<int64_t>& rows) override {
    return x_ND.index_select(0, buffer_.LogitRows(rows.size()));
  }

 private:
  /// x in bfloat16; what the last norm gave is there already.
  at::Tensor Rounded(const at::Tensor& x_ND) const {
    if (x_ND.scalar_type() == stored_) return x_ND;
    if (rounded_.defined() && x_ND.is_same(normed_)) return rounded_;
    return x_ND.to(stored_);
  }

  const float* Frequencies(const RopeConfig& rope, int64_t width) {
    // A model turns its layers by one table or two.
    for (const auto& [known, table] : frequencies_) {
      if (known == rope && table.numel() * 2 == width) return table.const_data_ptr<float>();
    }
    frequencies_.emplace_back(rope, RotaryFrequencies(rope, width).to(at::kCUDA));
    return frequencies_.back().second.const_data_ptr<float>();
  }

  const Precision precision_;
  const at::ScalarType stored_;
  BatchBuffer buffer_;
  at::Tensor normed_, rounded_;
  std::vector<std::pair<RopeConfig, at::Tensor>> frequencies_;
};

}  // namespace

std::unique_ptr<CudaOps> MakeCudaOps(Precision precision) {
  return std::make_unique<CudaOpsImpl>(precision);
}

}  // namespace retort
