#include "eval/derived.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>

#include "core/base/error.h"
#include "core/base/statistics.h"
#include "eval/arm_metrics.h"
#include "eval/report_format.h"

namespace retort {
namespace {

constexpr int kCurveResamples = 2000;
constexpr double kTail = 0.025;  // of a 95 % interval

RngKey Key(const DerivedInputs& inputs, std::string_view what) {
  return Rng::DeriveKey({inputs.seed, "eval.derived", what});
}

Json Unknown(const std::string& reason) {
  return {{"value", nullptr}, {"low", nullptr}, {"high", nullptr}, {"reason", reason}};
}

double ResampledMean(std::span<const double> values, Rng& rng) {
  double sum = 0;
  for (size_t i = 0; i < values.size(); ++i) sum += values[rng.NextBelow(values.size())];
  return sum / static_cast<double>(values.size());
}

/// Percentile bootstrap of any function of two resampled means.
Estimate TwoMeansBootstrap(std::span<const double> a, std::span<const double> b, RngKey key,
                           int resamples, const std::function<double(double, double)>& of) {
  RETORT_CHECK(!a.empty() && !b.empty(), "a bootstrap needs at least one value in each list");
  Rng rng(key);
  std::vector<double> values;
  for (int i = 0; i < resamples; ++i) {
    const double mean_a = ResampledMean(a, rng);
    values.push_back(of(mean_a, ResampledMean(b, rng)));
  }
  return {.value = of(Mean(a), Mean(b)),
          .low = Quantile(values, kTail),
          .high = Quantile(values, 1 - kTail)};
}

std::vector<double> Flops(const ArmResult& arm) {
  std::vector<double> flops;
  for (const ItemResult& item : arm.items) flops.push_back(item.flops);
  return flops;
}

/// The intervals of ratios whose denominator may vanish would say nothing.
bool AllPositive(std::span<const double> values) {
  return !values.empty() &&
         std::all_of(values.begin(), values.end(), [](double v) { return v > 0; });
}

Json Retention(const ArmResult& student, const ArmResult& search, RngKey key) {
  if (search.accuracy.value <= 0) return Unknown("the search solves nothing");
  return EstimateToJson(PairedRatioBootstrap(Scores(student), Scores(search), key));
}

Json CostRatio(CostClock clock, const ArmResult& student, const ArmResult& search, RngKey key) {
  if (!AllPositive(student.cost_blocks) || !AllPositive(search.cost_blocks)) {
    return Unknown(StrCat(ClockName(clock), " time was too short to measure"));
  }
  Json ratio = EstimateToJson(RatioBootstrap(search.cost_blocks, student.cost_blocks, key));
  ratio["unit"] = StrCat(ClockName(clock), " seconds a problem at full throughput");
  return ratio;
}

Json FlopRatio(const ArmResult& student, const ArmResult& search, RngKey key) {
  if (!AllPositive(Flops(student))) return Unknown("the student's engine counts no FLOPs");
  return EstimateToJson(PairedRatioBootstrap(Flops(search), Flops(student), key));
}

Json SizeRatio(const ArmResult& student, const ArmResult& search) {
  if (student.parameters <= 0 || search.parameters <= 0) {
    return Unknown("an arm without parameters");
  }
  const double ratio =
      static_cast<double>(search.parameters) / static_cast<double>(student.parameters);
  return {{"value", ratio}, {"low", ratio}, {"high", ratio}};
}

Json Speedup(const ArmResult& student, const ArmResult& search, RngKey key) {
  const std::vector<double>& fast = student.latency->per_problem_ms;
  const std::vector<double>& slow = search.latency->per_problem_ms;
  const size_t n = std::min(fast.size(), slow.size());
  Json ratio =
      EstimateToJson(PairedRatioBootstrap(std::span(slow).first(n), std::span(fast).first(n), key));
  ratio["problems"] = n;
  ratio["baseline"] = BaselineName(search.strategy);
  ratio["of"] = "mean latency at concurrency 1";
  ratio["p50_ratio"] = Median(std::span(slow).first(n)) / Median(std::span(fast).first(n));
  return ratio;
}

Json Speedups(const DerivedInputs& inputs, const ArmResult& student) {
  Json speedups = Json::object();
  if (!student.latency) return speedups;
  for (const ArmResult& arm : inputs.arms) {
    if (arm.kind != ArmKind::kSearch || !arm.latency) continue;
    speedups[arm.name] = Speedup(student, arm, Key(inputs, "speedup " + arm.name));
  }
  return speedups;
}

Json Equivalent(const DerivedInputs& inputs, const ArmResult& student) {
  const int64_t max_n = MostSamples(inputs.search_outcomes);
  if (max_n == 0) return Unknown("the search has no independent samples to take the first N of");
  std::vector<std::vector<double>> curves;
  for (const ProblemOutcome& outcome : inputs.search_outcomes) {
    curves.push_back(BestOfCurve(outcome, outcome.selection, max_n));
  }
  return SearchEquivalent(curves, Scores(student), Key(inputs, "search_equivalent_n"));
}

/// Sum of the seconds, by the clock, of the stages the student carries; nullopt if one of them has
/// none, or had its work done by a server.
std::optional<double> LineageSeconds(const DerivedInputs& inputs) {
  if (inputs.student_lineage.empty()) return std::nullopt;
  double seconds = 0;
  for (const std::string& stage : inputs.student_lineage) {
    const auto found = inputs.stages.find(stage);
    if (found == inputs.stages.end() || found->second.run.contains("served")) return std::nullopt;
    const char* field = inputs.clock == CostClock::kGpu ? "seconds" : "cpu_seconds";
    const double stage_seconds = NumberOf(found->second.run, field, -1);
    if (stage_seconds < 0) return std::nullopt;
    seconds += stage_seconds;
  }
  return seconds;
}

Json BreakEven(const DerivedInputs& inputs, const ArmResult& student, const ArmResult& search) {
  const std::optional<double> lineage_s = LineageSeconds(inputs);
  if (!lineage_s)
    return Unknown(StrCat("a stage of the student's lineage has no recorded ",
                          ClockName(inputs.clock),
                          " seconds, or a teacher that was served elsewhere"));
  const double saving_s = search.cost_seconds_per_problem - student.cost_seconds_per_problem;
  if (saving_s <= 0 || student.cost_blocks.empty() || search.cost_blocks.empty()) {
    return Unknown("the student saves nothing a query");
  }
  const auto queries = [&](double search_s, double student_s) {
    return search_s > student_s ? *lineage_s / (search_s - student_s)
                                : std::numeric_limits<double>::infinity();
  };
  Json result = EstimateToJson(TwoMeansBootstrap(search.cost_blocks, student.cost_blocks,
                                                 Key(inputs, "break_even"), 10000, queries));
  result["lineage_cost_seconds"] = *lineage_s;
  result["saving_cost_seconds_per_query"] = saving_s;
  result["lineage"] = inputs.student_lineage;
  return result;
}

/// First n with sum[n - 1] >= target, or max_n + 1.
int64_t FirstReaching(const std::vector<double>& sums, double target) {
  // Scores over seeds are thirds and the like: equal means may differ in the last bits.
  constexpr double kRounding = 1e-9;
  for (size_t n = 0; n < sums.size(); ++n) {
    if (sums[n] >= target - kRounding) return static_cast<int64_t>(n) + 1;
  }
  return static_cast<int64_t>(sums.size()) + 1;
}

}  // namespace

const ArmResult* FindArm(std::span<const ArmResult> arms, const std::string& name) {
  for (const ArmResult& arm : arms) {
    if (!name.empty() && arm.name == name) return &arm;
  }
  return nullptr;
}

std::string BaselineName(const Json& strategy) {
  if (!Child(strategy, "wave").is_number()) return "";
  const double wave = NumberOf(strategy, "wave");
  const double stop = NumberOf(strategy, "stop_after_correct");
  if (wave == 1) return stop > 0 ? "adaptive" : "sequential";
  const bool one_batch = wave == 0 || wave >= NumberOf(strategy, "n");
  return one_batch ? "one batch" : "in waves";
}

Estimate RatioBootstrap(std::span<const double> a, std::span<const double> b, RngKey key,
                        int resamples) {
  return TwoMeansBootstrap(a, b, key, resamples, [](double mean_a, double mean_b) {
    return mean_b > 0 ? mean_a / mean_b : std::numeric_limits<double>::infinity();
  });
}

Json SearchEquivalent(const std::vector<std::vector<double>>& curves,
                      std::span<const double> target, RngKey key) {
  RETORT_CHECK(!curves.empty() && curves.size() == target.size(), curves.size(), " curves, ",
               target.size(), " scores");
  const size_t max_n = curves.front().size();
  const auto reach = [&](const std::function<size_t(size_t)>& pick) {
    std::vector<double> sums(max_n, 0.0);
    double goal = 0;
    for (size_t i = 0; i < curves.size(); ++i) {
      const size_t problem = pick(i);
      goal += target[problem];
      for (size_t n = 0; n < max_n; ++n) sums[n] += curves[problem][n];
    }
    return static_cast<double>(FirstReaching(sums, goal));
  };
  Rng rng(key);
  std::vector<double> replicates;
  replicates.reserve(kCurveResamples);
  for (int r = 0; r < kCurveResamples; ++r) {
    replicates.push_back(reach([&](size_t) { return rng.NextBelow(curves.size()); }));
  }
  const auto end = [&](double n) {
    return n > static_cast<double>(max_n) ? Json(nullptr) : Json(std::llround(n));
  };
  const auto text = [&](const Json& n) { return n.is_null() ? StrCat("> ", max_n) : n.dump(); };
  const Json value = end(reach([](size_t i) { return i; }));
  const Json low = end(Quantile(replicates, kTail));
  const Json high = end(Quantile(replicates, 1 - kTail));
  return {{"value", value},
          {"low", low},
          {"high", high},
          {"max_n", max_n},
          {"text", StrCat(text(value), " [", text(low), ", ", text(high), "]")}};
}

Json Derive(const DerivedInputs& inputs) {
  const ArmResult* student = FindArm(inputs.arms, inputs.verdict.student);
  const ArmResult* search = FindArm(inputs.arms, inputs.verdict.search);
  Json derived = {{"student", inputs.verdict.student}, {"search", inputs.verdict.search}};
  if (student == nullptr || search == nullptr) {
    for (const char* figure : {"retention", "cost_ratio", "flop_ratio", "size_ratio",
                               "search_equivalent_n", "break_even_queries"}) {
      derived[figure] = Unknown("needs a student arm and a search arm");
    }
    derived["speedup"] = Json::object();
    return derived;
  }
  derived["retention"] = Retention(*student, *search, Key(inputs, "retention"));
  derived["cost_ratio"] = CostRatio(inputs.clock, *student, *search, Key(inputs, "cost_ratio"));
  derived["flop_ratio"] = FlopRatio(*student, *search, Key(inputs, "flop_ratio"));
  derived["size_ratio"] = SizeRatio(*student, *search);
  derived["speedup"] = Speedups(inputs, *student);
  derived["search_equivalent_n"] = Equivalent(inputs, *student);
  derived["break_even_queries"] = BreakEven(inputs, *student, *search);
  return derived;
}

}  // namespace retort
