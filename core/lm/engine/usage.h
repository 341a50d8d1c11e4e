// What the rows of one call cost, counted by content alone: a token counts where an earlier row of
// the same call does not start with the same tokens. So the counts, and traces that hold them, are
// the same whatever else was in the batch and whatever the prefix tree remembered.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "core/lm/engine/engine.h"

namespace retort {

class UsageLedger {
 public:
  /// `config` outlives the ledger.
  explicit UsageLedger(const ModelConfig& config) : config_(config) {}

  /// Counts one row that ran the model over `prompt` and then `fed` (a completion without its last
  /// token, whose logits nobody reads), into prefill_computed, prefill_shared and flops.
  void Count(std::span<const int32_t> prompt, std::span<const int32_t> fed, Usage* usage);

  /// Tokens that counted so far.
  int64_t unique_tokens() const { return std::ssize(nodes_) - 1; }

 private:
  struct Node {
    int32_t id = -1;
    uint32_t first_child = 0;  // 0: none, as the root is nobody's child
  };

  /// True where `id` after node `*node` is new; moves to it.
  bool Step(int32_t id, uint32_t* node);

  const ModelConfig& config_;
  std::vector<Node> nodes_ = std::vector<Node>(1);        // a trie; the first node is its root
  std::unordered_map<uint64_t, uint32_t> more_children_;  // (node, id) -> node, but for the first
};

}  // namespace retort
