// AdamW (Loshchilov & Hutter 2019, alg. 2) on float32 master weights, by the kernel behind
// torch.optim.AdamW(fused=True): one pass over each parameter. State is explicit so that a
// checkpoint holds every field. Not thread-safe.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace retort {

struct AdamWParams {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.98;
  double eps = 1e-8;
  double weight_decay = 0.1;
};

class AdamW {
 public:
  /// Parameters with their names; decay applies to those with two dimensions or more.
  explicit AdamW(std::vector<std::pair<std::string, at::Tensor>> parameters);
  /// One update from the parameters' gradients (which must be defined and finite).
  void Step(const AdamWParams& params);
  void ZeroGrad();
  int64_t step() const { return step_; }
  /// "exp_avg/<name>" and "exp_avg_sq/<name>", float32.
  std::map<std::string, at::Tensor> State() const;
  void LoadState(const std::map<std::string, at::Tensor>& state, int64_t step);

 private:
  std::vector<std::pair<std::string, at::Tensor>> parameters_;
  std::vector<at::Tensor> exp_avg_;
  std::vector<at::Tensor> exp_avg_sq_;
  int64_t step_ = 0;
};

/// Scales all gradients so that their global L2 norm is at most `max_norm` (torch's
/// clip_grad_norm_, factor max_norm / (norm + 1e-6)); returns the norm before. 0: only measures.
double ClipGradNorm(const std::vector<std::pair<std::string, at::Tensor>>& parameters,
                    double max_norm);

}  // namespace retort
