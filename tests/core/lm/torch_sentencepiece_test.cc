// Both libraries carry parts of protobuf; in one process neither may disturb the other.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/lm/checkpoint/checkpoint.h"
#include "core/lm/model/decoder.h"
#include "core/lm/tokenizer/tokenizer.h"
#include "tests/core/lm/goldens.h"

namespace retort {
namespace {

TEST(TorchBesideSentencePiece, ATextGoesThroughTokenizerAndModel) {
  const auto tokenizer = LoadTokenizer(RealEnv(), GoldenPath("sentencepiece_bpe"));
  ModelConfig config = SmallConfig();
  config.vocab_size = tokenizer->VocabSize();
  const DecoderWeights weights = InitWeights(config, {}, RngKey{1, 1});
  CheckVocabulary(config, *tokenizer, "test");
  const std::vector<int32_t> ids = EncodePrompt(*tokenizer, "the red ring moves");
  const auto ops = MakeCompositeOps();
  const at::Tensor logits =
      DecoderForward(weights, PackSequences({{ids.begin(), ids.end()}}), *ops);
  EXPECT_TRUE(logits.isfinite().all().item<bool>());
  EXPECT_EQ(tokenizer->Decode(ids), "the red ring moves");
}

}  // namespace
}  // namespace retort
