#include "core/base/commit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/journal.h"
#include "tests/core/base/scratch.h"

namespace retort {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

void WriteText(const std::string& path, const std::string& text) {
  const auto file = RealEnv().NewFile(path);
  file->Append(text);
  file->Close();
}

std::string DataFailure(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ExitCode::kData) << e.what();
    return e.what();
  }
  return "no error";
}

TEST(WriteFileAtomically, ReplacesAndLeavesNothingElse) {
  const ScratchFolder folder;
  WriteFileAtomically(RealEnv(), folder / "f", "one");
  WriteFileAtomically(RealEnv(), folder / "f", "two");
  EXPECT_EQ(RealEnv().ReadFile(folder / "f"), "two");
  EXPECT_THAT(RealEnv().List(folder.path()), ElementsAre("f"));
}

TEST(WriteFileAtomically, EveryFailureLeavesTheOldOrTheNewFile) {
  const ScratchFolder folder;
  for (const bool sticky : {false, true}) {
    bool finished = false;
    for (int64_t n = 1; !finished; ++n) {
      ASSERT_LT(n, 50);
      WriteText(folder / "f", "old");
      FaultyEnv env(RealEnv());
      env.FailAt(n, sticky);
      try {
        WriteFileAtomically(env, folder / "f", "new");
        finished = true;
      } catch (const Error& e) {
        EXPECT_EQ(e.code(), ExitCode::kIo);
      }
      const std::string text = RealEnv().ReadFile(folder / "f");
      EXPECT_TRUE(text == "new" || (text == "old" && !finished)) << n << ": " << text;
      if (!sticky) {
        EXPECT_THAT(RealEnv().List(folder.path()), ElementsAre("f"));
      }
      SweepTemporaries(RealEnv(), folder.path());
      EXPECT_THAT(RealEnv().List(folder.path()), ElementsAre("f"));
    }
  }
}

TEST(Sidecar, PathReplacesTheExtension) {
  EXPECT_EQ(SidecarPath("a/shard-1.h5"), "a/shard-1.json");
  EXPECT_EQ(SidecarPath("a.b/shard"), "a.b/shard.json");
  EXPECT_EQ(SidecarPath("model.safetensors"), "model.json");
  EXPECT_THROW(SidecarPath("a/b.json"), Error);
}

TEST(CommitFile, PublishesWithASidecarThatVerifies) {
  const ScratchFolder folder;
  WriteText(folder / "t", "bytes");
  CommitFile(RealEnv(), folder / "t", folder / "s.h5", {{"records", 3}}, {{"host", "n1"}});
  EXPECT_THAT(RealEnv().List(folder.path()), ElementsAre("s.h5", "s.json"));
  const Sidecar sidecar = VerifyCommitted(RealEnv(), folder / "s.h5");
  EXPECT_EQ(sidecar.sha256, Sha256("bytes"));
  EXPECT_EQ(sidecar.size_bytes, 5);
  EXPECT_EQ(sidecar.content["records"], 3);
  EXPECT_EQ(sidecar.run["host"], "n1");
}

TEST(CommitFile, SameBytesTwiceIsSuccess) {
  const ScratchFolder folder;
  for (int i = 0; i < 2; ++i) {
    WriteText(folder / "t", "bytes");
    CommitFile(RealEnv(), folder / "t", folder / "s.h5", {}, {});
  }
  // A kill between link and sidecar leaves this state; the next attempt completes it.
  RealEnv().Remove(folder / "s.json");
  WriteText(folder / "t", "bytes");
  CommitFile(RealEnv(), folder / "t", folder / "s.h5", {}, {});
  EXPECT_NO_THROW(VerifyCommitted(RealEnv(), folder / "s.h5"));
  EXPECT_FALSE(RealEnv().Exists(folder / "t"));
}

TEST(CommitFile, OtherBytesAreTwoWritersAndBothAreKept) {
  const ScratchFolder folder;
  WriteText(folder / "t1", "mine");
  WriteText(folder / "t2", "theirs");
  CommitFile(RealEnv(), folder / "t1", folder / "s.h5", {}, {});
  const auto second = [&] { CommitFile(RealEnv(), folder / "t2", folder / "s.h5", {}, {}); };
  EXPECT_THAT(DataFailure(second),
              AllOf(HasSubstr("two writers"), HasSubstr("s.h5"), HasSubstr("t2")));
  EXPECT_EQ(RealEnv().ReadFile(folder / "s.h5"), "mine");
  EXPECT_EQ(RealEnv().ReadFile(folder / "t2"), "theirs");
  RealEnv().Remove(folder / "s.json");
  EXPECT_THAT(DataFailure(second), HasSubstr("no sidecar names it: remove it"));
}

TEST(CommitFile, EveryFailureLeavesNoFileWithoutASidecar) {
  const ScratchFolder folder;
  bool finished = false;
  for (int64_t n = 1; !finished; ++n) {
    ASSERT_LT(n, 50);
    RealEnv().RemoveTree(folder / "d");
    RealEnv().CreateDirs(folder / "d");
    WriteText(folder / "d/other.h5", "other");
    WriteText(folder / "d/t.tmp.1", "bytes");
    FaultyEnv env(RealEnv());
    env.FailAt(n, false);
    try {
      CommitFile(env, folder / "d/t.tmp.1", folder / "d/s.h5", {}, {});
      finished = true;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ExitCode::kIo);
      EXPECT_THAT(e.what(), HasSubstr("No space left on device"));
    }
    const bool has_file = RealEnv().Exists(folder / "d/s.h5");
    EXPECT_EQ(has_file, RealEnv().Exists(folder / "d/s.json")) << n;
    if (has_file) {
      EXPECT_NO_THROW(VerifyCommitted(RealEnv(), folder / "d/s.h5"));
    }
    EXPECT_TRUE(has_file || !finished);
    EXPECT_FALSE(RealEnv().Exists(folder / "d/t.tmp.1")) << n;
    EXPECT_EQ(RealEnv().ReadFile(folder / "d/other.h5"), "other");
  }
}

// When nothing works any more not even the clean-up does: readers still see nothing committed, and
// the next attempt completes.
TEST(CommitFile, LastingFailureCommitsNothingAndTheNextAttemptDoes) {
  const ScratchFolder folder;
  bool finished = false;
  for (int64_t n = 1; !finished; ++n) {
    ASSERT_LT(n, 50);
    RealEnv().RemoveTree(folder / "d");
    RealEnv().CreateDirs(folder / "d");
    WriteText(folder / "d/t.tmp.1", "bytes");
    FaultyEnv env(RealEnv());
    env.FailAt(n, true);
    try {
      CommitFile(env, folder / "d/t.tmp.1", folder / "d/s.h5", {}, {});
      finished = true;
    } catch (const Error&) {
      if (ReadSidecar(RealEnv(), folder / "d/s.h5")) {
        EXPECT_NO_THROW(VerifyCommitted(RealEnv(), folder / "d/s.h5"));
      }
    }
    SweepTemporaries(RealEnv(), folder / "d");
    WriteText(folder / "d/t.tmp.2", "bytes");
    CommitFile(RealEnv(), folder / "d/t.tmp.2", folder / "d/s.h5", {}, {});
    EXPECT_THAT(RealEnv().List(folder / "d"), ElementsAre("s.h5", "s.json"));
  }
}

class Damage : public testing::Test {
 protected:
  void SetUp() override {
    WriteText(folder_ / "t", "some bytes");
    CommitFile(RealEnv(), folder_ / "t", path_, {}, {});
  }
  std::string VerifyFailure() {
    return DataFailure([&] { VerifyCommitted(RealEnv(), path_); });
  }
  ScratchFolder folder_;
  std::string path_ = folder_ / "s.h5";
};

TEST_F(Damage, FlippedByteIsNamed) {
  WriteText(path_, "some Bytes");
  EXPECT_THAT(VerifyFailure(), AllOf(HasSubstr(path_), HasSubstr("sha256 differs")));
}

TEST_F(Damage, TruncationIsNamed) {
  RealEnv().Truncate(path_, 4);
  EXPECT_THAT(VerifyFailure(), HasSubstr("it has 4 bytes, its sidecar says 10"));
}

TEST_F(Damage, MissingFileIsNamed) {
  RealEnv().Remove(path_);
  EXPECT_THAT(VerifyFailure(), HasSubstr("gone"));
}

TEST_F(Damage, MissingSidecarIsNotCommitted) {
  RealEnv().Remove(folder_ / "s.json");
  EXPECT_EQ(ReadSidecar(RealEnv(), path_), std::nullopt);
  EXPECT_THAT(VerifyFailure(), HasSubstr("not committed"));
}

TEST_F(Damage, SidecarCutAnywhereIsNamed) {
  const std::string text = RealEnv().ReadFile(folder_ / "s.json");
  for (size_t size = 0; size + 1 < text.size(); ++size) {  // the last byte is a newline
    WriteText(folder_ / "s.json", text.substr(0, size));
    EXPECT_THAT(VerifyFailure(), HasSubstr("s.json")) << size;
  }
  WriteText(folder_ / "s.json", "{\"schema\": \"other\"}");
  EXPECT_THAT(VerifyFailure(), HasSubstr("schema"));
  WriteText(folder_ / "s.json", "{\"schema\": \"retort.file.1\", \"sha256\": 3}");
  EXPECT_THAT(VerifyFailure(), HasSubstr("damaged"));
  WriteText(folder_ / "s.json", "[]");
  EXPECT_THAT(VerifyFailure(), HasSubstr("damaged"));
}

TEST(SweepTemporaries, RemovesOnlyTemporaries) {
  const ScratchFolder folder;
  WriteText(folder / "a.json.tmp.host.1.2", "");
  WriteText(folder / "a.json", "");
  EXPECT_EQ(SweepTemporaries(RealEnv(), folder.path()), 1);
  EXPECT_THAT(RealEnv().List(folder.path()), ElementsAre("a.json"));
  EXPECT_EQ(SweepTemporaries(RealEnv(), folder / "missing"), 0);
}

// One pass over everything that has crash points.
void CommitAndJournal(const std::string& dir) {
  WriteText(dir + "/t.tmp.1", "bytes");
  CommitFile(RealEnv(), dir + "/t.tmp.1", dir + "/s.h5", {}, {});
  JournalReplay replay;
  const auto journal = Journal::Open(RealEnv(), dir + "/j", &replay);
  journal->Append("record");
  journal->Close();
}

class CrashPoints : public testing::TestWithParam<std::string> {};

TEST_P(CrashPoints, KillsThereAndARerunCompletes) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const ScratchFolder folder;
  setenv("RETORT_CRASH_AT", GetParam().c_str(), 1);
  EXPECT_EXIT(CommitAndJournal(folder.path()), testing::KilledBySignal(SIGKILL), "");
  unsetenv("RETORT_CRASH_AT");
  SweepTemporaries(RealEnv(), folder.path());
  WriteText(folder / "t.tmp.2", "bytes");
  CommitFile(RealEnv(), folder / "t.tmp.2", folder / "s.h5", {}, {});
  JournalReplay replay;
  Journal::Open(RealEnv(), folder / "j", &replay);
  EXPECT_EQ(replay.dropped_bytes, 0);
  EXPECT_NO_THROW(VerifyCommitted(RealEnv(), folder / "s.h5"));
}

std::string TestName(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, CrashPoints, testing::ValuesIn(CrashPointNames()), TestName);

TEST(CrashPoint, CountsArrivals) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const ScratchFolder folder;
  setenv("RETORT_CRASH_AT", "atomic.before_rename:3", 1);
  EXPECT_EXIT(
      {
        for (int i = 1; i <= 3; ++i) WriteFileAtomically(RealEnv(), folder / "f", StrCat(i));
      },
      testing::KilledBySignal(SIGKILL), "");
  unsetenv("RETORT_CRASH_AT");
  EXPECT_EQ(RealEnv().ReadFile(folder / "f"), "2");
}

}  // namespace
}  // namespace retort
