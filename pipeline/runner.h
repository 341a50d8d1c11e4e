// Runs the stages of an experiment in a run folder: keys, skips what is complete, resumes what is
// not, and says which. One runner per run folder at a time (advisory lock). Not thread-safe.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/stage.h"
#include "pipeline/experiment.h"

namespace retort {

enum class StageState { kWaiting, kToDo, kPartial, kDone };
const char* StageStateName(StageState state);

/// Where one node stands.
struct NodeStatus {
  StageState state = StageState::kWaiting;
  std::string key;  // "" while an input is unfinished
  std::string dir;  // "" while the key is unknown
  std::string why;  // why it is not done: first difference to the nearest other key, or
                    // the input it waits for
  std::optional<StageManifest> manifest;  // when done
};

class Runner {
 public:
  struct Options {
    std::string runs_dir = "runs";
    std::vector<std::string> command_line;  // for manifest.json
  };

  /// Borrows `env` and `experiment`; fills in the vocabulary size of its models once the tokenizer
  /// is known. Creates nothing yet.
  Runner(Env& env, Experiment& experiment, Options options);
  ~Runner();

  const std::string& run_dir() const { return run_dir_; }

  /// Problems of all splits, made once. Error(kConfig|kData) from the task.
  const std::vector<Problem>& Problems(const std::string& split);
  const Tokenizer& GetTokenizer();
  /// Shape of the model that a reference leads to, before or after its training.
  ModelConfig ShapeOf(const std::string& reference);

  /// Checks what needs files: checkpoints exist, load and agree with the tokenizer; problem files
  /// parse; the task has the players that strategies name; prompts and completions fit the models;
  /// the run folder is writable. Throws the first failure.
  void CheckInputs();

  /// Status of every node, in order. Reads only.
  std::vector<NodeStatus> Status();

  /// Runs every unfinished node of `kinds` in order. A node whose input is unfinished and not in
  /// `kinds` is Error(kData) naming the command to run first. Takes the run folder's lock;
  /// Error(kTryAgain) naming the holder when another process has it.
  void Run(const std::set<StageKind>& kinds);

  /// The same folder without running: canonical facts that decide a node's result, or nullopt while
  /// an input is unfinished. Its SHA-256 is the node's key.
  std::optional<Json> KeyFacts(size_t node);

 private:
  struct State;
  void Lock();
  void WriteRunFiles();
  void CheckKeptLayers();
  void CheckPlayers();
  void CheckLengths();
  /// Unfinished nodes of these kinds find their device here. No part of CheckInputs: a plan may be
  /// made where the run will not be.
  void CheckDevices(const std::set<StageKind>& kinds);
  void RunNode(size_t node, const NodeStatus& status);
  NodeStatus NodeStatusOf(size_t node);
  /// Re-hashes what a finished stage wrote; throws Error(kData) naming the damaged file.
  void VerifyOutputs(const StageNode& node, const NodeStatus& status) const;
  std::string FirstDifference(const StageNode& node, const Json& facts) const;
  StageContext MakeContext(size_t node, const NodeStatus& status);
  void RunGenerate(size_t node, const StageContext& context);
  void RunFilter(size_t node, const StageContext& context);
  void RunTrain(size_t node, const StageContext& context);
  void RunEval(size_t node, const StageContext& context);
  /// Folder of a model reference; a train section's first seed. Its node must be done.
  std::string ModelDir(const std::string& reference) const;
  /// Splits that evaluation or checkpoint selection reads: no training example may come from them.
  std::vector<std::string> HeldOutSplits() const;
  void AddLineage(size_t node, std::set<size_t>& lineage) const;
  StageFacts FactsOf(size_t node) const;

  Env& env_;
  Experiment& experiment_;
  Options options_;
  std::string run_dir_;
  std::unique_ptr<State> state_;
};

}  // namespace retort
