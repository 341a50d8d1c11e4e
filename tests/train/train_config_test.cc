#include <gmock/gmock.h>

#include "tests/train/train_fixture.h"
#include "train/objective.h"
#include "train/train_stage.h"

namespace retort {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TrainConfig Parse(const std::string& yaml) {
  const auto document = ConfigDocument::Parse(yaml, "test.yaml", {});
  TrainConfig config = TrainConfig::FromConfig(document->Root());
  document->Finish();
  return config;
}

TEST(TrainConfig, ReadsAStudent) {
  const TrainConfig config = Parse(
      "data: traces\n"
      "model: {num_hidden_layers: 3, hidden_size: 64, intermediate_size: 176, "
      "num_attention_heads: 2, num_key_value_heads: 2, head_dim: 32}\n"
      "init: {std: 0.08, scale_residual: false}\n"
      "objective: {name: sft}\n"
      "optimizer: {lr: 0.015, weight_decay: 0.2, warmup_steps: 50, schedule: constant}\n"
      "steps: 1700\nbatch_size: 128\naccumulation: 2\neval_every: 100\nseeds: [1, 2, 3]\n");
  EXPECT_EQ(config.data, "traces");
  EXPECT_EQ(config.model.intermediate_size, 176);
  EXPECT_FALSE(config.init.scale_residual);
  EXPECT_EQ(config.objective->Name(), "sft");
  EXPECT_EQ(config.optimizer.schedule, "constant");
  EXPECT_EQ(config.steps, 1700);
  EXPECT_EQ(config.accumulation, 2);
  EXPECT_THAT(config.seeds, ElementsAre(1, 2, 3));
  EXPECT_EQ(config.select, "best_dev");
}

TEST(TrainConfig, EveryErrorIsReportedAtOnce) {
  const std::string message = ErrorOf([] {
    Parse(
        "data: traces\nstep: 10\noptimizer: {lr: 0, schedule: linear}\nprecision: float16\n"
        "accumulation: 300\nbatch_size: 128\n");
  });
  EXPECT_THAT(message, HasSubstr("steps"));
  EXPECT_THAT(message, HasSubstr("optimizer.lr"));
  EXPECT_THAT(message, HasSubstr("optimizer.schedule"));
  EXPECT_THAT(message, HasSubstr("precision"));
  EXPECT_THAT(message, HasSubstr("accumulation"));
}

TEST(TrainConfig, ChecksThatCrossKeys) {
  EXPECT_THAT(ErrorOf([] { Parse("steps: 10\n"); }), HasSubstr("filter stage"));
  EXPECT_THAT(ErrorOf([] { Parse("data: d\nsteps: 10\noptimizer: {warmup_steps: 20}\n"); }),
              HasSubstr("warmup_steps"));
  EXPECT_THAT(ErrorOf([] { Parse("data: d\neval_problems: 0\n"); }), HasSubstr("select"));
}

TEST(TrainConfig, AModelThatStartsFromAnotherHasItsShape) {
  const TrainConfig cut = Parse("data: d\ninit_from: ./teacher\nkeep_layers: [0, 2, 5]\n");
  EXPECT_TRUE(cut.shape_from_init);
  EXPECT_THAT(cut.keep_layers, ElementsAre(0, 2, 5));
  const TrainConfig checked = Parse("data: d\ninit_from: ./t\nmodel: {num_hidden_layers: 2}\n");
  EXPECT_FALSE(checked.shape_from_init);
  EXPECT_EQ(checked.model.num_hidden_layers, 2);
  const TrainConfig fresh = Parse("data: d\ninit_from: random\n");
  EXPECT_EQ(fresh.init_from, "");
  EXPECT_FALSE(fresh.shape_from_init);
}

TEST(TrainConfig, KeptLayersAreAscendingAndOfAModel) {
  for (const char* layers : {"[]", "[1, 1]", "[2, 0]"}) {
    EXPECT_THAT(
        ErrorOf([&] { Parse(StrCat("data: d\ninit_from: ./t\nkeep_layers: ", layers, "\n")); }),
        HasSubstr("ascending, each once"));
  }
  EXPECT_THAT(ErrorOf([] { Parse("data: d\nkeep_layers: [0]\n"); }), HasSubstr("of which model?"));
  EXPECT_THAT(ErrorOf([] { Parse("data: d\ninit_from: ./t\nkeep_layers: [-1]\n"); }),
              HasSubstr("keep_layers"));
}

}  // namespace
}  // namespace retort
