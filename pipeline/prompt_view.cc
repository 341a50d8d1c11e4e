#include "pipeline/prompt_view.h"

#include <ostream>

#include "core/base/error.h"
#include "core/base/rng.h"
#include "filter/gold.h"

namespace retort {
namespace {

void PrintIds(const char* label, const std::vector<int32_t>& ids, const Tokenizer& tokenizer,
              std::ostream& out) {
  out << "    " << label << ":";
  for (const int32_t id : ids) {
    // Spellings may hold line breaks.
    const std::string shown = DumpJson(Json(tokenizer.Piece(id)));
    out << " " << id << "=" << shown.substr(1, shown.size() - 2);
  }
  out << "\n";
}

/// The first problem of the first split that has one.
const Problem& FirstProblem(Runner& runner, const Experiment& experiment) {
  for (const ProblemSplit& split : experiment.splits) {
    const std::vector<Problem>& problems = runner.Problems(split.name);
    if (!problems.empty()) return problems.front();
  }
  throw Error(ExitCode::kData, "problems: every split is empty, so there is no prompt to show");
}

}  // namespace

void PrintPrompt(Runner& runner, const Experiment& experiment, std::ostream& out) {
  const Problem& problem = FirstProblem(runner, experiment);
  const Tokenizer& tokenizer = runner.GetTokenizer();
  out << "first prompt (" << problem.split << ", " << problem.question.id
      << "): " << tokenizer.RenderPrompt(problem.question.prompt) << "\n";
  PrintIds("ids", EncodePrompt(tokenizer, problem.question.prompt), tokenizer, out);
  const RngKey key = Rng::DeriveKey({experiment.seed, "prompt_view"});
  for (const std::string& gold : experiment.task->GoldTraces(problem, 1, key)) {
    out << "gold completion: " << gold << "\n";
    PrintIds("learned (the loss leaves out every token before these)",
             GoldExample(problem, gold, tokenizer).completion_ids, tokenizer, out);
  }
}

}  // namespace retort
