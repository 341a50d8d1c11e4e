// Parity with PyTorch over ten training steps; goldens and tolerances: tests/data/train.
#include <ATen/ATen.h>

#include <map>

#include "core/lm/checkpoint/checkpoint.h"
#include "tests/train/train_fixture.h"
#include "train/batch_gradient.h"
#include "train/optimizer.h"
#include "train/train_inputs.h"
#include "train/train_stage.h"

namespace retort {
namespace {

constexpr double kRelative = 1e-5;
constexpr double kWeightTolerance = 2e-5;

std::string GoldenPath(const std::string& name) {
  return StrCat(RETORT_TEST_DATA, "/train/llama_ten_steps/", name);
}

struct GoldenRun {
  Json json;
  std::vector<Example> examples;
  DecoderWeights weights;
  OptimizerConfig optimizer;

  std::vector<const Example*> Batch(int64_t step) const {
    const auto size = json.at("batch_size").get<int64_t>();
    std::vector<const Example*> batch;
    for (int64_t i = step * size; i < (step + 1) * size; ++i) {
      batch.push_back(&examples[static_cast<size_t>(i)]);
    }
    return batch;
  }
};

GoldenRun LoadGolden() {
  GoldenRun run;
  run.json = ParseJson(RealEnv().ReadFile(GoldenPath("run.json")), "run.json");
  for (const Json& json : run.json.at("examples")) {
    Example example;
    example.problem_id = StrCat("golden-", run.examples.size());
    json.at("prompt_ids").get_to(example.prompt_ids);
    json.at("completion_ids").get_to(example.completion_ids);
    json.at("weight").get_to(example.weight);
    run.examples.push_back(std::move(example));
  }
  ModelConfig model;
  const Json& shape = run.json.at("shape");
  shape.at("vocab_size").get_to(model.vocab_size);
  shape.at("hidden_size").get_to(model.hidden_size);
  shape.at("intermediate_size").get_to(model.intermediate_size);
  shape.at("num_hidden_layers").get_to(model.num_hidden_layers);
  shape.at("num_attention_heads").get_to(model.num_attention_heads);
  shape.at("num_key_value_heads").get_to(model.num_key_value_heads);
  shape.at("head_dim").get_to(model.head_dim);
  shape.at("max_position_embeddings").get_to(model.max_position_embeddings);
  run.weights = InitWeights(model, {}, Rng::DeriveKey({uint64_t{0}, "overwritten"}));
  CopyInto(ReadSafetensors(RealEnv(), GoldenPath("initial.safetensors")), run.weights);
  const Json& options = run.json.at("optimizer");
  options.at("lr").get_to(run.optimizer.lr);
  options.at("weight_decay").get_to(run.optimizer.weight_decay);
  options.at("clip_norm").get_to(run.optimizer.clip_norm);
  options.at("warmup_steps").get_to(run.optimizer.warmup_steps);
  options.at("final_lr_ratio").get_to(run.optimizer.final_lr_ratio);
  return run;
}

void ExpectGradientNorms(const BatchGradient& gradient, const Json& norms, int64_t step) {
  for (const auto& [name, parameter] : gradient.Parameters()) {
    const double golden = norms.at(name).get<double>();
    EXPECT_NEAR(parameter.grad().norm().item<double>(), golden, kRelative * golden)
        << name << " at step " << step;
  }
}

void ExpectFirstGradients(const BatchGradient& gradient) {
  const auto golden = ReadSafetensors(RealEnv(), GoldenPath("first_gradients.safetensors"));
  ASSERT_EQ(golden.size(), gradient.Parameters().size());
  for (const auto& [name, parameter] : gradient.Parameters()) {
    const double largest = golden.at(name).abs().max().item<double>();
    EXPECT_LE(MaxDifference(parameter.grad(), golden.at(name)), kRelative * largest) << name;
  }
}

class TenSteps : public testing::TestWithParam<int> {};

TEST_P(TenSteps, EqualPyTorchLossGradientsAndWeights) {
  GoldenRun run = LoadGolden();
  const auto document = ConfigDocument::Parse("name: sft", "test.yaml", {});
  const auto objective = MakeObjective(document->Root());
  ThreadPool pool(2);
  BatchGradient gradient(run.weights, *objective, TrainOps("float32", at::kCPU), 2, pool);
  AdamW optimizer(gradient.Parameters());
  const Json& steps = run.json.at("steps");
  for (int64_t step = 0; step < std::ssize(steps); ++step) {
    const Json& golden = steps.at(static_cast<size_t>(step));
    const double loss = gradient.Compute(run.Batch(step), GetParam()).mean();
    const auto golden_loss = golden.at("loss").get<double>();
    EXPECT_NEAR(loss, golden_loss, kRelative * golden_loss) << "step " << step;
    ExpectGradientNorms(gradient, golden.at("grad_norms"), step);
    if (step == 0) ExpectFirstGradients(gradient);
    const double norm = ClipGradNorm(gradient.Parameters(), run.optimizer.clip_norm);
    EXPECT_NEAR(norm, golden.at("grad_norm").get<double>(), kRelative * norm) << "step " << step;
    const double lr = LearningRate(run.optimizer, step, std::ssize(steps));
    EXPECT_DOUBLE_EQ(lr, golden.at("lr").get<double>()) << "step " << step;
    optimizer.Step({.lr = lr, .weight_decay = run.optimizer.weight_decay});
  }
  const auto final = ReadSafetensors(RealEnv(), GoldenPath("final.safetensors"));
  for (const auto& [name, parameter] : NamedParameters(std::as_const(run.weights))) {
    EXPECT_LE(MaxDifference(parameter, final.at(name)), kWeightTolerance) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Accumulation, TenSteps, testing::Values(1, 2, 4));

}  // namespace
}  // namespace retort
