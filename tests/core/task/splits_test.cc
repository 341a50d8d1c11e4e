#include "core/task/splits.h"

#include <gtest/gtest.h>

#include "tests/core/task/task_fixture.h"

namespace retort {
namespace {

std::unique_ptr<Task> SmallRing() {
  return TaskFromYaml("name: ring_sort\nsize: 6\ndistance: 4\n");
}

std::vector<ProblemSplit> SplitsOf(const std::string& yaml) {
  const auto document = ConfigDocument::Parse(yaml, "test.yaml", {});
  std::vector<ProblemSplit> splits = SplitsFromConfig(document->Root());
  document->Finish();
  return splits;
}

TEST(ClassPosition, IsFixedForEver) {
  // SHA-256("abc") begins ba7816bf 8f01cfea; a change here would move problems between splits.
  EXPECT_DOUBLE_EQ(ClassPosition("abc"), 0xba7816bf8f01cp0 / 0x1p52 + 0x1.fp-54);
  EXPECT_GE(ClassPosition(""), 0.0);
  EXPECT_LT(ClassPosition("ring9-123456789"), 1.0);
}

TEST(SplitOfClass, LaysSharesEndToEnd) {
  const std::vector<ProblemSplit> splits = {{"a", {.share = 0.25}}, {"b", {.share = 0.5}}};
  int counts[3] = {0, 0, 0};
  for (int i = 0; i < 4000; ++i) {
    const std::string key = StrCat("class ", i);
    const double position = ClassPosition(key);
    const std::optional<size_t> split = SplitOfClass(splits, key);
    EXPECT_EQ(split, position < 0.25   ? std::optional<size_t>(0)
                     : position < 0.75 ? std::optional<size_t>(1)
                                       : std::nullopt);
    ++counts[split.value_or(2)];
  }
  EXPECT_NEAR(counts[0], 1000, 120);
  EXPECT_NEAR(counts[1], 2000, 130);
}

TEST(SplitsFromConfig, ReadsEveryKeyInFileOrder) {
  const auto splits = SplitsOf(
      "problems:\n"
      "  train: {count: 7, share: 0.5, traces: 4}\n"
      "  dev: {share: 0.25}\n"
      "  mine: {file: a.jsonl, on_error: skip}\n");
  ASSERT_EQ(splits.size(), 3u);
  EXPECT_EQ(splits[0].name, "train");
  EXPECT_EQ(splits[0].config.count, 7);
  EXPECT_EQ(splits[0].config.traces, 4);
  EXPECT_DOUBLE_EQ(splits[0].config.share, 0.5);
  EXPECT_EQ(splits[1].config.count, 0);
  EXPECT_EQ(splits[2].config.file, "a.jsonl");
  EXPECT_EQ(splits[2].config.on_error, "skip");
}

TEST(SplitsFromConfig, AcceptsDecimalSharesThatAddUpToOne) {
  EXPECT_EQ(SplitsOf("problems:\n  a: {share: 0.30}\n  b: {share: 0.50}\n  c: {share: 0.05}\n"
                     "  d: {share: 0.15}\n")
                .size(),
            4u);
}

TEST(SplitsFromConfig, RefusesWhatCannotBe) {
  const auto error = [](const std::string& yaml) { return ErrorOf([&] { SplitsOf(yaml); }); };
  EXPECT_NE(error("problems:\n  a: {share: 0.7}\n  b: {share: 0.4}\n").find("more than 1"),
            std::string::npos);
  EXPECT_NE(error("problems:\n  a: {count: 3}\n").find("share"), std::string::npos);
  EXPECT_NE(error("problems:\n  a: {share: 0.5, file: x}\n").find("share"), std::string::npos);
  EXPECT_NE(error("problems:\n  a: {share: 0.5, count: -1}\n").find("count"), std::string::npos);
  EXPECT_NE(error("problems:\n  a: {file: x, on_error: ignore}\n").find("on_error"),
            std::string::npos);
  EXPECT_NE(error("problems:\n  a: {share: 0.5, cuont: 1}\n").find("cuont"), std::string::npos);
}

TEST(DealProblems, CountZeroTakesTheWholeShare) {
  const auto task = SmallRing();
  const auto whole = task->MakeSplits({{"a", {.share = 0.5}}, {"b", {.share = 0.5}}}, 1);
  const auto facts = task->Facts();
  EXPECT_EQ(static_cast<int64_t>(whole[0].size() + whole[1].size()), facts.problems);
}

TEST(DealProblems, RefusesSharesAboveOneAndEmptyShares) {
  const auto task = SmallRing();
  EXPECT_NE(ErrorOf([&] {
              task->MakeSplits({{"a", {.share = 0.8}}, {"b", {.share = 0.3}}}, 1);
            }).find("more than 1"),
            std::string::npos);
  const std::string empty = ErrorOf([&] { task->MakeSplits({{"a", {.share = 1e-7}}}, 1); });
  EXPECT_NE(empty.find("all problems asked, 0 available"), std::string::npos) << empty;
}

TEST(DealProblems, FileProblemsKeepTheirClassOutOfGeneratedSplits) {
  const auto task = SmallRing();
  const Problem held_out = task->MakeSplits({{"all", {.share = 1}}}, 1).at(0).front();
  const std::string path = WriteTestFile("held_out.jsonl", DumpJson(task->ToJson(held_out)) + "\n");
  const auto made =
      task->MakeSplits({{"train", {.share = 1}}, {"test", {.share = 0, .file = path}}}, 1);
  ASSERT_EQ(made[1].size(), 1u);
  EXPECT_EQ(made[1][0].question, held_out.question);
  EXPECT_EQ(made[1][0].split, "test");
  EXPECT_EQ(made[1][0].source, path);
  const std::string key = task->CanonicalKey(held_out.question);
  EXPECT_FALSE(made[0].empty());
  for (const Problem& problem : made[0]) EXPECT_NE(task->CanonicalKey(problem.question), key);
}

TEST(DealProblems, TwoFilesWithOneClassAreRefused) {
  const auto task = SmallRing();
  const Problem problem = task->MakeSplits({{"all", {.share = 1}}}, 1).at(0).front();
  const auto images = task->Augment(problem.question, problem.answer);
  Question turned = problem.question;
  turned.prompt = images.at(1).first;
  const Problem image{.question = turned, .answer = images.at(1).second, .source = "", .split = ""};
  const std::string first = WriteTestFile("a.jsonl", DumpJson(task->ToJson(problem)));
  Json other = task->ToJson(image);
  other["id"] = "turned";
  const std::string second = WriteTestFile("b.jsonl", DumpJson(other));
  const std::string message = ErrorOf([&] {
    task->MakeSplits({{"train", {.file = first}}, {"test", {.file = second}}}, 1);
  });
  EXPECT_NE(message.find("turned"), std::string::npos) << message;
  EXPECT_NE(message.find(first), std::string::npos) << message;
  EXPECT_NE(message.find(second), std::string::npos) << message;
}

TEST(DealProblems, CountLimitsAFileAndTooFewIsAnError) {
  const auto task = SmallRing();
  std::string text;
  const auto five = task->MakeSplits({{"all", {.count = 5, .share = 1}}}, 1);
  for (const Problem& problem : five.at(0)) {
    text += DumpJson(task->ToJson(problem)) + "\n";
  }
  const std::string path = WriteTestFile("five.jsonl", text);
  EXPECT_EQ(task->MakeSplits({{"a", {.count = 2, .file = path}}}, 1).at(0).size(), 2u);
  const std::string message = ErrorOf([&] {
    task->MakeSplits({{"a", {.count = 6, .file = path}}}, 1);
  });
  EXPECT_NE(message.find("problems.a: 6 problems asked, 5 available"), std::string::npos)
      << message;
}

}  // namespace
}  // namespace retort
