#include "core/base/env.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>

#include "core/base/error.h"
#include "tests/core/base/scratch.h"

namespace {
int g_flock_errno = 0;  // makes flock fail like a file system without locks
}

// Stands in for libc's in this program.
extern "C" int flock(int fd, int operation) noexcept {
  if (g_flock_errno == 0) return static_cast<int>(syscall(SYS_flock, fd, operation));
  errno = g_flock_errno;
  return -1;
}

namespace retort {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

template <typename Call>
std::string Failure(const Call& call, ExitCode code) {
  try {
    call();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), code) << e.what();
    return e.what();
  }
  return "no error";
}

void WriteText(Env& env, const std::string& path, const std::string& text) {
  const auto file = env.NewFile(path);
  file->Append(text);
  file->Close();
}

TEST(Env, WritesAppendsTruncatesAndReads) {
  const ScratchFolder folder;
  Env& env = RealEnv();
  const std::string path = folder / "a";
  const auto file = env.NewFile(path);
  file->Append("hello ");
  file->Append("world");
  file->Sync();
  file->Close();
  EXPECT_EQ(env.ReadFile(path), "hello world");
  const auto more = env.OpenForAppend(path);
  more->Append("!");
  more->Close();
  EXPECT_EQ(env.FileSize(path), 12);
  env.Truncate(path, 5);
  EXPECT_EQ(env.ReadFile(path), "hello");
  WriteText(env, path, "new");
  EXPECT_EQ(env.ReadFile(path), "new");
}

TEST(Env, ReadsLargeFilesInBlocks) {
  const ScratchFolder folder;
  const std::string text(5'000'001, 'y');
  WriteText(RealEnv(), folder / "big", text);
  size_t size = 0;
  int blocks = 0;
  RealEnv().ReadBlocks(folder / "big", [&](std::string_view block) {
    size += block.size();
    ++blocks;
  });
  EXPECT_EQ(size, text.size());
  EXPECT_GT(blocks, 1);
  EXPECT_EQ(RealEnv().ReadFile(folder / "big"), text);
}

TEST(Env, ListIsSortedAndMissingFoldersAreEmpty) {
  const ScratchFolder folder;
  for (const char* name : {"b", "a", "c"}) WriteText(RealEnv(), folder / name, "");
  EXPECT_THAT(RealEnv().List(folder.path()), ElementsAre("a", "b", "c"));
  EXPECT_THAT(RealEnv().List(folder / "missing"), IsEmpty());
}

TEST(Env, FoldersAndEntries) {
  const ScratchFolder folder;
  Env& env = RealEnv();
  env.CreateDirs(folder / "x/y/z/");
  env.CreateDirs(folder / "x/y/z");
  EXPECT_TRUE(env.IsDirectory(folder / "x/y/z"));
  WriteText(env, folder / "x/file", "1");
  EXPECT_FALSE(env.IsDirectory(folder / "x/file"));
  EXPECT_TRUE(env.Link(folder / "x/file", folder / "x/link"));
  EXPECT_FALSE(env.Link(folder / "x/file", folder / "x/link"));
  env.Rename(folder / "x/link", folder / "x/renamed");
  EXPECT_FALSE(env.Exists(folder / "x/link"));
  EXPECT_TRUE(env.Exists(folder / "x/renamed"));
  env.Remove(folder / "x/renamed");
  env.Remove(folder / "x/renamed");
  env.SyncPath(folder / "x");
  env.SyncPath(folder / "x/file");
  env.RemoveTree(folder / "x");
  env.RemoveTree(folder / "x");
  EXPECT_FALSE(env.Exists(folder / "x"));
}

TEST(Env, ErrorsNamePathAndErrno) {
  const ScratchFolder folder;
  Env& env = RealEnv();
  const std::string missing = folder / "no/such";
  EXPECT_THAT(Failure([&] { env.ReadFile(missing); }, ExitCode::kData),
              AllOf(HasSubstr(missing), HasSubstr("not found")));
  EXPECT_THAT(Failure([&] { env.NewFile(missing); }, ExitCode::kIo),
              AllOf(HasSubstr(missing), HasSubstr("No such file or directory (ENOENT)")));
  EXPECT_THAT(Failure([&] { env.ReadFile(folder.path()); }, ExitCode::kIo), HasSubstr("EISDIR"));
  for (const auto& call : std::vector<std::function<void()>>{
           [&] { env.FileSize(missing); }, [&] { env.OpenForAppend(missing); },
           [&] { env.Truncate(missing, 0); }, [&] { env.Link(missing, folder / "x"); },
           [&] { env.Rename(missing, folder / "x"); }, [&] { env.SyncPath(missing); },
           [&] { env.TryLock(missing, nullptr); }}) {
    EXPECT_THAT(Failure(call, ExitCode::kIo), AllOf(HasSubstr(folder / ""), HasSubstr("ENOENT")));
  }
  WriteText(env, folder / "file", "");
  EXPECT_THAT(Failure([&] { env.CreateDirs(folder / "file/sub"); }, ExitCode::kIo),
              HasSubstr("file"));
  EXPECT_THAT(Failure([&] { env.Remove(folder.path()); }, ExitCode::kIo), HasSubstr(folder.path()));
  EXPECT_THAT(Failure([&] { env.List(folder / "file"); }, ExitCode::kIo), HasSubstr("ENOTDIR"));
}

TEST(Env, FullDiskIsAnErrorAndTheFileIsAbandoned) {
  if (access("/dev/full", W_OK) != 0) GTEST_SKIP() << "no /dev/full here";
  const auto file = RealEnv().OpenForAppend("/dev/full");
  EXPECT_THAT(Failure([&] { file->Append("x"); }, ExitCode::kIo),
              AllOf(HasSubstr("/dev/full"), HasSubstr("ENOSPC")));
  EXPECT_THROW(file->Append("x"), Error);
  EXPECT_THROW(file->Sync(), Error);
  EXPECT_THROW(file->Close(), Error);
}

// fdatasync of a pipe fails: the only failing sync that needs no special device.
TEST(Env, NoSecondSyncAfterAFailedOne) {
  const ScratchFolder folder;
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const auto file = RealEnv().OpenForAppend(StrCat("/proc/self/fd/", ends[1]));
  EXPECT_THAT(Failure([&] { file->Sync(); }, ExitCode::kIo), HasSubstr("EINVAL"));
  EXPECT_THAT(Failure([&] { file->Sync(); }, ExitCode::kInternal), HasSubstr("earlier"));
  close(ends[0]);
  close(ends[1]);
}

// A file size limit makes write() come back short, then fail.
TEST(Env, ShortWritesAreFinishedOrReported) {
  const ScratchFolder folder;
  signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  getrlimit(RLIMIT_FSIZE, &old);
  const rlimit small{.rlim_cur = 1000, .rlim_max = old.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const auto file = RealEnv().NewFile(folder / "short");
  const std::string failure = Failure([&] { file->Append(std::string(1500, 'x')); }, ExitCode::kIo);
  setrlimit(RLIMIT_FSIZE, &old);
  EXPECT_THAT(failure, HasSubstr("EFBIG"));
  EXPECT_EQ(RealEnv().FileSize(folder / "short"), 1000);
}

TEST(Env, FreeBytesWorksBelowMissingFolders) {
  const ScratchFolder folder;
  EXPECT_GT(RealEnv().FreeBytes(folder / "not/yet/there"), 0);
}

TEST(Env, LockIsExclusiveAndNamesItsHolder) {
  const ScratchFolder folder;
  const std::string path = folder / "lock";
  std::string holder;
  auto lock = RealEnv().TryLock(path, &holder);
  ASSERT_NE(lock, nullptr);
  EXPECT_EQ(RealEnv().TryLock(path, &holder), nullptr);
  EXPECT_THAT(holder, AllOf(HasSubstr("host "), HasSubstr(StrCat("pid ", getpid())),
                            HasSubstr(" since 20")));
  lock.reset();
  EXPECT_TRUE(RealEnv().Exists(path));
  EXPECT_NE(RealEnv().TryLock(path, &holder), nullptr);
}

TEST(Env, LockDiesWithItsProcess) {
  const ScratchFolder folder;
  const std::string path = folder / "lock";
  const pid_t child = fork();
  if (child == 0) {
    auto lock = RealEnv().TryLock(path, nullptr);
    raise(SIGKILL);
  }
  waitpid(child, nullptr, 0);
  EXPECT_NE(RealEnv().TryLock(path, nullptr), nullptr);
}

// Waits for the end of `start`, tries the lock, reports 'w' or 'l' and keeps it until killed.
pid_t StartRacer(const std::string& path, const int (&start)[2], const int (&result)[2]) {
  const pid_t child = fork();
  if (child != 0) return child;
  close(start[1]);
  char byte = 0;
  if (read(start[0], &byte, 1) != 0) _exit(1);
  const auto lock = RealEnv().TryLock(path, nullptr);
  byte = lock == nullptr ? 'l' : 'w';
  if (write(result[1], &byte, 1) != 1) _exit(1);
  for (;;) pause();
}

std::string Race(const std::string& path) {
  int start[2];
  int result[2];
  EXPECT_EQ(pipe(start), 0);
  EXPECT_EQ(pipe(result), 0);
  const pid_t racers[] = {StartRacer(path, start, result), StartRacer(path, start, result)};
  close(start[0]);
  close(start[1]);  // releases both at once
  std::string outcome(2, '?');
  for (char& byte : outcome) EXPECT_EQ(read(result[0], &byte, 1), 1);
  for (const pid_t racer : racers) {
    EXPECT_GT(racer, 0);
    kill(racer, SIGKILL);
    waitpid(racer, nullptr, 0);
  }
  close(result[0]);
  close(result[1]);
  std::sort(outcome.begin(), outcome.end());
  return outcome;
}

TEST(Env, RaceForALockHasOneWinner) {
  const ScratchFolder folder;
  for (int round = 0; round < 100; ++round) {
    ASSERT_EQ(Race(folder / StrCat("lock", round)), "lw") << "round " << round;
  }
}

TEST(Env, MissingLockSupportWarnsOnceAndGoesOn) {
  const ScratchFolder folder;
  testing::internal::CaptureStderr();
  g_flock_errno = ENOLCK;
  const auto first = RealEnv().TryLock(folder / "lock", nullptr);
  g_flock_errno = ENOSYS;
  const auto second = RealEnv().TryLock(folder / "lock", nullptr);
  g_flock_errno = 0;
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_NE(first, nullptr);
  EXPECT_NE(second, nullptr);
  EXPECT_THAT(text, HasSubstr("ENOLCK"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
}

TEST(Env, MapsTheBytesOfAFile) {
  const ScratchFolder folder;
  const std::string bytes = std::string("a\0b", 3) + std::string(10000, 'x');
  WriteText(RealEnv(), folder / "a", bytes);
  const auto file = RealEnv().Map(folder / "a");
  RealEnv().Remove(folder / "a");
  EXPECT_EQ(file->bytes(), bytes);
  WriteText(RealEnv(), folder / "empty", "");
  EXPECT_EQ(FaultyEnv(RealEnv()).Map(folder / "empty")->bytes(), "");
}

TEST(Env, MapRefusesWhatIsNoFile) {
  const ScratchFolder folder;
  EXPECT_THAT(Failure([&] { RealEnv().Map(folder / "none"); }, ExitCode::kData),
              HasSubstr("not found"));
  EXPECT_THAT(Failure([&] { RealEnv().Map(folder / ""); }, ExitCode::kIo), HasSubstr("cannot map"));
}

TEST(FaultyEnv, FailsTheChosenCallOnly) {
  const ScratchFolder folder;
  FaultyEnv env(RealEnv());
  const auto steps = [&] {
    const auto file = env.NewFile(folder / "a");  // 1
    file->Append("x");                            // 2
    file->Sync();                                 // 3
    file->Close();                                // 4
    env.Rename(folder / "a", folder / "b");       // 5
  };
  for (int64_t n = 1; n <= 5; ++n) {
    env.FailAt(n, false);
    EXPECT_THAT(Failure(steps, ExitCode::kIo), HasSubstr("No space left on device"));
    EXPECT_EQ(env.calls(), n);
    EXPECT_FALSE(env.Exists(folder / "b"));
  }
  env.FailAt(6, false);
  EXPECT_NO_THROW(steps());
  env.FailAt(2, true);
  EXPECT_THROW(steps(), Error);
  EXPECT_THROW(env.Remove(folder / "b"), Error);
  EXPECT_TRUE(env.Exists(folder / "b"));
}

TEST(Paths, JoinParentAndBase) {
  EXPECT_EQ(JoinPath("a", "b"), "a/b");
  EXPECT_EQ(JoinPath("a/", "b"), "a/b");
  EXPECT_EQ(JoinPath("", "b"), "b");
  EXPECT_EQ(ParentPath("a/b/c"), "a/b");
  EXPECT_EQ(ParentPath("a/b/"), "a");
  EXPECT_EQ(ParentPath("a"), ".");
  EXPECT_EQ(ParentPath("/a"), "/");
  EXPECT_EQ(ParentPath("/"), "/");
  EXPECT_EQ(BaseName("a/b.txt"), "b.txt");
  EXPECT_EQ(BaseName("a/b/"), "b");
  EXPECT_EQ(BaseName("b"), "b");
}

}  // namespace
}  // namespace retort
