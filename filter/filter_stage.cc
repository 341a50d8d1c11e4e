#include "filter/filter_stage.h"

#include <functional>
#include <utility>

#include "core/base/clock.h"
#include "core/base/commit.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/progress.h"
#include "core/base/stop.h"
#include "core/trace/dataset.h"
#include "filter/candidates.h"
#include "filter/decontaminate.h"
#include "filter/fates.h"
#include "filter/funnel.h"
#include "filter/gold.h"
#include "filter/limit.h"
#include "filter/tree_stream.h"

namespace retort {
namespace {

/// The first filter, the configured ones, and the limit where there is one, in order.
using Chain = std::vector<const TraceFilter*>;

std::vector<std::string> NamesOf(const Chain& chain) {
  std::vector<std::string> names;
  for (const TraceFilter* filter : chain) names.push_back(filter->Name());
  return names;
}

int64_t CompletionTokens(const std::vector<Example>& examples) {
  int64_t tokens = 0;
  for (const Example& example : examples) {
    tokens += static_cast<int64_t>(example.completion_ids.size());
  }
  return tokens;
}

int64_t PromptTokens(const std::vector<Example>& examples) {
  int64_t tokens = 0;
  for (const Example& example : examples) tokens += static_cast<int64_t>(example.prompt_ids.size());
  return tokens;
}

class Driver {
 public:
  Driver(const FilterConfig& config, const FilterInputs& inputs, const StageContext& context)
      : config_(config),
        inputs_(inputs),
        context_(context),
        held_out_(inputs.task, inputs.held_out, config.held_out_words),
        decontaminate_(MakeDecontaminate(held_out_)) {
    chain_.push_back(decontaminate_.get());
    for (const auto& filter : config.filters) chain_.push_back(filter.get());
  }

  void Run() {
    WarnIfUnverified();
    SweepTemporaries(context_.env, context_.dir);
    if (config_.limit > 0) AddLimit();
    const GoldExamples gold = MakeGold(config_, inputs_, held_out_, context_.seed);
    Dataset dataset{.view = config_.view->Name(),
                    .tokenizer_sha256 = inputs_.tokenizer.Sha256(),
                    .examples = gold.examples};
    Funnel funnel(NamesOf(chain_));
    FilterTraces(funnel, dataset);
    CrashPoint("filter.after_fates");
    WriteFunnel(funnel, gold);
    RefuseEmpty(funnel, dataset);
    WriteDataset(context_.env, DatasetPath(), dataset, {{"host", HostName()}});
    CrashPoint("filter.after_dataset");
    WriteManifest(funnel, gold, dataset);
  }

 private:
  std::string DatasetPath() const { return JoinPath(context_.dir, "dataset.h5"); }

  void WarnIfUnverified() const {
    for (const TraceFilter* filter : chain_) {
      if (filter->Name() == "verified") return;
    }
    if (config_.inputs.empty()) return;
    LogWarning(
        StrCat("filter ", context_.name,
               ": there is no `verified` filter, so traces are kept whatever their verdict"));
  }

  /// Calls visit(problem) with the candidates of each problem in id order, unfiltered.
  void ForEachProblem(const std::string& label,
                      const std::function<void(ProblemCandidates&)>& visit) const {
    ProblemStream stream(context_.env, inputs_.generate, inputs_.tokenizer.Sha256());
    if (stream.trees() == 0) return;
    Progress progress(
        {.label = label + " " + context_.name, .unit = "trees", .total = stream.trees()});
    while (true) {
      ThrowIfStopRequested();
      const std::vector<SourcedTree> trees = stream.Next();
      if (trees.empty()) return;
      ProblemCandidates problem = MakeCandidates(trees, inputs_.task.GetStepRule());
      visit(problem);
      progress.Add(static_cast<int64_t>(trees.size()));
    }
  }

  /// Which traces a limit keeps is known only when all that reach it are: a pass of its own.
  void AddLimit() {
    std::vector<uint64_t> keys;
    ForEachProblem("count", [&](ProblemCandidates& problem) {
      for (const TraceFilter* filter : chain_) filter->Apply(problem);
      for (const Candidate& candidate : problem.candidates) {
        if (!candidate.kept()) continue;
        keys.push_back(LimitKey(context_.seed, problem.tree->problem_id, candidate));
      }
    });
    limit_ = MakeLimit(context_.seed, config_.limit, std::move(keys));
    chain_.push_back(limit_.get());
  }

  void FilterTraces(Funnel& funnel, Dataset& dataset) const {
    FateWriter fates(context_.env, context_.dir);
    ForEachProblem("filter", [&](ProblemCandidates& problem) {
      funnel.AddProblem(problem);
      for (size_t i = 0; i < chain_.size(); ++i) funnel.Apply(i, *chain_[i], problem);
      funnel.FinishProblem(problem);
      fates.Add(problem);
      for (Example& example : config_.view->MakeExamples(problem, inputs_.tokenizer)) {
        dataset.examples.push_back(std::move(example));
      }
    });
    fates.Finish();
  }

  void WriteFunnel(const Funnel& funnel, const GoldExamples& gold) const {
    Json json = funnel.ToJson();
    json["gold"] = gold.examples.size();
    json["gold_dropped"] = gold.dropped;
    json["diversity"] = funnel.Diversity();
    WriteFileAtomically(context_.env, JoinPath(context_.dir, "funnel.json"), DumpJsonPretty(json));
  }

  void RefuseEmpty(const Funnel& funnel, const Dataset& dataset) const {
    if (!dataset.examples.empty()) return;
    throw Error(ExitCode::kData,
                StrCat("filter ", context_.name, ": nothing is left to train on - all ",
                       WithCommas(funnel.input()), " candidates were dropped - read ",
                       JoinPath(context_.dir, "funnel.json"), " and loosen a filter"));
  }

  void WriteManifest(const Funnel& funnel, const GoldExamples& gold, const Dataset& dataset) const {
    const Sidecar sidecar = VerifyCommitted(context_.env, DatasetPath());
    const auto examples = static_cast<int64_t>(dataset.examples.size());
    const auto gold_examples = static_cast<int64_t>(gold.examples.size());
    const int64_t completion_tokens = CompletionTokens(dataset.examples);
    const Json content = {{"view", dataset.view},
                          {"examples", examples},
                          {"gold_examples", gold_examples},
                          {"trace_examples", examples - gold_examples},
                          {"problems", funnel.problems_kept()},
                          {"completion_tokens", completion_tokens},
                          {"tokens", completion_tokens + PromptTokens(dataset.examples)},
                          {"dataset_sha256", sidecar.sha256},
                          {"funnel", funnel.Totals()},
                          {"diversity", funnel.Diversity()}};
    WriteStageManifest(context_, content, RunFacts());
    LogInfo(StrCat("filter ", context_.name, ": ", WithCommas(funnel.input()), " candidates, ",
                   WithCommas(funnel.kept()), " kept, ", WithCommas(gold_examples),
                   " gold examples"));
  }

  Json RunFacts() const {
    return {{"seconds", MonotonicSeconds() - start_seconds_},
            {"cpu_seconds", ProcessCpuSeconds() - start_cpu_seconds_},
            {"finished", UtcNow()},
            {"host", HostName()},
            {"processor", ProcessorName()},
            {"peak_resident_bytes", PeakResidentBytes()}};
  }

  const FilterConfig& config_;
  const FilterInputs& inputs_;
  const StageContext& context_;
  HeldOut held_out_;
  std::unique_ptr<TraceFilter> decontaminate_;
  std::unique_ptr<TraceFilter> limit_;
  Chain chain_;
  double start_seconds_ = MonotonicSeconds();
  double start_cpu_seconds_ = ProcessCpuSeconds();
};

}  // namespace

void RunFilterStage(const FilterConfig& config, const FilterInputs& inputs,
                    const StageContext& context) {
  RETORT_CHECK(config.view != nullptr, "filter ", context.name);
  if (!config.gold_split.empty() && inputs.gold_traces == 0) {
    throw Error(ExitCode::kConfig,
                StrCat("filter ", context.name, ": gold_split ", config.gold_split,
                       " has no gold traces - set problems.", config.gold_split, ".traces"));
  }
  Driver(config, inputs, context).Run();
}

}  // namespace retort
