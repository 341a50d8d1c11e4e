#include "core/lm/engine/forward_runner.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <utility>

#include "core/base/error.h"
#include "core/lm/engine/device.h"
#ifdef RETORT_CUDA
#include "core/lm/engine/cuda_forward.h"
#include "core/lm/model/kernels/cuda_kernels.h"
#endif

namespace retort {
namespace {

// A part is worth a thread of its own from about this much work (some 50 microseconds).
constexpr double kFlopsPerPart = 4e6;

Isa IsaFromName(const std::string& kernels) {
  const bool any = kernels == "auto";
  for (const Isa isa : kIsas) {
    if ((any || kernels == IsaName(isa)) && IsaSupported(isa)) return isa;
  }
  RETORT_CHECK(!any, "no kernels run here");
  throw Error(ExitCode::kConfig, StrCat("kernels: ", kernels, " - this processor does not have ",
                                        kernels, " - set kernels: auto"));
}

/// Matrices in `precision`; norms and biases stay float32.
void MoveWeights(DecoderWeights& weights, at::Device device, Precision precision) {
  const bool rounded = precision == Precision::kBfloat16;
  for (auto& [name, tensor] : NamedParameters(weights)) {
    *tensor = tensor->to(device, rounded && tensor->dim() == 2 ? at::kBFloat16 : at::kFloat);
  }
  if (weights.config.tie_word_embeddings) weights.head = weights.embedding;
}

/// Zeros that take no memory until they are written: a pool as large as the limit allows, of which
/// a small run uses little. Huge pages where the system gives them: rows of many sequences are read
/// at once, from all over the pool.
at::Tensor LazyZeros(at::IntArrayRef sizes, at::ScalarType type) {
  size_t bytes = static_cast<size_t>(c10::multiply_integers(sizes)) * c10::elementSize(type);
  void* memory = std::calloc(bytes, 1);
  if (memory == nullptr) {
    throw Error(ExitCode::kConfig,
                StrCat("kv_memory_mb: cannot allocate ", bytes, " bytes - lower it"));
  }
  void* first_page = memory;
  // Advice: a system without huge pages refuses it, and nothing changes.
  if (std::align(static_cast<size_t>(sysconf(_SC_PAGESIZE)), 1, first_page, bytes) != nullptr) {
    madvise(first_page, bytes, MADV_HUGEPAGE);
  }
  return at::from_blob(
      memory, sizes, [](void* p) { std::free(p); }, type);
}

std::unique_ptr<KvCache> MakeCache(const ModelConfig& config, int64_t slots, at::Device device,
                                   Precision precision) {
  if (!device.is_cpu()) return std::make_unique<KvCache>(config, slots, device, precision);
  auto cache = std::make_unique<KvCache>(config, 1, device, precision);
  auto sizes = cache->keys.sizes().vec();
  sizes[1] = cache->slots = slots;
  cache->keys = LazyZeros(sizes, cache->keys.scalar_type());
  cache->values = LazyZeros(sizes, cache->keys.scalar_type());
  return cache;
}

/// Sequences [first, last) of a batch as a batch of their own, over the same cache.
void TakeSequences(const TokenBatch& batch, int64_t first, int64_t last, TokenBatch* part) {
  const auto s0 = static_cast<size_t>(first), s1 = static_cast<size_t>(last);
  const int64_t row0 = batch.sequence_offsets[s0], row1 = batch.sequence_offsets[s1];
  const int64_t slot0 = batch.context_offsets[s0], slot1 = batch.context_offsets[s1];
  part->cache = batch.cache;
  part->ids.assign(batch.ids.begin() + row0, batch.ids.begin() + row1);
  part->positions.assign(batch.positions.begin() + row0, batch.positions.begin() + row1);
  part->row_slots.assign(batch.row_slots.begin() + row0, batch.row_slots.begin() + row1);
  part->context_slots.assign(batch.context_slots.begin() + slot0,
                             batch.context_slots.begin() + slot1);
  part->sequence_offsets.clear();
  part->context_offsets.clear();
  for (size_t s = s0; s <= s1; ++s) {
    part->sequence_offsets.push_back(batch.sequence_offsets[s] - row0);
    part->context_offsets.push_back(batch.context_offsets[s] - slot0);
  }
  part->logit_rows.clear();
  for (const int64_t row : batch.logit_rows) {
    if (row >= row0 && row < row1) part->logit_rows.push_back(row - row0);
  }
}

/// Logits of the batch's logit rows; a part whose rows nobody reads gives an empty tensor.
at::Tensor Logits(const DecoderWeights& weights, const TokenBatch& batch, bool all_rows,
                  DecoderOps& ops) {
  if (!all_rows && batch.logit_rows.empty()) {
    DecoderHidden(weights, batch, ops);
    return at::empty({0, weights.config.vocab_size}, at::kFloat);
  }
  return DecoderForward(weights, batch, ops).to(at::kCPU).contiguous();
}

}  // namespace

ForwardRunner::ForwardRunner(const EngineConfig& config, DecoderWeights weights, CacheSize size,
                             int threads)
    : weights_(std::move(weights)), pool_(threads) {
  const c10::InferenceMode guard;
  const std::string device = ResolveDevice(config.device);
  const bool native = config.kernels != "composite";
  if (native && config.kernels != "auto" && device != "cpu") {
    throw Error(ExitCode::kConfig,
                StrCat("kernels: ", config.kernels, " - these kernels run on ",
                       "the CPU, but device is ", device, " - set kernels: auto or device: cpu"));
  }
  const Precision precision = config.NumberPrecision();
  try {
    if (!native) {
      UseCompositeOps(device, precision, threads);
    } else if (device == "cpu") {
      UseNativeOps(config.kernels, precision, threads);
    } else {
      UseCuda(size, precision, threads);
    }
    if (device_ == nullptr) {
      cache_ = MakeCache(weights_.config, size.slots(), at::Device(device), precision);
    }
  } catch (const c10::OutOfMemoryError&) {
    throw Error(ExitCode::kConfig, StrCat("kv_memory_mb: ", config.kv_memory_mb,
                                          " - with the model's weights that is more than ", device,
                                          " has free - lower it"));
  }
}

void ForwardRunner::UseCuda(CacheSize size, Precision precision, int threads) {
#ifdef RETORT_CUDA
  if (weights_.config.head_dim > cuda::kMaxHeadWidth) {
    return UseCompositeOps("cuda", precision, threads);
  }
  MoveWeights(weights_, at::kCUDA, precision);
  device_ = MakeCudaForward(weights_, size, precision);
  description_ = precision == Precision::kBfloat16 ? "native cuda in bfloat16" : "native cuda";
#else
  RETORT_CHECK(false, "no CUDA in this build for ", size.slots(), " slots of precision ",
               static_cast<int>(precision), " and ", threads, " threads");
#endif
}

void ForwardRunner::UseNativeOps(const std::string& kernels, Precision precision, int threads) {
  const Isa isa = IsaFromName(kernels);
  PackWeights(weights_, Unpacked::kDrop, precision);
  ops_ = MakeNativeOps(pool_, isa);
  for (int t = 0; t < threads; ++t) part_ops_.push_back(MakeNativeOps(no_threads_, isa));
  parts_.resize(part_ops_.size());
  description_ =
      StrCat("native ", IsaName(isa), precision == Precision::kBfloat16 ? " in bfloat16" : "", ", ",
             threads, " threads");
}

void ForwardRunner::UseCompositeOps(const std::string& device, Precision precision, int threads) {
  const bool rounded = precision == Precision::kBfloat16;
  at::set_num_threads(threads);
  MoveWeights(weights_, at::Device(device), precision);
  ops_ = MakeCompositeOps(rounded ? at::kBFloat16 : at::kFloat);
  description_ =
      StrCat("composite on ", device, rounded ? " in bfloat16" : "", ", ", threads, " threads");
}

/// In how many parts a batch is run side by side; each goes through all layers without meeting the
/// others, so that a forward has one hand-over to the workers instead of one an op.
int ForwardRunner::PartsFor(const TokenBatch& batch) const {
  const double flops = config().FlopsPerToken(0) * static_cast<double>(batch.rows());
  const auto worth = static_cast<int64_t>(flops / kFlopsPerPart);
  int64_t longest = 0;
  for (size_t s = 1; s < batch.sequence_offsets.size(); ++s) {
    longest = std::max(longest, batch.sequence_offsets[s] - batch.sequence_offsets[s - 1]);
  }
  // A sequence is not cut: one that outweighs its share would leave the other threads idle.
  const int64_t balanced = batch.rows() / std::max(longest, int64_t{1});
  const auto threads = static_cast<int64_t>(part_ops_.size());
  const int64_t parts = std::min({threads, worth, batch.sequences()});
  return balanced >= parts ? static_cast<int>(std::max(parts, int64_t{1})) : 1;
}

void ForwardRunner::RunParts(const TokenBatch& batch, int parts) {
  const bool all_rows = batch.logit_rows.empty();
  std::vector<int64_t> bounds = {0};
  for (int p = 1; p <= parts; ++p) {
    const int64_t rows = batch.rows() * p / parts;
    const auto bound =
        std::lower_bound(batch.sequence_offsets.begin(), batch.sequence_offsets.end(), rows);
    bounds.push_back(bound - batch.sequence_offsets.begin());
  }
  pool_.ParallelFor(parts, 1, [&](int64_t begin, int64_t end) {
    const c10::InferenceMode guard;
    for (int64_t p = begin; p < end; ++p) {
      const auto i = static_cast<size_t>(p);
      if (bounds[i] == bounds[i + 1]) continue;
      TakeSequences(batch, bounds[i], bounds[i + 1], &parts_[i]);
      part_logits_[i] = Logits(weights_, parts_[i], all_rows, *part_ops_[i]);
    }
  });
}

void ForwardRunner::CollectLogits() {
  logits_.clear();
  for (const at::Tensor& part : part_logits_) {
    if (!part.defined()) continue;
    const float* data = part.const_data_ptr<float>();
    for (int64_t row = 0; row < part.size(0); ++row) logits_.push_back(data + row * part.size(1));
  }
}

const std::vector<const float*>& ForwardRunner::Run(TokenBatch& batch) {
  const c10::InferenceMode guard;
  batch.cache = cache_.get();
  const int parts = PartsFor(batch);
  part_logits_.clear();
  part_logits_.resize(static_cast<size_t>(parts));
  try {
    if (device_ != nullptr) {
      part_logits_[0] = device_->Run(batch);
    } else if (parts > 1) {
      RunParts(batch, parts);
    } else {
      part_logits_[0] = DecoderForward(weights_, batch, *ops_).to(at::kCPU).contiguous();
    }
  } catch (const c10::OutOfMemoryError&) {
    throw Error(ExitCode::kConfig, StrCat("kv_memory_mb: no memory is left for a forward of ",
                                          batch.rows(), " rows - lower it, or max_batch"));
  } catch (const c10::Error& error) {
    throw Error(ExitCode::kInternal, StrCat("forward of ", batch.rows(), " rows failed - ",
                                            error.what_without_backtrace()));
  }
  CollectLogits();
  return logits_;
}

}  // namespace retort
