#include "eval/svg.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/base/error.h"

namespace retort {
namespace {

TEST(Scale, TakesRoundLinearTicks) {
  const Scale scale(Scale::Kind::kLinear, 0, 1, 100, 0);
  const std::vector<double> ticks = scale.Ticks(5);
  ASSERT_EQ(ticks.size(), 6u);
  EXPECT_FALSE(std::signbit(ticks[0]));
  EXPECT_DOUBLE_EQ(ticks[1], 0.2);
  EXPECT_DOUBLE_EQ(scale.Pixel(0.25), 75);
}

TEST(Scale, TakesDecadesAndFillsThemWhereThereIsRoom) {
  const Scale wide(Scale::Kind::kLog, 0.01, 1000, 0, 100);
  EXPECT_EQ(wide.Ticks(6), (std::vector<double>{0.01, 0.1, 1, 10, 100, 1000}));
  const Scale narrow(Scale::Kind::kLog, 1, 10, 0, 100);
  EXPECT_EQ(narrow.Ticks(6), (std::vector<double>{1, 2, 5, 10}));
  EXPECT_NEAR(wide.Pixel(1), 40, 1e-9);
}

TEST(Scale, RefusesALogarithmOfZero) { EXPECT_THROW(Scale(Scale::Kind::kLog, 0, 1, 0, 1), Error); }

TEST(LabelPlacer, NeverCoversWhatIsTaken) {
  LabelPlacer placer({.x = 0, .y = 0, .width = 400, .height = 300});
  std::vector<Rect> placed;
  for (int i = 0; i < 25; ++i) {
    const Rect rect = placer.Place(200 + i % 5, 150 + i / 5, 60, 14);
    for (const Rect& other : placed) EXPECT_FALSE(rect.Overlaps(other)) << i;
    EXPECT_GE(rect.x, 0);
    EXPECT_LE(rect.x + rect.width, 400);
    placed.push_back(rect);
  }
}

TEST(LabelPlacer, StaysInsideTheFrameWhereNothingIsFree) {
  LabelPlacer placer({.x = 0, .y = 0, .width = 100, .height = 20});
  placer.Block({.x = 0, .y = 0, .width = 100, .height = 20});
  const Rect rect = placer.Place(90, 18, 50, 14);
  EXPECT_LE(rect.x + rect.width, 100);
  EXPECT_LE(rect.y + rect.height, 20);
}

TEST(HtmlEscape, LeavesNoMarkupAndNoControls) {
  EXPECT_EQ(HtmlEscape("<a href=\"x\">&'"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
  EXPECT_EQ(HtmlEscape(std::string("a\0b\n\t\x7f", 6)),
            "a\xEF\xBF\xBD"
            "b\n\t\xEF\xBF\xBD");
}

}  // namespace
}  // namespace retort
