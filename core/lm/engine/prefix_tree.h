// A radix tree over token ids whose every token owns one KV slot (after SGLang's RadixAttention,
// arXiv 2312.07104). Requests that begin alike share slots at token granularity; unused leaves are
// evicted least-recently-used. Not thread-safe: it belongs to the engine's scheduler.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace retort {

class PrefixTree {
 public:
  explicit PrefixTree(int64_t slots);
  ~PrefixTree();

  struct Node;
  /// A pinned path: its slots stay until Release.
  struct Lease {
    Node* node = nullptr;        // deepest node of the path
    std::vector<int32_t> slots;  // slot of each token of the path, by position
  };

  /// The longest stored prefix of `ids` (at most ids.size() - 1 tokens when `leave_last`, so that
  /// at least one row remains to be computed), pinned.
  Lease Match(std::span<const int32_t> ids, bool leave_last);
  /// Extends a pinned path by one token, sharing a stored child if there is one (`*shared` then
  /// says so and its slot holds valid keys and values). False when no slot can be freed: the
  /// caller waits.
  bool Extend(Lease& lease, int32_t id, bool* shared);
  /// Unpins; with `keep` false, nodes nobody else uses are freed at once.
  void Release(Lease& lease, bool keep);

  int64_t free_slots() const;
  /// Free slots plus those that eviction could free now.
  int64_t available_slots() const;
  int64_t evicted() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace retort
