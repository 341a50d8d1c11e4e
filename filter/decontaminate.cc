#include "filter/decontaminate.h"

#include "filter/candidates.h"

namespace retort {
namespace {

class Decontaminate final : public TraceFilter {
 public:
  explicit Decontaminate(const HeldOut& held_out) : held_out_(held_out) {}

  std::string Name() const override { return kDecontaminate; }

  void Apply(ProblemCandidates& problem) const override {
    const std::optional<std::string> twin = held_out_.Find({.id = problem.tree->problem_id,
                                                            .prompt = problem.tree->question,
                                                            .horizon = problem.tree->horizon});
    if (!twin) return;
    for (Candidate& candidate : problem.candidates) {
      if (!candidate.kept()) continue;
      Drop(candidate, Name(), kHeldOutReason, "same canonical problem as " + *twin);
    }
  }

 private:
  const HeldOut& held_out_;
};

}  // namespace

HeldOut::HeldOut(const Task& task, const std::vector<std::span<const Problem>>& splits)
    : task_(task) {
  for (const std::span<const Problem>& split : splits) {
    for (const Problem& problem : split) {
      id_of_key_.try_emplace(task.CanonicalKey(problem.question), problem.question.id);
    }
  }
}

std::optional<std::string> HeldOut::Find(const Question& question) const {
  if (id_of_key_.empty()) return std::nullopt;
  const auto found = id_of_key_.find(task_.CanonicalKey(question));
  if (found == id_of_key_.end()) return std::nullopt;
  return found->second;
}

std::unique_ptr<TraceFilter> MakeDecontaminate(const HeldOut& held_out) {
  return std::make_unique<Decontaminate>(held_out);
}

}  // namespace retort
