#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/base/error.h"
#include "train/train_stage.h"

namespace retort {

// Step s of S with W warm-up steps: lr (s + 1) / W for s < W, so that the first step moves and step
// W - 1 has the full rate; then, for `cosine`, lr (r + (1 - r) (1 + cos(pi (s - W) / (S - W))) / 2)
// with r = final_lr_ratio, which begins at lr and would reach r lr at s = S; for `constant`, lr.
double LearningRate(const OptimizerConfig& config, int64_t step, int64_t total_steps) {
  RETORT_CHECK(step >= 0 && step < total_steps, "step ", step, " of ", total_steps);
  if (step < config.warmup_steps) {
    return config.lr * static_cast<double>(step + 1) / static_cast<double>(config.warmup_steps);
  }
  if (config.schedule == "constant") return config.lr;
  const int64_t decay_steps = std::max<int64_t>(1, total_steps - config.warmup_steps);
  const double progress =
      static_cast<double>(step - config.warmup_steps) / static_cast<double>(decay_steps);
  const double cosine = 0.5 * (1 + std::cos(std::numbers::pi * progress));
  return config.lr * (config.final_lr_ratio + (1 - config.final_lr_ratio) * cosine);
}

}  // namespace retort
