// Everything a training run remembers beside weights and optimizer moments: counters, the learning
// curve, the best point. Exact through JSON: a resumed run continues with the same values.
#pragma once

#include <cstdint>
#include <string>

#include "core/base/json.h"
#include "train/train_stage.h"

namespace retort {

struct TrainProgress {
  int64_t step = 0;            // steps done, skipped ones included
  int64_t optimizer_step = 0;  // updates made
  int64_t skipped = 0;         // steps without update, because something was not finite
  int64_t skipped_in_a_row = 0;
  int64_t tokens = 0;  // rows run through the model
  int64_t supervised_tokens = 0;
  double flops = 0;
  double loss_sum = 0;  // of step means since the last point
  int64_t loss_steps = 0;
  double last_loss = 0;
  double last_grad_norm = 0;
  double last_lr = 0;
  int64_t best_step = -1;  // -1: no evaluation yet
  DevPoint best;
  Json curve = Json::array();  // one object an evaluation, as in curve.jsonl

  // Not part of any result.
  double seconds = 0;       // of training, evaluation included
  double step_seconds = 0;  // of the steps alone
  double cpu_seconds = 0;

  /// Appends the point and keeps it as the best if it is: higher accuracy, then more steps before
  /// the first error, then the earlier one. Returns whether it is.
  bool AddPoint(const DevPoint& point);

  Json ToJson() const;
  /// Error(kData) naming `where` if a field is missing or of the wrong type.
  static TrainProgress FromJson(const Json& json, const std::string& where);
};

/// Options and shape a checkpoint must agree with.
Json OptimizerOptions(const OptimizerConfig& config);

/// "loss 0.512, dev 37.6 %, 7.2 moves before the first error, 130,000 tok/s", with a word on why a
/// low accuracy is expected while it lasts.
std::string ProgressNote(const TrainProgress& progress, double tokens_per_second);

}  // namespace retort
