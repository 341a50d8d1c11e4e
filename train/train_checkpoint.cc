#include "train/train_checkpoint.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <charconv>

#include "core/base/commit.h"
#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/lm/checkpoint/checkpoint.h"

namespace retort {
namespace {

constexpr char kModelFile[] = "model.safetensors";
constexpr char kOptimizerFile[] = "optimizer.safetensors";
constexpr char kStateFile[] = "state.json";
constexpr char kPrefix[] = "step-";
constexpr char kTempSuffix[] = ".tmp";
constexpr char kTrashSuffix[] = ".trash";
constexpr int kStepDigits = 8;

std::string StepPath(const std::string& dir, int64_t step) {
  std::string digits = StrCat(step);
  if (digits.size() < kStepDigits) digits.insert(0, kStepDigits - digits.size(), '0');
  return JoinPath(dir, kPrefix + digits);
}

/// The step of a committed folder's name; nullopt for temporaries and strangers.
std::optional<int64_t> StepOfName(std::string_view name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(std::string_view(kPrefix).size());
  int64_t step = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), step);
  if (error != std::errc() || end != name.data() + name.size() || name.empty()) return std::nullopt;
  return step;
}

void CheckFinite(const std::map<std::string, at::Tensor>& tensors, int64_t step) {
  for (const auto& [name, tensor] : tensors) {
    if (at::isfinite(tensor).all().item<bool>()) continue;
    throw Error(ExitCode::kData, StrCat("train: checkpoint of step ", step, " not written: tensor ",
                                        name, " is not finite - lower the learning rate"));
  }
}

/// Moves the folder out of the way in one step before its files go: a kill in between leaves no
/// half-empty folder under a checkpoint's name.
void RemoveFolder(Env& env, const std::string& path) {
  if (!env.Exists(path)) return;
  env.RemoveTree(path + kTrashSuffix);
  env.Rename(path, path + kTrashSuffix);
  env.RemoveTree(path + kTrashSuffix);
}

Json Sealed(Json state) {
  state.erase("sha256");
  state["sha256"] = Sha256(DumpJson(state));
  return state;
}

void WriteFolder(Env& env, const std::string& dir, const TrainSnapshot& snapshot) {
  const std::string path = StepPath(dir, snapshot.step);
  const std::string temp = path + kTempSuffix;
  env.RemoveTree(temp);
  env.CreateDirs(temp);
  WriteSafetensors(env, JoinPath(temp, kModelFile), snapshot.model, {{"format", "pt"}});
  CrashPoint("train.in_checkpoint");
  WriteSafetensors(env, JoinPath(temp, kOptimizerFile), snapshot.optimizer, {});
  Json files = Json::object();
  for (const char* name : {kModelFile, kOptimizerFile}) {
    env.SyncPath(JoinPath(temp, name));
    files[name] = Sha256OfFile(env, JoinPath(temp, name));
  }
  const Json state = Sealed(
      {{"version", 1}, {"step", snapshot.step}, {"files", files}, {"state", snapshot.state}});
  WriteFileAtomically(env, JoinPath(temp, kStateFile), DumpJsonPretty(state));
  CrashPoint("train.before_checkpoint_rename");
  RemoveFolder(env, path);
  env.Rename(temp, path);
  env.SyncPath(dir);
}

}  // namespace

void SaveCheckpointFolder(Env& env, const std::string& dir, const TrainSnapshot& snapshot) {
  CheckFinite(snapshot.model, snapshot.step);
  CheckFinite(snapshot.optimizer, snapshot.step);
  try {
    WriteFolder(env, dir, snapshot);
  } catch (const Error& error) {
    LogWarning(
        StrCat("checkpoint of step ", snapshot.step, " failed, trying once more: ", error.what()));
    WriteFolder(env, dir, snapshot);
  }
}

TrainSnapshot LoadCheckpointFolder(const Env& env, const std::string& dir, int64_t step) {
  const std::string path = StepPath(dir, step);
  const std::string state_path = JoinPath(path, kStateFile);
  const Json state = ParseJson(env.ReadFile(state_path), state_path);
  if (!state.is_object() || !state.contains("sha256") || Sealed(state) != state ||
      state.value("version", 0) != 1 || state.value("step", int64_t{-1}) != step) {
    throw Error(ExitCode::kData,
                state_path +
                    ": content does not agree with its own SHA-256 - remove that folder to "
                    "go on from an older checkpoint");
  }
  for (const auto& [name, sha256] : state.at("files").items()) {
    if (Sha256OfFile(env, JoinPath(path, name)) != sha256.get<std::string>()) {
      throw Error(ExitCode::kData, JoinPath(path, name) +
                                       ": SHA-256 differs from state.json - remove that folder to "
                                       "go on from an older checkpoint");
    }
  }
  return {.step = step,
          .model = ReadSafetensors(env, JoinPath(path, kModelFile)),
          .optimizer = ReadSafetensors(env, JoinPath(path, kOptimizerFile)),
          .state = state.at("state")};
}

std::vector<int64_t> ListCheckpoints(const Env& env, const std::string& dir) {
  std::vector<int64_t> steps;
  for (const std::string& name : env.List(dir)) {
    if (const auto step = StepOfName(name)) steps.push_back(*step);
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

std::optional<TrainSnapshot> LoadNewestCheckpoint(
    Env& env, const std::string& dir,
    const std::function<std::string(const TrainSnapshot&)>& refuse) {
  for (const std::string& name : env.List(dir)) {
    if (!name.ends_with(kTempSuffix) && !name.ends_with(kTrashSuffix)) continue;
    LogWarning(StrCat("train: removing ", JoinPath(dir, name), ", left by an interrupted save"));
    env.RemoveTree(JoinPath(dir, name));
  }
  std::vector<int64_t> steps = ListCheckpoints(env, dir);
  std::reverse(steps.begin(), steps.end());
  for (const int64_t step : steps) {
    try {
      TrainSnapshot snapshot = LoadCheckpointFolder(env, dir, step);
      const std::string reason = refuse(snapshot);
      if (reason.empty()) return snapshot;
      LogWarning(StrCat("train: checkpoint ", StepPath(dir, step), " not used: ", reason));
    } catch (const Error& error) {
      if (error.code() != ExitCode::kData) throw;
      LogWarning(
          StrCat("train: checkpoint of step ", step, " is damaged and skipped: ", error.what()));
    }
  }
  return std::nullopt;
}

void PruneCheckpoints(Env& env, const std::string& dir, int keep, int64_t protected_step) {
  std::vector<int64_t> steps = ListCheckpoints(env, dir);
  const size_t old =
      steps.size() > static_cast<size_t>(keep) ? steps.size() - static_cast<size_t>(keep) : 0;
  for (size_t i = 0; i < old; ++i) {
    if (steps[i] != protected_step) RemoveFolder(env, StepPath(dir, steps[i]));
  }
}

}  // namespace retort
