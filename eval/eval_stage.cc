#include "eval/eval_stage.h"

#include <algorithm>
#include <utility>

#include "core/base/clock.h"
#include "core/base/commit.h"
#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/base/stop.h"
#include "core/lm/engine/device.h"
#include "eval/arm_journal.h"
#include "eval/arm_metrics.h"
#include "eval/derived.h"
#include "eval/exhibits.h"
#include "eval/gates.h"
#include "eval/latency.h"
#include "eval/machine_facts.h"
#include "eval/report_format.h"
#include "eval/verdict.h"

namespace retort {
namespace {

constexpr size_t kWorstItems = 5;

CostClock ClockOf(const EvalConfig& config, const EvalInputs& inputs) {
  const bool gpu = !inputs.models.empty() && ResolveDevice(config.engine.device) == "cuda";
  return gpu ? CostClock::kGpu : CostClock::kCpu;
}

class EvalRun {
 public:
  EvalRun(const EvalConfig& config, const EvalInputs& inputs, const StageContext& context)
      : config_(config),
        inputs_(inputs),
        context_(context),
        problems_(inputs.problems),
        clock_(ClockOf(config, inputs)),
        journal_(context, clock_) {
    const auto limit = static_cast<size_t>(config.limit);
    if (limit > 0) problems_ = problems_.first(std::min(limit, problems_.size()));
  }

  EvalReport Run();

 private:
  ArmSetting Setting() const;
  const ArmModels* ModelsOf(const ArmConfig& arm) const;
  void CheckInputs() const;
  std::vector<SeedRun> RunArm(const ArmConfig& arm);
  void RunArms();
  void AddLatency();
  void AddCurves();
  void AddNotes();
  void AddFunnel();
  void AddWorst();
  void AddMachine();
  std::string ItemLines() const;
  Json ManifestContent(const std::string& items_sha256) const;
  void Write();

  const EvalConfig& config_;
  const EvalInputs& inputs_;
  const StageContext& context_;
  std::span<const Problem> problems_;
  const CostClock clock_;
  ArmJournal journal_;
  EvalReport report_;
  std::vector<ProblemOutcome> search_outcomes_;
  double start_s_ = MonotonicSeconds();
  double cpu_start_s_ = ProcessCpuSeconds();
};

ArmSetting EvalRun::Setting() const {
  return {.task = inputs_.task,
          .tokenizer = inputs_.tokenizer,
          .problems = problems_,
          .seed = context_.seed,
          .in_flight = config_.in_flight,
          .threads = context_.threads,
          .clock = clock_};
}

const ArmModels* EvalRun::ModelsOf(const ArmConfig& arm) const {
  if (arm.model.empty()) return nullptr;
  const auto found = inputs_.models.find(arm.model);
  return found == inputs_.models.end() ? nullptr : &found->second;
}

void EvalRun::CheckInputs() const {
  if (problems_.empty()) {
    throw Error(ExitCode::kData, StrCat("eval ", context_.name, ": split ", config_.problems,
                                        " has no problems - give it a count or a file"));
  }
  for (const ArmConfig& arm : config_.arms) {
    const ArmModels* models = ModelsOf(arm);
    RETORT_CHECK(!arm.strategy->NeedsEngine() || (models != nullptr && !models->engines.empty()),
                 "arm ", arm.name, " has no engine for model ", arm.model);
  }
}

std::vector<SeedRun> EvalRun::RunArm(const ArmConfig& arm) {
  const ArmModels* models = ModelsOf(arm);
  const size_t seeds = models == nullptr ? 1 : models->engines.size();
  std::vector<SeedRun> runs;
  for (size_t seed = 0; seed < seeds; ++seed) {
    const int index = static_cast<int>(seed);
    runs.push_back(journal_.Find(arm.name, index).value_or(SeedRun()));
    if (runs.back().outcomes.size() == problems_.size()) continue;
    const auto keep = [&](const SeedRun& run) { journal_.Append(arm.name, index, run); };
    RunArmSeed(arm, models, index, Setting(), keep, &runs.back());
  }
  return runs;
}

void EvalRun::RunArms() {
  std::vector<std::vector<SeedRun>> runs;
  for (const ArmConfig& arm : config_.arms) runs.push_back(RunArm(arm));
  std::vector<TimedRun> timed;
  for (size_t a = 0; a < runs.size(); ++a) {
    const ArmConfig& arm = config_.arms[a];
    for (size_t seed = 0; seed < runs[a].size(); ++seed) {
      timed.push_back({&arm, ModelsOf(arm), static_cast<int>(seed), &runs[a][seed]});
    }
  }
  RepeatShortRuns(std::move(timed), Setting());
  for (size_t a = 0; a < runs.size(); ++a) {
    const ArmConfig& arm = config_.arms[a];
    const ArmModels* models = ModelsOf(arm);
    report_.arms.push_back(SummariseArm(arm, runs[a], problems_,
                                        models == nullptr ? 0 : models->parameters,
                                        config_.prices.Hour(clock_)));
    if (arm.name != config_.verdict.search) continue;
    report_.tree = runs[a].front().tree;
    search_outcomes_ = std::move(runs[a].front().outcomes);
  }
}

void EvalRun::AddLatency() {
  for (const auto& [name, latency] : MeasureLatency(config_, inputs_.models, Setting())) {
    for (ArmResult& arm : report_.arms) {
      if (arm.name == name) arm.latency = latency;
    }
  }
}

/// Curves of this run's train stages, and of shipped models that bring their stage's manifest.
void EvalRun::AddCurves() {
  std::map<std::string, StageFacts> stages = inputs_.stages;
  for (const ArmConfig& arm : config_.arms) {
    if (arm.model.empty() || stages.contains(arm.model)) continue;
    const std::optional<StageManifest> manifest = ReadStageManifest(context_.env, arm.model);
    if (!manifest) continue;
    stages[arm.model] = {.kind = "train",
                         .content = manifest->content,
                         .run = manifest->run,
                         .curve = nullptr,
                         .funnel = nullptr,
                         .dir = arm.model};
  }
  report_.curves = CurvesFromStages(stages);
}

void EvalRun::AddNotes() {
  const LatencyConfig& latency = config_.latency;
  report_.notes.push_back(StrCat("Latency: one query at a time after ", latency.warmup,
                                 " warm-up queries, arms interleaved "
                                 "problem by problem, median of ",
                                 latency.repeats, " passes for each of the first ",
                                 latency.problems, " problems; an arm stops after ",
                                 Significant(latency.max_seconds_per_arm), " s."));
  const bool cold = std::all_of(inputs_.models.begin(), inputs_.models.end(),
                                [](const auto& entry) { return entry.second.fresh != nullptr; });
  report_.notes.push_back(
      cold ? "Every arm and every latency pass starts with an empty prefix tree."
           : "Engines are shared: prompts that an earlier arm left in the prefix tree are not "
             "computed again, in latency and cost; FLOPs count every prompt.");
  report_.notes.push_back(StrCat(
      clock_ == CostClock::kCpu
          ? "CPU seconds are those of the whole process during an arm's run over all problems"
          : "GPU seconds are those for which an arm's run over all problems holds the "
            "machine with its GPU, whatever runs on either, and of earlier stages those for which "
            "they ran, wherever that was",
      ", of runs under a second the mean of five, arms taking turns; FLOPs and tokens are "
      "counted, not measured."));
  for (const ArmResult& arm : report_.arms) {
    if (arm.seeds > 1) {
      report_.notes.push_back(StrCat(arm.label, ": accuracy is the mean of ", arm.seeds,
                                     " seeds with a bootstrap over problems; answers shown, curves "
                                     "over k and McNemar's test are those of the first seed."));
    }
    if (arm.parameters > 0 && arm.engine_decoded != arm.tree_decoded) {
      report_.notes.push_back(StrCat(arm.label, ": the engine decoded ",
                                     WithCommas(arm.engine_decoded), " tokens, its trees say ",
                                     WithCommas(arm.tree_decoded), "."));
    }
  }
}

void EvalRun::AddFunnel() {
  for (const std::string& stage : inputs_.student_lineage) {
    const auto found = inputs_.stages.find(stage);
    if (found == inputs_.stages.end() || found->second.kind != "filter") continue;
    report_.funnel = found->second.funnel;
  }
}

void EvalRun::AddWorst() {
  const ArmResult* student = FindArm(report_.arms, config_.verdict.student);
  if (student == nullptr) return;
  std::vector<const ArmResult*> shown = {student};
  for (const std::string& name : {config_.verdict.search, config_.verdict.gold_only,
                                  config_.verdict.teacher_greedy, config_.verdict.upper_bound}) {
    const ArmResult* arm = FindArm(report_.arms, name);
    if (arm != nullptr && std::find(shown.begin(), shown.end(), arm) == shown.end()) {
      shown.push_back(arm);
    }
  }
  report_.worst = WorstItems(problems_, inputs_.task.GetVerifier(), shown, *student,
                             FindArm(report_.arms, config_.verdict.search), kWorstItems);
}

void EvalRun::AddMachine() {
  report_.machine = MachineFacts();
  report_.machine["threads"] = context_.threads;
  report_.machine["seconds"] = MonotonicSeconds() - start_s_;
  report_.machine["cpu_seconds"] = ProcessCpuSeconds() - cpu_start_s_;
  report_.machine["peak_resident_bytes"] = PeakResidentBytes();
  report_.machine["finished"] = UtcNow();
  report_.machine["currency"] = config_.prices.currency;
  report_.machine["hour_price"] = config_.prices.Hour(clock_);
  Json engines = Json::object();
  for (const auto& [model, models] : inputs_.models) {
    if (!models.engines.empty()) engines[model] = models.engines.front()->Info().description;
  }
  report_.machine["engines"] = engines;
}

/// One line an arm and problem, in the manner of lm-evaluation-harness's samples files. Holds
/// nothing that depends on scheduling.
std::string EvalRun::ItemLines() const {
  std::string lines;
  for (size_t i = 0; i < problems_.size(); ++i) {
    const Problem& problem = problems_[i];
    const Json doc = {{"id", problem.question.id},
                      {"question", problem.question.prompt},
                      {"horizon", problem.question.horizon}};
    const std::string doc_hash = Sha256(DumpJson(doc));
    const std::string target_hash = Sha256(problem.answer);
    for (const ArmResult& arm : report_.arms) {
      const ItemResult& item = arm.items[i];
      lines += DumpJson({{"doc_id", i},
                         {"arm", arm.name},
                         {"doc", doc},
                         {"target", problem.answer},
                         {"resps", Json::array({Json::array({item.text})})},
                         {"filtered_resps", Json::array({item.text})},
                         {"verdict", VerdictName(item.verdict)},
                         {"score", item.score},
                         {"tokens", item.tokens},
                         {"doc_hash", doc_hash},
                         {"target_hash", target_hash}}) +
               "\n";
    }
  }
  return lines;
}

Json EvalRun::ManifestContent(const std::string& items_sha256) const {
  Json arms = Json::array();
  for (const ArmResult& arm : report_.arms) {
    arms.push_back({{"name", arm.name},
                    {"kind", ArmKindName(arm.kind)},
                    {"seeds", arm.seeds},
                    {"n", arm.n},
                    {"correct", arm.correct},
                    {"accuracy", EstimateToJson(arm.accuracy)},
                    {"tokens_per_problem", arm.tokens_per_problem}});
  }
  Json pairs = Json::array();
  for (const PairResult& pair : report_.pairs) {
    pairs.push_back({{"a", pair.a},
                     {"b", pair.b},
                     {"difference", EstimateToJson(pair.difference)},
                     {"mcnemar_p", pair.mcnemar_p}});
  }
  return {{"problems", config_.problems},
          {"n", report_.n},
          {"arms", arms},
          {"pairs", pairs},
          {"items_sha256", items_sha256}};
}

void EvalRun::Write() {
  const auto write = [&](const std::string& name, const std::string& text) {
    WriteFileAtomically(context_.env, JoinPath(context_.dir, name), text);
  };
  const std::string items = ItemLines();
  write("items.jsonl", items);
  const Json report = ReportToJson(report_);
  write("report.json", DumpJsonPretty(report));
  // Drawn from what a reader would find in the file, not from memory.
  const Json stored = ParseJson(DumpJson(report), "report.json");
  write("report.md", RenderMarkdown(stored));
  write("report.html", RenderHtml(stored));
  CrashPoint("eval.before_manifest");
  WriteStageManifest(context_, ManifestContent(Sha256(items)),
                     {{"seconds", MonotonicSeconds() - start_s_},
                      {"cpu_seconds", ProcessCpuSeconds() - cpu_start_s_},
                      {"peak_resident_bytes", PeakResidentBytes()},
                      {"host", HostName()},
                      {"processor", ProcessorName()},
                      {"threads", context_.threads},
                      {"arms_resumed", journal_.replayed()}});
  journal_.Close();
  context_.env.RemoveTree(JoinPath(context_.dir, "journal"));
}

EvalReport EvalRun::Run() {
  CheckInputs();
  if (journal_.replayed() > 0) {
    LogInfo(StrCat("eval ", context_.name, ": ", journal_.replayed(),
                   " arm runs found, finished or in part, going on after them"));
  }
  report_.experiment = inputs_.experiment;
  report_.problems = config_.problems;
  report_.n = static_cast<int64_t>(problems_.size());
  report_.clock = clock_;
  report_.config = inputs_.resolved_config;
  RunArms();
  for (const auto& [a, b] : config_.pairs) {
    report_.pairs.push_back(
        ComparePair(*FindArm(report_.arms, a), *FindArm(report_.arms, b), context_.seed));
  }
  AddLatency();
  report_.derived = Derive({.arms = report_.arms,
                            .verdict = config_.verdict,
                            .search_outcomes = search_outcomes_,
                            .stages = inputs_.stages,
                            .student_lineage = inputs_.student_lineage,
                            .clock = clock_,
                            .seed = context_.seed});
  AddCurves();
  AddFunnel();
  AddWorst();
  AddNotes();
  report_.gates = JudgeGates(config_.verdict, report_);
  report_.claims = JudgeClaims(config_.verdict, report_);
  report_.verdict = VerdictSentence(config_.verdict, report_);
  AddMachine();
  Write();
  return std::move(report_);
}

}  // namespace

EvalReport RunEvalStage(const EvalConfig& config, const EvalInputs& inputs,
                        const StageContext& context) {
  return EvalRun(config, inputs, context).Run();
}

}  // namespace retort
