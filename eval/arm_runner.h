// Runs one arm on all problems: many searches in flight on a shared engine, results by problem.
// Answers depend on (problem, seed) alone, never on threads or order; seconds are measured here.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "eval/eval_stage.h"
#include "eval/outcome.h"
#include "eval/report_types.h"

namespace retort {

/// What every arm of one eval shares. Borrowed for the call.
struct ArmSetting {
  const Task& task;
  const Tokenizer& tokenizer;
  std::span<const Problem> problems;
  uint64_t seed = 1;
  int in_flight = 1;
  int threads = 1;  // for players, whose searches are the only work
  CostClock clock = CostClock::kCpu;
  double keep_every_seconds = 600;
};

/// One arm with one seed's model; of the first problems only while it is not finished.
struct SeedRun {
  std::vector<ProblemOutcome> outcomes;  // by problem
  double wall_seconds = 0;               // of the searches alone, not of judging them
  double cost_seconds = 0;
  int concurrency = 1;
  std::vector<double> cost_blocks;  // seconds a problem by the setting's clock, in parts of the run
  int64_t engine_decoded = 0;       // tokens by the engine's own count
  Json tree;                        // a telling search tree (eval/exhibits.h); null for others
};

/// The engine an arm uses: a fresh one where the model offers it, otherwise the shared one.
class ArmEngine {
 public:
  /// `models` is null for players.
  ArmEngine(const ArmModels* models, int seed);
  Engine* get() { return engine_; }

 private:
  std::unique_ptr<Engine> owned_;
  Engine* engine_ = nullptr;
};

/// Seed of an arm's random numbers for model `seed_index`.
uint64_t ArmSeed(uint64_t seed, int seed_index);

/// Called with what there is of a run so far.
using KeepRun = std::function<void(const SeedRun& run)>;

/// Goes on with `run`, from the first problem that it lacks, to the last. Every
/// setting.keep_every_seconds, at the end and when asked to stop, the searches in flight are
/// finished and `keep` called. Rethrows what a search threw; ThrowIfStopRequested after `keep`.
void RunArmSeed(const ArmConfig& arm, const ArmModels* models, int seed_index,
                const ArmSetting& setting, const KeepRun& keep, SeedRun* run);

/// A run whose cost may have to be taken again.
struct TimedRun {
  const ArmConfig* arm = nullptr;
  const ArmModels* models = nullptr;  // null for players
  int seed_index = 0;
  SeedRun* run = nullptr;
};

/// Replaces the cost of runs too short to be timed once by that of several, with fresh engines, the
/// arms taking turns: what the machine does meanwhile, and what is made once in a process (a
/// checker's tables), is then not the cost of the arm that happens to come first.
void RepeatShortRuns(std::vector<TimedRun> runs, const ArmSetting& setting);

Json SeedRunToJson(const SeedRun& run);
SeedRun SeedRunFromJson(const Json& json, const std::string& where);

}  // namespace retort
