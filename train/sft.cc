// Supervised fine-tuning: cross-entropy of each completion token given everything before it in the
// same example.
#include <ATen/ATen.h>

#include <memory>

#include "core/base/error.h"
#include "train/objective.h"

namespace retort {
namespace {

class SftObjective final : public Objective {
 public:
  std::string Name() const override { return "sft"; }

  LossResult Loss(const DecoderWeights& weights, std::span<const Example* const> examples,
                  DecoderOps& ops) const override {
    RETORT_CHECK(!examples.empty(), "a loss needs at least one example");
    PackedExamples packed = PackExamples(examples);
    const int64_t targets = static_cast<int64_t>(packed.targets.size());
    const at::Tensor logits_RV = DecoderForward(weights, packed.batch, ops);
    const at::Device device = logits_RV.device();
    const at::Tensor targets_R =
        at::from_blob(packed.targets.data(), {targets}, at::kLong).clone().to(device);
    const at::Tensor weights_R =
        at::from_blob(packed.weights.data(), {targets}, at::kFloat).clone().to(device);

    const at::Tensor log_probs_RV = at::log_softmax(logits_RV, -1, at::kFloat);
    const at::Tensor losses_R = at::nll_loss(log_probs_RV, targets_R, {}, at::Reduction::None);
    LossResult result;
    result.loss_sum = at::dot(losses_R, weights_R);
    result.supervised_tokens = targets;
    result.correct_tokens =
        at::argmax(log_probs_RV.detach(), -1).eq(targets_R).sum().item<int64_t>();
    return result;
  }
};

}  // namespace

std::unique_ptr<Objective> MakeSftObjective(ConfigSection&) {
  return std::make_unique<SftObjective>();
}

}  // namespace retort
