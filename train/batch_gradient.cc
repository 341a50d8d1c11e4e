#include "train/batch_gradient.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "core/base/error.h"

namespace retort {
namespace {

/// Part `index` of `parts` contiguous, nearly equal parts.
std::span<const Example* const> PartOf(std::span<const Example* const> examples, int64_t index,
                                       int64_t parts) {
  const int64_t size = static_cast<int64_t>(examples.size());
  const int64_t begin = size * index / parts;
  const int64_t end = size * (index + 1) / parts;
  return examples.subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
}

}  // namespace

void TransformWeights(DecoderWeights& weights,
                      const std::function<at::Tensor(const at::Tensor&)>& change) {
  for (auto& [name, parameter] : NamedParameters(weights)) *parameter = change(*parameter);
  if (weights.config.tie_word_embeddings) weights.head = weights.embedding;
}

int64_t CountSupervised(std::span<const Example* const> examples) {
  int64_t tokens = 0;
  for (const Example* example : examples) {
    tokens += static_cast<int64_t>(example->completion_ids.size());
  }
  return tokens;
}

BatchGradient::BatchGradient(const DecoderWeights& weights, const Objective& objective,
                             const OpsFactory& ops, int slices, ThreadPool& pool)
    : objective_(objective), pool_(pool) {
  RETORT_CHECK(slices >= 1, "a batch has at least one slice");
  for (int i = 0; i < slices; ++i) {
    Slice slice{.weights = weights, .parameters = {}, .ops = ops(), .loss = {}};
    TransformWeights(slice.weights,
                     [](const at::Tensor& t) { return t.detach().requires_grad_(); });
    slice.parameters = NamedParameters(std::as_const(slice.weights));
    slices_.push_back(std::move(slice));
  }
}

BatchLoss BatchGradient::Compute(std::span<const Example* const> examples, int accumulation) {
  RETORT_CHECK(!examples.empty(), "a batch needs at least one example");
  for (Slice& slice : slices_) {
    slice.loss = {};
    for (auto& [name, parameter] : slice.parameters) parameter.mutable_grad().reset();
  }
  const int64_t supervised_tokens = CountSupervised(examples);
  const int64_t parts = std::min<int64_t>(accumulation, static_cast<int64_t>(examples.size()));
  for (int64_t part = 0; part < parts; ++part) {
    ComputePart(PartOf(examples, part, parts), supervised_tokens);
  }
  AddGradients();
  BatchLoss total;
  for (const Slice& slice : slices_) {
    total.loss_sum += slice.loss.loss_sum;
    total.supervised_tokens += slice.loss.supervised_tokens;
    total.correct_tokens += slice.loss.correct_tokens;
  }
  return total;
}

void BatchGradient::ComputePart(std::span<const Example* const> examples,
                                int64_t supervised_tokens) {
  const auto used = std::min(slices_.size(), examples.size());
  pool_.ParallelFor(static_cast<int64_t>(used), 1, [&](int64_t begin, int64_t end) {
    for (int64_t index = begin; index < end; ++index) {
      // Each slice is a thread's whole work: LibTorch must not split its operators further.
      if (used > 1) at::set_num_threads(1);
      Slice& slice = slices_[static_cast<size_t>(index)];
      const LossResult result = objective_.Loss(
          slice.weights, PartOf(examples, index, static_cast<int64_t>(used)), *slice.ops);
      (result.loss_sum / static_cast<double>(supervised_tokens)).backward();
      slice.loss.loss_sum += result.loss_sum.item<double>();
      slice.loss.supervised_tokens += result.supervised_tokens;
      slice.loss.correct_tokens += result.correct_tokens;
    }
  });
}

void BatchGradient::AddGradients() {
  const at::NoGradGuard no_grad;
  for (size_t other = 1; other < slices_.size(); ++other) {
    std::vector<at::Tensor> sums, terms;
    for (size_t i = 0; i < slices_[other].parameters.size(); ++i) {
      const at::Tensor& term = slices_[other].parameters[i].second.grad();
      if (!term.defined()) continue;
      sums.push_back(slices_.front().parameters[i].second.grad());
      terms.push_back(term);
    }
    if (!terms.empty()) at::_foreach_add_(sums, terms);
  }
}

}  // namespace retort
