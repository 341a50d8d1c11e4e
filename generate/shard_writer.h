// One shard on its way to disk: lock, journal of finished trees, commit. Single-threaded: the
// stage's main thread owns all writers.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/env.h"
#include "core/base/journal.h"
#include "core/base/json.h"
#include "core/trace/trace_store.h"
#include "core/trace/types.h"
#include "generate/tally.h"

namespace retort {

/// What all shards of a stage have in common. Borrowed by each writer.
struct ShardFolder {
  Env& env;
  std::string dir;  // stage folder
  TraceProvenance provenance;
  Json run;  // host and attempt, for the sidecars
};

class ShardWriter {
 public:
  /// `ids`: problem ids of this shard. `folder` must outlive the writer.
  ShardWriter(const ShardFolder& folder, int index, std::vector<std::string> ids);

  /// Finds out what an earlier attempt left: a committed shard is verified (Error(kData) names it
  /// when damaged), a journal is replayed. A shard whose records are all there is committed.
  void Resume();
  /// Takes the lock and opens the journal unless that is done. Error(kTryAgain) naming the holder
  /// when another process has the shard.
  void Open();
  /// Journals a finished tree, and commits the shard when it was the last one missing.
  void Add(TraceTree tree);
  /// Journalled trees reach the disk.
  void Sync();

  bool committed() const { return committed_; }
  bool Has(const std::string& id) const { return committed_ || trees_.contains(id); }
  size_t planned() const { return ids_.size(); }
  /// Records found by Resume in the journal, and whether it ended in a frame that was cut.
  size_t replayed() const { return replayed_; }
  bool lost_record() const { return lost_record_; }
  /// Of a committed shard.
  const TraceTally& tally() const { return tally_; }
  /// {"name","sha256","records"} of a committed shard.
  Json ManifestEntry() const;

 private:
  std::string JournalPath() const;
  void Verify();
  void Replay(const JournalReplay& replay);
  void Commit();
  void CloseJournal();

  const ShardFolder& folder_;
  int index_;
  std::vector<std::string> ids_;  // sorted
  std::string path_;
  std::unique_ptr<FileLock> lock_;
  std::unique_ptr<Journal> journal_;
  std::map<std::string, TraceTree> trees_;  // finished, not yet committed
  size_t replayed_ = 0;
  bool lost_record_ = false;
  bool committed_ = false;
  TraceTally tally_;
};

}  // namespace retort
