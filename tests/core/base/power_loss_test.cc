// Power is lost after every single step of a commit or a journal; whoever reads afterwards finds
// the old state or the new one, and every record that was synced.
#include <gtest/gtest.h>

#include <functional>

#include "core/base/commit.h"
#include "core/base/error.h"
#include "core/base/journal.h"
#include "power_loss_env.h"
#include "scratch.h"

namespace retort {
namespace {

/// Runs `work` on a disk that stops at its n-th step and then loses power; false once `work` needs
/// fewer steps than that.
bool StopsAt(int64_t n, const std::function<void(Env&)>& work) {
  PowerLossEnv disk(RealEnv());
  FaultyEnv env(disk);
  env.FailAt(n, /*sticky=*/true);
  bool stopped = false;
  try {
    work(env);
  } catch (const Error&) {
    stopped = true;
  }
  disk.LosePower();
  return stopped;
}

TEST(PowerLoss, LosesWhatWasNotSynced) {
  const ScratchFolder folder;
  PowerLossEnv disk(RealEnv());
  WriteFileAtomically(RealEnv(), folder / "old", "old");
  {
    const auto file = disk.NewFile(folder / "new");
    file->Append("abc");
    file->Sync();
    file->Append("def");
    file->Close();
  }
  disk.SyncPath(folder.path());
  disk.NewFile(folder / "no entry")->Sync();
  disk.Rename(folder / "new", folder / "old");
  disk.LosePower();
  EXPECT_EQ(RealEnv().ReadFile(folder / "old"), "old");
  EXPECT_EQ(RealEnv().ReadFile(folder / "new"), "abc");
  EXPECT_FALSE(RealEnv().Exists(folder / "no entry"));
}

TEST(PowerLoss, AnAtomicWriteLeavesTheOldOrTheNewFile) {
  for (int64_t n = 1;; ++n) {
    ASSERT_LT(n, 50);
    const ScratchFolder folder;
    WriteFileAtomically(RealEnv(), folder / "f", "old");
    const bool stopped =
        StopsAt(n, [&](Env& env) { WriteFileAtomically(env, folder / "f", "the new text"); });
    const std::string text = RealEnv().ReadFile(folder / "f");
    EXPECT_TRUE(text == "the new text" || (stopped && text == "old")) << n << ": " << text;
    if (!stopped) break;
  }
}

TEST(PowerLoss, WhatASidecarNamesIsWhole) {
  int committed = 0;
  for (int64_t n = 1;; ++n) {
    ASSERT_LT(n, 50);
    const ScratchFolder folder;
    const bool stopped = StopsAt(n, [&](Env& env) {
      const std::string temp = TemporaryPath(folder / "shard.h5");
      const auto file = env.NewFile(temp);
      file->Append("the bytes of a shard");
      file->Close();
      CommitFile(env, temp, folder / "shard.h5", {}, {});
    });
    if (ReadSidecar(RealEnv(), folder / "shard.h5")) {
      EXPECT_NO_THROW(VerifyCommitted(RealEnv(), folder / "shard.h5")) << n;
      ++committed;
    } else {
      EXPECT_TRUE(stopped) << "committed, but its sidecar was not on the disk";
    }
    if (!stopped) break;
  }
  EXPECT_GE(committed, 1);
}

TEST(PowerLoss, AJournalKeepsEverySyncedRecord) {
  for (int64_t n = 1;; ++n) {
    ASSERT_LT(n, 50);
    const ScratchFolder folder;
    size_t synced = 0;
    const bool stopped = StopsAt(n, [&](Env& env) {
      JournalReplay replay;
      const auto journal = Journal::Open(env, folder / "j", &replay);
      for (int i = 0; i < 3; ++i) {
        journal->Append("record " + std::to_string(2 * i));
        journal->Append("record " + std::to_string(2 * i + 1));
        journal->Sync();
        synced += 2;
      }
      journal->Close();
    });
    const JournalReplay replay = ReadJournal(RealEnv(), folder / "j");
    EXPECT_GE(replay.records.size(), synced) << n;
    for (size_t i = 0; i < replay.records.size(); ++i) {
      EXPECT_EQ(replay.records[i], "record " + std::to_string(i));
    }
    if (!stopped) break;
  }
}

}  // namespace
}  // namespace retort
