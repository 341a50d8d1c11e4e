// Which shard holds which problems: a pure function of the problems and the number of shards.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "core/base/env.h"
#include "core/base/json.h"
#include "core/trace/types.h"

namespace retort {

struct ShardPlan {
  /// Indices into the problems, ascending by problem id within and across shards, so that readers
  /// meet the same order whatever the number of shards and need one shard in memory at a time.
  std::vector<std::vector<size_t>> shards;
};

/// Blocks of nearly equal size; fewer than `shards` when there are fewer problems. Error(kData)
/// when two problems have the same id.
ShardPlan PlanShards(std::span<const Problem> problems, int shards);

/// Commits plan.json of a stage folder or checks that the one there says the same. Error(kData)
/// when it does not: the folder belongs to another configuration.
void CommitPlan(Env& env, const std::string& stage_dir, const std::string& stage_key,
                const ShardPlan& plan, std::span<const Problem> problems);

}  // namespace retort
