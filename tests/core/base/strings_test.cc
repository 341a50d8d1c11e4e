#include "core/base/strings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>

namespace retort {
namespace {

using testing::ElementsAre;

TEST(Strings, SplitKeepsEmptyFields) {
  EXPECT_THAT(Split("a,,b,", ','), ElementsAre("a", "", "b", ""));
  EXPECT_THAT(Split("", ','), ElementsAre(""));
}

TEST(Strings, SplitWordsDropsEveryKindOfSpace) {
  EXPECT_THAT(SplitWords("  one\ttwo\n\nthree "), ElementsAre("one", "two", "three"));
  EXPECT_TRUE(SplitWords(" \t\n").empty());
}

TEST(Strings, JoinPutsSeparatorsBetween) {
  EXPECT_EQ(Join({"a", "b", "c"}, ", "), "a, b, c");
  EXPECT_EQ(Join({}, ", "), "");
}

TEST(Strings, CommasEveryThreeDigits) {
  EXPECT_EQ(WithCommas(0), "0");
  EXPECT_EQ(WithCommas(999), "999");
  EXPECT_EQ(WithCommas(1000), "1,000");
  EXPECT_EQ(WithCommas(-123456), "-123,456");
  EXPECT_EQ(WithCommas(1234567), "1,234,567");
  EXPECT_EQ(WithCommas(std::numeric_limits<int64_t>::min()), "-9,223,372,036,854,775,808");
}

TEST(Strings, DoubleTextIsShortAndReadsBack) {
  EXPECT_EQ(DoubleText(0.1), "0.1");
  EXPECT_EQ(DoubleText(3), "3");
  EXPECT_EQ(DoubleText(1e-5), "1e-05");
  for (const double value : {1.0 / 3, 6.02214076e23, 5e-324, -0.0, 123456789.125}) {
    EXPECT_EQ(std::strtod(DoubleText(value).c_str(), nullptr), value);
    EXPECT_EQ(std::signbit(std::strtod(DoubleText(value).c_str(), nullptr)), std::signbit(value));
  }
}

TEST(Strings, EditDistanceCountsSingleEdits) {
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3);
  EXPECT_EQ(EditDistance("", "abc"), 3);
  EXPECT_EQ(EditDistance("same", "same"), 0);
}

TEST(Strings, NearestNameOffersTyposOnly) {
  const std::vector<std::string> names = {"steps", "batch_size", "lr", "warmup_steps"};
  EXPECT_EQ(NearestName("stepz", names), "steps");
  EXPECT_EQ(NearestName("setps", names), "steps");
  EXPECT_EQ(NearestName("batchsize", names), "batch_size");
  EXPECT_EQ(NearestName("momentum", names), "");
  EXPECT_EQ(NearestName("xy", names), "");
  EXPECT_EQ(NearestName("n", {"k"}), "");
}

}  // namespace
}  // namespace retort
