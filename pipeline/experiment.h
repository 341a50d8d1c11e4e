// One experiment file as checked values: the task, its problem splits, and the graph of stages.
//
// A stage of one kind refers to another by name (generate.model -> train, filter.inputs ->
// generate, train.data -> filter, eval.arms[].model -> train), so several experiments of a file
// share what they have in common. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/config.h"
#include "core/task/task.h"
#include "eval/eval_stage.h"
#include "filter/filter_stage.h"
#include "generate/generate_stage.h"
#include "train/train_stage.h"

namespace retort {

enum class StageKind { kGenerate, kFilter, kTrain, kEval };
/// "generate", "filter", "train", "eval": also the folder below the run folder.
const char* StageKindName(StageKind kind);

/// One stage to run: a named section of the file, for one seed.
struct StageNode {
  StageKind kind = StageKind::kGenerate;
  std::string section;  // "student"
  std::string name;     // "student", or "student.s2" where the section asks for several seeds
  uint64_t seed = 1;
  std::vector<size_t> inputs;  // indices of nodes that must be finished before, ascending
  /// "train.student.s2".
  std::string Id() const { return std::string(StageKindName(kind)) + "." + name; }
};

struct Experiment {
  std::string name;
  uint64_t seed = 1;
  int threads = 1;
  std::string tokenizer_path;  // model whose tokenizer is used; "": the task's words, or without
                               // any the first of ModelPaths
  std::string chat = "none";   // none, auto (as the tokenizer's chat template says), or a format
  std::string system_prompt;   // system text of the chat; "": the template's own, if chat is auto
  std::unique_ptr<Task> task;
  std::vector<ProblemSplit> splits;
  std::map<std::string, GenerateConfig> generate;
  std::map<std::string, FilterConfig> filter;
  std::map<std::string, TrainConfig> train;
  std::map<std::string, EvalConfig> eval;
  std::vector<StageNode> nodes;  // every node after its inputs
  Json resolved;                 // the whole file with defaults
  std::string resolved_yaml;

  const ProblemSplit* FindSplit(const std::string& split) const;
  /// Nodes of a train section, one a seed; empty if `reference` names none (then it is a folder).
  std::vector<size_t> TrainNodes(const std::string& reference) const;
  size_t FindNode(StageKind kind, const std::string& section) const;
  /// Every model that is a path and no train section, once, teachers first.
  std::vector<std::string> ModelPaths() const;
};

/// Parses and checks the whole file: types, names, references, cycles. Throws Error(kConfig) with
/// every problem, one a line. Does not look at checkpoints or data yet.
Experiment ParseExperiment(const std::string& text, const std::string& filename,
                           const std::vector<std::string>& overrides);

/// Reads the file first; Error(kConfig) when there is none.
Experiment LoadExperiment(const Env& env, const std::string& path,
                          const std::vector<std::string>& overrides);

}  // namespace retort
