#include "core/base/progress.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/env.h"
#include "tests/core/base/scratch.h"

namespace retort {
namespace {

TEST(Progress, LineShowsCountRateAndEta) {
  const Progress::Options options{.label = "generate teacher", .unit = "problems", .total = 8000};
  EXPECT_EQ(Progress::Line(options, 2000, 10, "ok 71 %"),
            "generate teacher  2,000/8,000 problems  25%  200/s  ETA 30s  ok 71 %");
}

TEST(Progress, EtaHasThreeForms) {
  const Progress::Options options{.label = "x", .unit = "steps", .total = 1000};
  EXPECT_EQ(Progress::Line(options, 500, 12, ""), "x  500/1,000 steps  50%  41.7/s  ETA 12s");
  EXPECT_EQ(Progress::Line(options, 500, 200, ""), "x  500/1,000 steps  50%  2.5/s  ETA 3m20s");
  EXPECT_EQ(Progress::Line(options, 500, 3720, ""), "x  500/1,000 steps  50%  0.13/s  ETA 1h02m");
}

TEST(Progress, WorkOfAnEarlierRunIsNotInTheRate) {
  const Progress::Options options{.label = "x", .unit = "steps", .total = 1000, .done_before = 900};
  EXPECT_EQ(Progress::Line(options, 950, 10, ""), "x  950/1,000 steps  95%  5.0/s  ETA 10s");
  EXPECT_EQ(Progress::Line(options, 900, 0, ""), "x  900/1,000 steps  90%");
}

TEST(Progress, NoEtaAtTheEndOrWithoutATotal) {
  EXPECT_EQ(Progress::Line({.label = "x", .unit = "steps", .total = 10}, 10, 2, ""),
            "x  10/10 steps  100%  5.0/s");
  EXPECT_EQ(Progress::Line({.label = "x", .unit = "steps"}, 10, 2, ""), "x  10 steps  5.0/s");
}

std::string OutputOf(int fd, double interval, const std::string& path) {
  {
    Progress progress({.label = "x", .total = 3, .plain_interval_s = interval, .fd = fd});
    for (int i = 0; i < 3; ++i) progress.Add(1, i == 1 ? "note" : "");
    EXPECT_EQ(progress.done(), 3);
  }
  return path.empty() ? "" : RealEnv().ReadFile(path);
}

TEST(Progress, PlainLinesWithoutATerminal) {
  const ScratchFolder folder;
  const int fd = open((folder / "out").c_str(), O_CREAT | O_RDWR, 0600);
  const std::string text = OutputOf(fd, 1000, folder / "out");
  close(fd);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
  EXPECT_EQ(text.find('\r'), std::string::npos);
  EXPECT_NE(text.find("3/3 items  100%"), std::string::npos) << text;
  EXPECT_NE(text.find("note"), std::string::npos);
}

TEST(Progress, PlainLinesCompeteWithNothing) {
  const ScratchFolder folder;
  const int fd = open((folder / "out").c_str(), O_CREAT | O_RDWR, 0600);
  const std::string text = OutputOf(fd, 0, folder / "out");
  close(fd);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 4) << text;
}

TEST(Progress, TerminalLineIsRedrawn) {
  const int terminal = posix_openpt(O_RDWR | O_NOCTTY);
  if (terminal < 0 || grantpt(terminal) != 0 || unlockpt(terminal) != 0) {
    GTEST_SKIP() << "no pseudo-terminals here";
  }
  const int fd = open(ptsname(terminal), O_RDWR | O_NOCTTY);
  ASSERT_GE(fd, 0);
  OutputOf(fd, 1000, "");
  std::string text;  // a terminal hands out its bytes in pieces
  while (text.find('\n') == std::string::npos) {
    char buffer[4096];
    const ssize_t size = read(terminal, buffer, sizeof(buffer));
    ASSERT_GT(size, 0) << text;
    text.append(buffer, static_cast<size_t>(size));
  }
  close(fd);
  close(terminal);
  EXPECT_EQ(text[0], '\r');
  EXPECT_NE(text.find("\x1b[K"), std::string::npos);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
}

}  // namespace
}  // namespace retort
