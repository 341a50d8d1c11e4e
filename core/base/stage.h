// What every stage (generate, filter, train, eval) is given by the pipeline, and what it leaves.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/env.h"
#include "core/base/json.h"

namespace retort {

/// Borrowed for the call.
struct StageContext {
  Env& env;
  std::string dir;   // this stage's own folder, already created and locked
  std::string name;  // node name: "student"
  std::string key;   // hash of everything the stage reads (hex SHA-256)
  uint64_t seed = 1;
  int threads = 1;
  std::string tensorboard_dir;  // "" for none
};

/// A finished stage writes `dir`/MANIFEST.json last (WriteFileAtomically): the stage's commit
/// point. `content` is deterministic and hashed by the stages that read it; `run` holds seconds,
/// host, peak memory.
void WriteStageManifest(const StageContext& context, const Json& content, const Json& run);

struct StageManifest {
  std::string key;
  std::string sha256;  // of the canonical text of {key, content}
  Json content;
  Json run;
};
/// nullopt when the stage has not finished; Error(kData) when the manifest is damaged.
std::optional<StageManifest> ReadStageManifest(const Env& env, const std::string& dir);

}  // namespace retort
