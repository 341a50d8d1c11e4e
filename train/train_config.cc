#include <algorithm>
#include <functional>

#include "train/objective.h"
#include "train/train_stage.h"

namespace retort {

OptimizerConfig OptimizerConfig::FromConfig(ConfigSection section) {
  OptimizerConfig config;
  section.Float("lr", &config.lr, {.min = 0, .exclusive_min = true});
  section.Float("beta1", &config.beta1, {.min = 0, .max = 0.9999});
  section.Float("beta2", &config.beta2, {.min = 0, .max = 0.999999});
  section.Float("eps", &config.eps, {.min = 0, .exclusive_min = true});
  section.Float("weight_decay", &config.weight_decay, {.min = 0});
  section.Float("clip_norm", &config.clip_norm, {.min = 0});
  section.Int("warmup_steps", &config.warmup_steps, {.min = 0});
  section.Choice("schedule", &config.schedule, {"cosine", "constant"});
  section.Float("final_lr_ratio", &config.final_lr_ratio, {.min = 0, .max = 1});
  return config;
}

namespace {

void ReadSchedule(ConfigSection& section, TrainConfig& config) {
  section.Int("steps", &config.steps, {.min = 1});
  section.Int("batch_size", &config.batch_size, {.min = 1, .max = 1 << 20});
  section.Int("accumulation", &config.accumulation, {.min = 1, .max = 1 << 16});
  if (config.accumulation > config.batch_size) {
    section.Fail("accumulation", "more parts than examples: batch_size must be at least as large");
  }
  section.Choice("precision", &config.precision, {"float32", "bfloat16"});
  section.Choice("device", &config.device, {"auto", "cpu", "cuda"});
  section.IntList("seeds", &config.seeds, {.min = 0});
}

/// A model that starts from another one has its shape, unless the file gives one to check against.
void ReadModel(ConfigSection& section, TrainConfig& config) {
  section.String("init_from", &config.init_from);
  if (config.init_from == "random") config.init_from.clear();
  config.shape_from_init = !config.init_from.empty() && !section.Has("model");
  if (!config.shape_from_init) {
    ConfigSection model = section.Section("model");
    config.model = ModelConfig::FromConfig(model);
  }
  ConfigSection init = section.Section("init");
  init.Float("std", &config.init.std, {.min = 0, .exclusive_min = true});
  init.Bool("scale_residual", &config.init.scale_residual);
  if (!section.Has("keep_layers")) return;
  section.IntList("keep_layers", &config.keep_layers, {.min = 0});
  if (config.init_from.empty()) {
    section.Fail("keep_layers",
                 "of which model? - set init_from to the model whose layers to keep");
  }
  const auto& layers = config.keep_layers;
  const bool ascending =
      std::adjacent_find(layers.begin(), layers.end(), std::greater_equal<>()) == layers.end();
  if (layers.empty() || !ascending) {
    section.Fail("keep_layers", "expected layer numbers from 0, ascending, each once");
  }
}

void ReadEvaluation(ConfigSection& section, TrainConfig& config) {
  section.Int("eval_every", &config.eval_every, {.min = 1});
  section.Int("eval_problems", &config.eval_problems, {.min = 0});
  section.String("dev_split", &config.dev_split);
  section.Choice("select", &config.select, {"best_dev", "last"});
  section.Int("checkpoint_every", &config.checkpoint_every, {.min = 1});
  section.Float("checkpoint_every_seconds", &config.checkpoint_every_seconds, {.min = 0});
  section.Int("keep_checkpoints", &config.keep_checkpoints, {.min = 2, .max = 1000});
  if (config.eval_problems == 0 && config.select == "best_dev") {
    section.Fail("select", "best_dev needs eval_problems > 0; otherwise choose last");
  }
}

}  // namespace

// Out of line: the header does not know Objective, so that its readers need no LibTorch.
TrainConfig::TrainConfig() = default;
TrainConfig::TrainConfig(TrainConfig&& other) noexcept = default;
TrainConfig::~TrainConfig() = default;

TrainConfig TrainConfig::FromConfig(ConfigSection section) {
  TrainConfig config;
  section.String("data", &config.data);
  if (config.data.empty()) section.Fail("data", "name of a filter stage is required");
  ReadModel(section, config);
  config.objective = MakeObjective(section.Section("objective"));
  config.optimizer = OptimizerConfig::FromConfig(section.Section("optimizer"));
  ReadSchedule(section, config);
  ReadEvaluation(section, config);
  if (config.optimizer.warmup_steps > config.steps) {
    section.Section("optimizer")
        .Fail("warmup_steps",
              "longer than the whole training: raise steps or lower optimizer.warmup_steps");
  }
  return config;
}

}  // namespace retort
