// Promise 3 of the design: a process killed at any moment, run again, ends in the bytes of an
// undisturbed run. The real program is killed with SIGKILL at random moments and at every named
// crash point.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
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
  /// Starts `retort run` on the tiny experiment as its own process.
  pid_t Start(const std::string& runs, const std::string& crash_at) {
    const pid_t child = fork();
    if (child != 0) return child;
    const int null = open("/dev/null", O_WRONLY);
    dup2(null, 1);
    dup2(null, 2);
    if (!crash_at.empty()) setenv("RETORT_CRASH_AT", crash_at.c_str(), 1);
    const std::string config = Path("tiny.yaml"), folder = Path(runs);
    execl(RETORT_PROGRAM, "retort", "run", config.c_str(), "--runs", folder.c_str(), nullptr);
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
