#include "filter/funnel.h"

#include <algorithm>

#include "core/base/error.h"
#include "filter/candidates.h"

namespace retort {
namespace {

std::vector<const Candidate*> Kept(const ProblemCandidates& problem) {
  std::vector<const Candidate*> kept;
  for (const Candidate& candidate : problem.candidates) {
    if (candidate.kept()) kept.push_back(&candidate);
  }
  return kept;
}

double MeanOf(double sum, int64_t count) {
  return count == 0 ? 0 : sum / static_cast<double>(count);
}

}  // namespace

Funnel::Funnel(const std::vector<std::string>& filter_names) {
  for (const std::string& name : filter_names) stages_.emplace_back().name = name;
}

void Funnel::Apply(size_t index, const TraceFilter& filter, ProblemCandidates& problem) {
  Stage& stage = stages_.at(index);
  const std::vector<const Candidate*> before = Kept(problem);
  filter.Apply(problem);
  stage.in += static_cast<int64_t>(before.size());
  for (const Candidate* candidate : before) {
    if (candidate->kept()) {
      ++stage.out;
    } else {
      BookDrop(stage, problem, *candidate);
    }
  }
}

void Funnel::BookDrop(Stage& stage, const ProblemCandidates& problem, const Candidate& candidate) {
  const std::string kind = ReasonKind(candidate.reason);
  if (stage.reasons[kind]++ >= kSamplesPerReason) return;
  stage.samples.push_back({{"kind", kind},
                           {"problem", problem.tree->problem_id},
                           {"source", candidate.source},
                           {"node", candidate.node},
                           {"verdict", std::string(VerdictName(candidate.verdict))},
                           {"question", problem.tree->question},
                           {"text", candidate.text},
                           {"reason", candidate.reason}});
}

void Funnel::AddProblem(const ProblemCandidates& before) {
  ++problems_;
  input_ += static_cast<int64_t>(before.candidates.size());
}

void Funnel::FinishProblem(const ProblemCandidates& after) {
  const std::vector<const Candidate*> kept = Kept(after);
  kept_ += static_cast<int64_t>(kept.size());
  problems_kept_ += kept.empty() ? 0 : 1;
  for (size_t i = 0; i < kept.size(); ++i) {
    for (size_t j = i + 1; j < kept.size(); ++j) {
      ++pairs_;
      shared_positions_ += SharedPositionFraction(*kept[i], *kept[j]);
      shared_prefix_ += static_cast<double>(SharedPrefix(*kept[i], *kept[j]));
    }
  }
}

Json Funnel::ToJson() const {
  Json filters = Json::array();
  for (const Stage& stage : stages_) {
    filters.push_back({{"name", stage.name},
                       {"in", stage.in},
                       {"out", stage.out},
                       {"reasons", stage.reasons},
                       {"samples", stage.samples}});
  }
  return {{"schema_version", 1},
          {"input", input_},
          {"kept", kept_},
          {"problems", problems_},
          {"problems_kept", problems_kept_},
          {"filters", std::move(filters)}};
}

Json Funnel::Totals() const {
  Json dropped = Json::array();
  for (const Stage& stage : stages_) {
    dropped.push_back({{"name", stage.name}, {"dropped", stage.in - stage.out}});
  }
  return {{"input", input_},
          {"kept", kept_},
          {"problems", problems_},
          {"problems_kept", problems_kept_},
          {"filters", std::move(dropped)}};
}

Json Funnel::Diversity() const {
  return {{"pairs", pairs_},
          {"shared_positions", MeanOf(shared_positions_, pairs_)},
          {"shared_prefix", MeanOf(shared_prefix_, pairs_)}};
}

}  // namespace retort
