#include "filter/decontaminate.h"

#include "core/base/strings.h"
#include "filter/candidates.h"

namespace retort {
namespace {

class Decontaminate final : public TraceFilter {
 public:
  explicit Decontaminate(const HeldOut& held_out) : held_out_(held_out) {}

  std::string Name() const override { return kDecontaminate; }

  void Apply(ProblemCandidates& problem) const override {
    const std::optional<HeldOut::Evidence> found =
        held_out_.Find({.id = problem.tree->problem_id,
                        .prompt = problem.tree->question,
                        .horizon = problem.tree->horizon});
    for (Candidate& candidate : problem.candidates) {
      if (!candidate.kept()) continue;
      const auto evidence = found ? found : held_out_.FindInText(candidate.text);
      if (evidence) Drop(candidate, Name(), evidence->kind, evidence->detail);
    }
  }

 private:
  const HeldOut& held_out_;
};

}  // namespace

HeldOut::HeldOut(const Task& task, const std::vector<std::span<const Problem>>& splits,
                 int shared_words)
    : task_(task) {
  for (const std::span<const Problem>& split : splits) {
    for (const Problem& problem : split) {
      const Question& question = problem.question;
      id_of_key_.try_emplace(task.CanonicalKey(question), question.id);
      const std::string text = task.QuestionText(question);
      if (shared_words == 0 || text.empty()) continue;
      if (!words_) words_.emplace(shared_words);
      words_->Add(question.id, text);
    }
  }
}

std::optional<HeldOut::Evidence> HeldOut::Find(const Question& question) const {
  if (id_of_key_.empty()) return std::nullopt;
  const auto found = id_of_key_.find(task_.CanonicalKey(question));
  if (found != id_of_key_.end()) {
    return Evidence{kHeldOutReason, "same canonical problem as " + found->second};
  }
  return FindInText(task_.QuestionText(question));
}

std::optional<HeldOut::Evidence> HeldOut::FindInText(std::string_view text) const {
  if (!words_) return std::nullopt;
  const std::optional<WordOverlap::Hit> hit = words_->Find(text);
  if (!hit) return std::nullopt;
  return Evidence{kSharedWordsReason, StrCat('"', hit->words, "\" with ", hit->id)};
}

std::unique_ptr<TraceFilter> MakeDecontaminate(const HeldOut& held_out) {
  return std::make_unique<Decontaminate>(held_out);
}

}  // namespace retort
