// Builds what each stage is given: problems, models, engines, the facts of earlier stages.

#include <algorithm>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/lm/checkpoint/shrink.h"
#include "pipeline/models.h"
#include "pipeline/runner.h"
#include "pipeline/runner_state.h"

namespace retort {
namespace {

std::vector<Problem> FirstProblems(const std::vector<Problem>& problems, int64_t limit) {
  const size_t count =
      limit > 0 ? std::min(problems.size(), static_cast<size_t>(limit)) : problems.size();
  return {problems.begin(), problems.begin() + static_cast<std::ptrdiff_t>(count)};
}

bool HasCorrect(const TraceTree& tree) { return tree.CountVerdict(Verdict::kCorrect) > 0; }

Json ReadCurve(const Env& env, const std::string& path) {
  Json curve = Json::array();
  if (!env.Exists(path)) return curve;
  for (const std::string& line : Split(env.ReadFile(path), '\n')) {
    if (!line.empty()) curve.push_back(ParseJson(line, path));
  }
  return curve;
}

}  // namespace

std::string Runner::ModelDir(const std::string& reference) const {
  const std::vector<size_t> nodes = experiment_.TrainNodes(reference);
  if (nodes.empty()) return reference;
  return JoinPath(state_->done.at(nodes.front()).dir, "model");
}

void Runner::RunGenerate(size_t index, const StageContext& context) {
  const GenerateConfig& config = experiment_.generate.at(experiment_.nodes[index].section);
  std::vector<Problem> problems = FirstProblems(Problems(config.problems), config.limit);
  if (!config.unsolved_of.empty()) {
    const size_t source = experiment_.FindNode(StageKind::kGenerate, config.unsolved_of);
    std::set<std::string> solved;
    ForEachTree(env_, state_->done.at(source).dir, [&](TraceTree&& tree) {
      if (HasCorrect(tree)) solved.insert(tree.problem_id);
    });
    std::erase_if(problems, [&](const Problem& p) { return solved.count(p.question.id) != 0; });
  }
  TraceProvenance provenance{.stage_key = context.key,
                             .config_sha256 = Sha256(DumpJson(KeyFacts(index)->at("config"))),
                             .teacher_sha256 = "",
                             .tokenizer_sha256 = GetTokenizer().Sha256(),
                             .verifier = experiment_.task->GetVerifier().Identity()};
  std::unique_ptr<Engine> engine;
  if (config.server && config.strategy->NeedsEngine()) {
    provenance.teacher_sha256 = ServedModelSha256(*config.server);
    engine = MakeOpenAiEngine(*config.server, GetTokenizer());
  } else if (config.strategy->NeedsEngine()) {
    LoadedModel model = LoadModel(env_, ModelDir(config.model), GetTokenizer());
    provenance.teacher_sha256 = model.sha256;
    engine =
        MakeLocalEngine(config.engine, std::move(model.weights), GetTokenizer(), context.threads);
  }
  const GenerateInputs inputs{.task = *experiment_.task,
                              .tokenizer = GetTokenizer(),
                              .problems = problems,
                              .engine = engine.get(),
                              .provenance = provenance};
  RunGenerateStage(config, inputs, context);
}

void Runner::RunFilter(size_t index, const StageContext& context) {
  const FilterConfig& config = experiment_.filter.at(experiment_.nodes[index].section);
  FilterInputs inputs{.task = *experiment_.task,
                      .tokenizer = GetTokenizer(),
                      .generate = {},
                      .gold = {},
                      .gold_traces = 0,
                      .held_out = {}};
  for (const std::string& input : config.inputs) {
    const size_t node = experiment_.FindNode(StageKind::kGenerate, input);
    inputs.generate.push_back({.name = input, .stage_dir = state_->done.at(node).dir});
  }
  if (!config.gold_split.empty()) {
    inputs.gold = Problems(config.gold_split);
    inputs.gold_traces = experiment_.FindSplit(config.gold_split)->config.traces;
  }
  for (const std::string& split : HeldOutSplits()) inputs.held_out.emplace_back(Problems(split));
  RunFilterStage(config, inputs, context);
}

std::vector<std::string> Runner::HeldOutSplits() const {
  std::set<std::string> splits;
  for (const auto& [name, config] : experiment_.eval) splits.insert(config.problems);
  for (const auto& [name, config] : experiment_.train) {
    if (config.eval_problems > 0) splits.insert(config.dev_split);
  }
  return {splits.begin(), splits.end()};
}

void Runner::RunTrain(size_t index, const StageContext& context) {
  const StageNode& node = experiment_.nodes[index];
  const TrainConfig& config = experiment_.train.at(node.section);
  const size_t filter = experiment_.FindNode(StageKind::kFilter, config.data);
  const Dataset dataset = ReadDataset(env_, JoinPath(state_->done.at(filter).dir, "dataset.h5"));
  std::optional<LoadedModel> init;
  if (!config.init_from.empty()) init = LoadModel(env_, ModelDir(config.init_from), GetTokenizer());
  if (!config.keep_layers.empty()) KeepLayers(init->weights, config.keep_layers);
  TrainInputs inputs{.task = *experiment_.task,
                     .tokenizer = GetTokenizer(),
                     .dataset = dataset,
                     .dev = {},
                     .init_weights = init ? &init->weights : nullptr};
  if (config.eval_problems > 0)
    inputs.dev = FirstProblems(Problems(config.dev_split), config.eval_problems);
  RunTrainStage(config, inputs, context);
}

void Runner::AddLineage(size_t index, std::set<size_t>& lineage) const {
  if (!lineage.insert(index).second) return;
  for (const size_t input : experiment_.nodes[index].inputs) AddLineage(input, lineage);
}

StageFacts Runner::FactsOf(size_t index) const {
  const NodeStatus& status = state_->done.at(index);
  StageFacts facts{.kind = StageKindName(experiment_.nodes[index].kind),
                   .content = status.manifest->content,
                   .run = status.manifest->run,
                   .curve = ReadCurve(env_, JoinPath(status.dir, "curve.jsonl")),
                   .funnel = Json(),
                   .dir = status.dir};
  const std::string funnel = JoinPath(status.dir, "funnel.json");
  if (env_.Exists(funnel)) facts.funnel = ParseJson(env_.ReadFile(funnel), funnel);
  return facts;
}

void Runner::RunEval(size_t index, const StageContext& context) {
  const EvalConfig& config = experiment_.eval.at(experiment_.nodes[index].section);
  EvalInputs inputs{.task = *experiment_.task,
                    .tokenizer = GetTokenizer(),
                    .problems = FirstProblems(Problems(config.problems), config.limit),
                    .models = {},
                    .stages = {},
                    .student_lineage = {},
                    .resolved_config = experiment_.resolved,
                    .experiment = experiment_.name};
  std::map<std::string, std::vector<DecoderWeights>> weights;  // by model reference, a seed each
  std::vector<std::unique_ptr<Engine>> engines;
  std::set<size_t> upstream;
  for (const size_t input : experiment_.nodes[index].inputs) AddLineage(input, upstream);
  for (const size_t node : upstream) inputs.stages[experiment_.nodes[node].Id()] = FactsOf(node);
  for (const ArmConfig& arm : config.arms) {
    if (arm.model.empty() || inputs.models.count(arm.model) != 0) continue;
    ArmModels& models = inputs.models[arm.model];
    std::vector<std::string> dirs;
    for (const size_t node : experiment_.TrainNodes(arm.model)) {
      dirs.push_back(JoinPath(state_->done.at(node).dir, "model"));
    }
    if (dirs.empty()) dirs.push_back(arm.model);
    for (const std::string& dir : dirs) {
      LoadedModel model = LoadModel(env_, dir, GetTokenizer());
      models.parameters = model.weights.config.ParameterCount();
      weights[arm.model].push_back(std::move(model.weights));
    }
    models.fresh = [&, reference = arm.model](int seed) {
      return MakeLocalEngine(config.engine, weights.at(reference).at(static_cast<size_t>(seed)),
                             GetTokenizer(), context.threads);
    };
    for (size_t seed = 0; seed < weights[arm.model].size(); ++seed) {
      engines.push_back(models.fresh(static_cast<int>(seed)));
      models.engines.push_back(engines.back().get());
    }
    if (arm.name == config.verdict.student) {
      std::set<size_t> lineage;
      // One model is deployed: its first seed carries the cost.
      const std::vector<size_t> nodes = experiment_.TrainNodes(arm.model);
      if (!nodes.empty()) AddLineage(nodes.front(), lineage);
      for (const size_t node : lineage)
        inputs.student_lineage.push_back(experiment_.nodes[node].Id());
    }
  }
  RunEvalStage(config, inputs, context);
  for (const char* name : {"report.json", "report.md", "report.html"}) {
    const std::string path = JoinPath(context.dir, name);
    WriteFileAtomically(env_, JoinPath(run_dir_, name), env_.ReadFile(path));
  }
}

}  // namespace retort
