#include "generate/play.h"

#include <utility>

#include "core/base/error.h"
#include "generate/tree_builder.h"

namespace retort {
namespace {

class Play final : public SearchStrategy {
 public:
  Play(std::string name, Player player, int64_t tries)
      : name_(std::move(name)), player_(player), tries_(tries) {}

  std::string Name() const override { return name_; }
  bool NeedsEngine() const override { return false; }

  bool CanSearch(const Task& task, const Question& question) const override {
    Rng rng = Rng::Derive({std::string_view(name_), std::string_view(question.id)});
    return (task.*player_)(question, rng).has_value();
  }

  TraceTree Search(const Question& question, const SearchContext& context) const override {
    TreeBuilder builder(name_, question, context);
    for (int64_t i = 0; i < tries_; ++i) builder.AddPlayed(Try(question, context, i));
    return builder.Finish(Selection::kChecker);
  }

 private:
  std::string Try(const Question& question, const SearchContext& context, int64_t index) const {
    Rng rng = Rng::Derive({context.seed, std::string_view(name_), std::string_view(question.id),
                           static_cast<uint64_t>(index)});
    std::optional<std::string> text = (context.task.*player_)(question, rng);
    if (!text) {
      throw Error(ExitCode::kConfig, StrCat("strategy ", name_, " - task ", context.task.Name(),
                                            " has no such player - choose another strategy"));
    }
    return *std::move(text);
  }

  std::string name_;
  Player player_;
  int64_t tries_;
};

}  // namespace

std::unique_ptr<SearchStrategy> MakePlay(const std::string& name, Player player,
                                         ConfigSection& section) {
  int64_t tries = 1;
  section.Int("n", &tries, {.min = 1, .max = 1'000'000});
  return std::make_unique<Play>(name, player, tries);
}

}  // namespace retort
