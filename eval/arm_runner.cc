#include "eval/arm_runner.h"

#include <algorithm>
#include <exception>
#include <limits>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/progress.h"
#include "core/base/stop.h"
#include "eval/exhibits.h"
#include "eval/metered_engine.h"

namespace retort {
namespace {

constexpr size_t kCostBlocks = 5;
/// A shorter run is repeated: one hundredth of a second of somebody else's work would show in it.
constexpr double kMinThroughputSeconds = 1.0;

struct TimedSearches {
  std::vector<TraceTree> trees;  // of the problems asked for, or of the first of them
  double wall_seconds = 0;
  double cost_seconds = 0;
  std::vector<double> cost_blocks;
};

double Now(CostClock clock) {
  return clock == CostClock::kCpu ? ProcessCpuSeconds() : MonotonicSeconds();
}

/// Takes the time by the clock whenever another part of the problems is finished.
class CostBlocks {
 public:
  CostBlocks(CostClock clock, size_t problems)
      : clock_(clock),
        problems_(problems),
        blocks_(std::min(problems, kCostBlocks)),
        last_s_(Now(clock)) {}

  void FinishedOne() {
    const std::lock_guard lock(mutex_);
    ++done_;
    const size_t end = (values_.size() + 1) * problems_ / blocks_;
    if (done_ < end) return;
    const double now_s = Now(clock_);
    values_.push_back((now_s - last_s_) / static_cast<double>(done_ - begin_));
    last_s_ = now_s;
    begin_ = done_;
  }
  /// At least one, if a problem is finished.
  std::vector<double> Take() {
    if (values_.empty() && done_ > 0) {
      values_.push_back((Now(clock_) - last_s_) / static_cast<double>(done_));
    }
    return std::move(values_);
  }

 private:
  std::mutex mutex_;
  const CostClock clock_;
  size_t problems_;
  size_t blocks_;
  size_t done_ = 0;
  size_t begin_ = 0;
  double last_s_;
  std::vector<double> values_;
};

/// Calls search(i) for i = 0, 1, ... below n on `concurrency` threads, none anew after `seconds`
/// (but the first) or when asked to stop; rethrows the first exception. Returns how many were
/// searched.
size_t SearchFor(double seconds, size_t n, int concurrency,
                 const std::function<void(size_t)>& search) {
  const double end_s = MonotonicSeconds() + seconds;
  size_t next = 0;
  std::mutex mutex;  // guards next and failure
  std::exception_ptr failure;
  const auto take = [&]() -> std::optional<size_t> {
    const std::lock_guard lock(mutex);
    if (next == n || failure || StopRequested() != 0) return std::nullopt;
    if (next > 0 && MonotonicSeconds() >= end_s) return std::nullopt;
    return next++;
  };
  const auto work = [&] {
    while (const std::optional<size_t> i = take()) {
      try {
        search(*i);
      } catch (...) {  // the edge of a worker thread: kept and rethrown below
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
      }
    }
  };
  {
    std::vector<std::jthread> workers;
    const size_t count = std::min(n, static_cast<size_t>(concurrency));
    for (size_t i = 0; i < count; ++i) workers.emplace_back(work);
  }
  if (failure) std::rethrow_exception(failure);
  return next;
}

int Concurrency(const ArmConfig& arm, const ArmSetting& setting) {
  return std::max(1, arm.strategy->NeedsEngine() ? setting.in_flight : setting.threads);
}

Progress::Options ArmProgress(const ArmConfig& arm, size_t problems, size_t done_before) {
  return {.label = "eval " + arm.name,
          .unit = "problems",
          .total = static_cast<int64_t>(problems),
          .done_before = static_cast<int64_t>(done_before)};
}

/// What of an arm is searched in one go: as many of the problems as are begun in `seconds`.
struct Piece {
  std::span<const Problem> problems;
  uint64_t seed;
  double seconds;
  Progress& progress;
};

TimedSearches SearchTimed(const ArmConfig& arm, Engine* engine, const ArmSetting& setting,
                          const Piece& piece) {
  const std::span<const Problem> problems = piece.problems;
  TimedSearches timed;
  timed.trees.resize(problems.size());
  const SearchContext context{.task = setting.task,
                              .tokenizer = setting.tokenizer,
                              .engine = engine,
                              .seed = piece.seed,
                              .budget = {}};
  CostBlocks blocks(setting.clock, problems.size());
  const double wall_start_s = MonotonicSeconds();
  const double cost_start_s = Now(setting.clock);
  const auto search = [&](size_t i) {
    timed.trees[i] = arm.strategy->Search(problems[i].question, context);
    blocks.FinishedOne();
    piece.progress.Add(1);
  };
  timed.trees.resize(SearchFor(piece.seconds, problems.size(), Concurrency(arm, setting), search));
  timed.wall_seconds = MonotonicSeconds() - wall_start_s;
  timed.cost_seconds = Now(setting.clock) - cost_start_s;
  timed.cost_blocks = blocks.Take();
  return timed;
}

/// Judges the searches of `problems` and adds them to `run`.
void AddSearches(const ArmConfig& arm, TimedSearches timed, std::span<const Problem> problems,
                 const Task& task, SeedRun* run) {
  run->wall_seconds += timed.wall_seconds;
  run->cost_seconds += timed.cost_seconds;
  run->cost_blocks.insert(run->cost_blocks.end(), timed.cost_blocks.begin(),
                          timed.cost_blocks.end());
  const size_t before = run->outcomes.size();
  for (size_t i = 0; i < timed.trees.size(); ++i) {
    CheckTree(timed.trees[i], StrCat("arm ", arm.name, ", ", problems[i].question.id));
    run->outcomes.push_back(JudgeTree(timed.trees[i], problems[i], task.GetVerifier()));
  }
  if (arm.kind != ArmKind::kSearch) return;
  // The exhibit: the first of the most telling of all so far, so the same in one piece or many.
  const size_t telling = MostTellingTree(run->outcomes);
  if (telling < before || telling == run->outcomes.size()) return;
  const size_t i = telling - before;
  run->tree = StepTree(timed.trees[i], problems[i], task, arm.name);
}

}  // namespace

ArmEngine::ArmEngine(const ArmModels* models, int seed) {
  if (models == nullptr) return;
  if (models->fresh) {
    owned_ = models->fresh(seed);
    engine_ = owned_.get();
  } else {
    engine_ = models->engines.at(static_cast<size_t>(seed));
  }
}

uint64_t ArmSeed(uint64_t seed, int seed_index) { return seed + static_cast<uint64_t>(seed_index); }

void RunArmSeed(const ArmConfig& arm, const ArmModels* models, int seed_index,
                const ArmSetting& setting, const KeepRun& keep, SeedRun* run) {
  RETORT_CHECK(run->outcomes.size() <= setting.problems.size(), "arm ", arm.name, " has ",
               run->outcomes.size(), " outcomes of ", setting.problems.size(), " problems");
  ArmEngine engine(models, seed_index);
  std::unique_ptr<MeteredEngine> meter;
  if (engine.get() != nullptr) meter = std::make_unique<MeteredEngine>(*engine.get());
  const int64_t decoded_before = run->engine_decoded;
  run->concurrency = Concurrency(arm, setting);
  Progress progress(ArmProgress(arm, setting.problems.size(), run->outcomes.size()));
  while (run->outcomes.size() < setting.problems.size()) {
    const auto rest = setting.problems.subspan(run->outcomes.size());
    const Piece piece{rest, ArmSeed(setting.seed, seed_index), setting.keep_every_seconds,
                      progress};
    AddSearches(arm, SearchTimed(arm, meter.get(), setting, piece), rest, setting.task, run);
    run->engine_decoded = decoded_before + (meter ? meter->Total().decoded : 0);
    keep(*run);
    ThrowIfStopRequested();
  }
}

void RepeatShortRuns(std::vector<TimedRun> runs, const ArmSetting& setting) {
  std::erase_if(runs, [](const TimedRun& timed) {
    const bool cold = timed.models == nullptr || timed.models->fresh != nullptr;
    return !cold || timed.run->wall_seconds >= kMinThroughputSeconds;
  });
  const auto problems = static_cast<double>(setting.problems.size());
  for (const TimedRun& timed : runs) {
    timed.run->wall_seconds = timed.run->cost_seconds = 0;
    timed.run->cost_blocks.clear();
  }
  for (size_t repeat = 0; repeat < kCostBlocks; ++repeat) {
    for (const TimedRun& timed : runs) {
      ArmEngine engine(timed.models, timed.seed_index);
      Progress progress(ArmProgress(*timed.arm, setting.problems.size(), 0));
      const Piece all{setting.problems, ArmSeed(setting.seed, timed.seed_index),
                      std::numeric_limits<double>::infinity(), progress};
      const TimedSearches again = SearchTimed(*timed.arm, engine.get(), setting, all);
      ThrowIfStopRequested();
      timed.run->wall_seconds += again.wall_seconds / static_cast<double>(kCostBlocks);
      timed.run->cost_seconds += again.cost_seconds / static_cast<double>(kCostBlocks);
      timed.run->cost_blocks.push_back(again.cost_seconds / problems);
    }
  }
}

Json SeedRunToJson(const SeedRun& run) {
  Json outcomes = Json::array();
  for (const ProblemOutcome& outcome : run.outcomes) outcomes.push_back(OutcomeToJson(outcome));
  return {{"outcomes", outcomes},
          {"wall_seconds", run.wall_seconds},
          {"cost_seconds", run.cost_seconds},
          {"concurrency", run.concurrency},
          {"cost_blocks", run.cost_blocks},
          {"engine_decoded", run.engine_decoded},
          {"tree", run.tree}};
}

SeedRun SeedRunFromJson(const Json& json, const std::string& where) {
  try {
    SeedRun run;
    for (const Json& outcome : json.at("outcomes")) {
      run.outcomes.push_back(OutcomeFromJson(outcome, where));
    }
    run.wall_seconds = json.at("wall_seconds");
    run.cost_seconds = json.at("cost_seconds");
    run.concurrency = json.at("concurrency");
    run.cost_blocks = json.at("cost_blocks").get<std::vector<double>>();
    run.engine_decoded = json.at("engine_decoded");
    run.tree = json.at("tree");
    return run;
  } catch (const Json::exception& error) {
    throw Error(ExitCode::kData, StrCat(where, ": not an arm's results - ", error.what()));
  }
}

}  // namespace retort
