#include "train/objective.h"

#include <utility>

#include "core/base/error.h"

namespace retort {

#define RETORT_OBJECTIVE(name, factory) std::unique_ptr<Objective> factory(ConfigSection& section);
#include "train/objectives.def"
#undef RETORT_OBJECTIVE

namespace {

using ObjectiveFactory = std::unique_ptr<Objective> (*)(ConfigSection&);

const std::vector<std::pair<std::string, ObjectiveFactory>>& Registry() {
  static const std::vector<std::pair<std::string, ObjectiveFactory>> registry = {
#define RETORT_OBJECTIVE(name, factory) {#name, factory},
#include "train/objectives.def"
#undef RETORT_OBJECTIVE
  };
  return registry;
}

void CheckSupervised(const Example& example) {
  if (!example.prompt_ids.empty() && !example.completion_ids.empty()) return;
  const size_t tokens = example.prompt_ids.size() + example.completion_ids.size();
  throw Error(ExitCode::kData,
              StrCat("train: 0 of ", tokens, " tokens supervised in the example of problem ",
                     example.problem_id, " (source ", example.source, ", node ", example.node,
                     "): the ", example.prompt_ids.empty() ? "prompt" : "completion",
                     " is empty - check the filter stage's view and run it again"));
}

/// Rows of one example: prompt and completion but for the last token, which is only a target.
void AppendExample(const Example& example, PackedExamples& packed) {
  CheckSupervised(example);
  TokenBatch& batch = packed.batch;
  const int64_t first_row = batch.rows();
  batch.ids.insert(batch.ids.end(), example.prompt_ids.begin(), example.prompt_ids.end());
  batch.ids.insert(batch.ids.end(), example.completion_ids.begin(),
                   example.completion_ids.end() - 1);
  const int64_t rows = batch.rows() - first_row;
  for (int64_t position = 0; position < rows; ++position) batch.positions.push_back(position);
  batch.sequence_offsets.push_back(batch.rows());

  const int64_t first_logit_row = first_row + static_cast<int64_t>(example.prompt_ids.size()) - 1;
  for (int64_t row = first_logit_row; row < batch.rows(); ++row) batch.logit_rows.push_back(row);
  packed.targets.insert(packed.targets.end(), example.completion_ids.begin(),
                        example.completion_ids.end());
  packed.weights.insert(packed.weights.end(), example.completion_ids.size(), example.weight);
}

}  // namespace

std::vector<std::string> ObjectiveNames() {
  std::vector<std::string> names;
  for (const auto& [name, factory] : Registry()) names.push_back(name);
  return names;
}

std::unique_ptr<Objective> MakeObjective(ConfigSection section) {
  std::string name = "sft";
  section.Choice("name", &name, ObjectiveNames());
  for (const auto& [registered, factory] : Registry()) {
    if (registered == name) return factory(section);
  }
  return nullptr;
}

PackedExamples PackExamples(std::span<const Example* const> examples) {
  PackedExamples packed;
  packed.batch.sequence_offsets.push_back(0);
  for (const Example* example : examples) AppendExample(*example, packed);
  return packed;
}

}  // namespace retort
