// Checkpoints of a training run: a folder step-00000400 with model.safetensors,
// optimizer.safetensors and state.json, written under a temporary name and renamed when every file
// is on the disk. state.json names the files' SHA-256 and its own; only what agrees with it is ever
// loaded. Never executable content. Single-threaded.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/env.h"
#include "core/base/json.h"

namespace retort {

struct TrainSnapshot {
  int64_t step = 0;  // optimiser steps done
  std::map<std::string, at::Tensor> model;
  std::map<std::string, at::Tensor> optimizer;
  Json state;  // everything else a resume needs
};

/// Publishes a snapshot as `<dir>/step-<8 digits>`, replacing one of that step. Error(kData)
/// naming the tensor if one is not finite: nothing is written then. A failed write is tried once
/// more; Error(kIo) after the second failure.
void SaveCheckpointFolder(Env& env, const std::string& dir, const TrainSnapshot& snapshot);

/// The snapshot of a step; Error(kData) naming file and reason unless it is whole.
TrainSnapshot LoadCheckpointFolder(const Env& env, const std::string& dir, int64_t step);

/// The newest whole snapshot that `refuse` has no reason against ("" accepts); damaged and refused
/// ones are named in the log. Leftovers of an interrupted save are removed. nullopt if none.
std::optional<TrainSnapshot> LoadNewestCheckpoint(
    Env& env, const std::string& dir,
    const std::function<std::string(const TrainSnapshot&)>& refuse);

/// Steps that have a folder, ascending.
std::vector<int64_t> ListCheckpoints(const Env& env, const std::string& dir);

/// Removes all but the newest `keep` and `protected_step` (-1: none).
void PruneCheckpoints(Env& env, const std::string& dir, int keep, int64_t protected_step);

}  // namespace retort
