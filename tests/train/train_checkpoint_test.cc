#include "train/train_checkpoint.h"

#include <gmock/gmock.h>

#include <cmath>

#include "tests/train/train_fixture.h"

namespace retort {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TrainSnapshot Snapshot(int64_t step) {
  const at::Tensor ramp = at::arange(6, at::kFloat).view({2, 3}) + static_cast<double>(step);
  return {.step = step,
          .model = {{"a.weight", ramp}, {"b.weight", ramp.sum(0)}},
          .optimizer = {{"exp_avg/a.weight", 0.1 * ramp}},
          .state = {{"key", "k"}, {"loss", 0.1 + static_cast<double>(step)}}};
}

std::string AcceptAll(const TrainSnapshot&) { return ""; }

void FlipByte(const std::string& path) {
  std::string bytes = RealEnv().ReadFile(path);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  auto file = RealEnv().NewFile(path);
  file->Append(bytes);
  file->Close();
}

TEST(TrainCheckpoint, ReadsBackWhatWasSaved) {
  const std::string dir = TestFolder("checkpoints");
  SaveCheckpointFolder(RealEnv(), dir, Snapshot(40));
  const TrainSnapshot read = LoadCheckpointFolder(RealEnv(), dir, 40);
  const TrainSnapshot expected = Snapshot(40);
  EXPECT_EQ(read.step, 40);
  EXPECT_EQ(read.state, expected.state);
  ASSERT_EQ(read.model.size(), 2u);
  EXPECT_TRUE(at::equal(read.model.at("a.weight"), expected.model.at("a.weight")));
  EXPECT_TRUE(
      at::equal(read.optimizer.at("exp_avg/a.weight"), expected.optimizer.at("exp_avg/a.weight")));
}

TEST(TrainCheckpoint, SavingAStepAgainReplacesIt) {
  const std::string dir = TestFolder("checkpoints");
  TrainSnapshot snapshot = Snapshot(40);
  SaveCheckpointFolder(RealEnv(), dir, snapshot);
  snapshot.state["loss"] = 9.0;
  SaveCheckpointFolder(RealEnv(), dir, snapshot);
  EXPECT_EQ(LoadCheckpointFolder(RealEnv(), dir, 40).state.at("loss"), 9.0);
  EXPECT_THAT(RealEnv().List(dir), ElementsAre("step-00000040"));
}

TEST(TrainCheckpoint, AFlippedByteInAnyFileIsRefusedAndTheOlderOneWins) {
  for (const char* file : {"model.safetensors", "optimizer.safetensors", "state.json"}) {
    const std::string dir = TestFolder("checkpoints");
    SaveCheckpointFolder(RealEnv(), dir, Snapshot(10));
    SaveCheckpointFolder(RealEnv(), dir, Snapshot(20));
    FlipByte(JoinPath(JoinPath(dir, "step-00000020"), file));
    EXPECT_THAT(ErrorOf([&] { LoadCheckpointFolder(RealEnv(), dir, 20); }), HasSubstr(file));
    const auto newest = LoadNewestCheckpoint(RealEnv(), dir, AcceptAll);
    ASSERT_TRUE(newest.has_value());
    EXPECT_EQ(newest->step, 10);
  }
}

TEST(TrainCheckpoint, AMissingFileIsRefused) {
  const std::string dir = TestFolder("checkpoints");
  SaveCheckpointFolder(RealEnv(), dir, Snapshot(20));
  RealEnv().Remove(JoinPath(dir, "step-00000020/optimizer.safetensors"));
  EXPECT_FALSE(LoadNewestCheckpoint(RealEnv(), dir, AcceptAll).has_value());
}

TEST(TrainCheckpoint, LeftoversOfAnInterruptedSaveAreRemoved) {
  const std::string dir = TestFolder("checkpoints");
  SaveCheckpointFolder(RealEnv(), dir, Snapshot(20));
  RealEnv().CreateDirs(JoinPath(dir, "step-00000030.tmp"));
  RealEnv().CreateDirs(JoinPath(dir, "step-00000010.trash"));
  EXPECT_EQ(LoadNewestCheckpoint(RealEnv(), dir, AcceptAll)->step, 20);
  EXPECT_THAT(RealEnv().List(dir), ElementsAre("step-00000020"));
}

TEST(TrainCheckpoint, AReasonAgainstTheNewestFallsBackToTheNext) {
  const std::string dir = TestFolder("checkpoints");
  SaveCheckpointFolder(RealEnv(), dir, Snapshot(10));
  SaveCheckpointFolder(RealEnv(), dir, Snapshot(20));
  const auto newest = LoadNewestCheckpoint(RealEnv(), dir, [](const TrainSnapshot& snapshot) {
    return snapshot.step == 20 ? "too new" : "";
  });
  EXPECT_EQ(newest->step, 10);
}

TEST(TrainCheckpoint, PruningKeepsTheNewestAndTheProtectedOne) {
  const std::string dir = TestFolder("checkpoints");
  for (const int64_t step : {10, 20, 30, 40, 50}) {
    SaveCheckpointFolder(RealEnv(), dir, Snapshot(step));
  }
  PruneCheckpoints(RealEnv(), dir, 2, 20);
  EXPECT_THAT(ListCheckpoints(RealEnv(), dir), ElementsAre(20, 40, 50));
}

TEST(TrainCheckpoint, ANonFiniteTensorIsNamedAndNothingIsWritten) {
  const std::string dir = TestFolder("checkpoints");
  TrainSnapshot snapshot = Snapshot(10);
  snapshot.optimizer.at("exp_avg/a.weight")[1][2] = NAN;
  EXPECT_THAT(ErrorOf([&] { SaveCheckpointFolder(RealEnv(), dir, snapshot); }),
              HasSubstr("exp_avg/a.weight is not finite"));
  EXPECT_TRUE(ListCheckpoints(RealEnv(), dir).empty());
}

TEST(TrainCheckpoint, OneFailedWriteIsRetriedAtEveryPoint) {
  for (int64_t nth = 1;; ++nth) {
    const std::string dir = TestFolder("checkpoints");
    FaultyEnv env(RealEnv());
    env.FailAt(nth, /*sticky=*/false);
    SaveCheckpointFolder(env, dir, Snapshot(10));
    EXPECT_EQ(LoadCheckpointFolder(RealEnv(), dir, 10).state, Snapshot(10).state) << nth;
    if (env.calls() < nth) break;
  }
}

TEST(TrainCheckpoint, AFullDiskIsAnErrorAndTheOlderCheckpointStays) {
  for (int64_t nth = 1;; ++nth) {
    const std::string dir = TestFolder("checkpoints");
    SaveCheckpointFolder(RealEnv(), dir, Snapshot(10));
    FaultyEnv env(RealEnv());
    env.FailAt(nth, /*sticky=*/true);
    const std::string message = ErrorOf([&] { SaveCheckpointFolder(env, dir, Snapshot(20)); });
    if (message.empty()) break;
    EXPECT_THAT(message, HasSubstr("No space left"));
    const auto newest = LoadNewestCheckpoint(RealEnv(), dir, AcceptAll);
    ASSERT_TRUE(newest.has_value()) << nth;
    EXPECT_EQ(newest->state, Snapshot(newest->step).state);
  }
}

}  // namespace
}  // namespace retort
