#include "filter/gold.h"

#include <set>
#include <utility>

#include "core/base/rng.h"

namespace retort {
namespace {

using PromptAndSolution = std::pair<std::string, std::string>;

class GoldMaker {
 public:
  GoldMaker(const FilterConfig& config, const FilterInputs& inputs, const HeldOut& held_out)
      : config_(config), inputs_(inputs), held_out_(held_out) {}

  void AddProblem(const Problem& problem, uint64_t seed) {
    if (const auto evidence = held_out_.Find(problem.question)) {
      result_.dropped[evidence->kind] += inputs_.gold_traces;
      return;
    }
    const RngKey key = Rng::DeriveKey({seed, "gold", std::string_view(problem.question.id)});
    for (const std::string& solution :
         inputs_.task.GoldTraces(problem, static_cast<int>(inputs_.gold_traces), key)) {
      AddSolution(problem, solution);
    }
  }

  GoldExamples Take() { return std::move(result_); }

 private:
  void AddSolution(const Problem& problem, const std::string& solution) {
    const Verdict verdict = inputs_.task.GetVerifier().Verify(problem, solution);
    if (verdict != Verdict::kCorrect && verdict != Verdict::kUnverified) {
      ++result_.dropped[std::string(VerdictName(verdict))];
      return;
    }
    if (const auto evidence = held_out_.FindInText(solution)) {
      ++result_.dropped[evidence->kind];
      return;
    }
    for (const PromptAndSolution& image : Images(problem, solution)) {
      if (seen_.insert(image).second) {
        AddExamples(problem, image);
      } else {
        ++result_.dropped["same prompt and solution"];
      }
    }
  }

  std::vector<PromptAndSolution> Images(const Problem& problem, const std::string& solution) const {
    if (config_.augment_gold) return inputs_.task.Augment(problem.question, solution);
    return {{problem.question.prompt, solution}};
  }

  void AddExamples(const Problem& problem, const PromptAndSolution& image) {
    Problem shown = problem;
    shown.question.prompt = image.first;
    const Example example = GoldExample(shown, image.second, inputs_.tokenizer);
    for (int copy = 0; copy < config_.gold_repeat; ++copy) result_.examples.push_back(example);
  }

  const FilterConfig& config_;
  const FilterInputs& inputs_;
  const HeldOut& held_out_;
  std::set<PromptAndSolution> seen_;
  GoldExamples result_;
};

}  // namespace

Example GoldExample(const Problem& problem, const std::string& solution,
                    const Tokenizer& tokenizer) {
  Example example{.problem_id = problem.question.id,
                  .source = "gold",
                  .node = -1,
                  .prompt_ids = EncodePrompt(tokenizer, problem.question.prompt),
                  .completion_ids = tokenizer.Encode(solution)};
  if (tokenizer.Specials().eos >= 0) example.completion_ids.push_back(tokenizer.Specials().eos);
  return example;
}

GoldExamples MakeGold(const FilterConfig& config, const FilterInputs& inputs,
                      const HeldOut& held_out, uint64_t seed) {
  GoldMaker maker(config, inputs, held_out);
  for (const Problem& problem : inputs.gold) maker.AddProblem(problem, seed);
  return maker.Take();
}

}  // namespace retort
