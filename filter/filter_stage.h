// The filter stage: trees in, dataset.h5 and funnel.json out.
//
// funnel.json: {"input", "kept", "gold", "gold_dropped":{reason:count}, "filters":[{"name","in",
// "out","reasons":{reason:count},"samples":[up to 3 per reason]}]}; every candidate has exactly one
// fate, so counts add up. The first filter is always "decontaminate" (held-out problems), the last
// is "limit" when there is one. fates.jsonl keeps one line a candidate for --explain.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/config.h"
#include "core/base/stage.h"
#include "filter/filter.h"

namespace retort {

struct FilterConfig {
  std::vector<std::string> inputs;  // names of generate stages; may be empty (gold only)
  std::vector<std::unique_ptr<TraceFilter>> filters;
  std::unique_ptr<DatasetView> view;
  std::string gold_split;     // mixes in that split's gold traces; "" for none
  bool augment_gold = false;  // all images under the task's symmetries
  int gold_repeat = 1;        // copies of each gold example (mixing weight)
  int held_out_words = 8;     // a run of words shared with a held-out text is too many; 0: off
  int64_t limit = 0;          // at most so many trace examples, by keyed order; 0: all

  static FilterConfig FromConfig(ConfigSection section);
};

struct FilterInput {
  std::string name;       // generate stage
  std::string stage_dir;  // its folder, finished
};

struct FilterInputs {
  const Task& task;
  const Tokenizer& tokenizer;
  std::vector<FilterInput> generate;
  std::span<const Problem> gold;                   // problems of gold_split
  int64_t gold_traces = 0;                         // gold traces a problem
  std::vector<std::span<const Problem>> held_out;  // eval splits: their canonical keys are refused
};

/// Writes fates.jsonl, funnel.json, dataset.h5 and MANIFEST.json. Single-threaded; same bytes for
/// the same inputs. Error(kData) when nothing is left to train on (funnel.json then says why), when
/// an input has not finished, is damaged or was made with another tokenizer.
void RunFilterStage(const FilterConfig& config, const FilterInputs& inputs,
                    const StageContext& context);

/// One line a fate of every candidate of `problem_id` (and `node` unless -1), for --explain: "node
/// 3 of teacher (incorrect): dropped by verified - incorrect". Empty when there is no such
/// candidate.
std::vector<std::string> ExplainFate(const Env& env, const std::string& stage_dir,
                                     const std::string& problem_id, int32_t node);

}  // namespace retort
