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
  int64_t parameters = 0;  // of its model; 0 without
  int seeds = 1;
  int64_t n = 0;
  int64_t correct = 0;  // over problems and seeds
  Estimate accuracy;    // Wilson for one seed, bootstrap over problems for several
  std::vector<double> seed_accuracy;
  std::vector<std::pair<int64_t, Estimate>>
      pass_at_k;  // search arms: from the largest N by subsampling
  std::vector<std::pair<int64_t, Estimate>> maj_at_k;
  std::optional<Percentiles> latency_ms;  // concurrency 1, after warm-up
  std::optional<double> ttft_ms;
  std::optional<double> throughput_per_s;
  double tokens_per_problem = 0;
  double prefill_per_problem = 0;
  double verifier_calls_per_problem = 0;
  double flops_per_problem = 0;
  double cpu_seconds_per_problem = 0;  // throughput run
  double cost_per_1k = 0;              // money, prices in the config
  std::vector<ItemResult> items;       // by problem
  std::vector<std::pair<int, Estimate>> by_horizon;
};

struct PairResult {
  std::string a, b;
  Estimate difference;  // accuracy a - b, paired bootstrap
  double mcnemar_p = 1;
};

/// One gate of reference/science §0: its figures and whether it held, failed or was not run.
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
};

struct EvalReport {
  std::string experiment;
  std::string verdict;  // the sentence that comes first
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
  Json config;   // resolved
};

}  // namespace retort
