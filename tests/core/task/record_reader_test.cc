#include "core/task/record_reader.h"

#include <gtest/gtest.h>

#include "core/base/clock.h"
#include "tests/core/task/task_fixture.h"

namespace retort {
namespace {

struct Seen {
  std::string text;
  int64_t line = 0;
  std::string broken;
};

std::vector<Seen> Read(const std::string& text) {
  std::vector<Seen> seen;
  ReadRecords(RealEnv(), WriteTestFile("records", text), [&](const Record& record) {
    seen.push_back({std::string(record.text), record.line, record.broken});
  });
  return seen;
}

TEST(RecordReader, CutsLinesAndSkipsBlankOnes) {
  const auto seen = Read("{\"a\":1}\r\n\n  \n{\"b\":2}");
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0].line, 1);
  EXPECT_EQ(seen[1].text, "{\"b\":2}");
  EXPECT_EQ(seen[1].line, 4);
  EXPECT_TRUE(Read("").empty());
  EXPECT_TRUE(Read(" \n\n").empty());
}

TEST(RecordReader, CutsAnArrayAtItsOwnCommas) {
  const auto seen = Read("\n[\n  {\"a\": \"x, ]} \\\" [\"},\n\n  {\"b\": [1, {\"c\": 2}]}\n]\n");
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0].text, "{\"a\": \"x, ]} \\\" [\"}");
  EXPECT_EQ(seen[0].line, 3);
  EXPECT_EQ(seen[1].line, 5);
  EXPECT_EQ(seen[1].broken, "");
  EXPECT_TRUE(Read("[]").empty());
}

TEST(RecordReader, SaysThatAnArrayDoesNotEnd) {
  const auto seen = Read("[{\"a\":1}, {\"b\":");
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_NE(seen.back().broken.find("closing ]"), std::string::npos);
}

TEST(RecordReader, HandsOverWhatFollowsAnArray) {
  const auto seen = Read("[{\"a\":1}]\nrest");
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[1].text, "rest");
}

TEST(RecordReader, AnOverlongLineIsBrokenAndTheNextIsRead) {
  const std::string longest(kMaxRecordBytes, 'x');
  const auto seen = Read(StrCat(longest, "\n", longest, "y\n{}\n"));
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(seen[0].text.size(), kMaxRecordBytes);
  EXPECT_EQ(seen[1].text, "");
  EXPECT_EQ(seen[1].line, 2);
  EXPECT_NE(seen[1].broken.find("1,048,576 bytes"), std::string::npos);
  EXPECT_EQ(seen[2].text, "{}");
}

TEST(RecordReader, AHugeLineIsNotHeldInMemory) {
  const std::string path = WriteTestFile("sparse", "");
  // A sparse file: zero bytes that take no room on disk.
  RealEnv().Truncate(path, uint64_t{128} << 20);
  const auto before = PeakResidentBytes();
  int records = 0;
  ReadRecords(RealEnv(), path, [&](const Record& record) {
    ++records;
    EXPECT_NE(record.broken.find("longer than"), std::string::npos);
  });
  EXPECT_EQ(records, 1);
  EXPECT_LT(PeakResidentBytes() - before, 32 << 20);
  RealEnv().Remove(path);
}

TEST(RecordReader, AMissingFileIsNamed) {
  const std::string message =
      ErrorOf([] { ReadRecords(RealEnv(), "/nowhere/x.jsonl", [](const Record&) {}); });
  EXPECT_NE(message.find("/nowhere/x.jsonl"), std::string::npos) << message;
}

}  // namespace
}  // namespace retort
