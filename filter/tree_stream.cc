#include "filter/tree_stream.h"

#include <utility>

#include "core/base/commit.h"
#include "core/base/error.h"
#include "core/base/stage.h"

namespace retort {

TreeStream::TreeStream(const Env& env, FilterInput input, std::string tokenizer_sha256)
    : env_(env), input_(std::move(input)), tokenizer_sha256_(std::move(tokenizer_sha256)) {
  const std::optional<StageManifest> manifest = ReadStageManifest(env_, input_.stage_dir);
  if (!manifest) Fail(input_.stage_dir, "the stage has not finished");
  const Json& content = manifest->content;
  if (!content.contains("shards") || !content.contains("problems")) {
    Fail(JoinPath(input_.stage_dir, "MANIFEST.json"), "it is not a generate stage's manifest");
  }
  shards_ = content.at("shards");
  problems_ = content.at("problems").get<int64_t>();
}

void TreeStream::Fail(const std::string& what, const std::string& why) const {
  throw Error(ExitCode::kData, StrCat("filter: input ", input_.name, " - ", what, " - ", why,
                                      " - run generate ", input_.name, " again"));
}

const std::string* TreeStream::NextId() {
  while (next_tree_ == trees_.size()) {
    if (next_shard_ == shards_.size()) return nullptr;
    LoadShard(shards_.at(next_shard_++));
  }
  return &trees_[next_tree_].problem_id;
}

void TreeStream::LoadShard(const Json& entry) {
  const std::string path =
      JoinPath(JoinPath(input_.stage_dir, "shards"), entry.at("name").get<std::string>());
  const std::optional<Sidecar> sidecar = ReadSidecar(env_, path);
  if (!sidecar) Fail(path, "it is missing or not committed");
  if (sidecar->sha256 != entry.at("sha256").get<std::string>()) {
    Fail(path, "it is not the shard the stage's manifest names");
  }
  TraceShard shard = ReadTraceShard(env_, path);
  if (shard.provenance.tokenizer_sha256 != tokenizer_sha256_) {
    Fail(path, "its token ids come from another tokenizer");
  }
  trees_ = std::move(shard.trees);
  next_tree_ = 0;
}

SourcedTree TreeStream::Take() {
  RETORT_CHECK(NextId() != nullptr, "no tree is left in ", input_.name);
  TraceTree& tree = trees_[next_tree_++];
  if (tree.problem_id <= last_id_) Fail(tree.problem_id, "its shards are out of problem order");
  last_id_ = tree.problem_id;
  return {.source = input_.name, .tree = std::move(tree)};
}

ProblemStream::ProblemStream(const Env& env, const std::vector<FilterInput>& inputs,
                             const std::string& tokenizer_sha256) {
  for (const FilterInput& input : inputs) streams_.emplace_back(env, input, tokenizer_sha256);
}

std::vector<SourcedTree> ProblemStream::Next() {
  const std::string* first = nullptr;
  for (TreeStream& stream : streams_) {
    const std::string* id = stream.NextId();
    if (id != nullptr && (first == nullptr || *id < *first)) first = id;
  }
  std::vector<SourcedTree> trees;
  if (first == nullptr) return trees;
  const std::string wanted = *first;
  for (TreeStream& stream : streams_) {
    const std::string* id = stream.NextId();
    if (id != nullptr && *id == wanted) trees.push_back(stream.Take());
  }
  return trees;
}

int64_t ProblemStream::trees() const {
  int64_t total = 0;
  for (const TreeStream& stream : streams_) total += stream.problems();
  return total;
}

}  // namespace retort
