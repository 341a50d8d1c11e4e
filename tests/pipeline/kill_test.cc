// Promise 3 of the design: a process killed at any moment, run again, ends in the bytes of an
// undisturbed run. The real program is killed with SIGKILL at random moments and at every named
// crash point.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <regex>
#include <set>
#include <thread>

#include "core/base/rng.h"
#include "pipeline_testing.h"

namespace retort::testing {
namespace {

/// Every name that product code passes to CrashPoint, read from the sources.
std::set<std::string> NamedCrashPoints() {
  std::set<std::string> names;
  const std::regex call("CrashPoint\\(\"([a-z_.]+)\"\\)");
  for (const char* folder : {"core", "generate", "filter", "train", "eval", "pipeline"}) {
    const std::string root = std::string(RETORT_SOURCE_DIR) + "/" + folder;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
      if (entry.path().extension() != ".cc") continue;
      std::ifstream in(entry.path());
      std::ostringstream text;
      text << in.rdbuf();
      const std::string source = text.str();
      for (std::sregex_iterator it(source.begin(), source.end(), call), end; it != end; ++it) {
        names.insert((*it)[1]);
      }
    }
  }
  return names;
}

class Kill : public PipelineTest {
 protected:
  /// Starts `retort run`, or one kind of stage, on the tiny experiment as its own process.
  pid_t Start(const std::string& runs, const std::string& crash_at, const char* command = "run") {
    const pid_t child = fork();
    if (child != 0) return child;
    const int null = open("/dev/null", O_WRONLY);
    dup2(null, 1);
    dup2(null, 2);
    if (!crash_at.empty()) setenv("RETORT_CRASH_AT", crash_at.c_str(), 1);
    const std::string config = Path("tiny.yaml"), folder = Path(runs);
    execl(RETORT_PROGRAM, "retort", command, config.c_str(), "--runs", folder.c_str(), nullptr);
    _exit(127);
  }
  static int Wait(pid_t child) {
    int status = 0;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  }
};

TEST_F(Kill, AtRandomMomentsEndsInTheBytesOfAnUndisturbedRun) {
  const auto start = std::chrono::steady_clock::now();
  ASSERT_EQ(Wait(Start("undisturbed", "")), 0);
  const auto whole = std::chrono::steady_clock::now() - start;
  const auto expected = ContentHashes(Path("undisturbed"));
  ASSERT_GE(expected.size(), 8u);
  Rng rng = Rng::Derive({uint64_t{20}, "kill"});
  int killed = 0;
  for (int attempt = 0; attempt < 60; ++attempt) {
    const pid_t child = Start("killed", "");
    // Long enough to get past the start-up now and then, short enough to hit every stage.
    std::this_thread::sleep_for(whole * (0.1 + 0.35 * rng.NextDouble()));
    kill(child, SIGKILL);
    if (Wait(child) == 0) break;
    ++killed;
  }
  ASSERT_EQ(Wait(Start("killed", "")), 0);
  EXPECT_GE(killed, 2);
  EXPECT_EQ(ContentHashes(Path("killed")), expected);
}

/// One stage of a finished run, taken away so that it runs again, alone.
struct OneStage {
  const char* kind;
  const char* name;
};

class KillInStage : public Kill, public ::testing::WithParamInterface<OneStage> {
 protected:
  void SetUp() override {
    PipelineTest::SetUp();
    ASSERT_EQ(Wait(Start("runs", "")), 0);
    const std::string parent = Path("runs") + "/tiny/" + GetParam().kind;
    for (const auto& entry : std::filesystem::directory_iterator(parent)) {
      if (entry.path().filename().string().starts_with(GetParam().name)) stage_ = entry.path();
    }
    ASSERT_FALSE(stage_.empty());
    expected_ = ContentHashes(Path("runs"));
  }

  bool Finished() const { return std::filesystem::exists(stage_ + "/MANIFEST.json"); }

  /// Waits until the child has begun the stage, which writes its key.json anew; false if it ended.
  bool AwaitStage(pid_t child, ino_t key_before) const {
    while (KeyFile() == key_before) {
      if (waitpid(child, nullptr, WNOHANG) == child) return false;
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    return true;
  }
  ino_t KeyFile() const {
    struct stat facts {};
    return stat((stage_ + "/key.json").c_str(), &facts) == 0 ? facts.st_ino : 0;
  }

  /// Seconds from the stage's begin to its end, undisturbed.
  double StageSeconds() {
    std::filesystem::remove_all(stage_);
    const pid_t child = Start("runs", "", GetParam().kind);
    EXPECT_TRUE(AwaitStage(child, 0));
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(Wait(child), 0);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

  std::string stage_;
  std::vector<std::string> expected_;
};

TEST_P(KillInStage, TwentyTimesEndsInTheBytesOfAnUndisturbedRun) {
  const double seconds = StageSeconds();
  Rng rng = Rng::Derive({uint64_t{21}, GetParam().kind});
  int killed = 0, unfinished = 0;
  for (int attempt = 0; attempt < 200 && unfinished < 20; ++attempt) {
    if (Finished()) {
      ASSERT_EQ(ContentHashes(Path("runs")), expected_) << "after " << killed << " kills";
      std::filesystem::remove_all(stage_);
    }
    const pid_t child = Start("runs", "", GetParam().kind);
    if (!AwaitStage(child, KeyFile())) continue;
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds * rng.NextDouble()));
    kill(child, SIGKILL);
    if (Wait(child) != -SIGKILL) continue;
    ++killed;
    if (!Finished()) ++unfinished;
  }
  EXPECT_GE(unfinished, 20) << killed << " kills";
  ASSERT_EQ(Wait(Start("runs", "")), 0);
  EXPECT_EQ(ContentHashes(Path("runs")), expected_);
}

INSTANTIATE_TEST_SUITE_P(Stages, KillInStage,
                         ::testing::Values(OneStage{"generate", "search"},
                                           OneStage{"filter", "traces"},
                                           OneStage{"train", "student"}),
                         [](const auto& stage) { return std::string(stage.param.kind); });

TEST_F(Kill, AtEveryNamedCrashPointEndsInTheBytesOfAnUndisturbedRun) {
  ASSERT_EQ(Wait(Start("undisturbed", "")), 0);
  const auto expected = ContentHashes(Path("undisturbed"));
  const std::set<std::string> points = NamedCrashPoints();
  ASSERT_GE(points.size(), 15u);
  for (const std::string& point : points) {
    int hits = 0;
    for (int nth = 1; nth <= 2; ++nth) {
      const std::string runs = "at " + point;
      if (Wait(Start(runs, point + ":" + std::to_string(nth))) == -SIGKILL) ++hits;
    }
    EXPECT_GE(hits, 1) << point << " is never reached by a whole run";
    ASSERT_EQ(Wait(Start("at " + point, "")), 0) << point;
    EXPECT_EQ(ContentHashes(Path("at " + point)), expected) << point;
    std::filesystem::remove_all(Path("at " + point));
  }
}

}  // namespace
}  // namespace retort::testing
