// What the arms of an unfinished eval have done: a killed one repeats at most the last ten minutes.
// Records of another stage key, or timed by another clock, are ignored. Single-threaded.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "core/base/journal.h"
#include "core/base/stage.h"
#include "eval/arm_runner.h"

namespace retort {

class ArmJournal {
 public:
  /// `dir`/journal/arms.jrn of the stage folder.
  ArmJournal(const StageContext& context, CostClock clock);

  /// What an earlier process last kept; nullopt if it did not get so far.
  std::optional<SeedRun> Find(const std::string& arm, int seed_index) const;
  /// Synced before it returns.
  void Append(const std::string& arm, int seed_index, const SeedRun& run);
  size_t replayed() const { return found_.size(); }
  void Close() { journal_->Close(); }

 private:
  std::string key_;
  std::string path_;
  std::map<std::pair<std::string, int>, Json> found_;
  std::unique_ptr<Journal> journal_;
};

}  // namespace retort
