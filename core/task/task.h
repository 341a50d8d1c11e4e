// A source of problems and the pure judge of their answers. One file a task; tasks.def lists them.
//
// Tasks and verifiers are immutable after construction and thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/config.h"
#include "core/base/env.h"
#include "core/base/rng.h"
#include "core/trace/types.h"

namespace retort {

/// Judges texts. Must return for any bytes whatever, in time linear in them or bounded.
class Verifier {
 public:
  virtual ~Verifier() = default;
  /// With the gold answer at hand.
  virtual Verdict Verify(const Problem& problem, std::string_view text) const = 0;
  /// With the question alone, as a user could; nullopt-like kUnverified when the task cannot.
  virtual Verdict Check(const Question& question, std::string_view text) const = 0;
  /// Whether Check can judge: a search may then stop and choose by it.
  virtual bool CanCheck() const { return true; }
  /// What a vote counts: texts with equal keys give the same answer. The text itself by default.
  virtual std::string AnswerKey(std::string_view text) const { return std::string(text); }
  /// Leading steps that are still on some correct solution, for progress displays.
  virtual int StepsBeforeError(const Question& question, std::string_view text) const = 0;
  /// Name and version; part of every stage key.
  virtual std::string Identity() const = 0;
};

/// How a text is cut into steps.
class StepRule {
 public:
  virtual ~StepRule() = default;
  /// Byte offsets just past each complete step, ascending; the last may be text.size().
  virtual std::vector<size_t> StepEnds(std::string_view text) const = 0;
};

/// A named set of problems.
struct SplitConfig {
  int64_t count = 0;                // 0: all there are
  int64_t traces = 0;               // gold traces per problem a training set may use (gold splits)
  double share = 0;                 // share of the canonical classes that belongs to this split
  std::string file{};               // JSONL file to read instead of generating
  std::string on_error = "refuse";  // or "skip": what a broken line of `file` does
};

struct ProblemSplit {
  std::string name;
  SplitConfig config;
};

/// Facts a task states about itself; printed by `retort inspect EXPERIMENT.yaml`.
struct TaskFacts {
  std::string description;
  std::string solver;             // its algorithm and cost
  std::string symmetry;           // what counts as the same problem
  int64_t problems = 0;           // how many there are in all; 0 if not countable
  int64_t canonical_classes = 0;  // how many up to symmetry; 0 if not countable
};

class Task {
 public:
  virtual ~Task() = default;
  virtual std::string Name() const = 0;
  /// Name, version and every parameter; part of every stage key.
  virtual std::string Identity() const = 0;
  virtual TaskFacts Facts() const = 0;

  /// Problems of all `splits` at once: disjoint by canonical problem, each in a seeded order.
  /// Error(kConfig) when a split asks for more than there is, Error(kData) for a broken file line.
  virtual std::vector<std::vector<Problem>> MakeSplits(const std::vector<ProblemSplit>& splits,
                                                       uint64_t seed) const = 0;
  /// Same text for problems that are the same up to the task's symmetries.
  virtual std::string CanonicalKey(const Question& question) const = 0;
  /// The question as a person wrote it, without template or examples, for overlap with held-out
  /// ones; empty where problems are no texts.
  virtual std::string QuestionText(const Question& /*question*/) const { return ""; }

  virtual const Verifier& GetVerifier() const = 0;
  virtual const StepRule& GetStepRule() const = 0;

  /// Words a word-level tokenizer needs, without special tokens; empty for free text.
  virtual std::vector<std::string> Vocabulary() const = 0;
  /// Longest useful completion in tokens, end-of-text included.
  virtual int MaxCompletionTokens() const = 0;

  /// Texts after which a completion goes on to something else (the next question of a few-shot
  /// prompt); decoding stops at the first. None by default: the end-of-text token is enough.
  virtual std::vector<std::string> StopTexts() const { return {}; }

  /// Up to `count` gold solutions as texts, drawn by `key` (repeats possible if `count` exceeds
  /// what there is: exact duplicates are for filters). Empty if the problem brings only an answer.
  virtual std::vector<std::string> GoldTraces(const Problem& problem, int count,
                                              RngKey key) const = 0;

  /// Number of distinct optimal solutions; nullopt if not countable.
  virtual std::optional<int64_t> CountSolutions(const Question& question) const = 0;

  /// One try each; the text may be wrong. nullopt when the task has no such player.
  virtual std::optional<std::string> RandomPlay(const Question& question, Rng& rng) const = 0;
  virtual std::optional<std::string> HeuristicPlay(const Question& question, Rng& rng) const = 0;
  virtual std::optional<std::string> Solve(const Question& question, Rng& rng) const = 0;

  /// The problem's images under the task's symmetries with a solution mapped along: (question
  /// prompt, solution text) pairs, itself first. Just itself if there are none.
  virtual std::vector<std::pair<std::string, std::string>> Augment(
      const Question& question, std::string_view solution) const = 0;

  /// Problem <-> one JSONL object. FromJson throws Error(kData) with the reason only; the caller
  /// adds file and line.
  virtual Json ToJson(const Problem& problem) const = 0;
  virtual Problem FromJson(const Json& object) const = 0;
};

/// Names in tasks.def, in order.
std::vector<std::string> TaskNames();

/// Reads `task.name` and the named task's own keys from `section` (which also reports unknown
/// names) and builds it. Returns null if the section has errors.
std::unique_ptr<Task> MakeTask(ConfigSection section);

/// Reads the top-level `problems:` mapping (split name -> SplitConfig).
std::vector<ProblemSplit> SplitsFromConfig(ConfigSection root);

/// Reads a problem file for a task: JSON lines, or one JSON array. A broken record, or one over
/// kMaxRecordBytes (core/task/record_reader.h), is refused (Error(kData) naming file:line) or
/// skipped and logged with its line number.
std::vector<Problem> ReadProblemFile(const Env& env, const Task& task, const std::string& path,
                                     bool skip_broken_lines);

}  // namespace retort
