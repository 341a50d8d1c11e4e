#include "generate/generate_stage.h"

namespace retort {
namespace {

/// Seconds are read so that a user who asks for them learns why they are refused.
Budget BudgetFromConfig(ConfigSection section) {
  Budget budget;
  section.Int("max_tokens", &budget.max_tokens, {.min = 0});
  section.Float("max_seconds", &budget.max_seconds, {.min = 0});
  if (budget.max_seconds > 0) {
    section.Fail("max_seconds",
                 "would make traces depend on the machine; limit a generate stage by max_tokens");
  }
  return budget;
}

}  // namespace

GenerateConfig GenerateConfig::FromConfig(ConfigSection section) {
  GenerateConfig config;
  section.String("model", &config.model);
  section.String("problems", &config.problems);
  section.Int("limit", &config.limit, {.min = 0});
  section.String("unsolved_of", &config.unsolved_of);
  section.Int("shards", &config.shards, {.min = 1, .max = 100'000});
  section.Int("in_flight", &config.in_flight, {.min = 1, .max = 4096});
  config.budget = BudgetFromConfig(section.Section("budget"));
  ConfigSection engine = section.Section("engine");
  config.engine = EngineConfig::FromConfig(engine);
  config.strategy = MakeStrategy(section.Section("strategy"));
  if (config.problems.empty()) section.Fail("problems", "missing: the name of a problem split");
  if (config.strategy && config.strategy->NeedsEngine() && config.model.empty()) {
    section.Fail("model", "missing: strategy " + config.strategy->Name() + " samples from a model");
  }
  return config;
}

}  // namespace retort
