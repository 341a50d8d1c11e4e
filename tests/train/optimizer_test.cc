#include "train/optimizer.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>

#include <cmath>

#include "tests/train/train_fixture.h"
#include "train/train_stage.h"

namespace retort {
namespace {

using Parameters = std::vector<std::pair<std::string, at::Tensor>>;

Parameters MatrixAndVector() {
  const at::Tensor matrix = at::linspace(-1, 1, 6).view({2, 3}).clone().requires_grad_();
  const at::Tensor vector = at::linspace(0.5, 1, 3).clone().requires_grad_();
  return {{"matrix", matrix}, {"vector", vector}};
}

void SetGradients(Parameters& parameters, double scale) {
  for (auto& [name, parameter] : parameters) {
    parameter.mutable_grad() = at::sin(3 * parameter.detach()) * scale;
  }
}

// Loshchilov & Hutter 2019, algorithm 2, in double precision.
struct Reference {
  std::vector<double> p, m, v;
  int64_t t = 0;
  void Step(const std::vector<double>& g, const AdamWParams& o, double decay) {
    m.resize(p.size());
    v.resize(p.size());
    ++t;
    for (size_t i = 0; i < p.size(); ++i) {
      p[i] -= o.lr * decay * p[i];
      m[i] = o.beta1 * m[i] + (1 - o.beta1) * g[i];
      v[i] = o.beta2 * v[i] + (1 - o.beta2) * g[i] * g[i];
      const double m_hat = m[i] / (1 - std::pow(o.beta1, static_cast<double>(t)));
      const double v_hat = v[i] / (1 - std::pow(o.beta2, static_cast<double>(t)));
      p[i] -= o.lr * m_hat / (std::sqrt(v_hat) + o.eps);
    }
  }
};

std::vector<double> Values(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.detach().to(at::kDouble).contiguous().view({-1});
  return {flat.const_data_ptr<double>(), flat.const_data_ptr<double>() + flat.numel()};
}

TEST(AdamW, FollowsThePaperAndDecaysMatricesOnly) {
  Parameters parameters = MatrixAndVector();
  AdamW optimizer(parameters);
  std::vector<Reference> references(2);
  for (size_t i = 0; i < 2; ++i) references[i].p = Values(parameters[i].second);
  const AdamWParams options{.lr = 0.03, .weight_decay = 0.4};
  for (int step = 0; step < 20; ++step) {
    SetGradients(parameters, 0.1 * (step + 1));
    for (size_t i = 0; i < 2; ++i) {
      references[i].Step(Values(parameters[i].second.grad()), options, i == 0 ? 0.4 : 0);
    }
    optimizer.Step(options);
  }
  EXPECT_EQ(optimizer.step(), 20);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_THAT(Values(parameters[i].second),
                testing::Pointwise(testing::DoubleNear(1e-5), references[i].p));
  }
}

TEST(AdamW, StateCarriesOnBitForBit) {
  Parameters straight = MatrixAndVector();
  Parameters restarted = MatrixAndVector();
  AdamW one(straight), before(restarted);
  const auto step = [](Parameters& parameters, AdamW& optimizer) {
    SetGradients(parameters, 0.7);
    optimizer.Step({.lr = 0.01});
  };
  for (int i = 0; i < 6; ++i) step(straight, one);
  for (int i = 0; i < 3; ++i) step(restarted, before);
  AdamW after(restarted);
  after.LoadState(before.State(), before.step());
  for (int i = 0; i < 3; ++i) step(restarted, after);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_TRUE(at::equal(straight[i].second, restarted[i].second));
  }
}

TEST(AdamW, LoadStateNamesAMissingTensor) {
  Parameters parameters = MatrixAndVector();
  AdamW optimizer(parameters);
  auto state = optimizer.State();
  state.erase("exp_avg_sq/vector");
  EXPECT_THAT(ErrorOf([&] { optimizer.LoadState(state, 1); }),
              testing::HasSubstr("exp_avg_sq/vector is missing"));
}

TEST(ClipGradNorm, ScalesToTheLimitAndReturnsTheNormBefore) {
  Parameters parameters = MatrixAndVector();
  SetGradients(parameters, 10);
  const double before = std::hypot(parameters[0].second.grad().norm().item<double>(),
                                   parameters[1].second.grad().norm().item<double>());
  EXPECT_NEAR(ClipGradNorm(parameters, 0), before, 1e-5);
  EXPECT_NEAR(ClipGradNorm(parameters, 0.5), before, 1e-5);
  EXPECT_NEAR(ClipGradNorm(parameters, 100), 0.5, 1e-5);
  EXPECT_NEAR(ClipGradNorm(parameters, 0), 0.5, 1e-5);
}

TEST(ClipGradNorm, AnInfiniteGradientGivesAnInfiniteNorm) {
  Parameters parameters = MatrixAndVector();
  SetGradients(parameters, 1);
  parameters[1].second.mutable_grad()[0] = INFINITY;
  EXPECT_FALSE(std::isfinite(ClipGradNorm(parameters, 0)));
}

TEST(LearningRate, WarmsUpLinearlyThenFallsAsACosine) {
  const OptimizerConfig config{.lr = 0.1, .warmup_steps = 4, .final_lr_ratio = 0.2};
  EXPECT_DOUBLE_EQ(LearningRate(config, 0, 14), 0.025);
  EXPECT_DOUBLE_EQ(LearningRate(config, 3, 14), 0.1);
  EXPECT_DOUBLE_EQ(LearningRate(config, 4, 14), 0.1);
  EXPECT_NEAR(LearningRate(config, 9, 14), 0.1 * (0.2 + 0.8 * 0.5), 1e-12);
  EXPECT_GT(LearningRate(config, 13, 14), 0.02);
}

TEST(LearningRate, ConstantStaysAfterTheWarmUp) {
  const OptimizerConfig config{.lr = 0.1, .warmup_steps = 2, .schedule = "constant"};
  EXPECT_DOUBLE_EQ(LearningRate(config, 0, 100), 0.05);
  EXPECT_DOUBLE_EQ(LearningRate(config, 99, 100), 0.1);
}

TEST(LearningRate, NoWarmUpStartsAtTheFullRate) {
  const OptimizerConfig config{.lr = 0.1, .warmup_steps = 0};
  EXPECT_DOUBLE_EQ(LearningRate(config, 0, 10), 0.1);
}

}  // namespace
}  // namespace retort
