#include "eval/report_tables.h"

#include <cmath>
#include <functional>

#include "core/base/strings.h"
#include "eval/report_format.h"

namespace retort {
namespace {

std::string EstimateText(const Json& json,
                         const std::function<std::string(const Estimate&)>& format) {
  Estimate estimate;
  return EstimateFromJson(json, &estimate) ? format(estimate) : std::string(kMissing);
}

std::string CostMs(const Json& arm) {
  const double seconds = NumberOf(arm, "cost_seconds_per_problem", std::nan(""));
  return Significant(1e3 * seconds);
}

std::string Label(const Json& report, const std::string& arm) {
  for (const Json& candidate : Child(report, "arms")) {
    if (TextOf(candidate, "name") == arm) return TextOf(candidate, "label");
  }
  return arm;
}

/// The point of a curve at `k`.
std::string AtK(const Json& curve, double k) {
  for (const Json& point : curve) {
    if (NumberOf(point, "k") == k) return EstimateText(point, PercentInterval);
  }
  return std::string(kMissing);
}

void AddRatio(const Json& derived, const char* key, const std::string& label, TextTable* table) {
  const Json& figure = Child(derived, key);
  std::string value = EstimateText(figure, TimesInterval);
  const std::string reason = TextOf(figure, "reason");
  if (!reason.empty()) value = StrCat(kMissing, " (", reason, ")");
  table->rows.push_back({label, value});
}

std::string BreakEvenText(const Json& figure) {
  const std::string reason = TextOf(figure, "reason");
  if (!reason.empty()) return StrCat(kMissing, " (", reason, ")");
  return StrCat(CountOf(figure, "value"), " [", CountOf(figure, "low"), ", ",
                CountOf(figure, "high"), "]");
}

std::string EquivalentText(const Json& figure) {
  const std::string text = TextOf(figure, "text");
  return text.empty() ? StrCat(kMissing, " (", TextOf(figure, "reason"), ")") : text;
}

}  // namespace

std::string CostColumn(const Json& report) { return StrCat(TextOf(report, "clock"), " ms"); }

TextTable ArmsTable(const Json& report) {
  TextTable table;
  const std::string currency = TextOf(Child(report, "machine"), "currency");
  table.header = {"arm",
                  "kind",
                  "parameters",
                  "seeds",
                  "accuracy",
                  "p50 ms",
                  "p95 ms",
                  "p99 ms",
                  "first token ms",
                  "problems/s",
                  "tokens",
                  "FLOPs",
                  CostColumn(report),
                  StrCat(currency, " per 1,000")};
  table.left_columns = 2;
  for (const Json& arm : Child(report, "arms")) {
    const Json& latency = Child(arm, "latency_ms");
    const bool has_model = NumberOf(arm, "parameters") > 0;
    table.rows.push_back(
        {TextOf(arm, "label"), TextOf(arm, "kind"),
         has_model ? CountOf(arm, "parameters") : std::string(kMissing),
         has_model ? CountOf(arm, "seeds") : std::string(kMissing),
         EstimateText(Child(arm, "accuracy"), PercentInterval), SignificantOf(latency, "p50"),
         SignificantOf(latency, "p95"), SignificantOf(latency, "p99"),
         SignificantOf(arm, "ttft_ms"), SignificantOf(arm, "throughput_per_s"),
         SignificantOf(arm, "tokens_per_problem"), PrefixedOf(arm, "flops_per_problem"),
         CostMs(arm), SignificantOf(arm, "cost_per_1k")});
  }
  return table;
}

TextTable PairsTable(const Json& report) {
  TextTable table{.header = {"a", "b", "difference in accuracy", "only a", "only b", "McNemar p"},
                  .rows = {},
                  .left_columns = 2};
  for (const Json& pair : Child(report, "pairs")) {
    table.rows.push_back({Label(report, TextOf(pair, "a")), Label(report, TextOf(pair, "b")),
                          EstimateText(Child(pair, "difference"), PointsInterval),
                          CountOf(pair, "only_a"), CountOf(pair, "only_b"),
                          PValue(NumberOf(pair, "mcnemar_p", std::nan("")))});
  }
  return table;
}

TextTable SubsampleTable(const Json& report) {
  TextTable table{.header = {"arm", "k", "tokens", "pass@k", "best-of-k", "maj@k"}, .rows = {}};
  for (const Json& arm : Child(report, "arms")) {
    for (const Json& point : Child(arm, "best_of_k")) {
      const double k = NumberOf(point, "k");
      table.rows.push_back({TextOf(arm, "label"), CountOf(point, "k"),
                            SignificantOf(point, "tokens_per_problem"),
                            AtK(Child(arm, "pass_at_k"), k), EstimateText(point, PercentInterval),
                            AtK(Child(arm, "maj_at_k"), k)});
    }
  }
  return table;
}

TextTable DerivedTable(const Json& report) {
  TextTable table{.header = {"figure", "value"}, .rows = {}};
  const Json& derived = Child(report, "derived");
  AddRatio(derived, "retention", "retention (student / search)", &table);
  AddRatio(derived, "cost_ratio", StrCat(TextOf(report, "clock"), " cost, search / student"),
           &table);
  AddRatio(derived, "flop_ratio", "FLOPs, search / student", &table);
  AddRatio(derived, "size_ratio", "parameters, search / student", &table);
  const Json& speedups = Child(derived, "speedup");
  if (speedups.is_object()) {
    for (const auto& [arm, figure] : speedups.items()) {
      const std::string label = Label(report, arm);
      const std::string baseline = TextOf(figure, "baseline");
      const bool named = baseline.empty() || label.find(baseline) != std::string::npos;
      AddRatio(speedups, arm.c_str(),
               StrCat("mean latency, ", label, named ? "" : ", " + baseline, " / student"), &table);
    }
  }
  table.rows.push_back({"search equivalent (N of best-of-N)",
                        EquivalentText(Child(derived, "search_equivalent_n"))});
  table.rows.push_back({"break-even queries", BreakEvenText(Child(derived, "break_even_queries"))});
  return table;
}

std::string StateText(const std::string& state) {
  if (state == "not_run") return "not run";
  if (state == "not_shown") return "not shown";
  return state;
}

}  // namespace retort
