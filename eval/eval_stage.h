// The eval stage: arms on the same problems, paired; then the verdict that judges itself.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/config.h"
#include "core/base/stage.h"
#include "core/lm/engine/engine.h"
#include "eval/report_types.h"
#include "generate/strategy.h"

namespace retort {

struct ArmConfig {
  std::string name;
  std::string label;
  ArmKind kind = ArmKind::kControl;
  std::string model;  // checkpoint folder or train stage; "" for players
  std::unique_ptr<SearchStrategy> strategy;
  Json strategy_config;            // resolved, for the report
  std::vector<int64_t> subsample;  // N values reported from one run at the largest N
  bool latency = true;
};

struct LatencyConfig {
  int64_t problems = 100;
  int64_t warmup = 5;
  int repeats = 3;                  // interleaved over arms; medians
  double max_seconds_per_arm = 20;  // an arm that is slower is timed on fewer problems
};

/// Thresholds of the gates (gates.h) and which arms play which part.
struct VerdictConfig {
  std::string student;  // arm names
  std::string search;
  std::string gold_only;
  std::string teacher_greedy;
  std::string blind;  // random play
  std::string heuristic;
  std::string upper_bound;
  std::vector<std::string> plateau_of;  // train stages whose dev curve must be flat or falling
  double max_blind = 0.01;
  double min_teacher_greedy = 0.35;  // the band in which search has something to add
  double max_teacher_greedy = 0.60;
  double min_search = 0.90;
  double min_gain = 0.20;  // student - gold_only
  double min_retention = 0.9;
  double min_cost_ratio = 100;
  double min_size_ratio = 5;
};

struct PriceConfig {
  double cpu_hour = 0.05;  // money for one CPU core hour
  double gpu_hour = 2;     // money for an hour of a machine with a GPU; where models run on one
  std::string currency = "USD";
  double Hour(CostClock clock) const { return clock == CostClock::kGpu ? gpu_hour : cpu_hour; }
};

struct EvalConfig {
  std::string problems = "test";
  int64_t limit = 0;
  int in_flight = 256;  // problems searched at once in the accuracy run
  std::vector<ArmConfig> arms;
  std::vector<std::pair<std::string, std::string>> pairs;  // default: the student and each other
  LatencyConfig latency;
  VerdictConfig verdict;
  PriceConfig prices;
  EngineConfig engine;

  /// The `oracle` reward is refused here.
  static EvalConfig FromConfig(ConfigSection section);
};

/// A model of an arm: one engine a seed.
struct ArmModels {
  std::vector<Engine*> engines;
  int64_t parameters = 0;
  /// Optional: a new engine with an empty prefix tree. With it every arm and every latency pass
  /// starts cold; without it prompts that an earlier arm left in the tree cost less, and the report
  /// says so.
  std::function<std::unique_ptr<Engine>(int seed)> fresh;
};

/// Learning curve and cost of a train or generate stage, for curves, gates and break-even.
struct StageFacts {
  std::string kind;  // "generate" | "filter" | "train"
  Json content;      // manifest content
  Json run;          // manifest run: seconds, cpu_seconds
  Json curve;        // train: [{step, accuracy, steps_before_error, train_loss}]
  Json funnel;       // filter
  std::string dir;
};

struct EvalInputs {
  const Task& task;
  const Tokenizer& tokenizer;
  std::vector<Problem> problems;
  std::map<std::string, ArmModels> models;  // by ArmConfig::model
  std::map<std::string, StageFacts>
      stages;  // every finished stage this eval depends on, by "train.student"
  std::vector<std::string> student_lineage;  // stages whose cost the student carries
  Json resolved_config;
  std::string experiment;
};

/// Journals what the arms have done below `dir`/journal, so a killed eval repeats at most the last
/// ten minutes (and the latency passes). Writes report.json, report.md, report.html, items.jsonl
/// and MANIFEST.json into the stage folder.
EvalReport RunEvalStage(const EvalConfig& config, const EvalInputs& inputs,
                        const StageContext& context);

Json ReportToJson(const EvalReport& report);
/// Both draw from report.json alone.
std::string RenderMarkdown(const Json& report);
std::string RenderHtml(const Json& report);
/// The short text `retort run` prints at the end.
std::string RenderTerminal(const Json& report);

}  // namespace retort
