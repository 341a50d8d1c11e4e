#include <map>

#include "core/base/strings.h"
#include "eval/eval_stage.h"
#include "eval/report_format.h"

namespace retort {
namespace {

constexpr int kSchemaVersion = 2;

Json PointsToJson(const std::vector<SubsamplePoint>& points) {
  Json array = Json::array();
  for (const SubsamplePoint& point : points) {
    Json json = EstimateToJson(point.accuracy);
    json["k"] = point.k;
    json["tokens_per_problem"] = point.tokens_per_problem;
    array.push_back(json);
  }
  return array;
}

Json HorizonsToJson(const std::vector<HorizonPoint>& points) {
  Json array = Json::array();
  for (const HorizonPoint& point : points) {
    Json json = EstimateToJson(point.accuracy);
    json["horizon"] = point.horizon;
    json["n"] = point.n;
    array.push_back(json);
  }
  return array;
}

Json VerdictCounts(const std::vector<ItemResult>& items) {
  Json counts = Json::object();
  for (int i = 0; i < kVerdictCount; ++i) {
    counts[std::string(VerdictName(static_cast<Verdict>(i)))] = 0;
  }
  for (const ItemResult& item : items) {
    Json& count = counts[std::string(VerdictName(item.verdict))];
    count = count.get<int64_t>() + 1;
  }
  return counts;
}

template <typename T>
Json OrNull(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

void AddLatency(const std::optional<LatencyResult>& latency, Json* json) {
  (*json)["latency_ms"] = nullptr;
  (*json)["ttft_ms"] = nullptr;
  (*json)["first_answer_token_ms"] = nullptr;
  (*json)["latency_problems"] = 0;
  if (!latency) return;
  (*json)["latency_ms"] = {{"p50", latency->ms.p50},
                           {"p95", latency->ms.p95},
                           {"p99", latency->ms.p99},
                           {"mean", latency->ms.mean}};
  (*json)["ttft_ms"] = OrNull(latency->ttft_ms);
  (*json)["first_answer_token_ms"] = OrNull(latency->first_answer_token_ms);
  (*json)["latency_problems"] = latency->per_problem_ms.size();
  (*json)["latency_capped"] = latency->capped;
  (*json)["latency_per_problem_ms"] = latency->per_problem_ms;
}

Json ArmToJson(const ArmResult& arm) {
  Json json = {{"name", arm.name},
               {"label", arm.label},
               {"kind", ArmKindName(arm.kind)},
               {"model", arm.model},
               {"strategy", arm.strategy},
               {"parameters", arm.parameters},
               {"seeds", arm.seeds},
               {"n", arm.n},
               {"correct", arm.correct},
               {"accuracy", EstimateToJson(arm.accuracy)},
               {"seed_accuracy", arm.seed_accuracy},
               {"pass_at_k", PointsToJson(arm.pass_at_k)},
               {"best_of_k", PointsToJson(arm.best_of_k)},
               {"maj_at_k", PointsToJson(arm.maj_at_k)},
               {"throughput_per_s", arm.throughput_per_s},
               {"concurrency", arm.concurrency},
               {"tokens_per_problem", arm.tokens_per_problem},
               {"prefill_per_problem", arm.prefill_per_problem},
               {"verifier_calls_per_problem", arm.verifier_calls_per_problem},
               {"flops_per_problem", arm.flops_per_problem},
               {"cost_seconds_per_problem", arm.cost_seconds_per_problem},
               {"cost_seconds_blocks", arm.cost_blocks},
               {"engine_decoded", arm.engine_decoded},
               {"tree_decoded", arm.tree_decoded},
               {"cost_per_1k", arm.cost_per_1k},
               {"verdicts", VerdictCounts(arm.items)},
               {"by_horizon", HorizonsToJson(arm.by_horizon)}};
  AddLatency(arm.latency, &json);
  return json;
}

Json PairToJson(const PairResult& pair) {
  return {{"a", pair.a},
          {"b", pair.b},
          {"difference", EstimateToJson(pair.difference)},
          {"mcnemar_p", pair.mcnemar_p},
          {"only_a", pair.only_a},
          {"only_b", pair.only_b}};
}

Json GateToJson(const GateResult& gate) {
  return {{"name", gate.name}, {"state", gate.state}, {"detail", gate.detail}};
}

Json ClaimToJson(const ClaimResult& claim) {
  return {{"name", claim.name},
          {"state", claim.state},
          {"sentence", claim.sentence},
          {"gates", claim.gates}};
}

template <typename T, typename Function>
Json ArrayOf(const std::vector<T>& values, const Function& to_json) {
  Json array = Json::array();
  for (const T& value : values) array.push_back(to_json(value));
  return array;
}

}  // namespace

Json ReportToJson(const EvalReport& report) {
  return {{"schema_version", kSchemaVersion},
          {"experiment", report.experiment},
          {"verdict", report.verdict},
          {"problems", report.problems},
          {"n", report.n},
          {"clock", ClockName(report.clock)},
          {"claims", ArrayOf(report.claims, ClaimToJson)},
          {"gates", ArrayOf(report.gates, GateToJson)},
          {"arms", ArrayOf(report.arms, ArmToJson)},
          {"pairs", ArrayOf(report.pairs, PairToJson)},
          {"derived", report.derived},
          {"funnel", report.funnel},
          {"curves", report.curves},
          {"worst", report.worst},
          {"tree", report.tree},
          {"machine", report.machine},
          {"notes", report.notes},
          {"config", report.config}};
}

}  // namespace retort
