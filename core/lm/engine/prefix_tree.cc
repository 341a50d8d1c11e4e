#include "core/lm/engine/prefix_tree.h"

#include <algorithm>
#include <limits>

#include "core/base/error.h"

namespace retort {

PrefixTree::PrefixTree(int64_t slots) : slots_(slots) {
  RETORT_CHECK(slots >= 1 && slots <= std::numeric_limits<int32_t>::max(), slots, " slots");
}

PrefixTree::Lease PrefixTree::OpenShared() const {
  return {.root = static_cast<uint32_t>(slots_), .slots = {}};
}

PrefixTree::Lease PrefixTree::OpenPrivate() {
  // Numbers come round after two billion leases, long after the first of them has been released.
  const auto roots = std::numeric_limits<uint32_t>::max() - static_cast<uint32_t>(slots_);
  private_roots_ = private_roots_ % roots + 1;
  return {.root = static_cast<uint32_t>(slots_) + private_roots_, .slots = {}};
}

int32_t PrefixTree::Find(const Lease& lease, int32_t id) const {
  const uint32_t node = lease.node();
  if (!IsRoot(node)) {
    const Node& n = nodes_[node];
    if (n.first_child >= 0 && nodes_[static_cast<size_t>(n.first_child)].id == id) {
      return n.first_child;
    }
    if (n.children == (n.first_child >= 0 ? 1 : 0)) return -1;
  }
  const auto found = children_.find(Key(node, id));
  return found == children_.end() ? -1 : found->second;
}

void PrefixTree::AddChild(uint32_t parent, int32_t id, int32_t slot) {
  if (!IsRoot(parent)) {
    Node& n = nodes_[parent];
    ++n.children;
    if (n.first_child < 0) {
      n.first_child = slot;
      return;
    }
  }
  children_.emplace(Key(parent, id), slot);
}

void PrefixTree::DropChild(uint32_t parent, int32_t id, int32_t slot) {
  if (!IsRoot(parent)) {
    Node& n = nodes_[parent];
    --n.children;
    if (n.first_child == slot) {
      n.first_child = -1;
      return;
    }
  }
  children_.erase(Key(parent, id));
}

bool PrefixTree::Extend(Lease& lease, int32_t id, bool* shared) {
  const uint32_t parent = lease.node();
  int32_t slot = Find(lease, id);
  *shared = slot >= 0;
  if (!*shared) {
    slot = TakeFree();
    if (slot < 0) return false;
    Node& node = nodes_[static_cast<size_t>(slot)];
    node = Node{};
    node.parent = parent;
    node.id = id;
    AddChild(parent, id, slot);
  }
  Hold(static_cast<uint32_t>(slot));
  if (!IsRoot(parent)) Unhold(parent);  // the lease's own hold; the child holds it from now on
  lease.slots.push_back(slot);
  return true;
}

void PrefixTree::Release(Lease& lease, bool keep) {
  uint32_t node = lease.node();
  lease.slots.clear();
  if (IsRoot(node)) return;
  nodes_[node].stamp = ++clock_;
  Unhold(node);
  while (!keep && !IsRoot(node) && nodes_[node].holds == 0 && nodes_[node].children == 0) {
    const uint32_t parent = nodes_[node].parent;
    Remove(node);
    node = parent;
  }
}

/// One more holder; the first one makes the node a holder of its parent.
void PrefixTree::Hold(uint32_t node) {
  while (!IsRoot(node)) {
    Node& n = nodes_[node];
    if (++n.holds > 1) return;
    ++held_;
    // A new node was never released, so it is not among the unused ones.
    if (n.children == 0 && n.stamp > 0) unused_leaves_.erase({n.stamp, node});
    node = n.parent;
  }
}

void PrefixTree::Unhold(uint32_t node) {
  while (!IsRoot(node)) {
    Node& n = nodes_[node];
    if (--n.holds > 0) return;
    --held_;
    if (n.children == 0) unused_leaves_.insert({n.stamp, node});
    node = n.parent;
  }
}

/// Frees an unheld leaf; its parent may become one.
void PrefixTree::Remove(uint32_t node) {
  const Node n = nodes_[node];
  unused_leaves_.erase({n.stamp, node});
  DropChild(n.parent, n.id, static_cast<int32_t>(node));
  free_.push_back(static_cast<int32_t>(node));
  if (IsRoot(n.parent)) return;
  Node& parent = nodes_[n.parent];
  const bool unused = parent.children == 0 && parent.holds == 0;
  parent.stamp = std::max(parent.stamp, n.stamp);
  if (unused) unused_leaves_.insert({parent.stamp, n.parent});
}

/// A slot that is free now, never used yet, or evicted for the purpose; -1 if all are held.
int32_t PrefixTree::TakeFree() {
  if (free_.empty() && std::ssize(nodes_) < slots_) {
    nodes_.emplace_back();
    return static_cast<int32_t>(nodes_.size() - 1);
  }
  if (free_.empty() && !EvictOne()) return -1;
  const int32_t slot = free_.back();
  free_.pop_back();
  return slot;
}

bool PrefixTree::EvictOne() {
  if (unused_leaves_.empty()) return false;
  Remove(unused_leaves_.begin()->second);
  ++evicted_;
  return true;
}

}  // namespace retort
