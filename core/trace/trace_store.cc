#include "core/trace/trace_store.h"

#include <algorithm>
#include <iomanip>
#include <map>
#include <sstream>
#include <utility>

#include "core/base/error.h"
#include "core/trace/artifact_file.h"
#include "core/trace/trace_shard.h"

namespace retort {
namespace {

constexpr std::string_view kShardExtension = ".h5";

FileLabel ShardLabel(const std::string& shard_path) {
  return {.path = shard_path,
          .remedy = "remove it and its .json, then run \"retort generate\" again"};
}

bool IdLess(const TraceTree& a, const TraceTree& b) { return a.problem_id < b.problem_id; }

/// The sidecar's deterministic facts.
Json ShardContent(const std::vector<TraceTree>& trees, const TraceProvenance& provenance) {
  int64_t nodes = 0;
  int64_t tokens = 0;
  for (const TraceTree& tree : trees) {
    nodes += static_cast<int64_t>(tree.nodes.size());
    tokens += static_cast<int64_t>(tree.tokens.size());
  }
  return {{"records", trees.size()},
          {"first_id", trees.empty() ? "" : trees.front().problem_id},
          {"last_id", trees.empty() ? "" : trees.back().problem_id},
          {"nodes", nodes},
          {"tokens", tokens},
          {"stage_key", provenance.stage_key},
          {"config_sha256", provenance.config_sha256}};
}

struct ShardRange {
  std::string first_id;
  std::string last_id;
  std::string path;
};

/// Shards that hold trees, by first id, from their sidecars.
std::vector<ShardRange> ShardRanges(const Env& env, const std::string& stage_dir) {
  std::vector<ShardRange> ranges;
  for (const std::string& path : ListShards(env, stage_dir)) {
    const std::optional<Sidecar> sidecar = ReadSidecar(env, path);
    if (!sidecar) ShardLabel(path).ThrowDamaged("not committed, it has no sidecar");
    const std::string first = sidecar->content.value("first_id", "");
    if (!first.empty()) ranges.push_back({first, sidecar->content.value("last_id", first), path});
  }
  std::sort(ranges.begin(), ranges.end(), [](const ShardRange& a, const ShardRange& b) {
    return std::pair(a.first_id, a.path) < std::pair(b.first_id, b.path);
  });
  return ranges;
}

/// Merges shards [begin, end) in memory and visits their trees by id.
void VisitMerged(const Env& env, std::span<const ShardRange> shards,
                 const std::function<void(TraceTree&&)>& visit) {
  std::vector<TraceTree> trees;
  for (const ShardRange& range : shards) {
    TraceShard shard = ReadTraceShard(env, range.path);
    std::move(shard.trees.begin(), shard.trees.end(), std::back_inserter(trees));
  }
  std::sort(trees.begin(), trees.end(), IdLess);
  for (size_t i = 0; i < trees.size(); ++i) {
    if (i + 1 < trees.size() && trees[i].problem_id == trees[i + 1].problem_id) {
      ShardLabel(shards.front().path)
          .ThrowDamaged(StrCat("problem ", trees[i].problem_id, " is in two shards"));
    }
    visit(std::move(trees[i]));
  }
}

}  // namespace

void WriteTraceShard(Env& env, const std::string& shard_path, std::vector<TraceTree> trees,
                     const TraceProvenance& provenance, const Json& run) {
  std::sort(trees.begin(), trees.end(), IdLess);
  const Json content = ShardContent(trees, provenance);
  const std::string bytes = SerializeTraceShard(trees, provenance, shard_path);
  const TraceShard again = ParseTraceShard(bytes, ShardLabel(shard_path));
  RETORT_CHECK(again.trees.size() == trees.size(), shard_path, " does not read back");
  CommitBytes(env, shard_path, bytes, content, run);
}

TraceShard ReadTraceShard(const Env& env, const std::string& shard_path) {
  const FileLabel label = ShardLabel(shard_path);
  return ParseTraceShard(ReadCommittedBytes(env, label), label);
}

std::string ShardPath(const std::string& stage_dir, int shard) {
  std::ostringstream name;
  name << "shard-" << std::setw(5) << std::setfill('0') << shard << kShardExtension;
  return JoinPath(JoinPath(stage_dir, "shards"), name.str());
}

std::vector<std::string> ListShards(const Env& env, const std::string& stage_dir) {
  const std::string dir = JoinPath(stage_dir, "shards");
  std::vector<std::string> paths;
  for (const std::string& name : env.List(dir)) {
    if (name.starts_with("shard-") && name.ends_with(kShardExtension)) {
      paths.push_back(JoinPath(dir, name));
    }
  }
  return paths;
}

void ForEachTree(const Env& env, const std::string& stage_dir,
                 const std::function<void(TraceTree&&)>& visit) {
  if (!env.IsDirectory(JoinPath(stage_dir, "shards"))) {
    throw Error(ExitCode::kData, StrCat("no traces - ", stage_dir, " has no shards folder - run ",
                                        "\"retort generate\" first"));
  }
  const std::vector<ShardRange> ranges = ShardRanges(env, stage_dir);
  for (size_t begin = 0; begin < ranges.size();) {
    size_t end = begin + 1;
    std::string last_id = ranges[begin].last_id;
    while (end < ranges.size() && ranges[end].first_id <= last_id) {
      last_id = std::max(last_id, ranges[end++].last_id);
    }
    VisitMerged(env, std::span(ranges).subspan(begin, end - begin), visit);
    begin = end;
  }
}

}  // namespace retort
