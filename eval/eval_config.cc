#include <algorithm>
#include <set>
#include <utility>

#include "core/base/strings.h"
#include "eval/eval_stage.h"

namespace retort {
namespace {

ArmKind KindFromName(const std::string& name) {
  if (name == "student") return ArmKind::kStudent;
  if (name == "search") return ArmKind::kSearch;
  return ArmKind::kControl;
}

/// A baseline that asks the gold answer which sample to keep would be no baseline. Only keys that
/// the strategy itself reads are looked at: any other is reported as unknown.
void RefuseOracle(ConfigSection& strategy) {
  const Json read = strategy.Resolved();
  for (const std::string key : {"select", "reward"}) {
    if (!read.is_object() || !read.contains(key) || !strategy.Has(key)) continue;
    std::string value;
    strategy.String(key, &value);
    if (value != "oracle") continue;
    strategy.Fail(
        key,
        "oracle looks at the gold answer, which no eval arm may see; choose checker, vote "
        "or log_prob (oracle is legal under generate: alone)");
  }
}

ArmConfig ReadArm(ConfigSection section) {
  ArmConfig arm;
  section.String("name", &arm.name);
  if (arm.name.empty()) section.Fail("name", "an arm needs a name");
  arm.label = arm.name;
  std::replace(arm.label.begin(), arm.label.end(), '_', ' ');
  section.String("label", &arm.label);
  std::string kind = ArmKindName(arm.kind);
  section.Choice("kind", &kind, {"student", "search", "control"});
  arm.kind = KindFromName(kind);
  section.String("model", &arm.model);
  section.IntList("subsample", &arm.subsample, {.min = 1, .max = 1 << 20});
  section.Bool("latency", &arm.latency);
  ConfigSection strategy = section.Section("strategy");
  arm.strategy = MakeStrategy(strategy);
  RefuseOracle(strategy);
  arm.strategy_config = strategy.Resolved();
  std::sort(arm.subsample.begin(), arm.subsample.end());
  if (arm.strategy == nullptr) return arm;
  if (arm.strategy->NeedsEngine() && arm.model.empty()) {
    section.Fail("model", StrCat("strategy ", arm.strategy->Name(), " needs a model"));
  }
  if (!arm.strategy->NeedsEngine() && !arm.model.empty()) {
    section.Fail("model", StrCat("strategy ", arm.strategy->Name(), " uses no model; remove it"));
  }
  return arm;
}

std::vector<ArmConfig> ReadArms(ConfigSection& section) {
  std::vector<ArmConfig> arms;
  std::set<std::string> names;
  for (ConfigSection& item : section.List("arms")) {
    arms.push_back(ReadArm(item));
    const std::string& name = arms.back().name;
    if (!name.empty() && !names.insert(name).second) {
      item.Fail("name", StrCat("two arms are called ", name));
    }
  }
  if (arms.empty()) section.Fail("arms", "there is nothing to compare: give at least one arm");
  return arms;
}

std::vector<std::string> ArmNames(const std::vector<ArmConfig>& arms) {
  std::vector<std::string> names;
  names.reserve(arms.size());
  for (const ArmConfig& arm : arms) names.push_back(arm.name);
  return names;
}

/// Reads the name of an arm; "" is allowed and means that nobody plays this part.
void ReadArmName(ConfigSection& section, const std::string& key,
                 const std::vector<std::string>& arms, std::string* name) {
  section.String(key, name);
  if (name->empty() || std::find(arms.begin(), arms.end(), *name) != arms.end()) return;
  const std::string near = NearestName(*name, arms);
  section.Fail(key,
               StrCat("no arm is called ", *name,
                      near.empty() ? "; arms: " + Join(arms, ", ") : "; did you mean " + near));
}

std::string FirstOfKind(const std::vector<ArmConfig>& arms, ArmKind kind) {
  for (const ArmConfig& arm : arms) {
    if (arm.kind == kind) return arm.name;
  }
  return "";
}

VerdictConfig ReadVerdict(ConfigSection section, const std::vector<ArmConfig>& arms) {
  VerdictConfig verdict;
  verdict.student = FirstOfKind(arms, ArmKind::kStudent);
  verdict.search = FirstOfKind(arms, ArmKind::kSearch);
  const std::vector<std::string> names = ArmNames(arms);
  ReadArmName(section, "student", names, &verdict.student);
  ReadArmName(section, "search", names, &verdict.search);
  ReadArmName(section, "gold_only", names, &verdict.gold_only);
  ReadArmName(section, "teacher_greedy", names, &verdict.teacher_greedy);
  ReadArmName(section, "blind", names, &verdict.blind);
  ReadArmName(section, "heuristic", names, &verdict.heuristic);
  ReadArmName(section, "upper_bound", names, &verdict.upper_bound);
  section.StringList("plateau_of", &verdict.plateau_of);
  const FloatRange share{.min = 0, .max = 1};
  section.Float("max_blind", &verdict.max_blind, share);
  section.Float("min_teacher_greedy", &verdict.min_teacher_greedy, share);
  section.Float("max_teacher_greedy", &verdict.max_teacher_greedy, share);
  section.Float("min_search", &verdict.min_search, share);
  section.Float("min_gain", &verdict.min_gain, share);
  section.Float("min_retention", &verdict.min_retention, {.min = 0});
  section.Float("min_cost_ratio", &verdict.min_cost_ratio, {.min = 0});
  section.Float("min_size_ratio", &verdict.min_size_ratio, {.min = 0});
  return verdict;
}

LatencyConfig ReadLatency(ConfigSection section) {
  LatencyConfig latency;
  section.Int("problems", &latency.problems, {.min = 0});
  section.Int("warmup", &latency.warmup, {.min = 0});
  section.Int("repeats", &latency.repeats, {.min = 1, .max = 1000});
  section.Float("max_seconds_per_arm", &latency.max_seconds_per_arm,
                {.min = 0, .exclusive_min = true});
  return latency;
}

PriceConfig ReadPrices(ConfigSection section) {
  PriceConfig prices;
  section.Float("cpu_hour", &prices.cpu_hour, {.min = 0});
  section.Float("gpu_hour", &prices.gpu_hour, {.min = 0});
  section.String("currency", &prices.currency);
  return prices;
}

std::vector<std::pair<std::string, std::string>> ReadPairs(ConfigSection& section,
                                                           const EvalConfig& config) {
  std::vector<std::pair<std::string, std::string>> pairs;
  const std::vector<std::string> names = ArmNames(config.arms);
  for (ConfigSection& item : section.List("pairs")) {
    std::pair<std::string, std::string> pair;
    ReadArmName(item, "a", names, &pair.first);
    ReadArmName(item, "b", names, &pair.second);
    if (pair.first.empty() || pair.second.empty() || pair.first == pair.second) {
      item.Fail("", "a pair needs two different arms: {a: name, b: name}");
    }
    pairs.push_back(pair);
  }
  if (section.Has("pairs") || config.verdict.student.empty()) return pairs;
  for (const std::string& name : names) {
    if (name != config.verdict.student) pairs.emplace_back(config.verdict.student, name);
  }
  return pairs;
}

}  // namespace

EvalConfig EvalConfig::FromConfig(ConfigSection section) {
  EvalConfig config;
  section.String("problems", &config.problems);
  section.Int("limit", &config.limit, {.min = 0});
  section.Int("in_flight", &config.in_flight, {.min = 1, .max = 4096});
  config.arms = ReadArms(section);
  config.verdict = ReadVerdict(section.Section("verdict"), config.arms);
  config.pairs = ReadPairs(section, config);
  config.latency = ReadLatency(section.Section("latency"));
  config.prices = ReadPrices(section.Section("prices"));
  ConfigSection engine = section.Section("engine");
  config.engine = EngineConfig::FromConfig(engine);
  return config;
}

}  // namespace retort
