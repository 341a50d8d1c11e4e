// Parity with PyTorch over ten training steps, for every architecture; goldens and tolerances:
// tests/data/train.
#include <ATen/ATen.h>

#include <map>

#include "core/lm/checkpoint/checkpoint.h"
#include "core/lm/engine/device.h"
#include "tests/core/lm/goldens.h"
#include "tests/train/train_fixture.h"
#include "train/batch_gradient.h"
#include "train/optimizer.h"
#include "train/train_inputs.h"
#include "train/train_stage.h"

namespace retort {
namespace {

constexpr double kRelative = 1e-5;
constexpr double kCudaRelative = 2e-5;  // sums in other orders
constexpr double kWeightTolerance = 2e-5;

std::string TrainGolden(const std::string& name) {
  return StrCat(RETORT_TEST_DATA, "/train/", name);
}

/// A golden's examples, in batches, and what trains on them.
struct Course {
  explicit Course(const Json& golden) : batch_size(golden.at("batch_size").get<int64_t>()) {
    for (const Json& json : golden.at("examples")) {
      Example example;
      example.problem_id = StrCat("golden-", examples.size());
      json.at("prompt_ids").get_to(example.prompt_ids);
      json.at("completion_ids").get_to(example.completion_ids);
      json.at("weight").get_to(example.weight);
      examples.push_back(std::move(example));
    }
    const Json& options = golden.at("optimizer");
    options.at("lr").get_to(optimizer.lr);
    options.at("weight_decay").get_to(optimizer.weight_decay);
    options.at("clip_norm").get_to(optimizer.clip_norm);
    options.at("warmup_steps").get_to(optimizer.warmup_steps);
    options.at("final_lr_ratio").get_to(optimizer.final_lr_ratio);
  }

  std::vector<const Example*> Batch(int64_t step) const {
    std::vector<const Example*> batch;
    for (int64_t i = step * batch_size; i < (step + 1) * batch_size; ++i) {
      batch.push_back(&examples[static_cast<size_t>(i)]);
    }
    return batch;
  }

  int64_t batch_size;
  std::vector<Example> examples;
  OptimizerConfig optimizer;
};

DecoderWeights WeightsOf(const Json& shape, const std::string& safetensors) {
  ModelConfig model;
  shape.at("vocab_size").get_to(model.vocab_size);
  shape.at("hidden_size").get_to(model.hidden_size);
  shape.at("intermediate_size").get_to(model.intermediate_size);
  shape.at("num_hidden_layers").get_to(model.num_hidden_layers);
  shape.at("num_attention_heads").get_to(model.num_attention_heads);
  shape.at("num_key_value_heads").get_to(model.num_key_value_heads);
  shape.at("head_dim").get_to(model.head_dim);
  shape.at("max_position_embeddings").get_to(model.max_position_embeddings);
  DecoderWeights weights = InitWeights(model, {}, Rng::DeriveKey({uint64_t{0}, "overwritten"}));
  CopyInto(ReadSafetensors(RealEnv(), safetensors), weights);
  return weights;
}

void ExpectGradientNorms(const BatchGradient& gradient, const Json& norms, int64_t step,
                         double relative) {
  for (const auto& [name, parameter] : gradient.Parameters()) {
    const double golden = norms.at(name).get<double>();
    EXPECT_NEAR(parameter.grad().norm().item<double>(), golden, relative * golden)
        << name << " at step " << step;
  }
}

void ExpectGradients(const BatchGradient& gradient, const std::string& safetensors) {
  const auto golden = ReadSafetensors(RealEnv(), safetensors);
  ASSERT_EQ(golden.size(), gradient.Parameters().size());
  for (const auto& [name, parameter] : gradient.Parameters()) {
    const double largest = golden.at(name).abs().max().item<double>();
    EXPECT_LE(MaxDifference(parameter.grad(), golden.at(name)), kRelative * largest) << name;
  }
}

/// Trains `weights` where they lie for as many steps as the golden has, comparing each with it.
void ExpectSteps(const DecoderWeights& weights, const Course& course, const Json& steps,
                 int accumulation, const std::string& first_gradients) {
  const at::Device device = weights.final_norm.device();
  const double relative = device.is_cpu() ? kRelative : kCudaRelative;
  const auto document = ConfigDocument::Parse("name: sft", "test.yaml", {});
  const auto objective = MakeObjective(document->Root());
  ThreadPool pool(2);
  BatchGradient gradient(weights, *objective, TrainOps("float32", device), device.is_cpu() ? 2 : 1,
                         pool);
  AdamW optimizer(gradient.Parameters());
  for (int64_t step = 0; step < std::ssize(steps); ++step) {
    const Json& golden = steps.at(static_cast<size_t>(step));
    const double loss = gradient.Compute(course.Batch(step), accumulation).mean();
    const auto golden_loss = golden.at("loss").get<double>();
    EXPECT_NEAR(loss, golden_loss, relative * golden_loss) << "step " << step;
    ExpectGradientNorms(gradient, golden.at("grad_norms"), step, relative);
    if (step == 0 && !first_gradients.empty()) ExpectGradients(gradient, first_gradients);
    const double norm = ClipGradNorm(gradient.Parameters(), course.optimizer.clip_norm);
    EXPECT_NEAR(norm, golden.at("grad_norm").get<double>(), relative * norm) << "step " << step;
    const double lr = LearningRate(course.optimizer, step, std::ssize(steps));
    EXPECT_DOUBLE_EQ(lr, golden.at("lr").get<double>()) << "step " << step;
    optimizer.Step({.lr = lr, .weight_decay = course.optimizer.weight_decay});
  }
}

class TenSteps : public testing::TestWithParam<int> {};

TEST_P(TenSteps, EqualPyTorchLossGradientsAndWeights) {
  const std::string folder = TrainGolden("llama_ten_steps/");
  const Json run = ParseJson(RealEnv().ReadFile(folder + "run.json"), "run.json");
  const DecoderWeights weights = WeightsOf(run.at("shape"), folder + "initial.safetensors");
  ExpectSteps(weights, Course(run), run.at("steps"), GetParam(),
              folder + "first_gradients.safetensors");
  const auto final = ReadSafetensors(RealEnv(), folder + "final.safetensors");
  for (const auto& [name, parameter] : NamedParameters(weights)) {
    EXPECT_LE(MaxDifference(parameter, final.at(name)), kWeightTolerance) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Accumulation, TenSteps, testing::Values(1, 2, 4));

class TenStepsOfCheckpoint : public testing::TestWithParam<const char*> {};

TEST_P(TenStepsOfCheckpoint, EqualTransformersLossAndGradients) {
  const std::string file = TrainGolden("checkpoints_ten_steps.json");
  const Json run = ParseJson(RealEnv().ReadFile(file), file);
  const DecoderWeights weights = LoadCheckpoint(RealEnv(), GoldenPath(GetParam()));
  ExpectSteps(weights, Course(run), run.at("models").at(GetParam()), 1, "");
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, TenStepsOfCheckpoint, testing::ValuesIn(kGoldenModels));

class CudaTenStepsOfCheckpoint : public testing::TestWithParam<const char*> {};

TEST_P(CudaTenStepsOfCheckpoint, EqualTransformersLossAndGradients) {
  if (ResolveDevice("auto") != "cuda") GTEST_SKIP() << "no CUDA device";
  const std::string file = TrainGolden("checkpoints_ten_steps.json");
  const Json run = ParseJson(RealEnv().ReadFile(file), file);
  DecoderWeights weights = LoadCheckpoint(RealEnv(), GoldenPath(GetParam()));
  TransformWeights(weights, [](const at::Tensor& t) { return t.to(at::kCUDA); });
  ExpectSteps(weights, Course(run), run.at("models").at(GetParam()), 1, "");
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, CudaTenStepsOfCheckpoint, testing::ValuesIn(kGoldenModels));

}  // namespace
}  // namespace retort
