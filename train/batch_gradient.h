// Loss and gradient of one optimiser step's batch.
//
// The batch is cut into contiguous slices of examples, each with its own autograd graph and its own
// gradient buffers over shared weights; slices are computed side by side and their gradients added
// in slice order, so the result depends on the number of slices but not on threads or timing. One
// graph a core beats LibTorch's threads inside an operator at small sizes. Not thread-safe.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/base/thread_pool.h"
#include "core/lm/model/decoder.h"
#include "core/lm/model/weights.h"
#include "core/trace/types.h"
#include "train/objective.h"

namespace retort {

struct BatchLoss {
  double loss_sum = 0;  // over supervised tokens, weighted
  int64_t supervised_tokens = 0;
  int64_t correct_tokens = 0;
  /// Mean over the supervised tokens.
  double mean() const { return loss_sum / static_cast<double>(supervised_tokens); }
};

class BatchGradient {
 public:
  using OpsFactory = std::function<std::unique_ptr<DecoderOps>()>;

  /// `weights` share storage with this object for its whole life: updating them in place updates
  /// what Compute sees. `objective` and `pool` outlive it.
  BatchGradient(const DecoderWeights& weights, const Objective& objective, const OpsFactory& ops,
                int slices, ThreadPool& pool);

  /// Sets the gradients of Parameters() to those of (weighted loss sum / supervised tokens) over
  /// all `examples`, computed in `accumulation` consecutive parts. Needs at least one example.
  BatchLoss Compute(std::span<const Example* const> examples, int accumulation);

  /// Leaves that share storage with the weights and receive the gradients.
  const std::vector<std::pair<std::string, at::Tensor>>& Parameters() const {
    return slices_.front().parameters;
  }

 private:
  struct Slice {
    DecoderWeights weights;
    std::vector<std::pair<std::string, at::Tensor>> parameters;
    std::unique_ptr<DecoderOps> ops;
    BatchLoss loss;
  };
  void ComputePart(std::span<const Example* const> examples, int64_t supervised_tokens);
  void AddGradients();

  const Objective& objective_;
  ThreadPool& pool_;
  std::vector<Slice> slices_;
};

/// Sets every parameter to change(parameter), keeping a tied head tied.
void TransformWeights(DecoderWeights& weights,
                      const std::function<at::Tensor(const at::Tensor&)>& change);

/// Supervised tokens of a batch.
int64_t CountSupervised(std::span<const Example* const> examples);

}  // namespace retort
