// Shards of trace trees on disk (HDF5, flat schema; FORMAT.md). Trees of a shard are stored in
// problem-id order. HDF5 headers appear only in hdf5_file.cc. Not thread-safe: HDF5 is one lock.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/base/env.h"
#include "core/base/json.h"
#include "core/trace/types.h"

namespace retort {

/// Facts that hold for every tree of a store; written as attributes of each shard.
struct TraceProvenance {
  std::string stage_key;
  std::string config_sha256;
  std::string teacher_sha256;
  std::string tokenizer_sha256;
  std::string verifier;
  bool operator==(const TraceProvenance&) const = default;
};

/// Writes `trees` (sorted here by problem id) to `shard_path` and commits it (core/base/commit.h).
/// Equal trees and provenance give equal bytes. Error(kIo) when the disk is full: nothing is left
/// under the final name.
void WriteTraceShard(Env& env, const std::string& shard_path, std::vector<TraceTree> trees,
                     const TraceProvenance& provenance, const Json& run);

struct TraceShard {
  TraceProvenance provenance;
  std::vector<TraceTree> trees;
};

/// Reads a committed shard: sidecar, size and SHA-256 first, then the file. Error(kData) names the
/// shard and how to make it anew; never half a shard.
TraceShard ReadTraceShard(const Env& env, const std::string& shard_path);

/// "<dir>/shards/shard-00017.h5".
std::string ShardPath(const std::string& stage_dir, int shard);
/// Committed and uncommitted shard files of a stage, sorted.
std::vector<std::string> ListShards(const Env& env, const std::string& stage_dir);

/// Calls visit(tree) over all shards of a finished stage in problem-id order.
void ForEachTree(const Env& env, const std::string& stage_dir,
                 const std::function<void(TraceTree&&)>& visit);

/// One JSON object a line: problem, question, answer, and each node with parent, text, tokens,
/// log-probability, score, verdict.
Json TreeToJson(const TraceTree& tree);

}  // namespace retort
