#include "train/batch_gradient.h"

#include <ATen/ATen.h>

#include <map>

#include "tests/train/train_fixture.h"
#include "train/train_inputs.h"

namespace retort {
namespace {

std::unique_ptr<Objective> Sft() {
  const auto document = ConfigDocument::Parse("name: sft", "test.yaml", {});
  return MakeObjective(document->Root());
}

struct Gradients {
  BatchLoss loss;
  std::map<std::string, at::Tensor> tensors;
};

Gradients GradientsOf(const DecoderWeights& weights, const std::vector<const Example*>& examples,
                      int accumulation = 1, int slices = 1, int threads = 1) {
  const auto objective = Sft();
  ThreadPool pool(threads);
  BatchGradient gradient(weights, *objective, TrainOps("float32", at::kCPU), slices, pool);
  Gradients result{.loss = gradient.Compute(examples, accumulation), .tensors = {}};
  for (const auto& [name, parameter] : gradient.Parameters()) {
    result.tensors[name] = parameter.grad().clone();
  }
  return result;
}

class BatchGradientTest : public testing::Test {
 protected:
  DecoderWeights weights_ =
      InitWeights(TinyModel(), {.std = 0.3}, Rng::DeriveKey({uint64_t{3}, "init"}));
  std::vector<Example> examples_ = RandomExamples(9, 4);
};

TEST_F(BatchGradientTest, PackedExamplesDoNotTouchEachOther) {
  const Gradients packed = GradientsOf(weights_, Pointers(examples_));
  double loss_sum = 0;
  std::map<std::string, at::Tensor> sums;
  for (const Example& example : examples_) {
    const Gradients alone = GradientsOf(weights_, {&example});
    const auto share = static_cast<double>(alone.loss.supervised_tokens) /
                       static_cast<double>(packed.loss.supervised_tokens);
    loss_sum += alone.loss.loss_sum;
    for (const auto& [name, tensor] : alone.tensors) {
      sums[name] = sums[name].defined() ? sums[name] + share * tensor : share * tensor;
    }
  }
  EXPECT_NEAR(packed.loss.loss_sum, loss_sum, 1e-5 * loss_sum);
  for (const auto& [name, tensor] : packed.tensors) {
    EXPECT_LE(MaxDifference(tensor, sums.at(name)), 1e-6) << name;
  }
}

TEST_F(BatchGradientTest, AnotherExampleInTheBatchLeavesThisOnesLossAlone) {
  std::vector<Example> changed = examples_;
  for (size_t i = 1; i < changed.size(); ++i) {
    changed[i].weight = 0;
    for (int32_t& id : changed[i].prompt_ids) id = 1;
  }
  const double alone = GradientsOf(weights_, {&examples_[0]}).loss.loss_sum;
  EXPECT_NEAR(GradientsOf(weights_, Pointers(changed)).loss.loss_sum, alone, 1e-5);
}

TEST_F(BatchGradientTest, AccumulationDoesNotChangeLossOrGradient) {
  const Gradients whole = GradientsOf(weights_, Pointers(examples_));
  for (const int accumulation : {2, 4, 8, 100}) {
    const Gradients parts = GradientsOf(weights_, Pointers(examples_), accumulation);
    EXPECT_NEAR(parts.loss.mean(), whole.loss.mean(), 1e-6) << accumulation;
    EXPECT_EQ(parts.loss.supervised_tokens, whole.loss.supervised_tokens);
    for (const auto& [name, tensor] : whole.tensors) {
      EXPECT_LE(MaxDifference(tensor, parts.tensors.at(name)), 1e-6) << name;
    }
  }
}

TEST_F(BatchGradientTest, ThreadsDoNotChangeABit) {
  const Gradients one = GradientsOf(weights_, Pointers(examples_), 2, 4, 1);
  for (const int threads : {2, 3}) {
    const Gradients many = GradientsOf(weights_, Pointers(examples_), 2, 4, threads);
    EXPECT_EQ(one.loss.loss_sum, many.loss.loss_sum);
    for (const auto& [name, tensor] : one.tensors) {
      EXPECT_TRUE(at::equal(tensor, many.tensors.at(name))) << name << " " << threads;
    }
  }
}

TEST_F(BatchGradientTest, SlicesOnlyRegroupTheSum) {
  const Gradients one = GradientsOf(weights_, Pointers(examples_));
  const Gradients sliced = GradientsOf(weights_, Pointers(examples_), 1, 20, 2);
  EXPECT_EQ(one.loss.correct_tokens, sliced.loss.correct_tokens);
  for (const auto& [name, tensor] : one.tensors) {
    EXPECT_LE(MaxDifference(tensor, sliced.tensors.at(name)), 1e-6) << name;
  }
}

TEST_F(BatchGradientTest, ASecondBatchForgetsTheFirst) {
  const auto objective = Sft();
  ThreadPool pool(1);
  BatchGradient gradient(weights_, *objective, TrainOps("float32", at::kCPU), 3, pool);
  const auto all = Pointers(examples_);
  gradient.Compute(all, 1);
  gradient.Compute({&all[0], 1}, 1);
  const Gradients fresh = GradientsOf(weights_, {&examples_[0]}, 1, 3);
  for (const auto& [name, parameter] : gradient.Parameters()) {
    EXPECT_TRUE(at::equal(parameter.grad(), fresh.tensors.at(name))) << name;
  }
}

TEST_F(BatchGradientTest, Bfloat16StaysNearFloat32AndLeavesFloat32Gradients) {
  const auto objective = Sft();
  ThreadPool pool(1);
  BatchGradient gradient(weights_, *objective, TrainOps("bfloat16", at::kCPU), 2, pool);
  const BatchLoss loss = gradient.Compute(Pointers(examples_), 1);
  const Gradients exact = GradientsOf(weights_, Pointers(examples_));
  EXPECT_NEAR(loss.mean(), exact.loss.mean(), 0.02 * exact.loss.mean());
  EXPECT_NE(loss.mean(), exact.loss.mean());
  for (const auto& [name, parameter] : gradient.Parameters()) {
    EXPECT_EQ(parameter.grad().scalar_type(), at::kFloat) << name;
    const double scale = exact.tensors.at(name).norm().item<double>();
    const double error = (parameter.grad() - exact.tensors.at(name)).norm().item<double>();
    EXPECT_LE(error, 0.05 * scale) << name;
  }
}

}  // namespace
}  // namespace retort
