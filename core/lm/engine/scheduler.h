// The continuous batch: decides, step by step, which tokens of which rows go through the model and
// which slots their keys and values get. Single-threaded; owned by the local engine's thread.
//
// Between steps every node of the prefix tree holds valid keys and values. In a step each row first
// uses what is there (stored tokens, stored logits), then claims the tokens it still lacks; a token
// that an earlier row has claimed in the same step is waited for, so nothing is computed twice, and
// no sequence of a batch reads what another one writes. Rows are served oldest first: a row without
// a slot takes it from the youngest one, which is computed again later, to the same bits.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "core/lm/engine/forward_runner.h"
#include "core/lm/engine/prefix_tree.h"
#include "core/lm/engine/row.h"

namespace retort {

struct SchedulerConfig {
  int64_t max_batch = 256;  // rows in one forward
  int64_t slots = 0;        // for the prefix tree
  bool prefix_cache = true;
  bool keep_logits = true;  // store the logits of every token beside its keys and values
};

class Scheduler {
 public:
  /// Slots that the runner's cache needs: the tree's, and some to run a stored token again for its
  /// logits without writing what others read.
  static CacheSize CacheSlots(const SchedulerConfig& config);

  /// All borrowed; the runner has CacheSlots(config) slots.
  Scheduler(const SchedulerConfig& config, ForwardRunner& runner, const Tokenizer& tokenizer);

  /// Rows are borrowed until they come back from Step. A row's longest() must fit into the slots.
  void Add(Row* row) { waiting_.push_back(row); }
  bool idle() const { return running_.empty() && waiting_.empty(); }
  /// One forward at most; appends the rows that are done.
  void Step(std::vector<Row*>* finished);

  int64_t computed_tokens() const { return computed_tokens_; }
  int64_t forwards() const { return forwards_; }
  int64_t evicted_slots() const { return tree_.evicted(); }

 private:
  /// The batch row that a slot had in some step; `step` says which.
  struct Mark {
    int64_t step = -1;
    size_t row = 0;
  };

  void ClearBatch();
  void Plan(std::vector<Row*>* finished);
  void TakeSideBySide();
  void Admit(std::vector<Row*>* finished);
  /// Goes on with one row as far as this step can; true when it is done.
  bool Advance(Row& row);
  bool UseWhatIsThere(Row& row);
  void ClaimRest(Row& row);
  bool ClaimOne(Row& row, int64_t position, bool* waits);
  void Claim(int32_t slot);
  bool RunAgain(Row& row, int64_t position);
  bool TakeSlot(Row& row, int32_t id);
  void AddBatchRow(const Row& row, int64_t position, int32_t slot);
  void CloseSequence(const Row& row, size_t first_row);

  bool HasBudget() const { return static_cast<int64_t>(batch_.ids.size()) < config_.max_batch; }
  bool ClaimedNow(int32_t slot) const { return claims_[static_cast<size_t>(slot)].step == step_; }
  const float* StoredLogits(int32_t slot) const;
  void RunBatch();
  void ChooseLogitRows();
  void Release(Row& row) { tree_.Release(row.lease, config_.prefix_cache); }

  const SchedulerConfig config_;
  ForwardRunner& runner_;
  const Tokenizer& tokenizer_;
  PrefixTree tree_;
  std::deque<Row*> waiting_;   // oldest first; all younger than those running
  std::vector<Row*> running_;  // oldest first

  int64_t step_ = 0;
  TokenBatch batch_;
  std::vector<char> wants_logits_;  // by batch row
  std::vector<Mark> claims_;        // by slot: computed for the first time
  std::vector<Mark> reruns_;        // by slot: run again for its logits; without keep_logits only
  std::vector<float> logits_;       // [slots, V] with keep_logits
  std::vector<const float*> row_logits_;  // by batch row of the last step; null: not wanted
  std::vector<std::pair<Row*, const float*>> ready_;  // of TakeSideBySide
  int64_t computed_tokens_ = 0;
  int64_t forwards_ = 0;
};

}  // namespace retort
