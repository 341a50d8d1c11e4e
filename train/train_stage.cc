#include "train/train_stage.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "core/base/clock.h"
#include "core/base/commit.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/progress.h"
#include "core/base/stop.h"
#include "core/lm/checkpoint/checkpoint.h"
#include "core/lm/engine/device.h"
#include "train/batch_gradient.h"
#include "train/data_order.h"
#include "train/optimizer.h"
#include "train/tensorboard.h"
#include "train/train_checkpoint.h"
#include "train/train_inputs.h"
#include "train/train_progress.h"

namespace retort {
namespace {

// So many steps without a finite gradient mean that the run is lost.
constexpr int64_t kMaxSkippedInARow = 10;

/// LibTorch's own threads stay out of the way while slices run on ours.
class IntraOpThreads {
 public:
  explicit IntraOpThreads(int threads) : before_(at::get_num_threads()) {
    at::set_num_threads(threads);
  }
  ~IntraOpThreads() { at::set_num_threads(before_); }
  IntraOpThreads(const IntraOpThreads&) = delete;
  IntraOpThreads& operator=(const IntraOpThreads&) = delete;

 private:
  int before_;
};

std::map<std::string, at::Tensor> ToMap(
    const std::vector<std::pair<std::string, at::Tensor>>& parameters) {
  std::map<std::string, at::Tensor> result;
  for (const auto& [name, tensor] : parameters) result[name] = tensor.detach().cpu();
  return result;
}

class Trainer {
 public:
  Trainer(const TrainConfig& config, const TrainInputs& inputs, const StageContext& context);
  void Run();

 private:
  void Resume();
  void Restore(const TrainSnapshot& snapshot);
  std::string WhyNot(const TrainSnapshot& snapshot) const;
  void TrainStep();
  std::vector<const Example*> NextBatch() const;
  void CountWork(const std::vector<const Example*>& batch);
  void Update(double lr);
  void SkipStep(const std::vector<const Example*>& batch);
  void LogScalars(double lr, const BatchLoss& loss);
  void EvaluateIfDue();
  void CheckpointIfDue();
  void Save();
  Json StateJson() const;
  void WriteCurve() const;
  void Finish();
  DecoderWeights SelectedWeights() const;
  Json ManifestContent(const std::string& model_sha256) const;
  void UpdateSeconds();
  double TokensPerSecond() const;

  const TrainConfig& config_;
  const TrainInputs& inputs_;
  const StageContext& context_;
  const std::string checkpoints_dir_;
  const at::Device device_;
  const int slices_;
  IntraOpThreads intra_op_threads_;
  ThreadPool pool_;
  DecoderWeights weights_;
  std::vector<Problem> dev_;
  BatchGradient gradient_;
  AdamW optimizer_;
  TrainProgress progress_;
  std::unique_ptr<TensorBoardWriter> tensorboard_;
  bool new_best_ = false;
  int64_t tokens_at_start_ = 0;
  double step_seconds_at_start_ = 0;
  double last_save_seconds_ = MonotonicSeconds();
  double seconds_mark_ = MonotonicSeconds();
  double cpu_seconds_mark_ = ProcessCpuSeconds();
};

Trainer::Trainer(const TrainConfig& config, const TrainInputs& inputs, const StageContext& context)
    : config_(config),
      inputs_(inputs),
      context_(context),
      checkpoints_dir_(JoinPath(context.dir, "checkpoints")),
      device_(TrainDevice(config.device)),
      slices_(device_.is_cpu() ? kCpuSlices : 1),
      intra_op_threads_(device_.is_cpu() ? 1 : at::get_num_threads()),
      pool_(device_.is_cpu() ? std::max(1, std::min(context.threads, slices_)) : 1),
      weights_(InitialWeights(config, inputs, context.seed, device_)),
      dev_(inputs.dev.begin(), inputs.dev.begin() + std::min<std::ptrdiff_t>(std::ssize(inputs.dev),
                                                                             config.eval_problems)),
      gradient_(weights_, *config.objective, TrainOps(config.precision, device_), slices_, pool_),
      optimizer_(gradient_.Parameters()) {
  if (!context.tensorboard_dir.empty()) {
    tensorboard_ = std::make_unique<TensorBoardWriter>(context.env, context.tensorboard_dir);
  }
}

void Trainer::Run() {
  Resume();
  LogInfo(StrCat("train ", context_.name, ": ", WithCommas(config_.model.ParameterCount()),
                 " parameters, ", WithCommas(std::ssize(inputs_.dataset.examples)), " examples, ",
                 WithCommas(config_.steps), " steps of ", config_.batch_size, ", ", pool_.threads(),
                 " threads"));
  Progress line({.label = "train " + context_.name,
                 .unit = "steps",
                 .total = config_.steps,
                 .done_before = progress_.step});
  while (progress_.step < config_.steps) {
    TrainStep();
    CrashPoint("train.after_step");
    EvaluateIfDue();
    CheckpointIfDue();
    line.Add(1, ProgressNote(progress_, TokensPerSecond()));
    ThrowIfStopRequested();
  }
  Finish();
}

void Trainer::Resume() {
  const auto snapshot = LoadNewestCheckpoint(context_.env, checkpoints_dir_,
                                             [this](const TrainSnapshot& s) { return WhyNot(s); });
  if (snapshot) {
    Restore(*snapshot);
    LogInfo(StrCat("train ", context_.name, ": resuming after step ", progress_.step, " of ",
                   config_.steps));
  }
  tokens_at_start_ = progress_.tokens;
  step_seconds_at_start_ = progress_.step_seconds;
}

/// Why a whole checkpoint does not belong to this run; "" if it does.
std::string Trainer::WhyNot(const TrainSnapshot& snapshot) const {
  const Json expected = StateJson();
  for (const char* field : {"key", "seed", "optimizer", "steps", "batch_size", "slices"}) {
    if (snapshot.state.value(field, Json()) != expected.at(field)) {
      return StrCat("its ", field, " differs from this run's");
    }
  }
  const auto progress = TrainProgress::FromJson(snapshot.state.at("progress"), "state.json");
  const bool needs_best = config_.select == "best_dev" && progress.best_step >= 0;
  if (needs_best && progress.best_step != snapshot.step) {
    // Throws, and so refuses this one too, when the best checkpoint is not whole.
    LoadCheckpointFolder(context_.env, checkpoints_dir_, progress.best_step);
  }
  return "";
}

void Trainer::Restore(const TrainSnapshot& snapshot) {
  progress_ = TrainProgress::FromJson(snapshot.state.at("progress"), "state.json");
  CopyInto(snapshot.model, weights_);
  optimizer_.LoadState(snapshot.optimizer, progress_.optimizer_step);
}

std::vector<const Example*> Trainer::NextBatch() const {
  const auto& examples = inputs_.dataset.examples;
  std::vector<const Example*> batch;
  for (const int64_t index :
       BatchIndices(context_.seed, std::ssize(examples), config_.batch_size, progress_.step)) {
    batch.push_back(&examples[static_cast<size_t>(index)]);
  }
  return batch;
}

void Trainer::CountWork(const std::vector<const Example*>& batch) {
  for (const Example* example : batch) {
    const int64_t rows = ExampleRows(*example);
    progress_.tokens += rows;
    progress_.flops += TrainingFlops(config_.model, rows);
  }
  progress_.supervised_tokens += CountSupervised(batch);
}

void Trainer::TrainStep() {
  const double start = MonotonicSeconds();
  const DeterministicKernels deterministic;
  const std::vector<const Example*> batch = NextBatch();
  const double lr = LearningRate(config_.optimizer, progress_.step, config_.steps);
  const BatchLoss loss = gradient_.Compute(batch, config_.accumulation);
  const double norm = ClipGradNorm(gradient_.Parameters(), config_.optimizer.clip_norm);
  CountWork(batch);
  progress_.last_lr = lr;
  if (std::isfinite(loss.loss_sum) && std::isfinite(norm)) {
    progress_.last_loss = loss.mean();
    progress_.last_grad_norm = norm;
    progress_.loss_sum += loss.mean();
    ++progress_.loss_steps;
    progress_.skipped_in_a_row = 0;
    Update(lr);
  } else {
    SkipStep(batch);
  }
  ++progress_.step;
  progress_.step_seconds += MonotonicSeconds() - start;
  LogScalars(lr, loss);
}

void Trainer::Update(double lr) {
  const OptimizerConfig& options = config_.optimizer;
  optimizer_.Step({.lr = lr,
                   .beta1 = options.beta1,
                   .beta2 = options.beta2,
                   .eps = options.eps,
                   .weight_decay = options.weight_decay});
  progress_.optimizer_step = optimizer_.step();
}

void Trainer::SkipStep(const std::vector<const Example*>& batch) {
  ++progress_.skipped;
  ++progress_.skipped_in_a_row;
  const std::string what = StrCat("train ", context_.name, ": step ", progress_.step, ": ",
                                  FirstNonFinite(gradient_.Parameters()),
                                  " is not finite; examples ", DescribeExamples(batch));
  if (progress_.skipped_in_a_row < kMaxSkippedInARow) {
    LogWarning(what + " - step skipped, weights unchanged");
    return;
  }
  throw Error(ExitCode::kData, StrCat(what, " - ", kMaxSkippedInARow,
                                      " such steps in a row; lower optimizer.lr, "
                                      "or look at these examples"));
}

void Trainer::LogScalars(double lr, const BatchLoss& loss) {
  if (!tensorboard_) return;
  tensorboard_->Scalar("train/loss", progress_.last_loss, progress_.step);
  tensorboard_->Scalar("train/grad_norm", progress_.last_grad_norm, progress_.step);
  tensorboard_->Scalar("train/lr", lr, progress_.step);
  tensorboard_->Scalar(
      "train/token_accuracy",
      static_cast<double>(loss.correct_tokens) / static_cast<double>(loss.supervised_tokens),
      progress_.step);
}

void Trainer::EvaluateIfDue() {
  new_best_ = false;
  const bool due = progress_.step % config_.eval_every == 0 || progress_.step == config_.steps;
  if (!due || dev_.empty()) return;
  DevPoint point =
      EvaluateGreedy(weights_, inputs_.task, inputs_.tokenizer, dev_, context_.threads);
  point.step = progress_.step;
  point.train_loss = progress_.loss_steps == 0
                         ? progress_.last_loss
                         : progress_.loss_sum / static_cast<double>(progress_.loss_steps);
  new_best_ = progress_.AddPoint(point);
  WriteCurve();
  if (!tensorboard_) return;
  tensorboard_->Scalar("dev/accuracy", point.accuracy, point.step);
  tensorboard_->Scalar("dev/steps_before_error", point.steps_before_error, point.step);
  tensorboard_->Scalar("train/tokens_per_second", TokensPerSecond(), point.step);
  tensorboard_->Flush();
}

void Trainer::CheckpointIfDue() {
  // The best point's weights are those of its own checkpoint, so a new best is always saved.
  const bool by_time = MonotonicSeconds() - last_save_seconds_ >= config_.checkpoint_every_seconds;
  const bool due = progress_.step % config_.checkpoint_every == 0 || by_time ||
                   progress_.step == config_.steps || StopRequested() != 0;
  if (due || (new_best_ && config_.select == "best_dev")) Save();
}

Json Trainer::StateJson() const {
  return {{"key", context_.key},
          {"seed", context_.seed},
          {"optimizer", OptimizerOptions(config_.optimizer)},
          {"steps", config_.steps},
          {"batch_size", config_.batch_size},
          {"slices", slices_},
          {"progress", progress_.ToJson()}};
}

void Trainer::Save() {
  UpdateSeconds();
  TrainSnapshot snapshot{.step = progress_.step,
                         .model = ToMap(NamedParameters(std::as_const(weights_))),
                         .optimizer = optimizer_.State(),
                         .state = StateJson()};
  for (auto& [name, tensor] : snapshot.optimizer) tensor = tensor.cpu();
  SaveCheckpointFolder(context_.env, checkpoints_dir_, snapshot);
  const int64_t best = config_.select == "best_dev" ? progress_.best_step : -1;
  PruneCheckpoints(context_.env, checkpoints_dir_, config_.keep_checkpoints, best);
  last_save_seconds_ = MonotonicSeconds();
}

void Trainer::WriteCurve() const {
  std::string lines;
  for (const Json& point : progress_.curve) lines += DumpJson(point) + "\n";
  WriteFileAtomically(context_.env, JoinPath(context_.dir, "curve.jsonl"), lines);
}

DecoderWeights Trainer::SelectedWeights() const {
  DecoderWeights selected = CloneWeights(weights_);
  TransformWeights(selected, [](const at::Tensor& t) { return t.cpu(); });
  if (config_.select == "best_dev" && progress_.best_step != progress_.step) {
    CopyInto(LoadCheckpointFolder(context_.env, checkpoints_dir_, progress_.best_step).model,
             selected);
  }
  return selected;
}

void Trainer::Finish() {
  UpdateSeconds();
  WriteCurve();
  const std::string model_dir = JoinPath(context_.dir, "model");
  const SpecialIds& special = inputs_.tokenizer.Specials();
  SweepTemporaries(context_.env,
                   model_dir);  // a killed attempt's; the folder's hash names its files
  SaveCheckpoint(context_.env, model_dir, SelectedWeights(), special.bos, special.eos, special.pad);
  inputs_.tokenizer.Save(context_.env, model_dir);
  CrashPoint("train.before_manifest");
  WriteStageManifest(
      context_, ManifestContent(CheckpointSha256(context_.env, model_dir)),
      {{"seconds", progress_.seconds},
       {"cpu_seconds", progress_.cpu_seconds},
       {"host", HostName()},
       {"processor", ProcessorName()},
       {"threads", context_.threads},
       {"peak_resident_bytes", PeakResidentBytes()},
       {"ms_per_step", 1000 * progress_.step_seconds / static_cast<double>(config_.steps)}});
}

Json Trainer::ManifestContent(const std::string& model_sha256) const {
  const bool evaluated = !progress_.curve.empty();
  return {{"steps", progress_.step},
          {"skipped_steps", progress_.skipped},
          {"selected_step", config_.select == "best_dev" ? progress_.best_step : progress_.step},
          {"best_step", progress_.best_step},
          {"best_accuracy", evaluated ? Json(progress_.best.accuracy) : Json()},
          {"final_accuracy", evaluated ? progress_.curve.back().at("accuracy") : Json()},
          {"curve", progress_.curve},
          {"parameters", config_.model.ParameterCount()},
          {"objective", config_.objective->Name()},
          {"optimizer", OptimizerOptions(config_.optimizer)},
          {"precision", config_.precision},
          {"batch_size", config_.batch_size},
          {"supervised_tokens", progress_.supervised_tokens},
          {"tokens", progress_.tokens},
          {"flops", progress_.flops},
          {"examples", inputs_.dataset.examples.size()},
          {"dev_n", dev_.size()},
          {"train_loss_final", progress_.last_loss},
          {"model_sha256", model_sha256}};
}

void Trainer::UpdateSeconds() {
  const double now = MonotonicSeconds();
  const double cpu_now = ProcessCpuSeconds();
  progress_.seconds += now - seconds_mark_;
  progress_.cpu_seconds += cpu_now - cpu_seconds_mark_;
  seconds_mark_ = now;
  cpu_seconds_mark_ = cpu_now;
}

double Trainer::TokensPerSecond() const {
  const double seconds = progress_.step_seconds - step_seconds_at_start_;
  return seconds > 0 ? static_cast<double>(progress_.tokens - tokens_at_start_) / seconds : 0;
}

}  // namespace

void RunTrainStage(const TrainConfig& config, const TrainInputs& inputs,
                   const StageContext& context) {
  CheckTrainInputs(config, inputs);
  try {
    Trainer(config, inputs, context).Run();
  } catch (const c10::Error& error) {
    throw Error(ExitCode::kInternal,
                StrCat("train ", context.name, ": LibTorch: ", error.what_without_backtrace()));
  }
}

}  // namespace retort
