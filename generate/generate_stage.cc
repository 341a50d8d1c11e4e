#include "generate/generate_stage.h"

#include <algorithm>
#include <cstdio>
#include <deque>
#include <utility>

#include "core/base/clock.h"
#include "core/base/commit.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/progress.h"
#include "core/base/stop.h"
#include "generate/attempt_log.h"
#include "generate/plan.h"
#include "generate/search_pool.h"
#include "generate/shard_writer.h"
#include "generate/tally.h"

namespace retort {
namespace {

/// What Resume found, for the log line and the manifest.
struct ResumeFacts {
  size_t shards = 0;
  size_t verified = 0;         // committed earlier
  size_t partial = 0;          // with a journal
  size_t replayed = 0;         // records of those journals
  size_t partial_planned = 0;  // records planned for those shards
  size_t lost = 0;             // records cut in the middle, to be searched again
  size_t verified_records = 0;

  bool any() const { return verified + partial > 0; }
  std::string Line() const {
    return StrCat("resumed: ", verified, "/", shards, " shards verified, ", partial, " partial (",
                  replayed, "/", partial_planned, " records replayed), ", lost, " lost");
  }
  Json ToJson() const {
    return {{"shards_verified", verified},
            {"shards_partial", partial},
            {"records_verified", verified_records},
            {"records_replayed", replayed},
            {"records_lost", lost}};
  }
};

std::string PercentText(int64_t part, int64_t whole) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %%",
                whole > 0 ? 100.0 * static_cast<double>(part) / static_cast<double>(whole) : 0.0);
  return text;
}

Json EngineUse(const EngineStats& before, const EngineStats& after) {
  return {{"computed_tokens", after.computed_tokens - before.computed_tokens},
          {"unique_tokens", after.unique_tokens - before.unique_tokens},
          {"steps", after.steps - before.steps},
          {"evicted_slots", after.evicted_slots - before.evicted_slots},
          {"busy_seconds", after.busy_seconds - before.busy_seconds}};
}

/// Judges with the gold answer what the question alone could not judge. The search has ended and
/// chosen by then, so no gold answer reaches it.
void JudgeByGold(TraceTree& tree, const Problem& problem, const Verifier& verifier) {
  for (size_t i = 0; i < tree.nodes.size(); ++i) {
    Node& node = tree.nodes[i];
    if (!node.terminal || node.verdict != Verdict::kUnverified) continue;
    node.verdict = verifier.Verify(problem, tree.PathText(static_cast<int32_t>(i)));
  }
}

/// One run of the stage: feeds problems to the pool, files finished trees, commits.
class Driver {
 public:
  Driver(const GenerateConfig& config, const GenerateInputs& inputs, const StageContext& context)
      : config_(config),
        inputs_(inputs),
        context_(context),
        plan_(PlanShards(inputs.problems, config.shards)),
        attempt_(context.env, context.dir),
        folder_{.env = context.env,
                .dir = context.dir,
                .provenance = inputs.provenance,
                .run = {{"host", HostName()}, {"attempt", attempt_.attempts()}}} {}

  void Run() {
    PrepareFolder();
    Resume();
    if (inputs_.engine != nullptr) engine_before_ = inputs_.engine->Stats();
    try {
      Search();
    } catch (const Error&) {
      // What a served teacher was paid for is not forgotten.
      if (inputs_.engine != nullptr) UpdateAttempt(true);
      throw;
    }
    CrashPoint("generate.before_manifest");
    UpdateAttempt(true);
    WriteManifest();
  }

 private:
  int64_t Total() const { return static_cast<int64_t>(inputs_.problems.size()); }

  void PrepareFolder() {
    for (const char* folder : {"journal", "shards", "locks"}) {
      context_.env.CreateDirs(JoinPath(context_.dir, folder));
    }
    SweepTemporaries(context_.env, context_.dir);
    SweepTemporaries(context_.env, JoinPath(context_.dir, "shards"));
    CommitPlan(context_.env, context_.dir, context_.key, plan_, inputs_.problems);
    CrashPoint("generate.after_plan");
    for (size_t k = 0; k < plan_.shards.size(); ++k) {
      std::vector<std::string> ids;
      for (const size_t index : plan_.shards[k]) ids.push_back(inputs_.problems[index].question.id);
      writers_.push_back(
          std::make_unique<ShardWriter>(folder_, static_cast<int>(k), std::move(ids)));
    }
  }

  void Resume() {
    resumed_.shards = writers_.size();
    for (size_t k = 0; k < writers_.size(); ++k) {
      ShardWriter& writer = *writers_[k];
      writer.Resume();
      CountResumed(writer);
      for (const size_t index : plan_.shards[k]) {
        if (!writer.Has(inputs_.problems[index].question.id)) todo_.push_back({index, k});
      }
    }
    done_ = Total() - static_cast<int64_t>(todo_.size());
    if (resumed_.any()) LogInfo(StrCat("generate ", context_.name, " ", resumed_.Line()));
    if (Total() == 0) LogWarning(StrCat("generate ", context_.name, ": no problems to search"));
  }

  void CountResumed(const ShardWriter& writer) {
    if (writer.replayed() > 0 || writer.lost_record()) {
      ++resumed_.partial;
      resumed_.replayed += writer.replayed();
      resumed_.partial_planned += writer.planned();
      resumed_.lost += writer.lost_record() ? 1 : 0;
    } else if (writer.committed()) {
      ++resumed_.verified;
      resumed_.verified_records += writer.planned();
    }
  }

  TraceTree SearchOne(size_t index) const {
    const Problem& problem = inputs_.problems[index];
    TraceTree tree = config_.strategy->Search(problem.question, {.task = inputs_.task,
                                                                 .tokenizer = inputs_.tokenizer,
                                                                 .engine = inputs_.engine,
                                                                 .seed = context_.seed,
                                                                 .budget = config_.budget});
    tree.answer = problem.answer;
    tree.source = problem.source;
    tree.split = problem.split;
    JudgeByGold(tree, problem, inputs_.task.GetVerifier());
    CheckTree(tree, "search tree of " + problem.question.id);
    return tree;
  }

  void Search() {
    if (todo_.empty()) return;
    Progress progress({.label = "generate " + context_.name,
                       .unit = "problems",
                       .total = Total(),
                       .done_before = done_});
    const int workers =
        static_cast<int>(std::min<size_t>(static_cast<size_t>(config_.in_flight), todo_.size()));
    workers_ = workers;
    start_seconds_ = MonotonicSeconds();
    SearchPool pool(workers, [this](size_t item) { return SearchOne(todo_[item].problem); });
    size_t next = 0;
    do {
      // Twice the workers, so that none waits while this thread writes a shard.
      const size_t ahead = 2 * static_cast<size_t>(workers);
      while (StopRequested() == 0 && next < todo_.size() && pool.outstanding() < ahead) {
        writers_[todo_[next].shard]->Open();
        pool.Submit(next++);
      }
      if (StopRequested() != 0) pool.CancelWaiting();
    } while (FileNext(pool, progress));
    SyncAll();
    ThrowIfStopRequested();
  }

  /// False when nothing is outstanding.
  bool FileNext(SearchPool& pool, Progress& progress) {
    std::optional<SearchPool::Finished> finished = pool.Next();
    if (!finished) return false;
    new_work_.Add(finished->tree);
    writers_[todo_[finished->index].shard]->Add(std::move(finished->tree));
    ++done_;
    progress.Add(1, Note());
    // What was paid for is written down with every problem.
    UpdateAttempt(attempt_.served().attempts > 0);
    return true;
  }

  /// "solved 71.2 %, 12,345 tok/s" of this attempt's problems.
  std::string Note() const {
    const double seconds = std::max(MonotonicSeconds() - start_seconds_, 1e-9);
    const double rate = static_cast<double>(new_work_.counts.decoded) / seconds;
    return StrCat("solved ", PercentText(new_work_.solved, new_work_.problems), ", ",
                  WithCommas(static_cast<int64_t>(rate)), " tok/s");
  }

  void SyncAll() {
    for (const auto& writer : writers_) writer->Sync();
    UpdateAttempt(true);
  }

  void UpdateAttempt(bool force) {
    if (inputs_.engine != nullptr) attempt_.SetServed(inputs_.engine->Stats().served);
    attempt_.Update(done_, Total(), force);
  }

  void WriteManifest() {
    TraceTally tally;
    Json shards = Json::array();
    for (const auto& writer : writers_) {
      tally += writer->tally();
      shards.push_back(writer->ManifestEntry());
    }
    Json content = tally.ToJson();
    content["strategy"] = config_.strategy->Name();
    content["shards"] = std::move(shards);
    WriteStageManifest(context_, content, RunFacts());
    LogInfo(StrCat("generate ", context_.name, ": ", WithCommas(tally.problems), " problems, ",
                   WithCommas(tally.solved), " solved (", PercentText(tally.solved, tally.problems),
                   "), ", WithCommas(tally.counts.decoded), " tokens sampled", ServedNote()));
  }

  /// "; served: 1,024 requests in 1,103 attempts, 98,304 prompt and 45,678 sampled tokens, 1.25".
  std::string ServedNote() const {
    const ServedUse use = attempt_.served();
    if (use.attempts == 0) return "";
    return StrCat("; served: ", WithCommas(use.requests), " requests in ", WithCommas(use.attempts),
                  " attempts, ", WithCommas(use.prompt_tokens), " prompt and ",
                  WithCommas(use.completion_tokens), " sampled tokens, money ",
                  DoubleText(use.money));
  }

  Json RunFacts() const {
    Json run = {{"seconds", attempt_.seconds()},
                {"cpu_seconds", attempt_.cpu_seconds()},
                {"attempts", attempt_.attempts()},
                {"finished", UtcNow()},
                {"host", HostName()},
                {"processor", ProcessorName()},
                {"peak_resident_bytes", PeakResidentBytes()},
                {"workers", workers_},
                {"threads", context_.threads},
                {"resumed", resumed_.ToJson()}};
    if (inputs_.engine != nullptr) {
      run["engine"] = EngineUse(engine_before_, inputs_.engine->Stats());
      run["engine"]["description"] = inputs_.engine->Info().description;
    }
    if (attempt_.served().attempts > 0) run["served"] = ServedUseJson(attempt_.served());
    return run;
  }

  struct Item {
    size_t problem;
    size_t shard;
  };

  const GenerateConfig& config_;
  const GenerateInputs& inputs_;
  const StageContext& context_;
  ShardPlan plan_;
  AttemptLog attempt_;
  ShardFolder folder_;
  std::vector<std::unique_ptr<ShardWriter>> writers_;
  std::vector<Item> todo_;  // in plan order
  ResumeFacts resumed_;
  EngineStats engine_before_;
  TraceTally new_work_;
  int64_t done_ = 0;
  int workers_ = 0;
  double start_seconds_ = 0;
};

}  // namespace

void RunGenerateStage(const GenerateConfig& config, const GenerateInputs& inputs,
                      const StageContext& context) {
  RETORT_CHECK(config.strategy != nullptr, "generate ", context.name);
  if (config.strategy->NeedsEngine() && inputs.engine == nullptr) {
    throw Error(ExitCode::kConfig, StrCat("generate ", context.name, ": strategy ",
                                          config.strategy->Name(), " needs a model - set `model`"));
  }
  Driver(config, inputs, context).Run();
}

}  // namespace retort
