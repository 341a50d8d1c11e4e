#include "eval/latency.h"

#include <algorithm>
#include <memory>

#include "core/base/clock.h"
#include "core/base/progress.h"
#include "core/base/statistics.h"
#include "core/base/stop.h"
#include "eval/metered_engine.h"

namespace retort {
namespace {

/// One arm on its way through the passes.
struct TimedArm {
  const ArmConfig* arm;
  const ArmModels* models;
  std::unique_ptr<ArmEngine> engine;
  std::unique_ptr<MeteredEngine> meter;
  QueryTimes times;
  double spent_s = 0;
};

void StartPass(TimedArm* timed) {
  timed->meter.reset();
  timed->engine = std::make_unique<ArmEngine>(timed->models, 0);
  if (timed->engine->get() != nullptr) {
    timed->meter = std::make_unique<MeteredEngine>(*timed->engine->get());
  }
}

QueryTime TimeQuery(TimedArm* timed, const Question& question, const ArmSetting& setting) {
  const SearchContext context{.task = setting.task,
                              .tokenizer = setting.tokenizer,
                              .engine = timed->meter.get(),
                              .seed = ArmSeed(setting.seed, 0),
                              .budget = {}};
  if (timed->meter) timed->meter->StartQuery();
  const double start_s = MonotonicSeconds();
  timed->arm->strategy->Search(question, context);
  const double seconds = MonotonicSeconds() - start_s;
  timed->spent_s += seconds;
  QueryTime query;
  query.ms = 1e3 * seconds;
  if (timed->meter && timed->meter->FirstTokenSeconds()) {
    query.ttft_ms = 1e3 * *timed->meter->FirstTokenSeconds();
    query.single_row = timed->meter->GeneratedRows() == 1;
  }
  return query;
}

std::vector<TimedArm> ArmsToTime(const EvalConfig& config,
                                 const std::map<std::string, ArmModels>& models) {
  std::vector<TimedArm> arms;
  for (const ArmConfig& arm : config.arms) {
    if (!arm.latency) continue;
    const auto found = models.find(arm.model);
    TimedArm timed;
    timed.arm = &arm;
    timed.models = found == models.end() ? nullptr : &found->second;
    arms.push_back(std::move(timed));
  }
  return arms;
}

/// Warm-up takes problems from the far end, so that none of the timed ones is warm where the set
/// is large enough.
void WarmUp(TimedArm* timed, int64_t count, const ArmSetting& setting) {
  const size_t n = setting.problems.size();
  for (size_t i = 0; i < std::min(n, static_cast<size_t>(count)); ++i) {
    TimeQuery(timed, setting.problems[n - 1 - i].question, setting);
  }
}

void TimePass(std::vector<TimedArm>* arms, size_t problems, const LatencyConfig& config,
              const ArmSetting& setting, Progress* progress) {
  for (TimedArm& timed : *arms) {
    if (timed.spent_s >= config.max_seconds_per_arm) continue;
    StartPass(&timed);
    const double spent_before_s = timed.spent_s;
    WarmUp(&timed, config.warmup, setting);
    timed.spent_s = spent_before_s;
  }
  for (size_t i = 0; i < problems; ++i) {
    ThrowIfStopRequested();
    for (TimedArm& timed : *arms) {
      if (timed.spent_s >= config.max_seconds_per_arm) continue;
      if (timed.times.size() <= i) timed.times.resize(i + 1);
      timed.times[i].push_back(TimeQuery(&timed, setting.problems[i].question, setting));
    }
    progress->Add(1);
  }
  for (TimedArm& timed : *arms) {
    timed.meter.reset();
    timed.engine.reset();
  }
}

std::optional<double> MedianOrNone(const std::vector<double>& values) {
  if (values.empty()) return std::nullopt;
  return Median(values);
}

}  // namespace

LatencyResult SummariseLatency(const QueryTimes& times, size_t planned) {
  LatencyResult result;
  std::vector<double> first_tokens;
  std::vector<double> first_answer_tokens;
  for (const std::vector<QueryTime>& repeats : times) {
    std::vector<double> ms;
    for (const QueryTime& query : repeats) {
      ms.push_back(query.ms);
      if (query.ttft_ms) first_tokens.push_back(*query.ttft_ms);
      if (query.ttft_ms) {
        first_answer_tokens.push_back(query.single_row ? *query.ttft_ms : query.ms);
      }
    }
    result.per_problem_ms.push_back(Median(ms));
  }
  result.ms = {.p50 = Quantile(result.per_problem_ms, 0.50),
               .p95 = Quantile(result.per_problem_ms, 0.95),
               .p99 = Quantile(result.per_problem_ms, 0.99),
               .mean = Mean(result.per_problem_ms)};
  result.ttft_ms = MedianOrNone(first_tokens);
  result.first_answer_token_ms = MedianOrNone(first_answer_tokens);
  result.capped = times.size() < planned;
  return result;
}

std::map<std::string, LatencyResult> MeasureLatency(const EvalConfig& config,
                                                    const std::map<std::string, ArmModels>& models,
                                                    const ArmSetting& setting) {
  std::vector<TimedArm> arms = ArmsToTime(config, models);
  const size_t problems =
      std::min(setting.problems.size(), static_cast<size_t>(config.latency.problems));
  std::map<std::string, LatencyResult> results;
  if (problems == 0 || arms.empty()) return results;
  Progress progress({.label = "eval latency",
                     .unit = "problems",
                     .total = static_cast<int64_t>(problems) * config.latency.repeats});
  for (int repeat = 0; repeat < config.latency.repeats; ++repeat) {
    TimePass(&arms, problems, config.latency, setting, &progress);
  }
  for (const TimedArm& timed : arms) {
    results[timed.arm->name] = SummariseLatency(timed.times, problems);
  }
  return results;
}

}  // namespace retort
