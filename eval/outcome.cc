#include "eval/outcome.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "core/base/error.h"

namespace retort {
namespace {

/// The rule a finished search used: its terminals say who scored them.
Selection SelectionOf(const TraceTree& tree, std::span<const int32_t> terminals) {
  if (terminals.empty()) return Selection::kFirst;
  switch (tree.nodes[static_cast<size_t>(terminals.front())].scorer) {
    case Scorer::kChecker:
      return Selection::kChecker;
    case Scorer::kVote:
      return Selection::kVote;
    case Scorer::kLogProb:
      return Selection::kLogProb;
    default:
      return Selection::kFirst;
  }
}

bool WasCut(Verdict verdict) {
  return verdict == Verdict::kTruncated || verdict == Verdict::kTimeout ||
         verdict == Verdict::kPruned;
}

std::vector<SampleOutcome> JudgeSamples(const TraceTree& tree, std::span<const int32_t> terminals,
                                        const Problem& problem, const Verifier& verifier) {
  std::vector<SampleOutcome> samples;
  std::map<std::string, int32_t> first_with;
  for (const int32_t node : terminals) {
    const auto [entry, is_new] = first_with.emplace(verifier.AnswerKey(tree.PathText(node)),
                                                    static_cast<int32_t>(samples.size()));
    const std::optional<Verdict>& given = tree.nodes[static_cast<size_t>(node)].verdict;
    const auto tokens = static_cast<int64_t>(tree.PathTokens(node).size());
    samples.push_back(
        {.same_as = entry->second,
         .checked = given.value_or(Verdict::kUnverified),
         .correct = JudgeTerminal(tree, node, problem, verifier) == Verdict::kCorrect,
         .mean_log_prob = tokens == 0 ? 0 : tree.PathLogProb(node) / static_cast<double>(tokens),
         .tokens = tokens});
  }
  return samples;
}

Selection SelectionFromNumber(int number, const std::string& where) {
  if (number < 0 || number > static_cast<int>(Selection::kLogProb)) {
    throw Error(ExitCode::kData, StrCat(where, ": unknown selection ", number));
  }
  return static_cast<Selection>(number);
}

/// The winner so far under one rule, as samples arrive; ties go to the earliest.
class Leader {
 public:
  explicit Leader(std::span<const SampleOutcome> samples)
      : samples_(samples), votes_(samples.size(), 0), first_(samples.size(), samples.size()) {}

  bool empty() const { return best_ == samples_.size(); }
  size_t best() const { return best_; }

  void Add(size_t sample, Selection rule) {
    const auto text = static_cast<size_t>(samples_[sample].same_as);
    ++votes_[text];
    first_[text] = std::min(first_[text], sample);
    if (!empty() && rule == Selection::kVote) {
      best_ = MoreVotes(first_[text], best_) ? first_[text] : best_;
    } else if (empty() || samples_[sample].mean_log_prob > samples_[best_].mean_log_prob) {
      best_ = sample;
    }
  }

 private:
  bool MoreVotes(size_t a, size_t b) const {
    const int64_t votes_a = votes_[static_cast<size_t>(samples_[a].same_as)];
    const int64_t votes_b = votes_[static_cast<size_t>(samples_[b].same_as)];
    return votes_a > votes_b || (votes_a == votes_b && a < b);
  }

  std::span<const SampleOutcome> samples_;
  std::vector<int64_t> votes_;
  std::vector<size_t> first_;  // first voter for a text
  size_t best_ = samples_.size();
};

}  // namespace

Verdict JudgeTerminal(const TraceTree& tree, int32_t node, const Problem& problem,
                      const Verifier& verifier) {
  const std::optional<Verdict>& given = tree.nodes[static_cast<size_t>(node)].verdict;
  if (given && WasCut(*given)) return *given;
  return verifier.Verify(problem, tree.PathText(node));
}

ProblemOutcome JudgeTree(const TraceTree& tree, const Problem& problem, const Verifier& verifier) {
  ProblemOutcome outcome;
  outcome.counts = tree.counts;
  if (tree.selected >= 0) {
    outcome.text = tree.PathText(tree.selected);
    outcome.verdict = JudgeTerminal(tree, tree.selected, problem, verifier);
  } else {
    const Verdict empty = verifier.Verify(problem, "");
    outcome.verdict = empty == Verdict::kCorrect ? Verdict::kUnparsed : empty;
  }
  const std::vector<int32_t> terminals = Terminals(tree);
  outcome.selection = SelectionOf(tree, terminals);
  if (terminals.size() > 1) {
    outcome.samples = JudgeSamples(tree, terminals, problem, verifier);
  }
  return outcome;
}

Json OutcomeToJson(const ProblemOutcome& outcome) {
  Json samples = Json::array();
  for (const SampleOutcome& sample : outcome.samples) {
    samples.push_back({sample.same_as, static_cast<int>(sample.checked), sample.correct,
                       sample.mean_log_prob, sample.tokens});
  }
  const TokenCounts& counts = outcome.counts;
  return {{"text", outcome.text},
          {"verdict", VerdictName(outcome.verdict)},
          {"selection", static_cast<int>(outcome.selection)},
          {"counts",
           {counts.prefill_computed, counts.prefill_shared, counts.decoded, counts.verifier_calls,
            counts.flops}},
          {"samples", samples}};
}

ProblemOutcome OutcomeFromJson(const Json& json, const std::string& where) {
  try {
    ProblemOutcome outcome;
    outcome.text = json.at("text").get<std::string>();
    const std::optional<Verdict> verdict = VerdictFromName(json.at("verdict").get<std::string>());
    if (!verdict) throw Error(ExitCode::kData, StrCat(where, ": unknown verdict"));
    outcome.verdict = *verdict;
    outcome.selection = SelectionFromNumber(json.at("selection"), where);
    const Json& counts = json.at("counts");
    outcome.counts = {.prefill_computed = counts.at(0),
                      .prefill_shared = counts.at(1),
                      .decoded = counts.at(2),
                      .verifier_calls = counts.at(3),
                      .flops = counts.at(4)};
    for (const Json& sample : json.at("samples")) {
      const int checked = sample.at(1);
      if (checked < 0 || checked >= kVerdictCount) {
        throw Error(ExitCode::kData, StrCat(where, ": unknown verdict ", checked));
      }
      outcome.samples.push_back({.same_as = sample.at(0),
                                 .checked = static_cast<Verdict>(checked),
                                 .correct = sample.at(2),
                                 .mean_log_prob = sample.at(3),
                                 .tokens = sample.at(4)});
    }
    return outcome;
  } catch (const Json::exception& error) {
    throw Error(ExitCode::kData, StrCat(where, ": not an outcome - ", error.what()));
  }
}

std::vector<bool> SelectedCorrect(std::span<const SampleOutcome> samples, Selection selection) {
  std::vector<bool> correct;
  Leader finished(samples);
  Leader any(samples);
  std::optional<size_t> accepted;
  for (size_t k = 0; k < samples.size(); ++k) {
    if (!accepted && samples[k].checked == Verdict::kCorrect) accepted = k;
    if (samples[k].checked != Verdict::kTruncated) finished.Add(k, selection);
    any.Add(k, selection);
    size_t chosen = finished.empty() ? any.best() : finished.best();
    if (selection == Selection::kFirst) chosen = 0;
    if (selection == Selection::kChecker && accepted) chosen = *accepted;
    correct.push_back(samples[chosen].correct);
  }
  return correct;
}

std::vector<double> BestOfCurve(const ProblemOutcome& outcome, Selection selection, int64_t max_k) {
  std::vector<double> curve;
  const std::vector<bool> correct = SelectedCorrect(outcome.samples, selection);
  for (int64_t k = 1; k <= max_k; ++k) {
    const size_t last = std::min(static_cast<size_t>(k), correct.size());
    const bool score = correct.empty() ? outcome.correct() : correct[last - 1];
    curve.push_back(score ? 1.0 : 0.0);
  }
  return curve;
}

double TokensOfFirst(const ProblemOutcome& outcome, int64_t k) {
  if (outcome.samples.empty()) return static_cast<double>(outcome.counts.decoded);
  const size_t last = std::min(static_cast<size_t>(k), outcome.samples.size());
  int64_t tokens = 0;
  for (size_t i = 0; i < last; ++i) tokens += outcome.samples[i].tokens;
  return static_cast<double>(tokens);
}

int64_t MostSamples(std::span<const ProblemOutcome> outcomes) {
  size_t most = 0;
  for (const ProblemOutcome& outcome : outcomes) most = std::max(most, outcome.samples.size());
  return static_cast<int64_t>(most);
}

int64_t FewestSamples(std::span<const ProblemOutcome> outcomes) {
  if (outcomes.empty()) return 0;
  size_t fewest = outcomes.front().samples.size();
  for (const ProblemOutcome& outcome : outcomes) {
    fewest = std::min(fewest, outcome.samples.size());
  }
  return static_cast<int64_t>(fewest);
}

}  // namespace retort
