#include "generate/tree_builder.h"

#include <numeric>
#include <utility>

#include "core/base/error.h"
#include "generate/cost.h"

namespace retort {

TraceTree MakeTree(const Question& question, const SearchContext& context,
                   const std::string& algorithm) {
  TraceTree tree;
  tree.problem_id = question.id;
  tree.question = question.prompt;
  tree.horizon = question.horizon;
  tree.algorithm = algorithm;
  tree.seed = context.seed;
  tree.prompt_ids = EncodePrompt(context.tokenizer, question.prompt);
  tree.nodes.emplace_back();
  return tree;
}

TreeBuilder::TreeBuilder(const std::string& algorithm, const Question& question,
                         const SearchContext& context)
    : question_(question), context_(context), tree_(MakeTree(question, context, algorithm)) {}

Verdict TreeBuilder::Check(const std::string& text) {
  ++verifier_calls_;
  return context_.task.GetVerifier().Check(question_, text);
}

void TreeBuilder::AddTerminal(const std::vector<int32_t>& tokens, const std::string& text,
                              Verdict verdict) {
  Node& node = tree_.nodes[static_cast<size_t>(tree_.AddNode(0, tokens, text))];
  node.terminal = true;
  node.verdict = verdict;
  if (verdict == Verdict::kCorrect) correct_texts_.insert(text);
}

void TreeBuilder::AddCompletion(const Completion& completion) {
  const std::string text = context_.tokenizer.Decode(completion.token_ids);
  const bool truncated = completion.finish == FinishReason::kLength;
  AddTerminal(completion.token_ids, text, truncated ? Verdict::kTruncated : Check(text));
  tree_.nodes.back().sum_log_prob = static_cast<float>(
      std::accumulate(completion.log_probs.begin(), completion.log_probs.end(), 0.0));
  sampled_ = true;
  decoded_tokens_ += static_cast<int64_t>(completion.token_ids.size());
}

void TreeBuilder::AddPlayed(std::string_view text) {
  std::vector<int32_t> tokens = context_.tokenizer.Encode(text);
  const int32_t eos = context_.tokenizer.Specials().eos;
  if (eos >= 0) tokens.push_back(eos);
  AddTerminal(tokens, std::string(text), Check(std::string(text)));
}

TraceTree TreeBuilder::Finish(Selection rule) {
  if (sampled_) {
    std::vector<std::span<const int32_t>> completions;
    for (const Node& node : tree_.nodes) {
      if (!node.terminal) continue;
      completions.push_back(std::span<const int32_t>(tree_.tokens)
                                .subspan(static_cast<size_t>(node.token_begin),
                                         static_cast<size_t>(node.token_end - node.token_begin)));
    }
    tree_.counts = CountSamples(context_.engine->Info().config,
                                static_cast<int64_t>(tree_.prompt_ids.size()), completions);
  }
  tree_.counts.verifier_calls = verifier_calls_;
  const Verifier& verifier = context_.task.GetVerifier();
  ScoreAndSelect(tree_, rule, [&](std::string_view text) { return verifier.AnswerKey(text); });
  return std::move(tree_);
}

}  // namespace retort
