#include "eval/gates.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <optional>
#include <string_view>

#include "core/base/strings.h"
#include "eval/derived.h"
#include "eval/report_format.h"

namespace retort {
namespace {

constexpr double kTailShare = 0.2;
constexpr size_t kMinPoints = 5;
/// Below it a run that does learn is still in front of its jump.
constexpr double kBeforeJump = 0.02;
constexpr double kStandardErrors = 2;
constexpr double kStepFactor = 2;  // gold-only trains at least so many times the student's steps

GateResult NotRun(const std::string& name, const std::string& detail) {
  return {.name = name, .state = "not_run", .detail = detail};
}

GateResult Judged(const std::string& name, bool passed, const std::string& detail) {
  return {.name = name, .state = passed ? "passed" : "failed", .detail = detail};
}

/// "0.0 % [0.0, 0.4] at 64 tries".
std::string AtTries(const SubsamplePoint& point) {
  return StrCat(PercentInterval(point.accuracy), " at ", point.k, point.k == 1 ? " try" : " tries");
}

GateResult BlindPlay(const VerdictConfig& config, const EvalReport& report) {
  const ArmResult* blind = FindArm(report.arms, config.blind);
  if (blind == nullptr) return NotRun("blind_play", "No arm plays blind (verdict.blind).");
  const bool has_curve = !blind->best_of_k.empty();
  const Estimate accuracy = has_curve ? blind->best_of_k.back().accuracy : blind->accuracy;
  const std::string shown =
      has_curve ? AtTries(blind->best_of_k.back()) : PercentInterval(accuracy);
  return Judged("blind_play", accuracy.value <= config.max_blind,
                StrCat(blind->label, " with the same checker solves ", shown, "; at most ",
                       Percent(config.max_blind), " is allowed."));
}

GateResult HeuristicShown(const VerdictConfig& config, const EvalReport& report) {
  const ArmResult* heuristic = FindArm(report.arms, config.heuristic);
  if (heuristic == nullptr) {
    return NotRun("heuristic_shown", "No arm plays a one-line rule (verdict.heuristic).");
  }
  if (heuristic->best_of_k.size() < 2) {
    return NotRun("heuristic_shown",
                  "The heuristic arm needs subsample: [1, N] to show one try and many.");
  }
  return Judged("heuristic_shown", true,
                StrCat(heuristic->label, " solves ", AtTries(heuristic->best_of_k.front()), " and ",
                       AtTries(heuristic->best_of_k.back()), "."));
}

GateResult TeacherBand(const VerdictConfig& config, const EvalReport& report) {
  const ArmResult* greedy = FindArm(report.arms, config.teacher_greedy);
  const ArmResult* search = FindArm(report.arms, config.search);
  if (greedy == nullptr || search == nullptr) {
    return NotRun("teacher_band", "Needs verdict.teacher_greedy and verdict.search.");
  }
  const double one = greedy->accuracy.value;
  const bool in_band = one >= config.min_teacher_greedy && one <= config.max_teacher_greedy;
  const bool strong = search->accuracy.value >= config.min_search;
  return Judged(
      "teacher_band", in_band && strong,
      StrCat(greedy->label, " solves ", PercentInterval(greedy->accuracy),
             " (asked: ", Fixed(100 * config.min_teacher_greedy, 0), "–",
             Fixed(100 * config.max_teacher_greedy, 0), " %", in_band ? "" : ", missed", "), ",
             search->label, " ", PercentInterval(search->accuracy), " (asked: at least ",
             Percent(config.min_search), strong ? "" : ", missed", ")."));
}

/// One gate over several curves: all must be flat; a single rising one fails it.
GateResult PlateauGate(const std::string& gate, const std::vector<std::string>& keys,
                       const Json& curves, const std::string& missing) {
  if (keys.empty()) return NotRun(gate, missing);
  std::vector<std::string> details;
  bool rising = false;
  bool unknown = false;
  for (const std::string& key : keys) {
    const PlateauResult result = JudgePlateau(key, Child(curves, key));
    details.push_back(result.detail);
    rising = rising || result.state == PlateauResult::State::kRising;
    unknown = unknown || result.state == PlateauResult::State::kUnknown;
  }
  if (unknown && !rising) return NotRun(gate, Join(details, " "));
  return Judged(gate, !rising, Join(details, " "));
}

std::string ModelOf(const EvalReport& report, const std::string& arm) {
  const ArmResult* found = FindArm(report.arms, arm);
  return found == nullptr ? "" : found->model;
}

GateResult TeacherPlateau(const VerdictConfig& config, const EvalReport& report) {
  const std::string model = ModelOf(report, config.search);
  return PlateauGate(
      "teacher_plateau", CurvesOfModel(report.curves, model), report.curves,
      StrCat("There is no learning curve of the teacher", model.empty() ? "" : " " + model,
             ", so whether it was stopped too early is not known."));
}

GateResult ControlPlateau(const VerdictConfig& config, const EvalReport& report) {
  const std::string teacher = ModelOf(report, config.search);
  std::vector<std::string> models = config.plateau_of;
  const std::string control = ModelOf(report, config.gold_only);
  if (!control.empty()) models.insert(models.begin(), control);
  std::vector<std::string> keys;
  std::vector<std::string> without;
  for (const std::string& model : models) {
    if (model == teacher) continue;
    const std::vector<std::string> found = CurvesOfModel(report.curves, model);
    if (found.empty()) without.push_back(model);
    for (const std::string& key : found) {
      if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
    }
  }
  if (!without.empty()) {
    return NotRun("control_plateau", StrCat("No learning curve of ", Join(without, ", "), "."));
  }
  return PlateauGate("control_plateau", keys, report.curves,
                     "No gold-only control was trained (verdict.gold_only, verdict.plateau_of).");
}

/// Most steps any seed of a model was trained for; nullopt if no curve knows.
std::optional<double> StepsOf(const Json& curves, const std::vector<std::string>& keys) {
  std::optional<double> steps;
  for (const std::string& key : keys) {
    const double value = NumberOf(Child(curves, key), "steps", -1);
    if (value >= 0) steps = std::max(steps.value_or(0), value);
  }
  return steps;
}

GateResult GoldOnlyTuned(const VerdictConfig& config, const EvalReport& report) {
  const Json& curves = report.curves;
  const auto control = CurvesOfModel(curves, ModelOf(report, config.gold_only));
  const auto student = CurvesOfModel(curves, ModelOf(report, config.student));
  const std::optional<double> student_steps = StepsOf(curves, student);
  if (control.empty() || !student_steps) {
    return NotRun("gold_only_tuned",
                  "Needs the learning curves of the gold-only control and the student.");
  }
  bool passed = true;
  std::vector<std::string> details;
  for (const std::string& key : control) {
    const Json& curve = Child(curves, key);
    const double steps = NumberOf(curve, "steps");
    const bool long_enough = steps >= kStepFactor * *student_steps;
    const Json& selected = Child(curve, "selected_step");
    const bool at_best = selected.is_number() && selected == Child(curve, "best_step");
    passed = passed && long_enough && at_best;
    details.push_back(StrCat(
        key, " trained ", CountOf(curve, "steps"), " steps, ",
        Significant(steps / std::max(1.0, *student_steps)), " times the student's ",
        WithCommas(std::llround(*student_steps)), long_enough ? "" : " (asked: at least twice)",
        ", and ",
        at_best ? "was taken at its best dev point." : "was not taken at its best dev point."));
  }
  return Judged("gold_only_tuned", passed, Join(details, " "));
}

GateResult UpperBoundShown(const VerdictConfig& config, const EvalReport& report) {
  const ArmResult* bound = FindArm(report.arms, config.upper_bound);
  if (bound == nullptr) {
    return NotRun("upper_bound_shown",
                  "No arm was trained on the solver's traces of the same problems "
                  "(verdict.upper_bound).");
  }
  return Judged("upper_bound_shown", true,
                StrCat(bound->label, ", trained on the solver's traces, solves ",
                       PercentInterval(bound->accuracy), "."));
}

bool AllDigits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](unsigned char c) { return std::isdigit(c) != 0; });
}

/// "" or a seed: "@2", ".2", "/2", "#2", or after any separator with the word, ".seed2", "-s1",
/// "_seed-3". A bare "-2" or "_2" is part of a name.
bool IsSeedSuffix(std::string_view suffix) {
  if (suffix.empty()) return true;
  const char separator = suffix.front();
  suffix.remove_prefix(1);
  for (const std::string_view word : {"seed", "s"}) {
    if (!suffix.starts_with(word)) continue;
    suffix.remove_prefix(word.size());
    if (suffix.starts_with('-') || suffix.starts_with('_')) suffix.remove_prefix(1);
    return std::string_view("@./#-_").find(separator) != std::string_view::npos &&
           AllDigits(suffix);
  }
  return std::string_view("@./#").find(separator) != std::string_view::npos && AllDigits(suffix);
}

bool BelongsTo(const std::string& key, const std::string& model) {
  for (const std::string& prefix : {model, "train." + model}) {
    if (key.starts_with(prefix) && IsSeedSuffix(std::string_view(key).substr(prefix.size())))
      return true;
  }
  return false;
}

double MeanAccuracy(const Json& points, size_t begin, size_t end) {
  double sum = 0;
  for (size_t i = begin; i < end; ++i) sum += NumberOf(points[i], "accuracy");
  return sum / static_cast<double>(end - begin);
}

double BestAccuracy(const Json& points, size_t end) {
  double best = 0;
  for (size_t i = 0; i < end; ++i) best = std::max(best, NumberOf(points[i], "accuracy"));
  return best;
}

}  // namespace

Json CurvesFromStages(const std::map<std::string, StageFacts>& stages) {
  Json curves = Json::object();
  for (const auto& [key, facts] : stages) {
    if (facts.kind != "train") continue;
    const Json& recorded = Child(facts.content, "curve");
    const Json points = facts.curve.is_array() ? facts.curve : recorded;
    if (!points.is_array()) continue;
    curves[key] = {{"points", points},
                   {"steps", Child(facts.content, "steps")},
                   {"selected_step", Child(facts.content, "selected_step")},
                   {"best_step", Child(facts.content, "best_step")},
                   {"dev_n", Child(facts.content, "dev_n")},
                   {"cpu_seconds", Child(facts.run, "cpu_seconds")}};
  }
  return curves;
}

std::string ModelOfCurve(const std::string& key) {
  std::string model = key.starts_with("train.") ? key.substr(6) : key;
  const size_t separator = model.find_last_of("@./#-_");
  for (size_t at = separator; at != std::string::npos && at > 0;
       at = model.find_last_of("@./#-_", at - 1)) {
    if (IsSeedSuffix(std::string_view(model).substr(at))) return model.substr(0, at);
  }
  return model;
}

std::vector<std::string> CurvesOfModel(const Json& curves, const std::string& model) {
  std::vector<std::string> keys;
  if (model.empty() || !curves.is_object()) return keys;
  for (const auto& [key, curve] : curves.items()) {
    if (BelongsTo(key, model)) keys.push_back(key);
  }
  return keys;
}

PlateauResult JudgePlateau(const std::string& name, const Json& curve) {
  const Json& points = Child(curve, "points");
  const double dev_n = NumberOf(curve, "dev_n");
  if (!points.is_array() || points.size() < kMinPoints || dev_n <= 0) {
    return {PlateauResult::State::kUnknown,
            StrCat(name, " has too few dev points to tell (at least ", kMinPoints, ").")};
  }
  const size_t n = points.size();
  const size_t tail = static_cast<size_t>(std::ceil(kTailShare * static_cast<double>(n)));
  const double before = BestAccuracy(points, n - tail);
  const double last = MeanAccuracy(points, n - tail, n);
  const double error = std::sqrt(before * (1 - before) / dev_n);
  const std::string figures = StrCat("the last ", tail, " of ", n, " dev points average ",
                                     Percent(last), ", the best before them is ", Percent(before),
                                     " (standard error ", Fixed(100 * error, 1), " points)");
  if (BestAccuracy(points, n) < kBeforeJump) {
    return {PlateauResult::State::kRising,
            StrCat(name, " never reached ", Percent(kBeforeJump), ": it stands before its jump.")};
  }
  if (last > before + kStandardErrors * error) {
    return {PlateauResult::State::kRising, StrCat(name, " is still rising: ", figures, ".")};
  }
  const Json& selected = Child(curve, "selected_step");
  if (!selected.is_number() || selected != Child(curve, "best_step")) {
    return {PlateauResult::State::kRising,
            StrCat(name, " is flat or falling, but was not taken at its best dev point: ", figures,
                   ".")};
  }
  return {PlateauResult::State::kFlat,
          StrCat(name, " is flat or falling at its end and was taken at its best dev point: ",
                 figures, ".")};
}

std::vector<GateResult> JudgeGates(const VerdictConfig& config, const EvalReport& report) {
  return {BlindPlay(config, report),      HeuristicShown(config, report),
          TeacherBand(config, report),    TeacherPlateau(config, report),
          ControlPlateau(config, report), GoldOnlyTuned(config, report),
          UpperBoundShown(config, report)};
}

}  // namespace retort
