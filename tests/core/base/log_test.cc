#include "core/base/log.h"

#include <gtest/gtest.h>

#include <regex>
#include <thread>

#include "core/base/env.h"
#include "core/base/error.h"
#include "tests/core/base/scratch.h"

namespace retort {
namespace {

class LogTest : public testing::Test {
 protected:
  void TearDown() override {
    CloseLogFile();
    SetLogLevel(LogLevel::kInfo);
  }
};

TEST_F(LogTest, LinesForPeopleHaveTimeLevelAndMessage) {
  testing::internal::CaptureStderr();
  LogInfo("shards verified: 100 % {}");
  LogWarning("careful");
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(std::regex_match(text, std::regex("\\d\\d:\\d\\d:\\d\\d info  shards verified: 100 % "
                                                "\\{\\}\n\\d\\d:\\d\\d:\\d\\d warn  careful\n")))
      << text;
}

TEST_F(LogTest, FileHasJsonLinesWithFields) {
  const ScratchFolder folder;
  OpenLogFile(folder / "events.jsonl");
  testing::internal::CaptureStderr();
  Log(LogLevel::kError, "bad \"shard\"\n", {{"shard", 17}});
  testing::internal::GetCapturedStderr();
  const std::string text = RealEnv().ReadFile(folder / "events.jsonl");
  const Json line = ParseJson(text, "log");
  EXPECT_EQ(line["level"], "error");
  EXPECT_EQ(line["message"], "bad \"shard\"\n");
  EXPECT_EQ(line["shard"], 17);
  EXPECT_EQ(line["time"].get<std::string>().size(), 20);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
}

TEST_F(LogTest, LevelsBelowTheLimitAreDropped) {
  testing::internal::CaptureStderr();
  Log(LogLevel::kDebug, "hidden");
  SetLogLevel(LogLevel::kError);
  LogWarning("hidden too");
  SetLogLevel(LogLevel::kDebug);
  Log(LogLevel::kDebug, "shown");
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(text.find("hidden"), std::string::npos);
  EXPECT_NE(text.find("debug shown"), std::string::npos);
}

TEST_F(LogTest, ThreadsDoNotMixLines) {
  const ScratchFolder folder;
  OpenLogFile(folder / "events.jsonl");
  testing::internal::CaptureStderr();
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([] {
        for (int i = 0; i < 50; ++i) LogInfo(std::string(100, 'x'));
      });
    }
  }
  testing::internal::GetCapturedStderr();
  const std::string text = RealEnv().ReadFile(folder / "events.jsonl");
  std::vector<std::string> lines = Split(text, '\n');
  ASSERT_EQ(lines.size(), 201);
  lines.pop_back();
  for (const std::string& line : lines) EXPECT_NO_THROW(ParseJson(line, "log"));
}

TEST_F(LogTest, FileThatCannotBeOpenedIsAnError) {
  const ScratchFolder folder;
  EXPECT_THROW(OpenLogFile(folder.path()), Error);
}

}  // namespace
}  // namespace retort
