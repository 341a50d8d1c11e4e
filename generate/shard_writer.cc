#include "generate/shard_writer.h"

#include <algorithm>
#include <utility>

#include "core/base/commit.h"
#include "core/base/error.h"
#include "core/trace/trace_codec.h"

namespace retort {
namespace {

/// "shard-00017", as ShardPath names it.
std::string ShardStem(const std::string& shard_path) {
  const std::string name = BaseName(shard_path);
  return name.substr(0, name.rfind('.'));
}

}  // namespace

ShardWriter::ShardWriter(const ShardFolder& folder, int index, std::vector<std::string> ids)
    : folder_(folder), index_(index), ids_(std::move(ids)), path_(ShardPath(folder.dir, index)) {
  std::ranges::sort(ids_);
}

std::string ShardWriter::JournalPath() const {
  return JoinPath(folder_.dir, "journal/" + ShardStem(path_) + ".jrn");
}

void ShardWriter::Resume() {
  if (ReadSidecar(folder_.env, path_)) {
    Verify();
  } else if (folder_.env.Exists(JournalPath())) {
    Open();
    if (trees_.size() == ids_.size()) Commit();
  }
}

void ShardWriter::Verify() {
  const TraceShard shard = ReadTraceShard(folder_.env, path_);
  const bool same_ids = std::ranges::equal(
      shard.trees, ids_, {},
      [](const TraceTree& tree) -> const std::string& { return tree.problem_id; });
  if (!same_ids || shard.provenance.stage_key != folder_.provenance.stage_key) {
    throw Error(ExitCode::kData,
                StrCat("generate: ", path_, " holds other problems or settings than ", folder_.dir,
                       "/plan.json - remove the stage folder"));
  }
  for (const TraceTree& tree : shard.trees) tally_.Add(tree);
  committed_ = true;
  // A kill between the commit and the removal of the journal leaves one behind.
  folder_.env.Remove(JournalPath());
}

void ShardWriter::Open() {
  if (journal_) return;
  std::string holder;
  lock_ =
      folder_.env.TryLock(JoinPath(folder_.dir, "locks/" + ShardStem(path_) + ".lock"), &holder);
  if (!lock_) {
    throw Error(ExitCode::kTryAgain, StrCat("generate: shard ", index_, " of ", folder_.dir,
                                            " is held by ", holder, " - wait for it or stop it"));
  }
  JournalReplay replay;
  journal_ = Journal::Open(folder_.env, JournalPath(), &replay);
  Replay(replay);
}

void ShardWriter::Replay(const JournalReplay& replay) {
  for (size_t i = 0; i < replay.records.size(); ++i) {
    const std::string where = StrCat(JournalPath(), " record ", i);
    TraceTree tree = DecodeTree(replay.records[i], where);
    CheckTree(tree, where);
    if (!std::ranges::binary_search(ids_, tree.problem_id)) {
      throw Error(ExitCode::kData, StrCat(where, ": problem ", tree.problem_id,
                                          " is not planned for this shard - remove the journal"));
    }
    trees_.insert_or_assign(tree.problem_id, std::move(tree));
  }
  replayed_ = trees_.size();
  lost_record_ = replay.dropped_bytes > 0;
}

void ShardWriter::Add(TraceTree tree) {
  RETORT_CHECK(journal_ != nullptr && !Has(tree.problem_id), "shard ", index_);
  journal_->Append(EncodeTree(tree));
  trees_.insert_or_assign(tree.problem_id, std::move(tree));
  CrashPoint("generate.after_record");
  if (trees_.size() == ids_.size()) Commit();
}

void ShardWriter::Sync() {
  if (journal_) journal_->Sync();
}

void ShardWriter::Commit() {
  journal_->Sync();
  CrashPoint("generate.before_shard_commit");
  std::vector<TraceTree> trees;
  for (auto& [id, tree] : trees_) {
    tally_.Add(tree);
    trees.push_back(std::move(tree));
  }
  trees_.clear();
  WriteTraceShard(folder_.env, path_, std::move(trees), folder_.provenance, folder_.run);
  committed_ = true;
  CrashPoint("generate.after_shard_commit");
  CloseJournal();
}

void ShardWriter::CloseJournal() {
  journal_->Close();
  journal_.reset();
  folder_.env.Remove(JournalPath());
  lock_.reset();
}

Json ShardWriter::ManifestEntry() const {
  const std::optional<Sidecar> sidecar = ReadSidecar(folder_.env, path_);
  RETORT_CHECK(sidecar.has_value(), path_, " is not committed");
  return {{"name", BaseName(path_)}, {"sha256", sidecar->sha256}, {"records", ids_.size()}};
}

}  // namespace retort
