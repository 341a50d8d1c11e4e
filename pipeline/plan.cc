#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ostream>

#include "core/base/error.h"
#include "core/base/strings.h"
#include "pipeline/commands.h"
#include "pipeline/prompt_view.h"
#include "pipeline/runner.h"

namespace retort {
namespace {

/// What one core is taken to do in estimates; printed beside them.
constexpr double kAssumedFlopsPerCore = 15e9;

struct Cost {
  int64_t tokens = 0;
  double flops = 0;
  double money = 0;  // of a served teacher
};

std::string Human(double value) {
  const char* units[] = {"", " k", " M", " G", " T", " P"};
  size_t unit = 0;
  while (value >= 1000 && unit + 1 < std::size(units)) {
    value /= 1000;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof(text), value < 10 ? "%.1f%s" : "%.0f%s", value, units[unit]);
  return text;
}

class Planner {
 public:
  Planner(Env& env, Experiment& experiment, const ExperimentArguments& arguments, std::ostream& out)
      : e_(experiment),
        runner_(env, experiment, {.runs_dir = arguments.runs_dir, .command_line = {}}),
        out_(out) {}

  void Print() {
    runner_.CheckInputs();
    out_ << e_.resolved_yaml << "\n";
    out_ << "run folder: " << runner_.run_dir() << "\n";
    PrintTask();
    for (const ProblemSplit& split : e_.splits) {
      out_ << "problems " << split.name << ": " << runner_.Problems(split.name).size() << "\n";
    }
    const std::vector<NodeStatus> status = runner_.Status();
    for (size_t i = 0; i < e_.nodes.size(); ++i) PrintNode(e_.nodes[i], status[i]);
    PrintPrompt(runner_, e_, out_);
  }

 private:
  void PrintTask() {
    const TaskFacts facts = e_.task->Facts();
    out_ << "task " << e_.task->Name() << ": " << facts.description << "\n";
    if (facts.problems > 0) {
      out_ << "    " << WithCommas(facts.problems) << " problems, "
           << WithCommas(facts.canonical_classes) << " up to symmetry\n";
    }
    out_ << "    symmetry: " << facts.symmetry << "\n    solver: " << facts.solver << "\n";
  }

  int64_t SequenceTokens() {
    const std::string& prompt = runner_.Problems(e_.splits.front().name).front().question.prompt;
    return static_cast<int64_t>(EncodePrompt(runner_.GetTokenizer(), prompt).size()) +
           e_.task->MaxCompletionTokens();
  }

  Cost Estimate(const StageNode& node) {
    if (node.kind == StageKind::kGenerate) {
      const GenerateConfig& config = e_.generate.at(node.section);
      int64_t problems = static_cast<int64_t>(runner_.Problems(config.problems).size());
      if (config.limit > 0) problems = std::min(problems, config.limit);
      const Json& strategy = e_.resolved.at("generate").at(node.section).at("strategy");
      const int64_t samples = strategy.value("n", int64_t{1});
      const int64_t tokens = problems * samples * e_.task->MaxCompletionTokens();
      if (!config.strategy->NeedsEngine()) return {};
      if (config.server) return ServedCost(*config.server, problems * samples, tokens);
      return {tokens, static_cast<double>(tokens) *
                          runner_.ShapeOf(config.model).FlopsPerToken(SequenceTokens())};
    }
    if (node.kind == StageKind::kTrain) {
      const TrainConfig& config = e_.train.at(node.section);
      const int64_t tokens = config.steps * config.batch_size * SequenceTokens();
      return {tokens, 3.0 * static_cast<double>(tokens) *
                          runner_.ShapeOf(node.section).FlopsPerToken(SequenceTokens())};
    }
    return {};
  }

  /// Every request brings its prompt, whatever the server remembers of it.
  Cost ServedCost(const ServerConfig& server, int64_t samples, int64_t tokens) {
    const int64_t prompt_tokens = SequenceTokens() - e_.task->MaxCompletionTokens();
    const double prompts = std::ceil(static_cast<double>(samples) / server.samples_per_request);
    return {
        .tokens = tokens,
        .money = (prompts * static_cast<double>(prompt_tokens) * server.price.input_per_million +
                  static_cast<double>(tokens) * server.price.output_per_million) /
                 1e6};
  }

  void PrintServed(const ServerConfig& server, const Cost& cost) {
    out_ << "    served: " << server.model << " at " << server.url << "; at most "
         << Human(static_cast<double>(cost.tokens)) << " sampled tokens, money " << cost.money
         << " at the prices of the file\n";
  }

  void PrintNode(const StageNode& node, const NodeStatus& status) {
    out_ << node.Id() << ": " << StageStateName(status.state);
    if (!status.dir.empty()) out_ << ", " << status.dir;
    if (!status.why.empty()) out_ << " (" << status.why << ")";
    out_ << "\n";
    if (status.state == StageState::kDone) return;
    const Cost cost = Estimate(node);
    const bool generates = node.kind == StageKind::kGenerate;
    if (generates && e_.generate.at(node.section).server) {
      PrintServed(*e_.generate.at(node.section).server, cost);
    }
    if (cost.flops > 0) {
      const double seconds = cost.flops / (kAssumedFlopsPerCore * e_.threads);
      out_ << "    at most " << Human(static_cast<double>(cost.tokens)) << " tokens, "
           << Human(cost.flops) << "FLOP; roughly " << static_cast<int64_t>(seconds) + 1
           << " s at 15 GFLOP/s a core, " << e_.threads << " threads; about "
           << Human(static_cast<double>(cost.tokens) * 8) << "B on disk\n";
    }
  }

  Experiment& e_;
  Runner runner_;
  std::ostream& out_;
};

}  // namespace

void PrintPlan(Env& env, Experiment& experiment, const ExperimentArguments& arguments,
               std::ostream& out) {
  if (experiment.splits.empty())
    throw Error(ExitCode::kConfig, "problems: the file names no split, nothing to plan");
  Planner(env, experiment, arguments, out).Print();
}

}  // namespace retort
