// One row of a call: a completion being sampled or a given one being scored. A value that the
// calling thread prepares and reads, and only the scheduler changes in between.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/lm/engine/engine.h"
#include "core/lm/engine/prefix_tree.h"

namespace retort {

class Row {
 public:
  /// Both borrow the request, which outlives the row.
  explicit Row(const GenerateRequest& request);
  explicit Row(const ScoreRequest& request);

  /// Tokens the model is fed as far as they are known; grows with each sampled token.
  const std::vector<int32_t>& ids() const { return ids_; }
  /// Position of the token whose logits this row needs next. It needs those of later ones too.
  int64_t next() const { return next_; }
  bool done() const { return done_; }
  /// Most tokens this row can ever be fed.
  int64_t longest() const { return longest_; }

  /// Takes the logits of position next(). `tokenizer` decodes for stop texts.
  void Take(std::span<const float> logits_V, const Tokenizer& tokenizer);

  const std::vector<int32_t>& completion() const { return completion_; }
  const std::vector<float>& log_probs() const { return log_probs_; }
  FinishReason finish() const { return finish_; }
  double first_token_time() const { return first_token_time_; }
  double end_time() const { return end_time_; }

  PrefixTree::Lease lease;  // the scheduler's: slots of the first lease.slots.size() of ids()

 private:
  void Sample(std::span<const float> logits_V, const Tokenizer& tokenizer);
  bool Stops(const Tokenizer& tokenizer);

  const GenerateRequest* generate_ = nullptr;
  const ScoreRequest* score_ = nullptr;
  std::vector<int32_t> ids_;
  int64_t next_ = 0;
  int64_t longest_ = 0;
  bool done_ = false;
  std::vector<int32_t> completion_;
  std::vector<float> log_probs_;
  FinishReason finish_ = FinishReason::kLength;
  double first_token_time_ = 0;
  double end_time_ = 0;
};

}  // namespace retort
