#include <gtest/gtest.h>

#include "tests/core/task/task_fixture.h"

namespace retort {
namespace {

constexpr const char* kGood = R"({"tiles":[2,1,3,4]})";
constexpr const char* kOther = R"({"tiles":[1,3,2,4]})";

class ProblemFile : public testing::Test {
 protected:
  std::vector<Problem> Read(const std::string& text, bool skip = false) {
    path_ = WriteTestFile("problems.jsonl", text);
    return ReadProblemFile(RealEnv(), *task_, path_, skip);
  }
  std::unique_ptr<Task> task_ = TaskFromYaml("name: ring_sort\nsize: 4\ndistance: 2\n");
  std::string path_;
};

TEST_F(ProblemFile, ReadsOneProblemALineInOrder) {
  const auto problems = Read(StrCat(kGood, "\n", kOther, "\n"));
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_EQ(problems[0].question.id, "ring4d1-2134");
  EXPECT_EQ(problems[1].question.id, "ring4d1-1324");
  EXPECT_EQ(problems[0].source, path_);
}

TEST_F(ProblemFile, TakesBlankLinesCarriageReturnsAndAMissingLastNewline) {
  EXPECT_EQ(Read(StrCat(kGood, "\r\n\n  \n", kOther)).size(), 2u);
  EXPECT_TRUE(Read("").empty());
}

TEST_F(ProblemFile, NamesTheBrokenLine) {
  for (const char* broken : {"{", "3", R"({"tiles":[1,2]})", R"({"tiles":[2,1,3,4]} x)", "\xff"}) {
    const std::string message = ErrorOf([&] { Read(StrCat(kGood, "\n", broken, "\n", kOther)); });
    EXPECT_NE(message.find(StrCat(path_, ":2")), std::string::npos) << message;
    EXPECT_NE(message.find("on_error: skip"), std::string::npos) << message;
  }
}

TEST_F(ProblemFile, SkipKeepsTheRest) {
  const auto problems = Read(StrCat("{\n", kGood, "\nnull\n", kOther, "\n"), true);
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_EQ(problems[1].question.id, "ring4d1-1324");
}

TEST_F(ProblemFile, ARepeatedIdIsABrokenLine) {
  const std::string message = ErrorOf([&] { Read(StrCat(kGood, "\n", kGood)); });
  EXPECT_NE(message.find(":2"), std::string::npos) << message;
  EXPECT_NE(message.find("line 1"), std::string::npos) << message;
  EXPECT_EQ(Read(StrCat(kGood, "\n", kGood), true).size(), 1u);
}

TEST_F(ProblemFile, AMissingFileIsNamed) {
  const std::string message =
      ErrorOf([&] { ReadProblemFile(RealEnv(), *task_, "/nowhere/problems.jsonl", false); });
  EXPECT_NE(message.find("/nowhere/problems.jsonl"), std::string::npos) << message;
}

TEST(MakeTask, ReportsAMissingOrUnknownName) {
  EXPECT_NE(ErrorOf([] { TaskFromYaml("size: 9\n"); }).find("name"), std::string::npos);
  const std::string unknown = ErrorOf([] { TaskFromYaml("name: ring_sotr\n"); });
  EXPECT_NE(unknown.find("ring_sort"), std::string::npos) << unknown;
}

}  // namespace
}  // namespace retort
