#include "eval/arm_journal.h"

#include "core/base/commit.h"
#include "core/base/strings.h"
#include "eval/report_format.h"

namespace retort {

ArmJournal::ArmJournal(const StageContext& context, CostClock clock)
    : key_(StrCat(context.key, " by the ", ClockName(clock), "'s clock")),
      path_(JoinPath(JoinPath(context.dir, "journal"), "arms.jrn")) {
  context.env.CreateDirs(ParentPath(path_));
  JournalReplay replay;
  journal_ = Journal::Open(context.env, path_, &replay);
  for (const std::string& record : replay.records) {
    Json json = ParseJson(record, path_);
    if (TextOf(json, "key") != key_) continue;
    found_[{TextOf(json, "arm"), static_cast<int>(NumberOf(json, "seed"))}] = Child(json, "run");
  }
}

std::optional<SeedRun> ArmJournal::Find(const std::string& arm, int seed_index) const {
  const auto found = found_.find({arm, seed_index});
  if (found == found_.end()) return std::nullopt;
  return SeedRunFromJson(found->second, path_);
}

void ArmJournal::Append(const std::string& arm, int seed_index, const SeedRun& run) {
  journal_->Append(
      DumpJson({{"key", key_}, {"arm", arm}, {"seed", seed_index}, {"run", SeedRunToJson(run)}}));
  journal_->Sync();
  CrashPoint("eval.after_arm");
}

}  // namespace retort
