#include "core/base/subprocess.h"

#include <gtest/gtest.h>

#include <csignal>
#include <string>

#include "core/base/clock.h"
#include "core/base/error.h"

namespace retort {
namespace {

Subprocess::Reply Ask(Subprocess& child, std::string_view input, double seconds = 20) {
  return child.Exchange(input, 100, seconds);
}

TEST(Subprocess, AnswersLineByLine) {
  Subprocess child({.argv = {"cat"}});
  EXPECT_EQ(Ask(child, "one\n").line, "one");
  EXPECT_EQ(Ask(child, "two\nthree\n").line, "two");
  EXPECT_EQ(Ask(child, "").line, "three");
}

TEST(Subprocess, LargeInputsPassWhileTheChildWrites) {
  Subprocess child({.argv = {"cat"}});
  std::string lines;
  for (int i = 0; i < 100000; ++i) lines += "0123456789\n";
  EXPECT_EQ(Ask(child, lines).line, "0123456789");
}

TEST(Subprocess, EndTooLongAndTimeoutAreToldApart) {
  Subprocess ended({.argv = {"sh", "-c", "echo why >&2; exit 3"}});
  EXPECT_EQ(Ask(ended, "x\n").end, Subprocess::End::kClosed);
  EXPECT_EQ(ended.ErrorTail(), "why");
  Subprocess flood({.argv = {"sh", "-c", "yes | tr -d '\\n'"}});
  EXPECT_EQ(Ask(flood, "").end, Subprocess::End::kTooLong);
  Subprocess silent({.argv = {"sleep", "100"}});
  EXPECT_EQ(Ask(silent, "x\n", 0.05).end, Subprocess::End::kTimeout);
}

TEST(Subprocess, AFloodOfErrorsDoesNotBlockIt) {
  Subprocess child({.argv = {"sh", "-c", "yes error | head -c 3000000 >&2; echo done"}});
  EXPECT_EQ(Ask(child, "").line, "done");
  EXPECT_LE(child.ErrorTail().size(), 1024u);
}

TEST(Subprocess, NothingOfItOutlivesTheObject) {
  pid_t parent = 0, child = 0;
  {
    Subprocess group({.argv = {"sh", "-c", "sleep 1000 & echo $!; wait"}});
    parent = group.id();
    child = static_cast<pid_t>(std::stol(Ask(group, "").line));
    EXPECT_EQ(kill(child, 0), 0);
  }
  EXPECT_NE(kill(parent, 0), 0);
  // The grandchild is somebody else's to reap: gone, or dead and waiting for that.
  const double deadline = MonotonicSeconds() + 20;
  const auto alive = [&] {
    Subprocess ps({.argv = {"sh", "-c", "cut -d' ' -f3 /proc/" + std::to_string(child) + "/stat"}});
    const Subprocess::Reply state = Ask(ps, "");
    return state.end == Subprocess::End::kLine && state.line != "Z";
  };
  while (alive() && MonotonicSeconds() < deadline) {
  }
  EXPECT_FALSE(alive());
}

TEST(Subprocess, InheritsNoDescriptorAndNoEnvironmentUnlessTold) {
  setenv("RETORT_TEST_SECRET", "canary", 1);
  Subprocess bare({.argv = {"/bin/sh", "-c", "echo $RETORT_TEST_SECRET; ls /proc/self/fd | wc -l"},
                   .empty_environment = true});
  EXPECT_EQ(Ask(bare, "").line, "");
  EXPECT_EQ(Ask(bare, "").line, "4");  // 0, 1, 2 and the folder that ls reads
  Subprocess full(
      {.argv = {"sh", "-c", "echo $RETORT_TEST_SECRET; cat <&3"}, .descriptor3 = "given\n"});
  EXPECT_EQ(Ask(full, "").line, "canary");
  EXPECT_EQ(Ask(full, "").line, "given");
  unsetenv("RETORT_TEST_SECRET");
}

TEST(Subprocess, SignalsThatWeIgnoreAreTheChildsAgain) {
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  Subprocess child({.argv = {"sh", "-c", "kill -PIPE $$; echo survived"}});
  EXPECT_EQ(Ask(child, "").end, Subprocess::End::kClosed);
  std::signal(SIGPIPE, before);
}

TEST(Subprocess, AMissingProgramIsNamed) {
  try {
    Subprocess({.argv = {"no-such-program"}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kUnavailable);
    EXPECT_NE(std::string(error.what()).find("no-such-program"), std::string::npos);
  }
}

}  // namespace
}  // namespace retort
