// A scripted teacher for tests of searches: samples depend on the row key alone, as a model's do.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/lm/engine/engine.h"
#include "generate/strategy.h"
#include "tests/generate/fake_task.h"

namespace retort::testing {

inline ModelConfig TinyModel() {
  ModelConfig config;
  config.vocab_size = 14;
  config.hidden_size = 8;
  config.intermediate_size = 16;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 2;
  config.num_key_value_heads = 2;
  config.head_dim = 4;
  return config;
}

class SearchTest : public ::testing::Test {
 protected:
  /// Three random digits and end-of-text; one row in sixteen never ends.
  std::vector<int32_t> RandomDigits(RngKey row_key) const {
    Rng rng(row_key);
    const bool endless = rng.NextBelow(16) == 0;
    std::vector<int32_t> ids;
    for (int i = 0; i < (endless ? 20 : 3); ++i) {
      ids.push_back(4 + static_cast<int32_t>(rng.NextBelow(10)));
    }
    if (!endless) ids.push_back(tokenizer_->Specials().eos);
    return ids;
  }

  std::unique_ptr<Engine> RandomEngine() const {
    return MakeScriptedEngine(
        [this](std::span<const int32_t>, RngKey key) { return RandomDigits(key); }, TinyModel());
  }

  static std::unique_ptr<SearchStrategy> Strategy(const std::string& yaml) {
    const auto document = ParseConfig(yaml);
    std::unique_ptr<SearchStrategy> strategy = MakeStrategy(document->Root());
    document->Finish();
    return strategy;
  }

  TraceTree Search(const std::string& yaml, Engine* engine, Budget budget = {}) const {
    const SearchContext context{
        .task = task_, .tokenizer = *tokenizer_, .engine = engine, .seed = 7, .budget = budget};
    return Strategy(yaml)->Search(question_, context);
  }

  FakeTask task_;
  std::unique_ptr<Tokenizer> tokenizer_ = DigitTokenizer();
  Question question_{.id = "p123", .prompt = "1 2 3", .horizon = 3};
};

/// A tree whose terminals are given as (text, verdict, log-probability).
struct FakeTerminal {
  std::string text;
  Verdict verdict = Verdict::kIncorrect;
  float log_prob = 0;
};

inline TraceTree FakeTree(const Tokenizer& tokenizer, const std::vector<FakeTerminal>& terminals) {
  TraceTree tree;
  tree.problem_id = "p123";
  tree.question = "1 2 3";
  tree.prompt_ids = EncodePrompt(tokenizer, tree.question);
  tree.nodes.emplace_back();
  for (const FakeTerminal& terminal : terminals) {
    std::vector<int32_t> tokens = tokenizer.Encode(terminal.text);
    tokens.push_back(tokenizer.Specials().eos);
    tree.AddNode(0, tokens, terminal.text);
    tree.nodes.back().terminal = true;
    tree.nodes.back().verdict = terminal.verdict;
    tree.nodes.back().sum_log_prob = terminal.log_prob;
  }
  return tree;
}

}  // namespace retort::testing
