#include "core/base/stop.h"

#include <gtest/gtest.h>
#include <signal.h>

#include "core/base/error.h"

namespace retort {
namespace {

class Stop : public testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
  void TearDown() override { SetStopRequested(0); }
};

ExitCode CodeOfStop() {
  try {
    ThrowIfStopRequested();
  } catch (const Error& e) {
    return e.code();
  }
  return ExitCode::kOk;
}

TEST_F(Stop, NothingAskedNothingThrown) { EXPECT_EQ(CodeOfStop(), ExitCode::kOk); }

TEST_F(Stop, InterruptAndRequeueHaveTheirCodes) {
  SetStopRequested(SIGINT);
  EXPECT_EQ(CodeOfStop(), ExitCode::kInterrupted);
  SetStopRequested(SIGTERM);
  EXPECT_EQ(CodeOfStop(), ExitCode::kTryAgain);
  SetStopRequested(SIGUSR1);
  EXPECT_EQ(CodeOfStop(), ExitCode::kTryAgain);
}

TEST_F(Stop, MessageSaysHowToGoOn) {
  SetStopRequested(SIGINT);
  try {
    ThrowIfStopRequested();
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(),
                 "stopped by SIGINT - everything finished is kept - run the same command again to "
                 "go on");
  }
}

void ReportAndExit() {
  // The child's exit code says which signal it saw first.
  _exit(StopRequested());
}

TEST_F(Stop, FirstSignalOnlySetsTheFlag) {
  EXPECT_EXIT(
      {
        InstallStopHandlers();
        raise(SIGTERM);
        ReportAndExit();
      },
      testing::ExitedWithCode(SIGTERM), "");
}

TEST_F(Stop, SecondUrgentSignalExitsAtOnce) {
  EXPECT_EXIT(
      {
        InstallStopHandlers();
        raise(SIGTERM);
        raise(SIGTERM);
      },
      testing::ExitedWithCode(75), "");
  EXPECT_EXIT(
      {
        InstallStopHandlers();
        raise(SIGINT);
        raise(SIGINT);
      },
      testing::ExitedWithCode(130), "");
}

TEST_F(Stop, WarningThenTermStillLeavesTime) {
  EXPECT_EXIT(
      {
        InstallStopHandlers();
        raise(SIGUSR1);
        raise(SIGUSR1);
        raise(SIGTERM);
        ReportAndExit();
      },
      testing::ExitedWithCode(SIGUSR1), "");
}

TEST_F(Stop, ClosedPipeIsNotDeadly) {
  EXPECT_EXIT(
      {
        InstallStopHandlers();
        raise(SIGPIPE);
        raise(SIGXFSZ);
        _exit(3);
      },
      testing::ExitedWithCode(3), "");
}

}  // namespace
}  // namespace retort
