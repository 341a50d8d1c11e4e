#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <numeric>
#include <vector>

#include "core/base/error.h"
#include "core/lm/model/decoder.h"
#include "core/lm/model/kernels/packed_matrix.h"
#include "tests/core/lm/tiny_model.h"

namespace retort {
namespace {

using testing_models::RandomWeights;
using testing_models::TinyConfig;
using testing_models::WideConfig;

std::vector<int64_t> RandomIds(int64_t n, uint64_t seed) {
  Rng rng = Rng::Derive({"native_ops_test", seed});
  std::vector<int64_t> ids;
  for (int64_t i = 0; i < n; ++i) ids.push_back(static_cast<int64_t>(rng.NextBelow(22)));
  return ids;
}

std::vector<int64_t> Range(int64_t begin, int64_t end) {
  std::vector<int64_t> values(static_cast<size_t>(end - begin));
  std::iota(values.begin(), values.end(), begin);
  return values;
}

/// Sequences of the given lengths end to end, without a cache.
TokenBatch PlainBatch(const std::vector<int64_t>& lengths) {
  TokenBatch batch;
  batch.sequence_offsets = {0};
  for (size_t s = 0; s < lengths.size(); ++s) {
    const auto ids = RandomIds(lengths[s], s);
    const auto positions = Range(0, lengths[s]);
    batch.ids.insert(batch.ids.end(), ids.begin(), ids.end());
    batch.positions.insert(batch.positions.end(), positions.begin(), positions.end());
    batch.sequence_offsets.push_back(batch.rows());
  }
  return batch;
}

bool SameBits(const at::Tensor& a, const at::Tensor& b) {
  return a.sizes() == b.sizes() &&
         std::memcmp(a.const_data_ptr(), b.const_data_ptr(), a.nbytes()) == 0;
}

at::Tensor Native(const DecoderWeights& weights, const TokenBatch& batch, Isa isa,
                  int threads = 1) {
  const c10::InferenceMode guard;
  ThreadPool pool(threads);
  const auto ops = MakeNativeOps(pool, isa);
  return DecoderForward(weights, batch, *ops).clone();
}

DecoderWeights Packed(const ModelConfig& config) {
  DecoderWeights weights = RandomWeights(config);
  PackWeights(weights);
  return weights;
}

/// Gemma's block with windows shorter and longer than the tests' sequences.
ModelConfig GemmaConfig(const ModelConfig& shape) {
  ModelConfig config = shape;
  config.gemma_block = config.qk_norm = true;
  config.query_pre_attn_scalar = 20;
  config.sliding_layers = {true, false};
  config.sliding_window = 5;
  config.rope_theta = 1e6;
  config.rope_local_base_freq = 1e4;
  return config;
}

/// Variants of the Llama family, each with one feature more.
std::vector<ModelConfig> Variants() {
  std::vector<ModelConfig> variants(7, TinyConfig());
  variants[1].qk_norm = true;
  variants[2].attention_bias = variants[2].mlp_bias = true;
  variants[3].tie_word_embeddings = false;
  variants[4] = WideConfig();
  variants[5] = GemmaConfig(TinyConfig());
  variants[6].qkv_bias = true;
  variants[6].rope_scaling = {.type = RopeScaling::Type::kLlama3,
                              .factor = 8,
                              .low_freq_factor = 1,
                              .high_freq_factor = 4,
                              .original_max_position_embeddings = 32};
  return variants;
}

TEST(NativeOps, AgreeWithTheCompositeOps) {
  for (const ModelConfig& config : Variants()) {
    const DecoderWeights weights = Packed(config);
    const TokenBatch batch = PlainBatch({1, 7, 22});
    const c10::InferenceMode guard;
    const at::Tensor expected = DecoderForward(weights, batch, *MakeCompositeOps());
    const at::Tensor logits = Native(weights, batch, Isa::kAuto);
    EXPECT_LT((logits - expected).abs().max().item<float>(), 1e-4F);
  }
}

TEST(NativeOps, EveryInstructionSetGivesTheSameBits) {
  for (const ModelConfig& config : Variants()) {
    const DecoderWeights weights = Packed(config);
    const TokenBatch batch = PlainBatch({1, 7, 22});
    const at::Tensor expected = Native(weights, batch, Isa::kScalar);
    for (const Isa isa : kIsas) {
      if (!IsaSupported(isa)) continue;
      EXPECT_TRUE(SameBits(Native(weights, batch, isa), expected)) << IsaName(isa);
    }
  }
}

TEST(NativeOps, Bfloat16ProductsAreNearTheFloat32OnesAndHaveTheSameBitsEverywhere) {
  for (const ModelConfig& config : Variants()) {
    DecoderWeights weights = RandomWeights(config);
    const TokenBatch batch = PlainBatch({1, 7, 22});
    const c10::InferenceMode guard;
    const at::Tensor expected = DecoderForward(weights, batch, *MakeCompositeOps());
    PackWeights(weights, Unpacked::kKeep, Precision::kBfloat16);
    const at::Tensor scalar = Native(weights, batch, Isa::kScalar);
    const float error = (scalar - expected).abs().max().item<float>();
    const float size = expected.abs().max().item<float>();
    EXPECT_LT(error, 0.03F * size);
    EXPECT_GT(error, 1e-5F * size) << "nothing was rounded";
    for (const Isa isa : kIsas) {
      if (!IsaSupported(isa)) continue;
      EXPECT_TRUE(SameBits(Native(weights, batch, isa), scalar)) << IsaName(isa);
      EXPECT_TRUE(SameBits(Native(weights, batch, isa, 2), scalar)) << IsaName(isa);
    }
  }
}

/// Everything the kernels hold as bfloat16, against float32 weights of the same values.
TEST(NativeOps, Bfloat16WeightsAgreeWithTheCompositeOpsAndDropTheirOriginals) {
  for (const bool tied : {true, false}) {
    ModelConfig config = TinyConfig();
    config.tie_word_embeddings = tied;
    DecoderWeights weights = RandomWeights(config);
    for (auto& [name, tensor] : NamedParameters(weights)) {
      tensor->copy_(tensor->to(at::kBFloat16).to(at::kFloat));
    }
    const TokenBatch batch = PlainBatch({1, 7, 22});
    const c10::InferenceMode guard;
    const at::Tensor expected = DecoderForward(weights, batch, *MakeCompositeOps());
    PackWeights(weights, Unpacked::kDrop);
    EXPECT_NE(weights.head.packed->bfloat16_panels(), nullptr);
    EXPECT_FALSE(weights.head.weight.defined());
    EXPECT_FALSE(weights.layers[0].gate.weight.defined());
    const at::Tensor scalar = Native(weights, batch, Isa::kScalar);
    EXPECT_LT((scalar - expected).abs().max().item<float>(), 1e-4F);
    EXPECT_TRUE(SameBits(Native(weights, batch, Isa::kAuto), scalar));
  }
}

TEST(NativeOps, ThreadsDoNotChangeBits) {
  const DecoderWeights weights = Packed(WideConfig());
  for (const auto& lengths : {std::vector<int64_t>{1}, {50, 3}, std::vector<int64_t>(100, 2)}) {
    const TokenBatch batch = PlainBatch(lengths);
    const at::Tensor expected = Native(weights, batch, Isa::kAuto, 1);
    EXPECT_TRUE(SameBits(Native(weights, batch, Isa::kAuto, 2), expected));
    EXPECT_TRUE(SameBits(Native(weights, batch, Isa::kAuto, 3), expected));
  }
}

/// Large models, with and without windows.
class WideOps : public testing::TestWithParam<ModelConfig> {};
INSTANTIATE_TEST_SUITE_P(NativeOps, WideOps,
                         testing::Values(WideConfig(), GemmaConfig(WideConfig())));

TEST_P(WideOps, ARowDoesNotDependOnItsNeighbours) {
  const DecoderWeights weights = Packed(GetParam());
  const std::vector<int64_t> lengths = {5, 1, 13, 2, 30, 8, 1, 64};
  const at::Tensor together = Native(weights, PlainBatch(lengths), Isa::kAuto);
  int64_t row = 0;
  for (size_t s = 0; s < lengths.size(); ++s) {
    TokenBatch alone;
    alone.ids = RandomIds(lengths[s], s);
    alone.positions = Range(0, lengths[s]);
    alone.sequence_offsets = {0, lengths[s]};
    const at::Tensor logits = Native(weights, alone, Isa::kAuto);
    EXPECT_TRUE(SameBits(logits, together.slice(0, row, row + lengths[s]))) << "sequence " << s;
    row += lengths[s];
  }
}

TEST(NativeOps, LogitRowsAreTheRowsOfAllLogits) {
  const DecoderWeights weights = Packed(TinyConfig());
  TokenBatch batch = PlainBatch({4, 6});
  const at::Tensor all = Native(weights, batch, Isa::kAuto);
  batch.logit_rows = {0, 3, 9};
  const at::Tensor some = Native(weights, batch, Isa::kAuto);
  for (int64_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(SameBits(some[i].contiguous(), all[batch.logit_rows[static_cast<size_t>(i)]]));
  }
}

/// Rows [begin, end) of one sequence over a cache whose slot of position p is slots[p].
TokenBatch CachedBatch(const std::vector<int64_t>& ids, int64_t begin, int64_t end,
                       const std::vector<int32_t>& slots, KvCache* cache) {
  TokenBatch batch;
  batch.ids.assign(ids.begin() + begin, ids.begin() + end);
  batch.positions = Range(begin, end);
  batch.sequence_offsets = {0, end - begin};
  batch.cache = cache;
  batch.row_slots.assign(slots.begin() + begin, slots.begin() + end);
  batch.context_slots.assign(slots.begin(), slots.begin() + end);
  batch.context_offsets = {0, end};
  return batch;
}

TEST_P(WideOps, PrefillInChunksAndDecodeGiveTheBitsOfOneForward) {
  const DecoderWeights weights = Packed(GetParam());
  const std::vector<int64_t> ids = RandomIds(20, 0);
  const at::Tensor expected = Native(weights, PlainBatch({20}), Isa::kAuto);
  std::vector<int32_t> slots;
  for (int32_t p = 0; p < 20; ++p) slots.push_back((p * 7 + 3) % 31);
  for (const std::vector<int64_t>& cuts :
       {std::vector<int64_t>{0, 20}, {0, 11, 12, 13, 20}, Range(0, 21)}) {
    KvCache cache(weights.config, 31, at::kCPU);
    for (size_t c = 0; c + 1 < cuts.size(); ++c) {
      const TokenBatch batch = CachedBatch(ids, cuts[c], cuts[c + 1], slots, &cache);
      const at::Tensor logits = Native(weights, batch, Isa::kAuto);
      EXPECT_TRUE(SameBits(logits, expected.slice(0, cuts[c], cuts[c + 1])));
    }
  }
}

/// A bfloat16 cache: the reference is one forward through it, near one without.
TEST_P(WideOps, Bfloat16PrefillInChunksAndDecodeGiveTheBitsOfOneForward) {
  DecoderWeights weights = RandomWeights(GetParam());
  const at::Tensor exact = Native(Packed(GetParam()), PlainBatch({20}), Isa::kAuto);
  PackWeights(weights, Unpacked::kKeep, Precision::kBfloat16);
  const std::vector<int64_t> ids = RandomIds(20, 0);
  std::vector<int32_t> slots;
  for (int32_t p = 0; p < 20; ++p) slots.push_back((p * 7 + 3) % 31);
  at::Tensor expected;
  for (const std::vector<int64_t>& cuts :
       {std::vector<int64_t>{0, 20}, {0, 11, 12, 13, 20}, Range(0, 21)}) {
    for (const Isa isa : kIsas) {
      if (!IsaSupported(isa)) continue;
      KvCache cache(weights.config, 31, at::kCPU, Precision::kBfloat16);
      for (size_t c = 0; c + 1 < cuts.size(); ++c) {
        const TokenBatch batch = CachedBatch(ids, cuts[c], cuts[c + 1], slots, &cache);
        const at::Tensor logits = Native(weights, batch, isa);
        if (!expected.defined()) expected = logits;
        EXPECT_TRUE(SameBits(logits, expected.slice(0, cuts[c], cuts[c + 1]))) << IsaName(isa);
      }
    }
  }
  EXPECT_LT((expected - exact).abs().max().item<float>(), 0.03F * exact.abs().max().item<float>());
}

TEST(NativeOps, OutputsStayValidWhileHeld) {
  const DecoderWeights weights = Packed(TinyConfig());
  const c10::InferenceMode guard;
  ThreadPool pool(1);
  const auto ops = MakeNativeOps(pool);
  const at::Tensor first = DecoderForward(weights, PlainBatch({3}), *ops);
  const at::Tensor view = DecoderForward(weights, PlainBatch({9}), *ops).view({-1});
  const at::Tensor copy = first.clone(), view_copy = view.clone();
  for (int64_t n = 1; n < 12; ++n) DecoderForward(weights, PlainBatch({n}), *ops);
  EXPECT_TRUE(SameBits(first, copy));
  EXPECT_TRUE(SameBits(view, view_copy));
}

TEST(NativeOps, NeedInferenceModeAndPackedWeights) {
  ThreadPool pool(1);
  const auto ops = MakeNativeOps(pool);
  const DecoderWeights packed = Packed(TinyConfig());
  EXPECT_THROW(DecoderForward(packed, PlainBatch({2}), *ops), Error);
  const c10::InferenceMode guard;
  const DecoderWeights plain = RandomWeights(TinyConfig());
  EXPECT_THROW(DecoderForward(plain, PlainBatch({2}), *ops), Error);
}

}  // namespace
}  // namespace retort
