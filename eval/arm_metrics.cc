#include "eval/arm_metrics.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "core/base/error.h"

namespace retort {
namespace {

RngKey BootstrapKey(const std::string& what) {
  return Rng::DeriveKey({"eval.bootstrap", std::string_view(what)});
}

std::vector<ItemResult> MakeItems(std::span<const SeedRun> runs, size_t problems) {
  std::vector<ItemResult> items(problems);
  const double share = 1.0 / static_cast<double>(runs.size());
  for (size_t i = 0; i < problems; ++i) {
    items[i].text = runs.front().outcomes[i].text;
    items[i].verdict = runs.front().outcomes[i].verdict;
    int64_t correct = 0;
    for (const SeedRun& run : runs) {
      const ProblemOutcome& outcome = run.outcomes[i];
      correct += outcome.correct() ? 1 : 0;
      items[i].tokens += share * static_cast<double>(outcome.counts.decoded);
      items[i].flops += share * outcome.counts.flops;
    }
    items[i].score = share * static_cast<double>(correct);
  }
  return items;
}

void AddAccuracy(std::span<const SeedRun> runs, ArmResult* result) {
  for (const SeedRun& run : runs) {
    const int64_t correct = std::count_if(run.outcomes.begin(), run.outcomes.end(),
                                          [](const ProblemOutcome& o) { return o.correct(); });
    result->correct += correct;
    result->seed_accuracy.push_back(run.outcomes.empty()
                                        ? 0
                                        : static_cast<double>(correct) /
                                              static_cast<double>(run.outcomes.size()));
  }
  result->accuracy =
      AccuracyOf(Scores(*result), result->seeds, BootstrapKey("accuracy " + result->name));
}

void AddCosts(std::span<const SeedRun> runs, double hour_price, ArmResult* result) {
  TokenCounts counts;
  double wall_s = 0;
  double cost_s = 0;
  for (const SeedRun& run : runs) {
    for (const ProblemOutcome& outcome : run.outcomes) counts += outcome.counts;
    wall_s += run.wall_seconds;
    cost_s += run.cost_seconds;
    result->engine_decoded += run.engine_decoded;
    result->cost_blocks.insert(result->cost_blocks.end(), run.cost_blocks.begin(),
                               run.cost_blocks.end());
  }
  const double searches =
      std::max(1.0, static_cast<double>(result->n) * static_cast<double>(runs.size()));
  result->concurrency = runs.front().concurrency;
  result->throughput_per_s = wall_s > 0 ? searches / wall_s : 0;
  result->tree_decoded = counts.decoded;
  result->tokens_per_problem = static_cast<double>(counts.decoded) / searches;
  result->prefill_per_problem = static_cast<double>(counts.prefill_computed) / searches;
  result->verifier_calls_per_problem = static_cast<double>(counts.verifier_calls) / searches;
  result->flops_per_problem = counts.flops / searches;
  result->cost_seconds_per_problem = cost_s / searches;
  result->cost_per_1k = 1000 * result->cost_seconds_per_problem / 3600 * hour_price;
}

double MeanTokensOfFirst(const SeedRun& run, int64_t k) {
  double tokens = 0;
  for (const ProblemOutcome& outcome : run.outcomes) tokens += TokensOfFirst(outcome, k);
  return tokens / std::max(1.0, static_cast<double>(run.outcomes.size()));
}

SubsamplePoint PassAt(const SeedRun& run, int64_t k, const std::string& arm) {
  std::vector<double> scores;
  for (const ProblemOutcome& outcome : run.outcomes) {
    const int64_t correct =
        std::count_if(outcome.samples.begin(), outcome.samples.end(),
                      [](const SampleOutcome& sample) { return sample.correct; });
    scores.push_back(PassAtK(static_cast<int64_t>(outcome.samples.size()), correct, k));
  }
  return {.k = k,
          .accuracy = MeanBootstrap(scores, BootstrapKey(StrCat("pass@", k, " ", arm))),
          .tokens_per_problem = MeanTokensOfFirst(run, k)};
}

SubsamplePoint SelectedAt(const SeedRun& run, int64_t k, std::optional<Selection> rule) {
  int64_t correct = 0;
  for (const ProblemOutcome& outcome : run.outcomes) {
    const Selection selection = rule.value_or(outcome.selection);
    correct += BestOfCurve(outcome, selection, k).back() > 0 ? 1 : 0;
  }
  return {.k = k,
          .accuracy = WilsonInterval(correct, static_cast<int64_t>(run.outcomes.size())),
          .tokens_per_problem = MeanTokensOfFirst(run, k)};
}

void AddSubsamples(const ArmConfig& arm, const SeedRun& run, ArmResult* result) {
  const int64_t fewest = FewestSamples(run.outcomes);
  const int64_t most = MostSamples(run.outcomes);
  for (const int64_t k : arm.subsample) {
    if (k > most) continue;
    if (k <= fewest) result->pass_at_k.push_back(PassAt(run, k, arm.name));
    result->best_of_k.push_back(SelectedAt(run, k, std::nullopt));
    if (k <= fewest) result->maj_at_k.push_back(SelectedAt(run, k, Selection::kVote));
  }
}

void AddHorizons(std::span<const Problem> problems, ArmResult* result) {
  std::map<int, std::vector<double>> scores;
  for (size_t i = 0; i < problems.size(); ++i) {
    scores[problems[i].question.horizon].push_back(result->items[i].score);
  }
  for (const auto& [horizon, values] : scores) {
    const RngKey key = BootstrapKey(StrCat("horizon ", horizon, " ", result->name));
    result->by_horizon.push_back({.horizon = horizon,
                                  .n = static_cast<int64_t>(values.size()),
                                  .accuracy = AccuracyOf(values, result->seeds, key)});
  }
}

}  // namespace

Estimate AccuracyOf(std::span<const double> scores, int seeds, RngKey key) {
  if (seeds > 1 && !scores.empty()) return MeanBootstrap(scores, key);
  const double correct = std::accumulate(scores.begin(), scores.end(), 0.0);
  return WilsonInterval(static_cast<int64_t>(correct), static_cast<int64_t>(scores.size()));
}

ArmResult SummariseArm(const ArmConfig& arm, std::span<const SeedRun> runs,
                       std::span<const Problem> problems, int64_t parameters, double hour_price) {
  RETORT_CHECK(!runs.empty(), "arm ", arm.name, " has no run");
  for (const SeedRun& run : runs) {
    RETORT_CHECK(run.outcomes.size() == problems.size(), "arm ", arm.name, " answered ",
                 run.outcomes.size(), " of ", problems.size(), " problems");
  }
  ArmResult result;
  result.name = arm.name;
  result.label = arm.label;
  result.kind = arm.kind;
  result.model = arm.model;
  result.strategy = arm.strategy_config;
  result.parameters = parameters;
  result.seeds = static_cast<int>(runs.size());
  result.n = static_cast<int64_t>(problems.size());
  result.items = MakeItems(runs, problems.size());
  AddAccuracy(runs, &result);
  AddCosts(runs, hour_price, &result);
  AddSubsamples(arm, runs.front(), &result);
  AddHorizons(problems, &result);
  return result;
}

std::vector<double> Scores(const ArmResult& arm) {
  std::vector<double> scores;
  scores.reserve(arm.items.size());
  for (const ItemResult& item : arm.items) scores.push_back(item.score);
  return scores;
}

PairResult ComparePair(const ArmResult& a, const ArmResult& b, uint64_t seed) {
  PairResult pair{.a = a.name, .b = b.name, .difference = {}};
  const RngKey key =
      Rng::DeriveKey({seed, "eval.pair", std::string_view(a.name), std::string_view(b.name)});
  pair.difference = PairedBootstrap(Scores(a), Scores(b), key);
  for (size_t i = 0; i < a.items.size(); ++i) {
    const bool a_correct = a.items[i].verdict == Verdict::kCorrect;
    const bool b_correct = b.items[i].verdict == Verdict::kCorrect;
    pair.only_a += a_correct && !b_correct ? 1 : 0;
    pair.only_b += b_correct && !a_correct ? 1 : 0;
  }
  pair.mcnemar_p = McNemarExact(pair.only_a, pair.only_b);
  return pair;
}

}  // namespace retort
