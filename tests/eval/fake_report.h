// A report with realistic figures, for rendering tests: a made-up ring-sorting experiment with
// three seeds of students and a teacher that searches in three ways. No figure of it was measured.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "core/base/rng.h"
#include "core/base/statistics.h"
#include "eval/eval_stage.h"
#include "eval/gates.h"
#include "eval/report_format.h"
#include "eval/verdict.h"

namespace retort {

struct FakeArm {
  std::string name;
  ArmKind kind;
  std::string model;
  int64_t parameters;
  int seeds;
  double accuracy;
  double latency_ms;  // median; 0 for none
  double spread;      // of the logarithm of latency
  double tokens;
  double cpu_ms;
};

inline ArmResult MakeFakeArm(const FakeArm& fake) {
  ArmResult arm;
  arm.name = fake.name;
  arm.label = fake.name;
  std::replace(arm.label.begin(), arm.label.end(), '_', ' ');
  arm.kind = fake.kind;
  arm.model = fake.model;
  arm.strategy = Json::object();
  arm.parameters = fake.parameters;
  arm.seeds = fake.seeds;
  arm.n = 1000;
  arm.correct = std::llround(1000 * fake.accuracy);
  arm.accuracy = WilsonInterval(arm.correct, 1000);
  for (int i = 0; i < fake.seeds; ++i) arm.seed_accuracy.push_back(fake.accuracy + 0.01 * (i - 1));
  arm.tokens_per_problem = fake.tokens;
  arm.prefill_per_problem = fake.tokens > 0 ? 11 : 0;
  arm.flops_per_problem =
      2 * static_cast<double>(fake.parameters) * (fake.tokens + arm.prefill_per_problem);
  arm.cost_seconds_per_problem = fake.cpu_ms / 1e3;
  arm.cost_per_1k = arm.cost_seconds_per_problem * 1000 / 3600 * 0.05;
  arm.throughput_per_s = 2e3 / fake.cpu_ms;
  arm.concurrency = 256;
  Rng rng = Rng::Derive({"fake_report", std::string_view(fake.name)});
  if (fake.latency_ms > 0) {
    LatencyResult latency;
    for (int i = 0; i < 100; ++i) {
      latency.per_problem_ms.push_back(fake.latency_ms * std::exp(fake.spread * rng.NextNormal()));
    }
    latency.ms = {.p50 = Quantile(latency.per_problem_ms, 0.5),
                  .p95 = Quantile(latency.per_problem_ms, 0.95),
                  .p99 = Quantile(latency.per_problem_ms, 0.99),
                  .mean = Mean(latency.per_problem_ms)};
    if (fake.parameters > 0) latency.ttft_ms = 0.2 * fake.latency_ms;
    arm.latency = latency;
  }
  arm.by_horizon = {{.horizon = 10, .n = 1000, .accuracy = arm.accuracy}};
  return arm;
}

inline std::vector<ArmResult> FakeArms() {
  const ArmKind student = ArmKind::kStudent;
  const ArmKind search = ArmKind::kSearch;
  const ArmKind control = ArmKind::kControl;
  std::vector<ArmResult> arms;
  for (const FakeArm& fake : std::vector<FakeArm>{
           {"student", student, "student", 152384, 3, 0.881, 0.41, 0.05, 11, 0.35},
           {"teacher_greedy", control, "data/ring_sort/teacher", 794496, 1, 0.46, 1.6, 0.04, 11,
            1.2},
           {"teacher_search", search, "data/ring_sort/teacher", 794496, 1, 0.934, 9.5, 0.06, 704,
            64},
           {"teacher_sequential", search, "data/ring_sort/teacher", 794496, 1, 0.934, 90, 0.05, 704,
            130},
           {"teacher_adaptive", search, "data/ring_sort/teacher", 794496, 1, 0.934, 6, 1.1, 130,
            18},
           {"gold_only", control, "gold_only", 152384, 3, 0.434, 0.40, 0.05, 11, 0.36},
           {"solver_traces", control, "upper", 152384, 3, 0.903, 0.42, 0.05, 11, 0.35},
           {"random_play", control, "", 0, 1, 0.0, 0.5, 0.1, 0, 0.45},
           {"heuristic_play", control, "", 0, 1, 0.76, 0.9, 0.2, 0, 0.8},
           {"solver", control, "", 0, 1, 1.0, 0.02, 0.1, 0, 0.015}}) {
    arms.push_back(MakeFakeArm(fake));
  }
  const auto add = [&](size_t index, std::vector<std::pair<int64_t, int64_t>> correct_at) {
    for (const auto& [k, correct] : correct_at) {
      const double tokens = arms[index].tokens_per_problem * static_cast<double>(k) / 64;
      arms[index].best_of_k.push_back(
          {.k = k, .accuracy = WilsonInterval(correct, 1000), .tokens_per_problem = tokens});
    }
    arms[index].pass_at_k = arms[index].best_of_k;
    arms[index].maj_at_k = arms[index].best_of_k;
  };
  add(2, {{1, 392}, {4, 693}, {16, 850}, {64, 934}});
  add(7, {{1, 0}, {64, 0}});
  add(8, {{1, 565}, {64, 760}});
  return arms;
}

inline Json FakeCurve(double top, double half, int64_t steps, bool falls) {
  Json points = Json::array();
  double best = -1;
  int64_t best_step = 0;
  for (int64_t step = 100; step <= steps; step += 100) {
    const double share = static_cast<double>(step) / static_cast<double>(steps);
    double accuracy = top / (1 + std::exp(-14 * (share - half)));
    if (falls && share > 0.8) accuracy -= 0.05 * (share - 0.8) * 5;
    accuracy += 0.01 * std::sin(static_cast<double>(step));
    accuracy = std::clamp(accuracy, 0.0, 1.0);
    if (accuracy > best) best_step = step;
    best = std::max(best, accuracy);
    points.push_back({{"step", step}, {"accuracy", accuracy}, {"steps_before_error", 10 * share}});
  }
  return {{"points", points},       {"steps", steps}, {"selected_step", best_step},
          {"best_step", best_step}, {"dev_n", 500},   {"cpu_seconds", 110.0}};
}

inline Json FakeFilter(const std::string& name, int64_t in, int64_t out) {
  return {{"name", name},
          {"in", in},
          {"out", out},
          {"reasons", {{"wrong <move> & \"more\"", in - out}}},
          {"samples", Json::array({{{"problem_id", "ring9-4f2a"}, {"text", "1 2 3"}}})}};
}

inline Json FakeTreeNode(const std::string& step, int depth, Rng& rng) {
  Json node = {{"step", step}, {"selected", false}, {"children", Json::array()}};
  int64_t count = 0;
  int64_t correct = 0;
  if (depth == 0) {
    count = 1;
    correct = rng.NextBelow(6) == 0 ? 1 : 0;
    node["verdicts"] = {{correct ? "correct" : "incorrect", 1}};
  } else {
    for (uint64_t i = 0; i < 1 + rng.NextBelow(3); ++i) {
      const Json child = FakeTreeNode(std::to_string(rng.NextBelow(9)), depth - 1, rng);
      count += child["count"].get<int64_t>();
      correct += child["correct"].get<int64_t>();
      node["children"].push_back(child);
    }
    node["verdicts"] = {{"incorrect", count - correct}, {"correct", correct}};
  }
  node["count"] = count;
  node["correct"] = correct;
  return node;
}

inline Json FakeWorst() {
  Json worst = Json::array();
  for (int i = 0; i < 5; ++i) {
    Json answers = Json::array();
    for (const char* arm : {"student", "teacher_search", "gold_only", "teacher_greedy"}) {
      answers.push_back(
          {{"arm", arm},
           {"text", "1 2 3 <script>alert('x')</script> & 8"},
           {"verdict", std::string(arm) == "teacher_search" ? "correct" : "incorrect"},
           {"steps_before_error", i}});
    }
    worst.push_back({{"problem_id", "ring9-4f2a"},
                     {"question", "5 1 9 2 7 3 8 4 6 :"},
                     {"answer", "0 4 4 2 7 8 1 0 3 5"},
                     {"horizon", 10},
                     {"answers", answers}});
  }
  return worst;
}

inline VerdictConfig FakeVerdictConfig() {
  VerdictConfig config;
  config.student = "student";
  config.search = "teacher_search";
  config.gold_only = "gold_only";
  config.teacher_greedy = "teacher_greedy";
  config.blind = "random_play";
  config.heuristic = "heuristic_play";
  config.plateau_of = {"gold_only"};
  return config;
}

inline Json FakeRatio(double value, double width, const std::string& baseline) {
  Json ratio = EstimateToJson({value, value * (1 - width), value * (1 + width)});
  if (!baseline.empty()) ratio["baseline"] = baseline;
  return ratio;
}

inline Json FakeDerived() {
  return {{"student", "student"},
          {"search", "teacher_search"},
          {"retention", FakeRatio(0.943, 0.02, "")},
          {"cost_ratio", FakeRatio(183, 0.04, "")},
          {"flop_ratio", FakeRatio(169, 0.01, "")},
          {"size_ratio", FakeRatio(5.21, 0, "")},
          {"speedup",
           {{"teacher_search", FakeRatio(23.1, 0.02, "one batch")},
            {"teacher_sequential", FakeRatio(219, 0.02, "sequential")},
            {"teacher_adaptive", FakeRatio(26.8, 0.3, "adaptive")}}},
          {"search_equivalent_n",
           {{"value", 22}, {"low", 17}, {"high", 31}, {"max_n", 64}, {"text", "22 [17, 31]"}}},
          {"break_even_queries", FakeRatio(5120, 0.05, "")}};
}

inline EvalReport FakeEvalReport() {
  EvalReport report;
  report.experiment = "ring_sort-quickstart";
  report.problems = "test";
  report.n = 1000;
  report.arms = FakeArms();
  for (size_t i = 1; i < report.arms.size(); ++i) {
    const double difference = 0.881 - report.arms[i].accuracy.value;
    report.pairs.push_back({.a = "student",
                            .b = report.arms[i].name,
                            .difference = {difference, difference - 0.03, difference + 0.03},
                            .mcnemar_p = std::pow(10, -std::abs(difference) * 100),
                            .only_a = 460,
                            .only_b = 13});
  }
  report.derived = FakeDerived();
  report.curves = {{"train.student", FakeCurve(0.88, 0.5, 1700, false)},
                   {"train.student@2", FakeCurve(0.89, 0.52, 1700, false)},
                   {"train.student@3", FakeCurve(0.87, 0.48, 1700, false)},
                   {"train.gold_only", FakeCurve(0.46, 0.3, 3400, true)},
                   {"train.gold_only@2", FakeCurve(0.44, 0.32, 3400, true)},
                   {"train.upper", FakeCurve(0.905, 0.45, 1700, false)}};
  report.funnel = {{"input", 199616},
                   {"kept", 14178},
                   {"gold", 2800},
                   {"filters", Json::array({FakeFilter("verified", 199616, 61222),
                                            FakeFilter("exact_duplicate", 61222, 40121),
                                            FakeFilter("near_duplicate", 40121, 21990),
                                            FakeFilter("cap", 21990, 14178)})}};
  report.worst = FakeWorst();
  Rng rng = Rng::Derive({"fake_report", "tree"});
  Json root = FakeTreeNode("", 5, rng);
  root["children"][0]["selected"] = true;
  report.tree = {{"arm", "teacher_search"},    {"algorithm", "best_of_n"},
                 {"problem_id", "ring9-77ab"}, {"question", "5 1 9 2 7 3 8 4 6 :"},
                 {"answer", "0 4 4 2"},        {"samples", root["count"]},
                 {"correct", root["correct"]}, {"root", root}};
  report.machine = {{"processor", "A processor"},
                    {"cores", 2},
                    {"threads", 2},
                    {"currency", "USD"},
                    {"seconds", 71.5},
                    {"load_average", 1.9},
                    {"hour_price", 0.05},
                    {"memory_read_gb_per_s", 14.1},
                    {"peak_resident_bytes", 734003200}};
  report.notes = {"Latency: one query at a time after 5 warm-up queries."};
  report.config = {{"name", "ring_sort-quickstart"}, {"seed", 1}, {"note", "<b>&\"'"}};
  report.gates = JudgeGates(FakeVerdictConfig(), report);
  report.claims = JudgeClaims(FakeVerdictConfig(), report);
  report.verdict = VerdictSentence(FakeVerdictConfig(), report);
  return report;
}

}  // namespace retort
