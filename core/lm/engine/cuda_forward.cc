#include "core/lm/engine/cuda_forward.h"

#include <ATen/ATen.h>
#include <ATen/cuda/CUDAContext.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>

#include <algorithm>
#include <map>
#include <mutex>

#include "core/base/error.h"
#include "core/lm/model/cuda_ops.h"

namespace retort {
namespace {

/// Engines take turns on the device, all on one stream: while one records a graph, nothing of
/// another may be queued there.
std::mutex& DeviceMutex() {
  static std::mutex mutex;
  return mutex;
}

at::cuda::CUDAStream DeviceStream() {
  static const at::cuda::CUDAStream kStream = at::cuda::getStreamFromPool();
  return kStream;
}

/// Rows that a batch of `rows` is filled up to, so that few graphs serve all sizes.
int64_t PaddedRows(int64_t rows) {
  int64_t step = 1;
  while (rows > 8 * step) step *= 2;
  return (rows + step - 1) / step * step;
}

/// Slots that memory is taken for, of which `used` are.
int64_t GrownSlots(int64_t used, int64_t kept) {
  int64_t slots = 4096;
  while (slots < used) slots *= 2;
  return std::min(slots, kept);
}

/// Every row a sequence of its own, and its logits wanted.
bool IsDecoding(const TokenBatch& batch) {
  return batch.sequences() == batch.rows() &&
         (batch.logit_rows.empty() || std::ssize(batch.logit_rows) == batch.rows());
}

class CudaForward final : public DeviceForward {
 public:
  CudaForward(const DecoderWeights& weights, CacheSize size, Precision precision)
      : weights_(weights), precision_(precision), size_(size), ops_(MakeCudaOps(precision)) {
    at::cuda::device_synchronize();  // weights were written on another stream
  }

  ~CudaForward() override {
    const std::lock_guard lock(DeviceMutex());
    DeviceStream().synchronize();
    graphs_.clear();
  }

  const at::Tensor& Run(TokenBatch& batch) override {
    const std::lock_guard lock(DeviceMutex());
    const c10::cuda::CUDAStreamGuard stream(DeviceStream());
    GrowCache(batch);
    batch.cache = cache_.get();
    TakeBatch(batch);
    const at::Tensor logits_RV = IsDecoding(batch) ? Replay() : Forward();
    const int64_t rows = batch.logit_rows.empty() ? batch.rows() : std::ssize(batch.logit_rows);
    CopyToHost(logits_RV.narrow(0, 0, rows));
    return logits_;
  }

 private:
  struct Graph {
    at::Tensor logits_RV;
    std::unique_ptr<at::cuda::CUDAGraph> graph;
  };

  at::Tensor Forward() {
    ops_->Upload(batch_);
    return DecoderForward(weights_, batch_, *ops_);
  }

  /// The cache holds `kept_` slots, then the scratch slots, then one for rows that fill up a
  /// graph's batch.
  void GrowCache(const TokenBatch& batch) {
    int32_t last = 0;
    for (const int32_t slot : batch.row_slots) {
      if (slot < size_.kept) last = std::max(last, slot);
    }
    if (cache_ != nullptr && last < kept_) return;
    const int64_t kept = GrownSlots(int64_t{last} + 1, size_.kept);
    auto grown =
        std::make_unique<KvCache>(weights_.config, kept + size_.scratch + 1, at::kCUDA, precision_);
    if (cache_ != nullptr) {
      grown->keys.narrow(1, 0, kept_).copy_(cache_->keys.narrow(1, 0, kept_));
      grown->values.narrow(1, 0, kept_).copy_(cache_->values.narrow(1, 0, kept_));
    }
    cache_ = std::move(grown);
    kept_ = kept;
    DropGraphs();
  }

  /// The batch with its scratch slots where this cache has them.
  void TakeBatch(const TokenBatch& batch) {
    batch_ = batch;
    const auto moved = static_cast<int32_t>(size_.kept - kept_);
    for (std::vector<int32_t>* slots : {&batch_.row_slots, &batch_.context_slots}) {
      for (int32_t& slot : *slots) {
        if (slot >= size_.kept) slot -= moved;
      }
    }
  }

  at::Tensor Replay() {
    Fill();
    ops_->Upload(batch_);
    if (generation_ != ops_->Generation()) DropGraphs();
    Graph& graph = graphs_[batch_.rows()];
    if (graph.graph == nullptr) Record(&graph);
    graph.graph->replay();
    return graph.logits_RV;
  }

  /// Adds rows of the spare slot; all logits are wanted.
  void Fill() {
    const auto spare_slot = static_cast<int32_t>(kept_ + size_.scratch);
    batch_.logit_rows.clear();
    for (int64_t rows = PaddedRows(batch_.rows()); batch_.rows() < rows;) {
      batch_.ids.push_back(0);
      batch_.positions.push_back(0);
      batch_.row_slots.push_back(spare_slot);
      batch_.context_slots.push_back(spare_slot);
      batch_.sequence_offsets.push_back(batch_.rows());
      batch_.context_offsets.push_back(std::ssize(batch_.context_slots));
    }
  }

  /// Their kernels read what has moved elsewhere. A pool ends with its last graph.
  void DropGraphs() {
    graphs_.clear();
    pool_ = at::cuda::graph_pool_handle();
    generation_ = ops_->Generation();
  }

  /// The first run outside a graph makes what a recording may not: handles and workspaces of
  /// cuBLAS, tables of frequencies.
  void Record(Graph* graph) {
    DecoderForward(weights_, batch_, *ops_);
    graph->graph = std::make_unique<at::cuda::CUDAGraph>();
    graph->graph->capture_begin(pool_, cudaStreamCaptureModeThreadLocal);
    graph->logits_RV = DecoderForward(weights_, batch_, *ops_);
    graph->graph->capture_end();
  }

  void CopyToHost(const at::Tensor& logits_RV) {
    if (!pinned_.defined() || pinned_.size(0) < logits_RV.size(0)) {
      pinned_ = at::empty({PaddedRows(logits_RV.size(0)), logits_RV.size(1)},
                          at::TensorOptions().dtype(at::kFloat).pinned_memory(true));
    }
    logits_ = pinned_.narrow(0, 0, logits_RV.size(0));
    logits_.copy_(logits_RV, /*non_blocking=*/true);
    DeviceStream().synchronize();
  }

  const DecoderWeights& weights_;
  const Precision precision_;
  const CacheSize size_;
  int64_t kept_ = 0;
  std::unique_ptr<KvCache> cache_;
  std::unique_ptr<CudaOps> ops_;
  TokenBatch batch_;
  int64_t generation_ = 0;
  at::cuda::MempoolId_t pool_{};     // of all graphs: each replay ends before the next begins
  std::map<int64_t, Graph> graphs_;  // by rows
  at::Tensor pinned_, logits_;       // on the host
};

}  // namespace

std::unique_ptr<DeviceForward> MakeCudaForward(const DecoderWeights& weights, CacheSize size,
                                               Precision precision) {
  return std::make_unique<CudaForward>(weights, size, precision);
}

}  // namespace retort
