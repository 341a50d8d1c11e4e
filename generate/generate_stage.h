// The generate stage: many problems in flight, shards, journal, resume.
//
// Layout below the stage folder: plan.json (shard -> problem ids), journal/shard-00000.jrn,
// shards/shard-00000.{h5,json}, locks/, status.json (attempts, seconds, progress), MANIFEST.json.
// Bytes of the shards depend on config and problems only, never on threads, batch, kills or how
// many shards run side by side. That is why a tree's counts are logical (generate/cost.h): the
// prompt once, every sampled token, each distinct row's flops. What the engine really ran stands in
// the manifest's `run`.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/config.h"
#include "core/base/stage.h"
#include "core/lm/engine/engine.h"
#include "core/lm/engine/openai.h"
#include "core/trace/trace_store.h"
#include "generate/strategy.h"

namespace retort {

struct GenerateConfig {
  std::string model;  // checkpoint folder or name of a train stage; "" if not needed
  std::optional<ServerConfig> server;  // in place of `model`; answers differ from run to run
  std::string problems;                // split name
  int64_t limit = 0;                   // first so many problems of the split; 0: all
  std::string unsolved_of;             // only problems with no correct trace in that generate stage
  int shards = 1;
  int in_flight = 32;  // problems searched at once
  Budget budget;
  EngineConfig engine;
  std::unique_ptr<SearchStrategy> strategy;

  /// Null `strategy` if the section has errors (they are reported at Finish).
  static GenerateConfig FromConfig(ConfigSection section);
};

struct GenerateInputs {
  const Task& task;
  const Tokenizer& tokenizer;
  std::span<const Problem> problems;  // already limited and selected
  Engine* engine = nullptr;
  TraceProvenance provenance;
};

/// Runs or resumes to the end and writes MANIFEST.json: content {problems, solved, verdicts {name:
/// count}, counts {prefill_computed, prefill_shared, decoded, verifier_calls, flops}, strategy,
/// shards [{name, sha256, records}]}; run {seconds, cpu_seconds (over all attempts), attempts,
/// host, processor, peak_resident_bytes, workers, threads, resumed {...}, engine {...}, served
/// {...} of a served teacher over all attempts}. Terminals that Check left unverified are judged by
/// Verify once their search has ended. The caller holds the stage folder's lock. On a stop request
/// the running searches end, the journals are synced and ThrowIfStopRequested throws. What a search
/// throws is rethrown after the others were filed. Error(kTryAgain) when another process holds a
/// shard, Error(kData) for a damaged shard or a folder that belongs to other problems or settings.
void RunGenerateStage(const GenerateConfig& config, const GenerateInputs& inputs,
                      const StageContext& context);

}  // namespace retort
