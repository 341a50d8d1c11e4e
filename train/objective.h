// Loss over a batch of examples. One file an objective; objectives.def lists them. Immutable.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/config.h"
#include "core/lm/model/decoder.h"
#include "core/trace/types.h"

namespace retort {

struct LossResult {
  at::Tensor loss_sum;  // [] float32: sum over supervised tokens of weight x loss
  int64_t supervised_tokens = 0;
  int64_t correct_tokens = 0;  // argmax equals the target, for the log
};

class Objective {
 public:
  virtual ~Objective() = default;
  virtual std::string Name() const = 0;
  /// Differentiable in `weights`. The caller divides by the supervised tokens of the whole
  /// optimiser step, so accumulation does not change the loss.
  virtual LossResult Loss(const DecoderWeights& weights, std::span<const Example* const> examples,
                          DecoderOps& ops) const = 0;
};

std::vector<std::string> ObjectiveNames();
std::unique_ptr<Objective> MakeObjective(ConfigSection section);

/// Examples laid end to end without padding; each is its own sequence, so there is no cross-talk.
/// Only rows that predict completion tokens are logit rows; targets in the same order.
struct PackedExamples {
  TokenBatch batch;
  std::vector<int64_t> targets;  // [R]
  std::vector<float> weights;    // [R]
};
PackedExamples PackExamples(std::span<const Example* const> examples);

}  // namespace retort
