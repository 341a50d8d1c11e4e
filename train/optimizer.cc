#include "train/optimizer.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "core/base/error.h"

namespace retort {
namespace {

/// Parameters that share one weight decay, as the lists the fused kernel wants.
struct Group {
  std::vector<at::Tensor> parameters, gradients, exp_avg, exp_avg_sq, steps;
};

const at::Tensor& StateTensor(const std::map<std::string, at::Tensor>& state,
                              const std::string& name, const at::Tensor& like) {
  const auto found = state.find(name);
  if (found == state.end()) {
    throw Error(ExitCode::kData, StrCat("optimizer state: tensor ", name, " is missing"));
  }
  if (!found->second.sizes().equals(like.sizes())) {
    throw Error(ExitCode::kData, StrCat("optimizer state: tensor ", name, " has the wrong shape"));
  }
  return found->second;
}

}  // namespace

AdamW::AdamW(std::vector<std::pair<std::string, at::Tensor>> parameters)
    : parameters_(std::move(parameters)) {
  for (const auto& [name, parameter] : parameters_) {
    RETORT_CHECK(parameter.scalar_type() == at::kFloat, "parameter ", name, " is not float32");
    exp_avg_.push_back(at::zeros_like(parameter.detach()));
    exp_avg_sq_.push_back(at::zeros_like(parameter.detach()));
  }
}

void AdamW::Step(const AdamWParams& params) {
  const at::NoGradGuard no_grad;
  ++step_;
  // The kernel takes a step counter for each parameter, float32 as in torch.optim; it reads them
  // only, so one serves all.
  const at::Tensor step = at::full({}, static_cast<double>(step_),
                                   parameters_.front().second.options().requires_grad(false));
  Group decayed, plain;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const auto& [name, parameter] = parameters_[i];
    RETORT_CHECK(parameter.grad().defined(), "parameter ", name, " has no gradient");
    Group& group = parameter.dim() >= 2 ? decayed : plain;
    group.parameters.push_back(parameter);
    group.gradients.push_back(parameter.grad());
    group.exp_avg.push_back(exp_avg_[i]);
    group.exp_avg_sq.push_back(exp_avg_sq_[i]);
    group.steps.push_back(step);
  }
  for (Group* group : {&decayed, &plain}) {
    if (group->parameters.empty()) continue;
    at::_fused_adamw_(group->parameters, group->gradients, group->exp_avg, group->exp_avg_sq,
                      /*max_exp_avg_sqs=*/{}, group->steps, params.lr, params.beta1, params.beta2,
                      group == &decayed ? params.weight_decay : 0.0, params.eps,
                      /*amsgrad=*/false, /*maximize=*/false);
  }
}

void AdamW::ZeroGrad() {
  for (auto& [name, parameter] : parameters_) parameter.mutable_grad().reset();
}

std::map<std::string, at::Tensor> AdamW::State() const {
  std::map<std::string, at::Tensor> state;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    state["exp_avg/" + parameters_[i].first] = exp_avg_[i];
    state["exp_avg_sq/" + parameters_[i].first] = exp_avg_sq_[i];
  }
  return state;
}

void AdamW::LoadState(const std::map<std::string, at::Tensor>& state, int64_t step) {
  RETORT_CHECK(step >= 0, "negative optimizer step");
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const std::string& name = parameters_[i].first;
    exp_avg_[i].copy_(StateTensor(state, "exp_avg/" + name, exp_avg_[i]));
    exp_avg_sq_[i].copy_(StateTensor(state, "exp_avg_sq/" + name, exp_avg_sq_[i]));
  }
  step_ = step;
}

double ClipGradNorm(const std::vector<std::pair<std::string, at::Tensor>>& parameters,
                    double max_norm) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> gradients;
  for (const auto& [name, parameter] : parameters) {
    if (parameter.grad().defined()) gradients.push_back(parameter.grad());
  }
  if (gradients.empty()) return 0;
  const double norm = at::stack(at::_foreach_norm(gradients, 2)).norm().item<double>();
  const double factor = max_norm / (norm + 1e-6);
  if (max_norm > 0 && factor < 1) at::_foreach_mul_(gradients, factor);
  return norm;
}

}  // namespace retort
