// What must hold before anything runs, as far as files and problems decide it.

#include <algorithm>
#include <span>

#include "core/base/error.h"
#include "core/base/strings.h"
#include "core/lm/engine/device.h"
#include "pipeline/models.h"
#include "pipeline/runner.h"
#include "pipeline/runner_state.h"

namespace retort {
namespace {

/// Who reads prompts, and how many tokens it may add to each.
struct Reader {
  std::string where;  // "generate.search"
  std::string model;
  int64_t completion;
};

/// Tokens of the longest completion under a strategy's own keys.
int64_t LongestCompletion(const Json& strategy, const Task& task) {
  const int64_t own = strategy.value("max_new_tokens", int64_t{0});
  return own > 0 ? own : task.MaxCompletionTokens();
}

/// Throws unless every prompt leaves room for the longest completion.
void CheckPromptsFit(const Reader& reader, const ModelConfig& shape,
                     std::span<const Problem> problems, const Tokenizer& tokenizer) {
  const int64_t room = shape.max_position_embeddings;
  int64_t too_long = 0, most_tokens = 0;
  std::string longest;
  for (const Problem& problem : problems) {
    const std::string& prompt = problem.question.prompt;
    // Mostly there are no more tokens than bytes and a bos, and nothing to count.
    if (std::ssize(tokenizer.RenderPrompt(prompt)) + 1 + reader.completion <= room) continue;
    const int64_t tokens = std::ssize(EncodePrompt(tokenizer, prompt));
    if (tokens + reader.completion <= room) continue;
    ++too_long;
    if (tokens <= most_tokens) continue;
    most_tokens = tokens;
    longest = problem.question.id;
  }
  if (too_long == 0) return;
  throw Error(
      ExitCode::kConfig,
      StrCat(reader.where, ": ", WithCommas(too_long), " of ", WithCommas(std::ssize(problems)),
             " prompts are too long for ", reader.model, ", which has ", WithCommas(room),
             " positions (max_position_embeddings): ", longest, " has ", WithCommas(most_tokens),
             " tokens, a completion up to ", WithCommas(reader.completion),
             " - lower task.max_completion_tokens or leave such problems out"));
}

/// The device that a node asks for; "cpu" if it needs none.
std::string DeviceOf(const StageNode& node, const Experiment& experiment) {
  switch (node.kind) {
    case StageKind::kGenerate: {
      const GenerateConfig& config = experiment.generate.at(node.section);
      return config.model.empty() ? "cpu" : config.engine.device;
    }
    case StageKind::kTrain:
      return experiment.train.at(node.section).device;
    case StageKind::kEval:
      return experiment.eval.at(node.section).engine.device;
    case StageKind::kFilter:
      break;
  }
  return "cpu";
}

}  // namespace

void Runner::CheckDevices(const std::set<StageKind>& kinds) {
  // Of all nodes: one is known to be done only after those before it.
  const std::vector<NodeStatus> statuses = Status();
  for (size_t i = 0; i < experiment_.nodes.size(); ++i) {
    const StageNode& node = experiment_.nodes[i];
    if (kinds.count(node.kind) == 0 || statuses[i].state == StageState::kDone) continue;
    try {
      ResolveDevice(DeviceOf(node, experiment_));
    } catch (const Error& error) {
      throw Error(error.code(), StrCat(node.Id(), ": ", error.what()));
    }
  }
}

void Runner::CheckKeptLayers() {
  for (const auto& [name, config] : experiment_.train) {
    if (config.keep_layers.empty()) continue;
    const int layers = ShapeOf(config.init_from).num_hidden_layers;
    if (config.keep_layers.back() < layers) continue;
    throw Error(ExitCode::kConfig, StrCat("train.", name, ".keep_layers: there is no layer ",
                                          config.keep_layers.back(), ", ", config.init_from,
                                          " has layers 0..", layers - 1));
  }
}

void Runner::CheckPlayers() {
  const Task& task = *experiment_.task;
  const auto check = [&](const std::string& where, const std::string& split,
                         const SearchStrategy& strategy) {
    if (strategy.CanSearch(task, Problems(split).front().question)) return;
    throw Error(ExitCode::kConfig, StrCat(where, ": task ", task.Name(), " has no player for ",
                                          strategy.Name(), " - choose another strategy"));
  };
  for (const auto& [name, config] : experiment_.generate) {
    check("generate." + name, config.problems, *config.strategy);
  }
  for (const auto& [name, config] : experiment_.eval) {
    for (const ArmConfig& arm : config.arms) {
      check(StrCat("eval.", name, ": arm ", arm.name), config.problems, *arm.strategy);
    }
  }
}

void Runner::CheckLengths() {
  const Task& task = *experiment_.task;
  const auto check = [this](const Reader& reader, const std::string& split, int64_t limit) {
    const std::span<const Problem> all = Problems(split);
    const size_t count = limit > 0 ? std::min(all.size(), static_cast<size_t>(limit)) : all.size();
    CheckPromptsFit(reader, ShapeOf(reader.model), all.first(count), GetTokenizer());
  };
  for (const auto& [name, config] : experiment_.generate) {
    if (config.model.empty() || !config.strategy->NeedsEngine()) continue;
    const Json& strategy = experiment_.resolved.at("generate").at(name).at("strategy");
    int64_t completion = LongestCompletion(strategy, task);
    if (config.budget.max_tokens > 0) completion = std::min(completion, config.budget.max_tokens);
    check({"generate." + name, config.model, completion}, config.problems, config.limit);
  }
  for (const auto& [name, config] : experiment_.train) {
    if (config.eval_problems == 0) continue;
    check({"train." + name, name, task.MaxCompletionTokens()}, config.dev_split,
          config.eval_problems);
  }
  for (const auto& [name, config] : experiment_.eval) {
    for (const ArmConfig& arm : config.arms) {
      if (arm.model.empty()) continue;
      check({StrCat("eval.", name, ": arm ", arm.name), arm.model,
             LongestCompletion(arm.strategy_config, task)},
            config.problems, config.limit);
    }
  }
}

void Runner::CheckInputs() {
  for (const ProblemSplit& split : experiment_.splits) Problems(split.name);
  CheckPlayers();
  for (const std::string& path : experiment_.ModelPaths()) {
    const LoadedModel model = LoadModel(env_, path, GetTokenizer());
    state_->checkpoint_sha[path] = model.sha256;
    state_->shapes[path] = model.weights.config;
  }
  CheckKeptLayers();
  for (auto& [name, config] : experiment_.train) config.model = ShapeOf(name);
  CheckLengths();
}

}  // namespace retort
