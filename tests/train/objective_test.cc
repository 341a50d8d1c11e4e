#include "train/objective.h"

#include <gmock/gmock.h>

#include <cmath>

#include "tests/generate/golden_file.h"
#include "tests/train/train_fixture.h"

namespace retort {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(PackExamples, LaysSequencesEndToEndAndAsksOnlyForCompletionRows) {
  const std::vector<Example> examples = {
      {.problem_id = "a",
       .source = "gold",
       .prompt_ids = {1, 5, 6},
       .completion_ids = {7, 2},
       .weight = 0.5f},
      {.problem_id = "b", .source = "gold", .prompt_ids = {1}, .completion_ids = {8, 9, 2}}};
  const PackedExamples packed = PackExamples(Pointers(examples));
  EXPECT_THAT(packed.batch.ids, ElementsAre(1, 5, 6, 7, 1, 8, 9));
  EXPECT_THAT(packed.batch.positions, ElementsAre(0, 1, 2, 3, 0, 1, 2));
  EXPECT_THAT(packed.batch.sequence_offsets, ElementsAre(0, 4, 7));
  EXPECT_THAT(packed.batch.logit_rows, ElementsAre(2, 3, 4, 5, 6));
  EXPECT_THAT(packed.targets, ElementsAre(7, 2, 8, 9, 2));
  EXPECT_THAT(packed.weights, ElementsAre(0.5f, 0.5f, 1.0f, 1.0f, 1.0f));
}

TEST(PackExamples, RefusesAnExampleWithoutSupervisedTokensByName) {
  const std::vector<Example> examples = {
      {.problem_id = "ring9-77", .source = "search", .node = 4, .prompt_ids = {1, 5}}};
  const std::string message = ErrorOf([&] { PackExamples(Pointers(examples)); });
  EXPECT_THAT(message, HasSubstr("0 of 2 tokens supervised"));
  EXPECT_THAT(message, HasSubstr("ring9-77"));
  EXPECT_THAT(message, HasSubstr("node 4"));
}

TEST(Objectives, EveryRegisteredNameMakesAnObjectiveOfThatName) {
  ASSERT_FALSE(ObjectiveNames().empty());
  for (const std::string& name : ObjectiveNames()) {
    const auto document = ConfigDocument::Parse("name: " + name, "test.yaml", {});
    const auto objective = MakeObjective(document->Root());
    document->Finish();
    ASSERT_NE(objective, nullptr);
    EXPECT_EQ(objective->Name(), name);
  }
}

/// Losses of every objective on the same examples. `Loss` adds up over examples, so that neither
/// the batch nor the accumulation changes what is learned; values are those of the golden file.
TEST(ObjectiveGolden, EveryObjectiveHasTheLossItAlwaysHad) {
  constexpr double kRelative = 1e-5;
  const DecoderWeights weights =
      InitWeights(TinyModel(), {}, Rng::DeriveKey({uint64_t{1}, "init"}));
  const std::vector<Example> examples = RandomExamples(5, 1);
  const auto ops = MakeCompositeOps();
  Json losses = Json::object();
  for (const std::string& name : ObjectiveNames()) {
    const auto document = ConfigDocument::Parse("name: " + name, "test.yaml", {});
    const auto objective = MakeObjective(document->Root());
    const LossResult all = objective->Loss(weights, Pointers(examples), *ops);
    const double loss = all.loss_sum.item<double>();
    double apart = 0;
    int64_t supervised = 0;
    for (const Example* example : Pointers(examples)) {
      const LossResult one = objective->Loss(weights, {&example, 1}, *ops);
      apart += one.loss_sum.item<double>();
      supervised += one.supervised_tokens;
    }
    EXPECT_NEAR(apart, loss, kRelative * std::abs(loss)) << name;
    EXPECT_EQ(supervised, all.supervised_tokens) << name;
    losses[name] = {{"loss_sum", loss},
                    {"supervised_tokens", all.supervised_tokens},
                    {"correct_tokens", all.correct_tokens}};
  }
  ExpectGoldens("train/objectives.json", losses, kRelative);
}

TEST(Objectives, AnUnknownNameIsAConfigError) {
  const auto document = ConfigDocument::Parse("name: stf", "test.yaml", {});
  MakeObjective(document->Root());
  EXPECT_THAT(ErrorOf([&] { document->Finish(); }), HasSubstr("sft"));
}

TEST(Sft, CountsSupervisedAndCorrectTokens) {
  const auto document = ConfigDocument::Parse("name: sft", "test.yaml", {});
  const auto objective = MakeObjective(document->Root());
  DecoderWeights weights = InitWeights(TinyModel(), {}, Rng::DeriveKey({uint64_t{1}, "init"}));
  const std::vector<Example> examples = RandomExamples(5, 1);
  const auto ops = MakeCompositeOps();
  const LossResult result = objective->Loss(weights, Pointers(examples), *ops);
  int64_t supervised = 0;
  int64_t correct = 0;
  for (const Example& example : examples) {
    const std::vector<Example> alone = {example};
    const PackedExamples packed = PackExamples(Pointers(alone));
    const at::Tensor best = DecoderForward(weights, packed.batch, *ops).argmax(-1);
    supervised += std::ssize(packed.targets);
    for (int64_t i = 0; i < std::ssize(packed.targets); ++i) {
      correct += best[i].item<int64_t>() == packed.targets[static_cast<size_t>(i)];
    }
  }
  EXPECT_EQ(result.supervised_tokens, supervised);
  EXPECT_EQ(result.correct_tokens, correct);
}

}  // namespace
}  // namespace retort
