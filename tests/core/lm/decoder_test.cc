#include "core/lm/model/decoder.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <numeric>

#include "tests/core/lm/goldens.h"

namespace retort {
namespace {

using Sequences = std::vector<std::vector<int64_t>>;

DecoderWeights SmallWeights(const ModelConfig& config) {
  DecoderWeights weights = InitWeights(config, {.std = 0.3}, RngKey{1, 2});
  int salt = 0;
  for (auto& [name, tensor] : NamedParameters(weights)) {
    // Norms and biases that matter.
    if (tensor->dim() == 1)
      tensor->add_(at::arange(tensor->numel()).sin().mul(0.2).add(++salt * 1e-3));
  }
  return weights;
}

double MaxDifference(const at::Tensor& a, const at::Tensor& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  return (a - b).abs().max().item<double>();
}

class EveryBlock : public testing::TestWithParam<ModelConfig (*)()> {
 protected:
  DecoderWeights weights_ = SmallWeights(GetParam()());
};
INSTANTIATE_TEST_SUITE_P(Decoder, EveryBlock, testing::Values(SmallConfig, SmallGemmaConfig));

TEST_P(EveryBlock, LogitsOfASequenceAreTheSameAloneAndPacked) {
  const DecoderWeights& weights = weights_;
  const Sequences sequences = {{1, 2, 3, 4, 5}, {6}, {7, 8, 9, 10, 11, 12, 13}, {1, 2, 22}};
  const auto ops = MakeCompositeOps();
  const at::Tensor packed = DecoderForward(weights, PackSequences(sequences), *ops);
  int64_t row = 0;
  for (const auto& sequence : sequences) {
    const auto n = static_cast<int64_t>(sequence.size());
    const at::Tensor alone = DecoderForward(weights, PackSequences({sequence}), *ops);
    EXPECT_LE(MaxDifference(packed.narrow(0, row, n), alone), 1e-5);
    row += n;
  }
}

/// Gradient of the summed squares of the logits of the rows [begin, end) with respect to the rows
/// of the embedding. Each sequence below uses ids of its own.
at::Tensor EmbeddingGradient(const Sequences& sequences, int64_t begin, int64_t end) {
  ModelConfig config = SmallConfig();
  DecoderWeights weights = SmallWeights(config);
  weights.embedding.weight.requires_grad_();
  TokenBatch batch = PackSequences(sequences);
  batch.logit_rows.resize(static_cast<size_t>(end - begin));
  std::iota(batch.logit_rows.begin(), batch.logit_rows.end(), begin);
  const auto ops = MakeCompositeOps();
  DecoderForward(weights, batch, *ops).square().sum().backward();
  return weights.embedding.weight.grad();
}

void ExpectNoCrossTalk(const Sequences& sequences) {
  int64_t row = 0;
  for (const auto& sequence : sequences) {
    const auto n = static_cast<int64_t>(sequence.size());
    const at::Tensor gradient = EmbeddingGradient(sequences, row, row + n);
    row += n;
    for (const auto& other : sequences) {
      for (const int64_t id : other) {
        const double size = gradient[id].abs().max().item<double>();
        EXPECT_EQ(size != 0, &other == &sequence) << "token " << id;
      }
    }
  }
}

TEST(Decoder, NoGradientCrossesSequencesOfEqualLength) {
  ExpectNoCrossTalk({{1, 2, 3}, {4, 5, 6}, {7, 8, 9}});
}

TEST(Decoder, NoGradientCrossesSequencesOfVariedLength) {
  ExpectNoCrossTalk({{1, 2, 3, 4}, {5}, {6, 7, 8, 9, 10, 11}, {12, 13}});
}

TEST(Decoder, ATokenSeesNoLaterToken) {
  const DecoderWeights weights = SmallWeights(SmallConfig());
  const auto ops = MakeCompositeOps();
  const at::Tensor a = DecoderForward(weights, PackSequences({{1, 2, 3, 4, 5}}), *ops);
  const at::Tensor b = DecoderForward(weights, PackSequences({{1, 2, 3, 9, 9}}), *ops);
  EXPECT_LE(MaxDifference(a.narrow(0, 0, 3), b.narrow(0, 0, 3)), 1e-6);
  EXPECT_GT(MaxDifference(a.narrow(0, 3, 2), b.narrow(0, 3, 2)), 1e-2);
}

TEST(Decoder, ATokenSeesItsWindowOnly) {
  ModelConfig config = SmallGemmaConfig();
  config.num_hidden_layers = 1;
  config.sliding_layers = {true};
  const DecoderWeights weights = SmallWeights(config);
  const auto ops = MakeCompositeOps();
  const at::Tensor a = DecoderForward(weights, PackSequences({{1, 2, 3, 4, 5, 6, 7}}), *ops);
  const at::Tensor b = DecoderForward(weights, PackSequences({{1, 9, 3, 4, 5, 6, 7}}), *ops);
  // Position 5 still sees position 1, position 6 does not.
  EXPECT_GT(MaxDifference(a[5], b[5]), 1e-4);
  EXPECT_LE(MaxDifference(a[6], b[6]), 1e-6);
}

TEST(Decoder, SelectedRowsEqualThoseOfAllRows) {
  const DecoderWeights weights = SmallWeights(SmallConfig());
  const auto ops = MakeCompositeOps();
  TokenBatch batch = PackSequences({{1, 2, 3}, {4, 5}});
  const at::Tensor all = DecoderForward(weights, batch, *ops);
  batch.logit_rows = {0, 2, 4};
  const at::Tensor some = DecoderForward(weights, batch, *ops);
  EXPECT_LE(MaxDifference(some, all.index_select(0, at::tensor(batch.logit_rows))), 1e-6);
}

TEST(Decoder, HiddenStatesTimesTheHeadAreTheLogits) {
  const DecoderWeights weights = SmallWeights(SmallConfig());
  const auto ops = MakeCompositeOps();
  const TokenBatch batch = PackSequences({{1, 2, 3}, {4, 5}});
  const at::Tensor hidden = DecoderHidden(weights, batch, *ops);
  EXPECT_LE(
      MaxDifference(at::linear(hidden, weights.head.weight), DecoderForward(weights, batch, *ops)),
      1e-6);
}

/// Runs rows [begins[s], ends[s]) of each sequence against `cache`; sequence s owns the slots
/// 64 s, 64 s + 1, ..., taken backwards so that order in the pool is not order in the text.
at::Tensor CachedForward(const DecoderWeights& weights, const Sequences& sequences,
                         const std::vector<size_t>& begins, const std::vector<size_t>& ends,
                         KvCache& cache, DecoderOps& ops) {
  TokenBatch batch;
  batch.cache = &cache;
  batch.sequence_offsets = batch.context_offsets = {0};
  const auto slot = [](size_t s, size_t i) { return static_cast<int32_t>(64 * s + 63 - i); };
  for (size_t s = 0; s < sequences.size(); ++s) {
    if (begins[s] == ends[s]) continue;
    for (size_t i = begins[s]; i < ends[s]; ++i) {
      batch.ids.push_back(sequences[s][i]);
      batch.positions.push_back(static_cast<int64_t>(i));
      batch.row_slots.push_back(slot(s, i));
    }
    for (size_t i = 0; i < ends[s]; ++i) batch.context_slots.push_back(slot(s, i));
    batch.sequence_offsets.push_back(batch.rows());
    batch.context_offsets.push_back(static_cast<int64_t>(batch.context_slots.size()));
  }
  return DecoderForward(weights, batch, ops);
}

TEST_P(EveryBlock, CachedStepsGiveTheLogitsOfAWholePass) {
  const c10::InferenceMode inference;
  const DecoderWeights& weights = weights_;
  const Sequences sequences = {{1, 2, 3, 4, 5, 6, 11, 12}, {7, 8, 9, 10}};
  const auto ops = MakeCompositeOps();
  const at::Tensor whole = DecoderForward(weights, PackSequences(sequences), *ops);
  KvCache cache(weights.config, 128, at::kCPU);
  // A prefill of unequal lengths, then a step of both, then one mixed with a longer stretch.
  const at::Tensor prefill = CachedForward(weights, sequences, {0, 0}, {3, 1}, cache, *ops);
  const at::Tensor step = CachedForward(weights, sequences, {3, 1}, {4, 2}, cache, *ops);
  const at::Tensor mixed = CachedForward(weights, sequences, {4, 2}, {8, 3}, cache, *ops);
  const at::Tensor last = CachedForward(weights, sequences, {8, 3}, {8, 4}, cache, *ops);
  const at::Tensor order = at::tensor(std::vector<int64_t>{0, 1, 2, 8, 3, 9, 4, 5, 6, 7, 10, 11});
  EXPECT_LE(MaxDifference(at::cat({prefill, step, mixed, last}), whole.index_select(0, order)),
            1e-5);
}

TEST(Decoder, ACacheHoldsKeysAndValuesOfItsSlotsOnly) {
  const c10::InferenceMode inference;
  const DecoderWeights weights = SmallWeights(SmallConfig());
  const auto ops = MakeCompositeOps();
  KvCache cache(weights.config, 128, at::kCPU);
  CachedForward(weights, {{1, 2, 3}}, {0}, {3}, cache, *ops);
  const at::Tensor used = cache.keys.abs().amax(at::IntArrayRef({0, 2, 3})) > 0;
  EXPECT_EQ(used.sum().item<int64_t>(), 3);
  EXPECT_TRUE(used.narrow(0, 61, 3).all().item<bool>());
}

TEST(Decoder, Bfloat16ProductsStayNearFloat32) {
  const DecoderWeights weights = SmallWeights(SmallConfig());
  const TokenBatch batch = PackSequences({{1, 2, 3, 4, 5}, {6, 7}});
  const auto exact = MakeCompositeOps(), rounded = MakeCompositeOps(at::kBFloat16);
  const at::Tensor a = DecoderForward(weights, batch, *exact);
  const at::Tensor b = DecoderForward(weights, batch, *rounded);
  EXPECT_EQ(b.scalar_type(), at::kFloat);
  const double difference = MaxDifference(a, b);
  EXPECT_GT(difference, 0);
  EXPECT_LE(difference, 0.05 * a.abs().max().item<double>());
}

TEST_P(EveryBlock, EveryParameterGetsAGradient) {
  ModelConfig config = GetParam()();
  config.mlp_bias = false;
  config.qk_norm = true;
  DecoderWeights weights = SmallWeights(config);
  for (auto& [name, tensor] : NamedParameters(weights)) tensor->requires_grad_();
  const auto ops = MakeCompositeOps();
  const at::Tensor logits = DecoderForward(weights, PackSequences({{1, 2, 3, 4}, {5, 6}}), *ops);
  at::cross_entropy_loss(logits, at::arange(2, 8)).backward();
  for (auto& [name, tensor] : NamedParameters(weights)) {
    ASSERT_TRUE(tensor->grad().defined()) << name;
    // A bias on the keys shifts every score of a row alike, so softmax hides it.
    if (name.find("k_proj.bias") != std::string::npos) continue;
    EXPECT_GT(tensor->grad().abs().max().item<double>(), 1e-6) << name;
  }
}

TEST(Decoder, TheSameOpsTrainAfterInference) {
  DecoderWeights weights = SmallWeights(SmallConfig());
  const auto ops = MakeCompositeOps();
  const TokenBatch batch = PackSequences({{1, 2, 3}, {4, 5}});
  {
    const c10::InferenceMode inference;
    DecoderForward(weights, batch, *ops);
  }
  weights.embedding.weight.requires_grad_();
  DecoderForward(weights, batch, *ops).sum().backward();
  EXPECT_TRUE(weights.embedding.weight.grad().defined());
}

TEST(Decoder, RefusesIdsAndPositionsOutOfRange) {
  const DecoderWeights weights = SmallWeights(SmallConfig());
  const auto ops = MakeCompositeOps();
  const auto message = [&](const TokenBatch& batch) {
    return MessageOf([&] { DecoderForward(weights, batch, *ops); }, ExitCode::kInternal);
  };
  EXPECT_NE(message(PackSequences({{1, 23}})).find("token id 23"), std::string::npos);
  TokenBatch far = PackSequences({{1, 2}});
  far.positions[1] = 64;
  EXPECT_NE(message(far).find("max_position_embeddings 64"), std::string::npos);
  TokenBatch unsorted = PackSequences({{1, 2}});
  unsorted.logit_rows = {1, 0};
  EXPECT_NE(message(unsorted).find("logit_rows"), std::string::npos);
}

}  // namespace
}  // namespace retort
