// The result a person reads, as plain values. report.json is drawn from it (schema_version inside,
// stable), report.md and report.html from report.json alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/base/statistics.h"
#include "core/trace/types.h"

namespace retort {

enum class ArmKind { kStudent, kSearch, kControl };
std::string ArmKindName(ArmKind kind);

struct Percentiles {
  double p50 = 0, p95 = 0, p99 = 0, mean = 0;
};

/// One point of a curve over the first k samples of each problem.
struct SubsamplePoint {
  int64_t k = 0;
  Estimate accuracy;
  double tokens_per_problem = 0;  // decoded by those k samples
};

/// Accuracy on the problems whose shortest solution needs `horizon` steps.
struct HorizonPoint {
  int horizon = 0;
  int64_t n = 0;
  Estimate accuracy;
};

/// Queries one at a time, after warm-up, arms interleaved.
struct LatencyResult {
  Percentiles ms;
  std::vector<double> per_problem_ms;  // median over repeats, for the first so many problems
  std::optional<double> ttft_ms;       // median; players have none
  /// Median time until the first token of the answer is known: a search knows it only at its end.
  std::optional<double> first_answer_token_ms;
  bool capped = false;  // the time budget ended before all problems were timed
};

/// What one arm did on one problem (seed 0 of a multi-seed arm first).
struct ItemResult {
  double score = 0;  // 1 correct, 0 not; mean over seeds
  std::string text;  // answer given
  Verdict verdict = Verdict::kUnverified;
  double tokens = 0;  // decoded tokens
  double flops = 0;
};

struct ArmResult {
  std::string name;
  std::string label;  // for people
  ArmKind kind = ArmKind::kControl;
  std::string model;       // checkpoint folder or train stage; "" for players
  Json strategy;           // its resolved section
  int64_t parameters = 0;  // of its model; 0 without
  int seeds = 1;
  int64_t n = 0;
  int64_t correct = 0;  // over problems and seeds
  Estimate accuracy;    // Wilson for one seed, bootstrap over problems for several
  std::vector<double> seed_accuracy;
  std::vector<SubsamplePoint> pass_at_k;  // unbiased, where every problem has >= k samples
  std::vector<SubsamplePoint> best_of_k;  // the arm's own selection among the first k
  std::vector<SubsamplePoint> maj_at_k;   // most frequent text among the first k
  std::optional<LatencyResult> latency;   // concurrency 1, after warm-up
  double throughput_per_s = 0;            // problems, with `concurrency` in flight
  int concurrency = 1;
  double tokens_per_problem = 0;
  double prefill_per_problem = 0;
  double verifier_calls_per_problem = 0;
  double flops_per_problem = 0;
  double cost_seconds_per_problem = 0;  // throughput run, by the report's clock
  std::vector<double> cost_blocks;      // the same measured in parts, for intervals
  int64_t engine_decoded = 0;           // as the engine counted, all seeds
  int64_t tree_decoded = 0;             // as the trees say; the two must agree
  double cost_per_1k = 0;               // money, prices in the config
  std::vector<ItemResult> items;        // by problem
  std::vector<HorizonPoint> by_horizon;
};

struct PairResult {
  std::string a, b;
  Estimate difference;   // accuracy a - b, paired bootstrap
  double mcnemar_p = 1;  // of the first seeds: over several seeds an average means nothing
  int64_t only_a = 0;    // problems that only a's first seed solves
  int64_t only_b = 0;
};

/// One gate (gates.h): its figures and whether it held, failed or was not run.
struct GateResult {
  std::string name;    // "blind_play"
  std::string state;   // "passed" | "failed" | "not_run"
  std::string detail;  // one sentence with the figures
};

/// A claim of the verdict: shown only if its gates passed and its interval says so.
struct ClaimResult {
  std::string name;
  std::string state;  // "shown" | "not_shown"
  std::string sentence;
  std::vector<std::string> gates;  // it needs all of these passed
};

/// What a problem costs: CPU seconds of the process, or where models run on a GPU the seconds for
/// which the machine with it is held.
enum class CostClock { kCpu, kGpu };
const char* ClockName(CostClock clock);  // "CPU" | "GPU"

struct EvalReport {
  std::string experiment;
  std::string verdict;   // the sentence that comes first
  std::string problems;  // split
  int64_t n = 0;
  CostClock clock = CostClock::kCpu;
  std::vector<ArmResult> arms;
  std::vector<PairResult> pairs;
  std::vector<GateResult> gates;
  std::vector<ClaimResult> claims;
  Json derived;  // retention, speedup, cost_ratio, search_equivalent_n, break_even_queries
  Json funnel;   // of the student's filter stage
  Json curves;   // learning curves by train stage
  Json worst;    // five worst items side by side
  Json tree;     // one search tree to open and fold
  Json machine;  // processor, threads, seconds, peak memory
  std::vector<std::string> notes;  // how it was measured, and what was odd
  Json config;                     // resolved
};

}  // namespace retort
