// Fills the TraceTree of independent tries at one question: each try is a terminal child of the
// root, in order. Shared by every strategy that samples or plays whole solutions. Single-threaded.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/lm/engine/engine.h"
#include "core/trace/types.h"
#include "generate/selection.h"
#include "generate/strategy.h"

namespace retort {

/// A tree with its root alone: the question's facts, the algorithm, the seed and the prompt's ids.
TraceTree MakeTree(const Question& question, const SearchContext& context,
                   const std::string& algorithm);

class TreeBuilder {
 public:
  /// `question` and `context` must outlive the builder.
  TreeBuilder(const std::string& algorithm, const Question& question, const SearchContext& context);

  /// A sampled completion. Its verdict is Check's, or kTruncated when it ended by its length: half
  /// a solution is never called right or wrong.
  void AddCompletion(const Completion& completion);
  /// A text that no model wrote, as tokens with end-of-text so that its trace can train a student.
  void AddPlayed(std::string_view text);

  const std::vector<int32_t>& prompt_ids() const { return tree_.prompt_ids; }
  /// Tokens sampled so far.
  int64_t decoded_tokens() const { return decoded_tokens_; }
  /// Distinct texts that Check called correct so far.
  int64_t distinct_correct() const { return static_cast<int64_t>(correct_texts_.size()); }

  /// Scores, selection and counts (generate/cost.h: logical, the same for any scheduling; every
  /// call of Check counts). The builder is empty afterwards.
  TraceTree Finish(Selection rule);

 private:
  void AddTerminal(const std::vector<int32_t>& tokens, const std::string& text, Verdict verdict);
  Verdict Check(const std::string& text);

  const Question& question_;
  const SearchContext& context_;
  TraceTree tree_;
  bool sampled_ = false;
  int64_t decoded_tokens_ = 0;
  int64_t verifier_calls_ = 0;
  std::set<std::string> correct_texts_;
};

}  // namespace retort
