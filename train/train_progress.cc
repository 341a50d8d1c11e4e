#include "train/train_progress.h"

#include <cstdio>

#include "core/base/error.h"

namespace retort {
namespace {

// Below this accuracy a run that does learn is still in front of the jump.
constexpr double kBeforeJump = 0.02;

std::string Fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

Json PointJson(const DevPoint& point) {
  return {{"step", point.step},
          {"accuracy", point.accuracy},
          {"steps_before_error", point.steps_before_error},
          {"train_loss", point.train_loss}};
}

DevPoint PointFromJson(const Json& json) {
  return {.step = json.at("step").get<int64_t>(),
          .accuracy = json.at("accuracy").get<double>(),
          .steps_before_error = json.at("steps_before_error").get<double>(),
          .train_loss = json.at("train_loss").get<double>()};
}

bool Better(const DevPoint& a, const DevPoint& b) {
  if (a.accuracy != b.accuracy) return a.accuracy > b.accuracy;
  return a.steps_before_error > b.steps_before_error;
}

}  // namespace

bool TrainProgress::AddPoint(const DevPoint& point) {
  Json line = PointJson(point);
  line["lr"] = last_lr;
  line["grad_norm"] = last_grad_norm;
  curve.push_back(std::move(line));
  loss_sum = 0;
  loss_steps = 0;
  if (best_step >= 0 && !Better(point, best)) return false;
  best_step = point.step;
  best = point;
  return true;
}

Json TrainProgress::ToJson() const {
  return {{"step", step},
          {"optimizer_step", optimizer_step},
          {"skipped", skipped},
          {"skipped_in_a_row", skipped_in_a_row},
          {"tokens", tokens},
          {"supervised_tokens", supervised_tokens},
          {"flops", flops},
          {"loss_sum", loss_sum},
          {"loss_steps", loss_steps},
          {"last_loss", last_loss},
          {"last_grad_norm", last_grad_norm},
          {"last_lr", last_lr},
          {"best_step", best_step},
          {"best", PointJson(best)},
          {"curve", curve},
          {"seconds", seconds},
          {"step_seconds", step_seconds},
          {"cpu_seconds", cpu_seconds}};
}

TrainProgress TrainProgress::FromJson(const Json& json, const std::string& where) {
  try {
    TrainProgress progress;
    json.at("step").get_to(progress.step);
    json.at("optimizer_step").get_to(progress.optimizer_step);
    json.at("skipped").get_to(progress.skipped);
    json.at("skipped_in_a_row").get_to(progress.skipped_in_a_row);
    json.at("tokens").get_to(progress.tokens);
    json.at("supervised_tokens").get_to(progress.supervised_tokens);
    json.at("flops").get_to(progress.flops);
    json.at("loss_sum").get_to(progress.loss_sum);
    json.at("loss_steps").get_to(progress.loss_steps);
    json.at("last_loss").get_to(progress.last_loss);
    json.at("last_grad_norm").get_to(progress.last_grad_norm);
    json.at("last_lr").get_to(progress.last_lr);
    json.at("best_step").get_to(progress.best_step);
    progress.best = PointFromJson(json.at("best"));
    progress.curve = json.at("curve");
    json.at("seconds").get_to(progress.seconds);
    json.at("step_seconds").get_to(progress.step_seconds);
    json.at("cpu_seconds").get_to(progress.cpu_seconds);
    return progress;
  } catch (const Json::exception& error) {
    throw Error(ExitCode::kData, StrCat(where, ": training state: ", error.what()));
  }
}

Json OptimizerOptions(const OptimizerConfig& config) {
  return {{"name", "adamw"},
          {"lr", config.lr},
          {"beta1", config.beta1},
          {"beta2", config.beta2},
          {"eps", config.eps},
          {"weight_decay", config.weight_decay},
          {"clip_norm", config.clip_norm},
          {"warmup_steps", config.warmup_steps},
          {"schedule", config.schedule},
          {"final_lr_ratio", config.final_lr_ratio}};
}

std::string ProgressNote(const TrainProgress& progress, double tokens_per_second) {
  std::string note = StrCat("loss ", Fixed(progress.last_loss, 3));
  if (!progress.curve.empty()) {
    const DevPoint last = PointFromJson(progress.curve.back());
    note += StrCat(", dev ", Fixed(100 * last.accuracy, 1), " %, ",
                   Fixed(last.steps_before_error, 2), " steps before the first error");
    if (last.accuracy < kBeforeJump) {
      note += " (accuracy stays near 0 until whole answers fit: watch the steps)";
    }
  }
  return note + StrCat(", ", WithCommas(static_cast<int64_t>(tokens_per_second)), " tok/s");
}

}  // namespace retort
