// One completion at temperature 0: what a student is used as.
#include <utility>

#include "core/base/error.h"
#include "generate/sampling.h"
#include "generate/strategy.h"
#include "generate/tree_builder.h"

namespace retort {
namespace {

class Greedy final : public SearchStrategy {
 public:
  explicit Greedy(SamplingParams sampling) : sampling_(std::move(sampling)) {}

  std::string Name() const override { return "greedy"; }
  bool NeedsEngine() const override { return true; }

  TraceTree Search(const Question& question, const SearchContext& context) const override {
    RETORT_CHECK(context.engine != nullptr, "greedy needs a model");
    TreeBuilder builder(Name(), question, context);
    const std::vector<Completion> completions = context.engine->Generate(SampleRequests(
        builder.prompt_ids(), question, SamplingFor(sampling_, context), context.seed, 0, 1));
    builder.AddCompletion(completions.at(0));
    return builder.Finish(Selection::kFirst);
  }

 private:
  SamplingParams sampling_;
};

}  // namespace

std::unique_ptr<SearchStrategy> MakeGreedy(ConfigSection& section) {
  SamplingParams sampling;
  sampling.temperature = 0;
  sampling.max_new_tokens = 0;
  section.Int("max_new_tokens", &sampling.max_new_tokens, {.min = 0});
  return std::make_unique<Greedy>(std::move(sampling));
}

}  // namespace retort
