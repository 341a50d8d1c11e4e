// The train stage: a dataset into weights.
//
// Layout: checkpoints/step-00000400/{model.safetensors, optimizer.safetensors, state.json},
// model/ (the selected checkpoint as a Hugging Face folder with tokenizer), curve.jsonl (one line
// an evaluation), MANIFEST.json. A killed run resumes from the newest whole checkpoint and ends in
// the same bytes on the same kind of machine and thread count.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/config.h"
#include "core/base/stage.h"
#include "core/lm/engine/engine.h"
#include "core/lm/model/model_config.h"
#include "core/lm/tokenizer/tokenizer.h"
#include "core/task/task.h"
#include "core/trace/dataset.h"

namespace retort {

class Objective;  // train/objective.h

struct OptimizerConfig {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.98;
  double eps = 1e-8;
  double weight_decay = 0.1;  // decoupled; matrices and embedding only, not norms or biases
  double clip_norm = 1.0;     // global gradient norm; 0: off
  int64_t warmup_steps = 50;
  std::string schedule = "cosine";  // cosine | constant
  double final_lr_ratio = 0.05;     // cosine ends at lr x this

  static OptimizerConfig FromConfig(ConfigSection section);
};

/// Learning rate at `step` (0-based) of `total_steps`.
double LearningRate(const OptimizerConfig& config, int64_t step, int64_t total_steps);

struct TrainConfig {
  TrainConfig();
  TrainConfig(TrainConfig&& other) noexcept;
  ~TrainConfig();

  std::string data;   // name of a filter stage
  ModelConfig model;  // vocab_size filled in by the pipeline, all of it if shape_from_init
  InitConfig init;
  std::string init_from;             // "" for random, or a model: a path or a train stage
  std::vector<int64_t> keep_layers;  // of init_from, 0-based and ascending; empty: all
  bool shape_from_init = false;      // no model: of its own
  OptimizerConfig optimizer;
  std::unique_ptr<Objective> objective;
  int64_t steps = 1000;
  int64_t batch_size = 128;  // examples an optimiser step
  int accumulation = 1;      // parts a step is computed in
  std::string precision =
      "float32";                // float32 | bfloat16 (matrix products only; master weights float32)
  std::string device = "auto";  // auto | cpu | cuda
  int64_t eval_every = 100;     // steps; also at the end
  int64_t eval_problems = 500;  // first so many of the dev split
  std::string dev_split = "dev";
  std::string select = "best_dev";  // best_dev | last
  int64_t checkpoint_every = 200;   // steps
  double checkpoint_every_seconds = 60;
  int keep_checkpoints = 2;
  std::vector<int64_t> seeds;  // one model a seed; the pipeline runs them as separate stages

  static TrainConfig FromConfig(ConfigSection section);
};

struct TrainInputs {
  const Task& task;
  const Tokenizer& tokenizer;
  const Dataset& dataset;
  std::vector<Problem> dev;                      // may be empty: then select must be "last"
  const DecoderWeights* init_weights = nullptr;  // for init_from
};

/// One evaluation on the dev set.
struct DevPoint {
  int64_t step = 0;
  double accuracy = 0;
  double steps_before_error = 0;  // mean number of correct leading moves
  double train_loss = 0;          // mean since the last point
};

void RunTrainStage(const TrainConfig& config, const TrainInputs& inputs,
                   const StageContext& context);

/// Greedy accuracy and mean steps before the first error with an engine over `weights`.
DevPoint EvaluateGreedy(const DecoderWeights& weights, const Task& task, const Tokenizer& tokenizer,
                        const std::vector<Problem>& problems, int threads);

}  // namespace retort
