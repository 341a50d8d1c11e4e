// A trie over token ids in which every node is one token and owns one KV slot (after SGLang's
// RadixAttention, arXiv 2312.07104; a node's number is its slot's). Requests that begin alike share
// slots at token granularity; unused leaves are evicted least-recently-used. Not thread-safe: it
// belongs to the engine's scheduler.
#pragma once

#include <cstdint>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

namespace retort {

class PrefixTree {
 public:
  /// `slots` in 1..2^31-1.
  explicit PrefixTree(int64_t slots);

  /// A pinned path from a root: its slots stay until Release. Give every lease back to its tree.
  struct Lease {
    uint32_t root = 0;           // slots(): the shared root; above: a root of this lease's own
    std::vector<int32_t> slots;  // slot of each token of the path, by position
    uint32_t node() const { return slots.empty() ? root : static_cast<uint32_t>(slots.back()); }
  };

  /// An empty path below the root that everybody shares.
  Lease OpenShared() const;
  /// An empty path below a root of its own: it shares nothing with anybody.
  Lease OpenPrivate();

  /// Slot of the stored token that continues the path with `id`; -1 if there is none.
  int32_t Find(const Lease& lease, int32_t id) const;
  /// Extends the path by one token, sharing the stored one if there is one (`*shared` then says so)
  /// and otherwise taking a slot, if need be by evicting the least recently released leaf. False,
  /// with nothing changed, when every slot is pinned.
  bool Extend(Lease& lease, int32_t id, bool* shared);
  /// Unpins and empties the path. With `keep` false the nodes nobody else uses or continues are
  /// freed at once; otherwise they stay for later paths until evicted.
  void Release(Lease& lease, bool keep);

  int64_t slots() const { return slots_; }
  int64_t free_slots() const {
    return slots_ - static_cast<int64_t>(nodes_.size()) + static_cast<int64_t>(free_.size());
  }
  /// Slots that no lease holds: free ones and those that eviction could free now.
  int64_t available_slots() const { return slots() - held_; }
  int64_t evicted() const { return evicted_; }

 private:
  struct Node {
    uint32_t parent = 0;  // slot, or a root (>= slots())
    int32_t id = 0;
    int32_t children = 0;
    int32_t first_child = -1;  // slot of one child, not in children_; most have no other
    int32_t holds = 0;         // leases that end here, plus children that are held
    uint64_t stamp = 0;        // latest release of this node or of a descendant that is gone
  };

  static uint64_t Key(uint32_t parent, int32_t id) {
    return uint64_t{parent} << 32U | static_cast<uint32_t>(id);
  }
  bool IsRoot(uint32_t node) const { return node >= slots_; }
  void AddChild(uint32_t parent, int32_t id, int32_t slot);
  void DropChild(uint32_t parent, int32_t id, int32_t slot);
  int32_t TakeFree();
  bool EvictOne();
  void Hold(uint32_t node);
  void Unhold(uint32_t node);
  void Remove(uint32_t node);

  int64_t slots_;
  std::vector<Node> nodes_;    // by slot, as many as were ever used: a short run stays small
  std::vector<int32_t> free_;  // stack of those not in use now
  std::unordered_map<uint64_t, int32_t> children_;         // Key(parent, id) -> slot of the rest
  std::set<std::pair<uint64_t, uint32_t>> unused_leaves_;  // (stamp, slot): oldest first
  uint64_t clock_ = 0;
  uint32_t private_roots_ = 0;
  int64_t held_ = 0;
  int64_t evicted_ = 0;
};

}  // namespace retort
