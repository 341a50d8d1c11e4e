#include "core/base/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/core/base/scratch.h"

namespace retort {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

JournalReplay Replay(const std::string& path) {
  JournalReplay replay;
  Journal::Open(RealEnv(), path, &replay);
  return replay;
}

void WriteText(const std::string& path, const std::string& text) {
  const auto file = RealEnv().NewFile(path);
  file->Append(text);
  file->Close();
}

std::string WriteRecords(const std::string& path, const std::vector<std::string>& records) {
  JournalReplay replay;
  const auto journal = Journal::Open(RealEnv(), path, &replay);
  for (const std::string& record : records) journal->Append(record);
  journal->Close();
  return RealEnv().ReadFile(path);
}

TEST(Journal, ReplaysWhatWasAppended) {
  const ScratchFolder folder;
  EXPECT_THAT(Replay(folder / "j").records, IsEmpty());
  const std::string binary("\0\xff\n", 3);
  WriteRecords(folder / "j", {"one", binary});
  WriteRecords(folder / "j", {"three"});
  const JournalReplay replay = Replay(folder / "j");
  EXPECT_THAT(replay.records, ElementsAre("one", binary, "three"));
  EXPECT_EQ(replay.dropped_bytes, 0);
}

// The layout is a file format: length, CRC-32C, payload, little endian.
TEST(Journal, FrameLayoutIsPinned) {
  const ScratchFolder folder;
  EXPECT_EQ(WriteRecords(folder / "j", {"123456789"}),
            std::string("\x09\0\0\0\x83\x92\x06\xe3", 8) + "123456789");
}

TEST(Journal, CutAtEveryByteKeepsTheWholeFrames) {
  const ScratchFolder folder;
  const std::vector<std::string> records = {"a", "bcd", std::string(60, 'x'), "last"};
  const std::string bytes = WriteRecords(folder / "whole", records);
  for (size_t size = 0; size <= bytes.size(); ++size) {
    size_t end = 0;
    size_t whole = 0;
    while (whole < records.size() && end + 8 + records[whole].size() <= size) {
      end += 8 + records[whole++].size();
    }
    WriteText(folder / "cut", bytes.substr(0, size));
    const JournalReplay replay = Replay(folder / "cut");
    ASSERT_EQ(replay.records.size(), whole) << size;
    ASSERT_TRUE(std::equal(replay.records.begin(), replay.records.end(), records.begin()));
    ASSERT_EQ(replay.dropped_bytes, size - end);
    ASSERT_EQ(RealEnv().FileSize(folder / "cut"), end);
  }
}

TEST(Journal, AppendAfterACutContinuesCleanly) {
  const ScratchFolder folder;
  const std::string bytes = WriteRecords(folder / "j", {"one", "two"});
  WriteText(folder / "j", bytes.substr(0, bytes.size() - 1));
  WriteRecords(folder / "j", {"three"});
  EXPECT_THAT(Replay(folder / "j").records, ElementsAre("one", "three"));
}

TEST(Journal, AnyFlippedBitEndsTheReplayThere) {
  const ScratchFolder folder;
  const std::string bytes = WriteRecords(folder / "whole", {"first", "second", "third"});
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    WriteText(folder / "j", flipped);
    const size_t frame = bit / 8 < 13 ? 0 : bit / 8 < 27 ? 1 : 2;
    ASSERT_EQ(Replay(folder / "j").records.size(), frame) << bit;
  }
}

TEST(Journal, ZerosAndHugeLengthsAreDamage) {
  const ScratchFolder folder;
  const std::string bytes = WriteRecords(folder / "whole", {"one"});
  for (const std::string& tail :
       {std::string(4096, '\0'), std::string(8, '\xff'), std::string("\x01\0\0\x40\0\0\0\0", 8)}) {
    WriteText(folder / "j", bytes + tail);
    const JournalReplay replay = Replay(folder / "j");
    EXPECT_THAT(replay.records, ElementsAre("one"));
    EXPECT_EQ(replay.dropped_bytes, tail.size());
  }
}

TEST(Journal, EmptyRecordsAreRefused) {
  const ScratchFolder folder;
  JournalReplay replay;
  const auto journal = Journal::Open(RealEnv(), folder / "j", &replay);
  EXPECT_THROW(journal->Append(""), Error);
}

TEST(Journal, SyncsEveryFewRecords) {
  const ScratchFolder folder;
  FaultyEnv env(RealEnv());
  JournalReplay replay;
  const auto journal = Journal::Open(env, folder / "j", &replay);
  env.FailAt(0, false);
  for (int i = 0; i < 2 * Journal::kSyncEveryRecords; ++i) journal->Append("r");
  EXPECT_EQ(env.calls(), 2 * Journal::kSyncEveryRecords + 2);
}

// After a failed write the file may end in half a frame: nothing more may go behind it.
TEST(Journal, EveryFailureKeepsTheEarlierRecords) {
  const ScratchFolder folder;
  for (int64_t n = 1; n <= 6; ++n) {
    RealEnv().Remove(folder / "j");
    WriteRecords(folder / "j", {"kept"});
    FaultyEnv env(RealEnv());
    env.FailAt(n, false);
    bool failed = false;
    try {
      JournalReplay replay;
      const auto journal = Journal::Open(env, folder / "j", &replay);
      journal->Append("a");
      journal->Append("b");
      journal->Close();
    } catch (const Error& e) {
      failed = true;
      EXPECT_EQ(e.code(), ExitCode::kIo);
    }
    EXPECT_EQ(failed, n <= 5);
    const JournalReplay replay = Replay(folder / "j");
    ASSERT_GE(replay.records.size(), 1);
    EXPECT_EQ(replay.records[0], "kept");
  }
}

}  // namespace
}  // namespace retort
