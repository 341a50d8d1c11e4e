#include "train/train_progress.h"

#include <gmock/gmock.h>

#include "tests/train/train_fixture.h"

namespace retort {
namespace {

using testing::HasSubstr;
using testing::Not;

DevPoint Point(int64_t step, double accuracy, double steps_before_error) {
  return {.step = step, .accuracy = accuracy, .steps_before_error = steps_before_error};
}

TEST(TrainProgress, BestPointIsTheMostAccurateThenTheFurthestThenTheEarliest) {
  TrainProgress progress;
  EXPECT_TRUE(progress.AddPoint(Point(1, 0, 0.5)));
  EXPECT_TRUE(progress.AddPoint(Point(2, 0, 0.7)));
  EXPECT_TRUE(progress.AddPoint(Point(3, 0.5, 0.6)));
  EXPECT_FALSE(progress.AddPoint(Point(4, 0.5, 0.6)));
  EXPECT_FALSE(progress.AddPoint(Point(5, 0.4, 9)));
  EXPECT_EQ(progress.best_step, 3);
  EXPECT_EQ(progress.curve.size(), 5u);
}

TEST(TrainProgress, APointEndsTheRunningMeanOfTheLoss) {
  TrainProgress progress;
  progress.loss_sum = 7;
  progress.loss_steps = 3;
  progress.AddPoint(Point(1, 0, 0));
  EXPECT_EQ(progress.loss_sum, 0);
  EXPECT_EQ(progress.loss_steps, 0);
}

TEST(TrainProgress, GoesThroughJsonTextExactly) {
  TrainProgress progress;
  progress.step = 12;
  progress.loss_sum = 0.1 + 0.2;
  progress.flops = 1e15 / 3;
  progress.last_loss = 1.0 / 3;
  progress.AddPoint(Point(12, 2.0 / 3, 1.0 / 7));
  const Json json = ParseJson(DumpJson(progress.ToJson()), "text");
  const TrainProgress read = TrainProgress::FromJson(json, "text");
  EXPECT_EQ(DumpJson(read.ToJson()), DumpJson(progress.ToJson()));
  EXPECT_EQ(read.best.accuracy, 2.0 / 3);
  EXPECT_EQ(read.flops, 1e15 / 3);
}

TEST(TrainProgress, AMissingFieldIsNamed) {
  Json json = TrainProgress().ToJson();
  json.erase("flops");
  EXPECT_THAT(ErrorOf([&] { TrainProgress::FromJson(json, "state.json"); }), HasSubstr("flops"));
}

TEST(ProgressNote, ExplainsLowAccuracyBeforeTheJumpOnly) {
  TrainProgress progress;
  progress.last_loss = 1.2345;
  EXPECT_EQ(ProgressNote(progress, 12345.6), "loss 1.234, 12,345 tok/s");
  progress.AddPoint(Point(100, 0.0, 3.25));
  EXPECT_THAT(ProgressNote(progress, 1), HasSubstr("dev 0.0 %, 3.25 steps before the first error"));
  EXPECT_THAT(ProgressNote(progress, 1), HasSubstr("stays near 0"));
  progress.AddPoint(Point(200, 0.4, 7));
  EXPECT_THAT(ProgressNote(progress, 1), Not(HasSubstr("stays near 0")));
}

}  // namespace
}  // namespace retort
