#include "eval/verdict.h"

#include <optional>
#include <utility>

#include "core/base/strings.h"
#include "eval/derived.h"
#include "eval/report_format.h"

namespace retort {
namespace {

/// A claim before its gates: the figures' own answer and the sentence.
struct Draft {
  std::string name;
  bool holds = false;
  std::string sentence;
  std::vector<std::string> gates;
};

std::string OnProblems(const EvalReport& report) {
  return StrCat(WithCommas(report.n), " ", report.problems, " problems");
}

/// A label, in quotes where it would fall apart in a sentence.
std::string Named(const std::string& label) {
  return label.find(',') == std::string::npos ? label : StrCat("\"", label, "\"");
}

std::string SeedsText(const ArmResult& arm) {
  return arm.seeds > 1 ? StrCat(" (mean of ", arm.seeds, " seeds)") : "";
}

std::optional<Estimate> Figure(const EvalReport& report, const std::string& name) {
  Estimate estimate;
  if (!EstimateFromJson(Child(report.derived, name), &estimate)) return std::nullopt;
  return estimate;
}

std::string Missing(const EvalReport& report, const std::string& name) {
  return StrCat(name, " is not known: ", TextOf(Child(report.derived, name), "reason"));
}

Draft Retention(const VerdictConfig& config, const EvalReport& report, const ArmResult& student,
                const ArmResult& search) {
  Draft draft{.name = "retention",
              .sentence = {},
              .gates = {"blind_play", "heuristic_shown", "teacher_band"}};
  const std::optional<Estimate> retention = Figure(report, "retention");
  if (!retention) {
    draft.sentence = Missing(report, "retention");
    return draft;
  }
  draft.holds = retention->value >= config.min_retention;
  draft.sentence = StrCat("one pass of ", Named(student.label), SeedsText(student), " answers ",
                          PercentInterval(student.accuracy), " of ", OnProblems(report), ", ",
                          TimesInterval(*retention), " of what ", Named(search.label), " answers (",
                          Percent(search.accuracy.value), ")");
  if (!draft.holds) draft.sentence += StrCat(", below the asked ", Times(config.min_retention));
  return draft;
}

Draft Cost(const VerdictConfig& config, const EvalReport& report, const ArmResult& student,
           const ArmResult& search) {
  Draft draft{.name = "cost", .sentence = {}, .gates = {"blind_play"}};
  const std::optional<Estimate> ratio = Figure(report, "cost_ratio");
  if (!ratio) {
    draft.sentence = Missing(report, "cost_ratio");
    return draft;
  }
  draft.holds = ratio->value >= config.min_cost_ratio;
  draft.sentence = StrCat(Named(search.label), " costs ", TimesInterval(*ratio), " the ",
                          ClockName(report.clock), " time of ", Named(student.label),
                          " a problem at full throughput");
  if (const auto flops = Figure(report, "flop_ratio")) {
    draft.sentence += StrCat(" (", Times(flops->value), " the FLOPs)");
  }
  if (!draft.holds) draft.sentence += StrCat(", below the asked ", Times(config.min_cost_ratio));
  return draft;
}

Draft Size(const VerdictConfig& config, const EvalReport& report, const ArmResult& student,
           const ArmResult& search) {
  Draft draft{.name = "size", .sentence = {}, .gates = {}};
  const std::optional<Estimate> ratio = Figure(report, "size_ratio");
  if (!ratio) {
    draft.sentence = Missing(report, "size_ratio");
    return draft;
  }
  draft.holds = ratio->value >= config.min_size_ratio;
  draft.sentence = StrCat(Named(student.label), " with ", WithCommas(student.parameters),
                          " parameters is ", Times(ratio->value), " smaller than the teacher (",
                          WithCommas(search.parameters), ")");
  if (!draft.holds) draft.sentence += StrCat(", below the asked ", Times(config.min_size_ratio));
  return draft;
}

const PairResult* FindPair(const EvalReport& report, const std::string& a, const std::string& b) {
  for (const PairResult& pair : report.pairs) {
    if (pair.a == a && pair.b == b) return &pair;
  }
  return nullptr;
}

Draft Gain(const VerdictConfig& config, const EvalReport& report) {
  Draft draft{.name = "gain_over_gold",
              .sentence = {},
              .gates = {"blind_play", "heuristic_shown", "teacher_band", "teacher_plateau",
                        "control_plateau", "gold_only_tuned"}};
  const ArmResult* gold = FindArm(report.arms, config.gold_only);
  const PairResult* pair = FindPair(report, config.student, config.gold_only);
  if (gold == nullptr || pair == nullptr) {
    draft.sentence = "the gain over gold alone: no gold-only arm was run beside the student";
    return draft;
  }
  const bool above_zero = pair->difference.low > 0;
  draft.holds = above_zero && pair->difference.value >= config.min_gain;
  draft.sentence = StrCat(Named(gold->label), " answers ", PercentInterval(gold->accuracy),
                          ", so the search's traces gain ", PointsInterval(pair->difference));
  if (!above_zero) draft.sentence += ", an interval that includes zero";
  if (pair->difference.value < config.min_gain) {
    draft.sentence += StrCat(", below the asked ", Fixed(100 * config.min_gain, 0), " points");
  }
  return draft;
}

/// "" if all gates passed, otherwise "gate x failed, gate y was not run".
std::string GateTrouble(const std::vector<std::string>& gates, const EvalReport& report) {
  std::vector<std::string> trouble;
  for (const std::string& name : gates) {
    for (const GateResult& gate : report.gates) {
      if (gate.name != name || gate.state == "passed") continue;
      trouble.push_back(StrCat("gate ", name, gate.state == "failed" ? " failed" : " was not run"));
    }
  }
  return Join(trouble, ", ");
}

ClaimResult Judge(const Draft& draft, const EvalReport& report) {
  const std::string trouble = GateTrouble(draft.gates, report);
  ClaimResult claim{.name = draft.name,
                    .state = draft.holds && trouble.empty() ? "shown" : "not_shown",
                    .sentence = draft.sentence,
                    .gates = draft.gates};
  if (!trouble.empty()) claim.sentence += StrCat(" (", trouble, ")");
  return claim;
}

std::string LatencySentence(const EvalReport& report, const ArmResult& student) {
  const Json& speedups = Child(report.derived, "speedup");
  if (!student.latency || !speedups.is_object() || speedups.empty()) return "";
  std::vector<std::string> parts;
  for (const auto& [arm, speedup] : speedups.items()) {
    Estimate ratio;
    if (!EstimateFromJson(speedup, &ratio)) continue;
    const ArmResult* search = FindArm(report.arms, arm);
    const std::string label = search == nullptr ? arm : search->label;
    const std::string baseline = TextOf(speedup, "baseline");
    const bool named = baseline.empty() || label.find(baseline) != std::string::npos;
    parts.push_back(
        StrCat(Named(label), named ? "" : StrCat(" (", baseline, ")"), " ", TimesInterval(ratio)));
  }
  return StrCat(" One query at a time takes ", Named(student.label), " ",
                Significant(student.latency->ms.p50),
                " ms (p50); mean latency against it: ", Join(parts, ", "), ".");
}

/// What needs no model at all is said beside the claims, not below them.
std::string HeuristicSentence(const VerdictConfig& config, const EvalReport& report) {
  const ArmResult* heuristic = FindArm(report.arms, config.heuristic);
  if (heuristic == nullptr || heuristic->best_of_k.empty()) return "";
  std::vector<std::string> parts;
  for (const SubsamplePoint* point :
       {&heuristic->best_of_k.front(), &heuristic->best_of_k.back()}) {
    parts.push_back(StrCat(PercentInterval(point->accuracy), " at ", point->k,
                           point->k == 1 ? " try" : " tries"));
  }
  if (parts[0] == parts[1]) parts.pop_back();
  return StrCat(" Without a model, ", Named(heuristic->label), " with the same checker solves ",
                Join(parts, " and "), ".");
}

std::string Sentences(const std::vector<ClaimResult>& claims, const std::string& state) {
  std::vector<std::string> sentences;
  for (const ClaimResult& claim : claims) {
    if (claim.state == state) sentences.push_back(claim.sentence);
  }
  return Join(sentences, "; ");
}

}  // namespace

std::vector<ClaimResult> JudgeClaims(const VerdictConfig& config, const EvalReport& report) {
  const ArmResult* student = FindArm(report.arms, config.student);
  const ArmResult* search = FindArm(report.arms, config.search);
  if (student == nullptr || search == nullptr) return {};
  std::vector<ClaimResult> claims;
  for (const Draft& draft :
       {Retention(config, report, *student, *search), Cost(config, report, *student, *search),
        Size(config, report, *student, *search), Gain(config, report)}) {
    claims.push_back(Judge(draft, report));
  }
  return claims;
}

std::string VerdictSentence(const VerdictConfig& config, const EvalReport& report) {
  const ArmResult* student = FindArm(report.arms, config.student);
  if (report.claims.empty() || student == nullptr) {
    return StrCat(
        "Accuracies only: without a student arm and a search arm there is no claim to "
        "judge (",
        report.arms.size(), " arms on ", OnProblems(report), ").");
  }
  const std::string shown = Sentences(report.claims, "shown");
  const std::string not_shown = Sentences(report.claims, "not_shown");
  std::string sentence = shown.empty() ? "Nothing is shown." : StrCat("Shown: ", shown, ".");
  if (!not_shown.empty()) sentence += StrCat(" Not shown: ", not_shown, ".");
  return sentence + HeuristicSentence(config, report) + LatencySentence(report, *student);
}

}  // namespace retort
