#include <algorithm>

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

/// A strategy that chooses by log-probability names it as a value of one of its keys.
bool UsesLogProbs(const Json& strategy) {
  return strategy.is_object() && std::any_of(strategy.begin(), strategy.end(),
                                             [](const Json& value) { return value == "log_prob"; });
}

/// A server in place of a model and the engine that runs it here.
ServerConfig ServerFromConfig(ConfigSection& section) {
  if (section.Has("engine")) {
    section.Section("engine");
    section.Fail("engine", "has no effect on a server; remove it");
  }
  ServerConfig server = ServerConfig::FromConfig(section.Section("server"));
  if (!server.log_probs && UsesLogProbs(section.Section("strategy").Resolved())) {
    section.Fail("strategy", "chooses by log_prob, and server.log_probs is false");
  }
  return server;
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
  if (!section.Has("server")) {
    ConfigSection engine = section.Section("engine");
    config.engine = EngineConfig::FromConfig(engine);
  }
  config.strategy = MakeStrategy(section.Section("strategy"));
  if (section.Has("server")) {
    config.server = ServerFromConfig(section);
    if (!config.model.empty()) section.Fail("model", "either a model or a server, not both");
  }
  if (config.problems.empty()) section.Fail("problems", "missing: the name of a problem split");
  if (config.strategy && config.strategy->NeedsEngine() && config.model.empty() && !config.server) {
    section.Fail("model", "missing: strategy " + config.strategy->Name() + " samples from a model");
  }
  return config;
}

}  // namespace retort
