#include "pipeline/runner.h"

#include <algorithm>

#include "core/base/clock.h"
#include "core/base/commit.h"
#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/base/stop.h"
#include "core/lm/checkpoint/checkpoint.h"
#include "core/lm/checkpoint/model_path.h"
#include "core/lm/checkpoint/shrink.h"
#include "core/trace/trace_store.h"
#include "pipeline/models.h"
#include "pipeline/runner_state.h"
#include "pipeline/version.h"

namespace retort {
namespace {

/// Keys that change speed or layout in memory but no byte of a result.
void RemoveSpeedOnlyKeys(StageKind kind, Json& config) {
  if (kind == StageKind::kGenerate) {
    config.erase("in_flight");
    if (config.contains("server")) {
      // Where a model is served, and for how much, is no part of what it says.
      for (const char* key : {"url", "api_key_env", "concurrency", "timeout_seconds",
                              "max_attempts", "backoff_seconds", "price"}) {
        config["server"].erase(key);
      }
    }
    if (config.contains("engine")) {
      Json& engine = config["engine"];
      for (const char* key : {"max_batch", "kv_memory_mb", "prefix_cache"}) engine.erase(key);
      // Native kernels of every instruction set give the same bits; LibTorch's operators do not.
      engine["kernels"] = engine.value("kernels", "") == "composite" ? "composite" : "native";
      if (engine.value("precision", "") == "float32")
        engine.erase("precision");  // older runs lack the key
    }
  }
  if (kind == StageKind::kTrain) {
    config.erase("seeds");
    config.erase("checkpoint_every");
    config.erase("checkpoint_every_seconds");
    config.erase("keep_checkpoints");
  }
}

/// The first value at which two JSON trees differ, by its path, "" if none.
std::string FirstJsonDifference(const Json& a, const Json& b, const std::string& path) {
  if (a == b) return "";
  if (a.is_object() && b.is_object()) {
    std::set<std::string> keys;
    for (const auto& [key, unused] : a.items()) keys.insert(key);
    for (const auto& [key, unused] : b.items()) keys.insert(key);
    for (const std::string& key : keys) {
      const std::string inner = path.empty() ? key : StrCat(path, ".", key);
      if (!a.contains(key)) return StrCat(inner, ": absent before, now ", DumpJson(b[key]));
      if (!b.contains(key)) return StrCat(inner, ": ", DumpJson(a[key]), " before, now absent");
      if (std::string found = FirstJsonDifference(a[key], b[key], inner); !found.empty())
        return found;
    }
    return "";
  }
  if (a.is_array() && b.is_array() && !a.empty() && a.front().is_object()) {
    for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
      if (std::string found = FirstJsonDifference(a[i], b[i], StrCat(path, ".", i)); !found.empty())
        return found;
    }
    return StrCat(path, ": ", a.size(), " items before, now ", b.size());
  }
  return StrCat(path, ": ", DumpJson(a), " before, now ", DumpJson(b));
}

std::string ProblemsSha256(const std::vector<Problem>& problems) {
  Sha256Stream stream;
  for (const Problem& p : problems) {
    stream.Update(
        DumpJson(Json{p.question.id, p.question.prompt, p.question.horizon, p.answer, p.split}));
    stream.Update("\n");
  }
  return stream.Finish();
}

Json WithoutTimes(const StageNode& node, const Json& facts) {
  return Json{{"id", node.Id()}, {"facts", facts}};
}

}  // namespace

const char* StageStateName(StageState state) {
  switch (state) {
    case StageState::kWaiting:
      return "waiting";
    case StageState::kToDo:
      return "to do";
    case StageState::kPartial:
      return "partial";
    case StageState::kDone:
      return "done";
  }
  return "?";
}

Runner::Runner(Env& env, Experiment& experiment, Options options)
    : env_(env),
      experiment_(experiment),
      options_(std::move(options)),
      run_dir_(JoinPath(options_.runs_dir, experiment.name)),
      state_(std::make_unique<State>()) {}

Runner::~Runner() = default;

const std::vector<Problem>& Runner::Problems(const std::string& split) {
  if (state_->problems.empty()) {
    const std::vector<std::vector<Problem>> sets =
        experiment_.task->MakeSplits(experiment_.splits, experiment_.seed);
    for (size_t i = 0; i < sets.size(); ++i) {
      state_->problems_sha[experiment_.splits[i].name] = ProblemsSha256(sets[i]);
      state_->problems[experiment_.splits[i].name] = sets[i];
    }
  }
  return state_->problems.at(split);
}

const Tokenizer& Runner::GetTokenizer() {
  if (!state_->tokenizer) {
    state_->tokenizer = OpenTokenizer(env_, experiment_, &state_->chat);
    for (auto& [name, config] : experiment_.train) {
      config.model.vocab_size = state_->tokenizer->VocabSize();
    }
  }
  return *state_->tokenizer;
}

ModelConfig Runner::ShapeOf(const std::string& reference) {
  const auto train = experiment_.train.find(reference);
  if (train == experiment_.train.end()) {
    const auto known = state_->shapes.find(reference);
    if (known != state_->shapes.end()) return known->second;
    return state_->shapes[reference] = LoadModel(env_, reference, GetTokenizer()).weights.config;
  }
  const TrainConfig& config = train->second;
  GetTokenizer();  // fills in the vocabulary size
  if (!config.shape_from_init) return config.model;
  const ModelConfig shape = ShapeOf(config.init_from);
  return config.keep_layers.empty() ? shape : WithLayers(shape, config.keep_layers);
}

std::optional<Json> Runner::KeyFacts(size_t index) {
  const StageNode& node = experiment_.nodes[index];
  Json inputs = Json::object();
  for (const size_t input : node.inputs) {
    const auto found = state_->done.find(input);
    if (found == state_->done.end()) return std::nullopt;
    inputs[experiment_.nodes[input].Id()] = found->second.manifest->sha256;
  }
  Json config = experiment_.resolved.at(StageKindName(node.kind)).at(node.section);
  RemoveSpeedOnlyKeys(node.kind, config);
  Json checkpoints = Json::object();
  const auto add_checkpoint = [&](const std::string& reference) {
    if (reference.empty() || experiment_.train.count(reference) != 0) return;
    std::string& sha = state_->checkpoint_sha[reference];
    if (sha.empty()) sha = ModelSha256(env_, reference);
    checkpoints[reference] = sha;
  };
  std::set<std::string> splits;
  switch (node.kind) {
    case StageKind::kGenerate:
      add_checkpoint(experiment_.generate.at(node.section).model);
      splits.insert(experiment_.generate.at(node.section).problems);
      break;
    case StageKind::kFilter:
      // Gold is a subset of the splits, and every split that is evaluated is held out.
      for (const ProblemSplit& split : experiment_.splits) splits.insert(split.name);
      break;
    case StageKind::kTrain:
      add_checkpoint(experiment_.train.at(node.section).init_from);
      if (experiment_.train.at(node.section).eval_problems > 0) {
        splits.insert(experiment_.train.at(node.section).dev_split);
      }
      config["threads"] = experiment_.threads;  // gradients are added per thread, in a fixed order
      break;
    case StageKind::kEval:
      for (const ArmConfig& arm : experiment_.eval.at(node.section).arms) add_checkpoint(arm.model);
      splits.insert(experiment_.eval.at(node.section).problems);
      break;
  }
  Json problems = Json::object();
  for (const std::string& split : splits) {
    Problems(split);
    problems[split] = state_->problems_sha[split];
  }
  Json facts = {{"stage", StageKindName(node.kind)},
                {"code", StageCodeVersion(node.kind)},
                {"config", config},
                {"task", experiment_.task->Identity()},
                {"verifier", experiment_.task->GetVerifier().Identity()},
                {"tokenizer", GetTokenizer().Sha256()},
                {"problems", problems},
                {"checkpoints", checkpoints},
                {"inputs", inputs},
                {"seed", node.seed}};
  if (state_->chat) {
    facts["chat"] = {{"format", state_->chat->format}, {"system", state_->chat->system}};
  }
  return facts;
}

std::string Runner::FirstDifference(const StageNode& node, const Json& facts) const {
  const std::string parent = JoinPath(run_dir_, StageKindName(node.kind));
  const std::string prefix = node.name + "-";
  for (const std::string& entry : env_.List(parent)) {
    if (entry.size() != prefix.size() + 8 || entry.compare(0, prefix.size(), prefix) != 0) continue;
    const std::string path = JoinPath(JoinPath(parent, entry), "key.json");
    if (!env_.Exists(path)) continue;
    const Json before = ParseJson(env_.ReadFile(path), path);
    return StrCat(FirstJsonDifference(before.at("facts"), facts, ""), " (compared with ", entry,
                  ")");
  }
  return "never run";
}

NodeStatus Runner::NodeStatusOf(size_t index) {
  const StageNode& node = experiment_.nodes[index];
  const std::optional<Json> facts = KeyFacts(index);
  NodeStatus status;
  if (!facts) {
    for (const size_t input : node.inputs) {
      if (state_->done.count(input) == 0) {
        status.why = StrCat("waits for ", experiment_.nodes[input].Id());
        break;
      }
    }
    return status;
  }
  status.key = Sha256(DumpJson(*facts));
  status.dir = JoinPath(JoinPath(run_dir_, StageKindName(node.kind)),
                        StrCat(node.name, "-", status.key.substr(0, 8)));
  status.manifest = ReadStageManifest(env_, status.dir);
  if (status.manifest && status.manifest->key != status.key) {
    throw Error(ExitCode::kData,
                StrCat(status.dir,
                       "/MANIFEST.json: its key is not this folder's - move the folder "
                       "away and run the same command again"));
  }
  if (status.manifest) {
    status.state = StageState::kDone;
    state_->done[index] = status;
  } else if (env_.IsDirectory(status.dir)) {
    status.state = StageState::kPartial;
    status.why = "stopped before its end";
  } else {
    status.state = StageState::kToDo;
    status.why = FirstDifference(node, *facts);
  }
  return status;
}

std::vector<NodeStatus> Runner::Status() {
  std::vector<NodeStatus> result;
  for (size_t i = 0; i < experiment_.nodes.size(); ++i) result.push_back(NodeStatusOf(i));
  return result;
}

void Runner::Lock() {
  env_.CreateDirs(run_dir_);
  std::string holder;
  state_->lock = env_.TryLock(JoinPath(run_dir_, ".lock"), &holder);
  if (!state_->lock) {
    throw Error(ExitCode::kTryAgain,
                StrCat(run_dir_, ": another run holds this folder (", holder,
                       ") - wait for it, or give the experiment another name"));
  }
}

void Runner::WriteRunFiles() {
  SweepTemporaries(env_, run_dir_);
  WriteFileAtomically(env_, JoinPath(run_dir_, "config.yaml"), experiment_.resolved_yaml);
  const Json manifest = {{"name", experiment_.name},
                         {"command_line", options_.command_line},
                         {"retort", kRetortVersion},
                         {"host", HostName()},
                         {"processor", ProcessorName()},
                         {"threads", experiment_.threads},
                         {"started", UtcNow()},
                         {"seed", experiment_.seed},
                         {"config_sha256", Sha256(DumpJson(experiment_.resolved))}};
  WriteFileAtomically(env_, JoinPath(run_dir_, "manifest.json"), DumpJsonPretty(manifest));
  env_.CreateDirs(JoinPath(run_dir_, "logs"));
  OpenLogFile(JoinPath(run_dir_, "logs/events.jsonl"));
}

void Runner::Run(const std::set<StageKind>& kinds) {
  CheckInputs();
  CheckDevices(kinds);
  Lock();
  WriteRunFiles();
  for (size_t i = 0; i < experiment_.nodes.size(); ++i) {
    ThrowIfStopRequested();
    const StageNode& node = experiment_.nodes[i];
    const NodeStatus status = NodeStatusOf(i);
    if (status.state == StageState::kDone) {
      VerifyOutputs(node, status);
      if (kinds.count(node.kind) != 0) {
        LogInfo(StrCat(node.Id(), ": complete, verified, skipped (", status.dir, ")"));
      }
      continue;
    }
    if (kinds.count(node.kind) == 0) continue;
    if (status.state == StageState::kWaiting) {
      throw Error(ExitCode::kData, StrCat(node.Id(), ": ", status.why,
                                          ", which has not finished - run: retort run"));
    }
    RunNode(i, status);
  }
}

void Runner::VerifyOutputs(const StageNode& node, const NodeStatus& status) const {
  if (node.kind == StageKind::kGenerate) {
    for (const std::string& shard : ListShards(env_, status.dir)) VerifyCommitted(env_, shard);
  } else if (node.kind == StageKind::kFilter) {
    VerifyCommitted(env_, JoinPath(status.dir, "dataset.h5"));
  } else if (node.kind == StageKind::kTrain) {
    const std::string model = JoinPath(status.dir, "model");
    const std::string found = CheckpointSha256(env_, model);
    if (found != status.manifest->content.at("model_sha256").get<std::string>()) {
      throw Error(ExitCode::kData,
                  StrCat(model, ": the folder is not what the stage wrote - remove ", status.dir,
                         " and run the same command again"));
    }
  }
}

void Runner::RunNode(size_t index, const NodeStatus& status) {
  const StageNode& node = experiment_.nodes[index];
  LogInfo(StrCat(node.Id(), ": ", status.state == StageState::kPartial ? "resuming" : "starting",
                 " (", status.dir, status.why.empty() ? "" : "; ", status.why, ")"));
  env_.CreateDirs(status.dir);
  SweepTemporaries(env_, status.dir);  // of a killed attempt; the run's lock is held
  WriteFileAtomically(env_, JoinPath(status.dir, "key.json"),
                      DumpJsonPretty(WithoutTimes(node, *KeyFacts(index))));
  const StageContext context = MakeContext(index, status);
  ResetPeakResident();
  const double start = MonotonicSeconds();
  switch (node.kind) {
    case StageKind::kGenerate:
      RunGenerate(index, context);
      break;
    case StageKind::kFilter:
      RunFilter(index, context);
      break;
    case StageKind::kTrain:
      RunTrain(index, context);
      break;
    case StageKind::kEval:
      RunEval(index, context);
      break;
  }
  if (NodeStatusOf(index).state != StageState::kDone) {
    throw Error(ExitCode::kInternal, StrCat(node.Id(), ": ended without a manifest"));
  }
  LogInfo(StrCat(node.Id(), ": done in ", static_cast<int64_t>(MonotonicSeconds() - start), " s"));
}

StageContext Runner::MakeContext(size_t index, const NodeStatus& status) {
  const StageNode& node = experiment_.nodes[index];
  return StageContext{.env = env_,
                      .dir = status.dir,
                      .name = node.name,
                      .key = status.key,
                      .seed = node.seed,
                      .threads = experiment_.threads,
                      .tensorboard_dir = JoinPath(JoinPath(run_dir_, "tb"), BaseName(status.dir))};
}

}  // namespace retort
