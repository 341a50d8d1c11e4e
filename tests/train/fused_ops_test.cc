// The fused training operators against the composite ones, values and gradients.
#include "train/fused_ops.h"

#include <ATen/ATen.h>

#include <map>

#include "tests/train/train_fixture.h"
#include "train/batch_gradient.h"

namespace retort {
namespace {

struct Shape {
  const char* name;
  ModelConfig model;
};

std::vector<Shape> Shapes() {
  const ModelConfig tiny = TinyModel();
  ModelConfig everything = tiny;
  everything.attention_bias = everything.mlp_bias = everything.qk_norm = true;
  everything.tie_word_embeddings = false;
  ModelConfig odd = tiny;  // nothing a multiple of 16
  odd.hidden_size = 19;
  odd.intermediate_size = 37;
  odd.num_attention_heads = 3;
  odd.head_dim = 10;
  ModelConfig student = tiny;
  student.hidden_size = 64;
  student.intermediate_size = 176;
  student.num_attention_heads = student.num_key_value_heads = 2;
  student.head_dim = 32;
  ModelConfig gemma = tiny;
  gemma.gemma_block = gemma.qk_norm = true;
  gemma.query_pre_attn_scalar = 20;
  gemma.sliding_layers.assign(static_cast<size_t>(gemma.num_hidden_layers), false);
  gemma.sliding_layers[0] = true;
  gemma.sliding_window = 3;
  gemma.rope_local_base_freq = 1e4;
  gemma.rope_theta = 1e6;
  return {{"tiny", tiny},
          {"everything", everything},
          {"odd", odd},
          {"student", student},
          {"gemma", gemma}};
}

struct Outcome {
  double loss = 0;
  std::map<std::string, at::Tensor> gradients;
};

Outcome OneStep(const ModelConfig& model, const BatchGradient::OpsFactory& ops) {
  const auto document = ConfigDocument::Parse("name: sft", "test.yaml", {});
  const auto objective = MakeObjective(document->Root());
  DecoderWeights weights = InitWeights(model, {.std = 0.3}, Rng::DeriveKey({uint64_t{3}, "init"}));
  TransformWeights(weights, [](const at::Tensor& t) {
    return t.dim() == 1 ? t + 0.1 * at::sin(at::arange(t.numel(), at::kFloat)) : t;
  });
  ThreadPool pool(1);
  BatchGradient gradient(weights, *objective, ops, 1, pool);
  const std::vector<Example> examples = RandomExamples(13, 8);
  Outcome outcome;
  outcome.loss = gradient.Compute(Pointers(examples), 1).mean();
  for (const auto& [name, parameter] : gradient.Parameters()) {
    outcome.gradients[name] = parameter.grad().clone();
  }
  return outcome;
}

class FusedOps : public testing::TestWithParam<Shape> {};

TEST_P(FusedOps, EqualCompositeInLossAndGradients) {
  const ModelConfig& model = GetParam().model;
  const Outcome fused = OneStep(model, [] { return MakeFusedTrainingOps(); });
  const Outcome composite = OneStep(model, [] { return MakeCompositeOps(); });
  EXPECT_NEAR(fused.loss, composite.loss, 1e-5 * composite.loss);
  ASSERT_EQ(fused.gradients.size(), composite.gradients.size());
  for (const auto& [name, gradient] : composite.gradients) {
    const double largest = gradient.abs().max().item<double>();
    EXPECT_GT(largest, 0) << name;
    EXPECT_LE(MaxDifference(fused.gradients.at(name), gradient), 1e-5 * largest + 1e-9) << name;
  }
}

TEST_P(FusedOps, AreTheSameBitsOnEveryInstructionSet) {
  const ModelConfig& model = GetParam().model;
  const Outcome scalar = OneStep(model, [] { return MakeFusedTrainingOps(ScalarTrainKernels()); });
  const auto expect_same = [&](const TrainKernels& kernels) {
    const Outcome other = OneStep(model, [&] { return MakeFusedTrainingOps(kernels); });
    EXPECT_EQ(scalar.loss, other.loss) << kernels.name;
    for (const auto& [name, gradient] : scalar.gradients) {
      EXPECT_TRUE(at::equal(gradient, other.gradients.at(name))) << kernels.name << " " << name;
    }
  };
  if (IsaSupported(Isa::kAvx2)) expect_same(Avx2TrainKernels());
  if (IsaSupported(Isa::kAvx512)) expect_same(Avx512TrainKernels());
}

INSTANTIATE_TEST_SUITE_P(Shapes, FusedOps, testing::ValuesIn(Shapes()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace retort
