#include "core/lm/engine/prefix_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "core/base/rng.h"

namespace retort {
namespace {

using Path = std::vector<int32_t>;

/// Extends as far as slots go; returns how many tokens were shared.
int ExtendAll(PrefixTree& tree, PrefixTree::Lease& lease, const Path& ids) {
  int shared_count = 0;
  for (const int32_t id : ids) {
    bool shared = false;
    EXPECT_TRUE(tree.Extend(lease, id, &shared));
    shared_count += shared ? 1 : 0;
  }
  return shared_count;
}

TEST(PrefixTree, RequestsThatBeginAlikeShareSlotsTokenByToken) {
  PrefixTree tree(10);
  auto a = tree.OpenShared(), b = tree.OpenShared();
  EXPECT_EQ(ExtendAll(tree, a, {1, 2, 3, 4}), 0);
  EXPECT_EQ(ExtendAll(tree, b, {1, 2, 9}), 2);
  EXPECT_EQ(a.slots[0], b.slots[0]);
  EXPECT_EQ(a.slots[1], b.slots[1]);
  EXPECT_NE(a.slots[2], b.slots[2]);
  EXPECT_EQ(tree.free_slots(), 5);
}

TEST(PrefixTree, PrivatePathsShareNothing) {
  PrefixTree tree(10);
  auto a = tree.OpenPrivate(), b = tree.OpenPrivate(), c = tree.OpenShared();
  EXPECT_EQ(ExtendAll(tree, a, {1, 2}) + ExtendAll(tree, b, {1, 2}) + ExtendAll(tree, c, {1, 2}),
            0);
  EXPECT_EQ(tree.free_slots(), 4);
}

TEST(PrefixTree, AKeptPathIsFoundAgain) {
  PrefixTree tree(10);
  auto a = tree.OpenShared();
  ExtendAll(tree, a, {1, 2, 3});
  const std::vector<int32_t> slots = a.slots;
  tree.Release(a, /*keep=*/true);
  EXPECT_EQ(tree.free_slots(), 7);
  EXPECT_EQ(tree.available_slots(), 10);
  auto b = tree.OpenShared();
  EXPECT_EQ(ExtendAll(tree, b, {1, 2, 3}), 3);
  EXPECT_EQ(b.slots, slots);
  EXPECT_EQ(tree.available_slots(), 7);
}

TEST(PrefixTree, APathThatIsNotKeptFreesWhatNobodyElseUses) {
  PrefixTree tree(10);
  auto a = tree.OpenShared(), b = tree.OpenShared();
  ExtendAll(tree, a, {1, 2, 3, 4});
  ExtendAll(tree, b, {1, 2, 5});
  tree.Release(a, /*keep=*/false);
  EXPECT_EQ(tree.free_slots(), 7);
  tree.Release(b, /*keep=*/false);
  EXPECT_EQ(tree.free_slots(), 10);
}

TEST(PrefixTree, TheLeastRecentlyReleasedLeafGoesFirst) {
  PrefixTree tree(4);
  auto old_path = tree.OpenShared(), young = tree.OpenShared();
  ExtendAll(tree, old_path, {1, 2});
  ExtendAll(tree, young, {3, 4});
  tree.Release(old_path, true);
  tree.Release(young, true);
  auto next = tree.OpenShared();
  ExtendAll(tree, next, {9});
  EXPECT_EQ(tree.evicted(), 1);
  auto look = tree.OpenShared();
  EXPECT_GE(tree.Find(look, 1), 0) << "the inner node of the old path must outlive its leaf";
  EXPECT_EQ(ExtendAll(tree, look, {1}), 1);
  EXPECT_EQ(tree.Find(look, 2), -1);
}

TEST(PrefixTree, PinnedPathsAreNeverEvicted) {
  PrefixTree tree(3);
  auto a = tree.OpenShared(), b = tree.OpenShared();
  ExtendAll(tree, a, {1, 2, 3});
  bool shared = false;
  EXPECT_FALSE(tree.Extend(b, 7, &shared));
  EXPECT_TRUE(b.slots.empty());
  EXPECT_TRUE(tree.Extend(b, 1, &shared));
  EXPECT_TRUE(shared);
  EXPECT_FALSE(tree.Extend(b, 8, &shared));
  tree.Release(a, true);
  EXPECT_TRUE(tree.Extend(b, 8, &shared)) << "the released tail can be evicted";
  EXPECT_EQ(tree.evicted(), 1);
}

/// The same behaviour by brute force: a map from whole paths to slots and lists of leases.
class Model {
 public:
  explicit Model(int64_t slots) : slots_(slots) {}

  bool Extend(Path& lease, int32_t id, bool* shared) {
    Path child = lease;
    child.push_back(id);
    *shared = nodes_.count(child) > 0;
    if (!*shared) {
      if (std::ssize(nodes_) == slots_ && !Evict()) return false;
      nodes_[child] = 0;
    }
    leases_.erase(leases_.find(lease));
    leases_.insert(child);
    lease = child;
    return true;
  }
  void Open() { leases_.insert(Path{}); }
  void Release(Path& lease, bool keep) {
    leases_.erase(leases_.find(lease));
    if (!lease.empty()) nodes_[lease] = ++clock_;
    while (!keep && !lease.empty() && Unused(lease)) {
      Drop(lease);
      lease.pop_back();
    }
    lease.clear();
  }
  int64_t stored() const { return std::ssize(nodes_); }
  int64_t held() const {
    return std::count_if(nodes_.begin(), nodes_.end(),
                         [&](const auto& n) { return Held(n.first); });
  }
  bool Has(const Path& path) const { return nodes_.count(path) > 0; }

 private:
  static bool StartsWith(const Path& path, const Path& prefix) {
    return path.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), path.begin());
  }
  bool Held(const Path& path) const {
    return std::any_of(leases_.begin(), leases_.end(),
                       [&](const Path& lease) { return StartsWith(lease, path); });
  }
  bool Unused(const Path& path) const {
    const bool leaf = std::none_of(nodes_.begin(), nodes_.end(), [&](const auto& n) {
      return n.first.size() > path.size() && StartsWith(n.first, path);
    });
    return leaf && !Held(path);
  }
  void Drop(const Path& path) {
    const uint64_t stamp = nodes_[path];
    nodes_.erase(path);
    const Path parent(path.begin(), path.end() - 1);
    if (!parent.empty()) nodes_[parent] = std::max(nodes_[parent], stamp);
  }
  bool Evict() {
    const Path* oldest = nullptr;
    for (const auto& [path, stamp] : nodes_) {
      if (Unused(path) && (oldest == nullptr || stamp < nodes_[*oldest])) oldest = &path;
    }
    if (oldest == nullptr) return false;
    Drop(Path(*oldest));
    return true;
  }

  int64_t slots_;
  uint64_t clock_ = 0;
  std::map<Path, uint64_t> nodes_;  // path -> stamp
  std::multiset<Path> leases_;
};

/// Leases of both, side by side.
struct Pair {
  PrefixTree::Lease lease;
  Path path;
};

/// Slots of live leases: one slot never stands for two paths, one path never has two slots.
void CheckOwnership(const std::vector<Pair>& pairs) {
  std::map<int32_t, Path> owner;
  for (const Pair& pair : pairs) {
    ASSERT_EQ(pair.lease.slots.size(), pair.path.size());
    for (size_t i = 0; i < pair.path.size(); ++i) {
      const Path prefix(pair.path.begin(), pair.path.begin() + static_cast<ptrdiff_t>(i) + 1);
      const auto [entry, added] = owner.emplace(pair.lease.slots[i], prefix);
      ASSERT_TRUE(added || entry->second == prefix) << "slot owned twice";
    }
  }
}

void RandomStep(Rng& rng, PrefixTree& tree, Model& model, std::vector<Pair>* pairs) {
  const uint64_t action = rng.NextBelow(10);
  if (pairs->empty() || action == 0) {
    pairs->push_back({tree.OpenShared(), {}});
    model.Open();
    return;
  }
  const size_t which = rng.NextBelow(pairs->size());
  Pair& pair = (*pairs)[which];
  if (action <= 7) {
    const auto id = static_cast<int32_t>(rng.NextBelow(3));
    bool shared = false, expected_shared = false;
    const bool extended = tree.Extend(pair.lease, id, &shared);
    ASSERT_EQ(extended, model.Extend(pair.path, id, &expected_shared));
    if (extended) {
      ASSERT_EQ(shared, expected_shared);
    }
    return;
  }
  const bool keep = rng.NextBelow(3) > 0;
  tree.Release(pair.lease, keep);
  model.Release(pair.path, keep);
  pairs->erase(pairs->begin() + static_cast<ptrdiff_t>(which));
}

TEST(PrefixTree, BehavesLikeABruteForceModelUnderRandomOperations) {
  for (uint64_t round = 0; round < 20; ++round) {
    const auto slots = static_cast<int64_t>(4 + round * 2);
    PrefixTree tree(slots);
    Model model(slots);
    std::vector<Pair> pairs;
    Rng rng = Rng::Derive({"prefix_tree_test", round});
    for (int i = 0; i < 600; ++i) {
      ASSERT_NO_FATAL_FAILURE(RandomStep(rng, tree, model, &pairs)) << round << " " << i;
      ASSERT_EQ(tree.free_slots(), slots - model.stored());
      ASSERT_EQ(tree.available_slots(), slots - model.held());
      ASSERT_NO_FATAL_FAILURE(CheckOwnership(pairs));
    }
    for (Pair& pair : pairs) tree.Release(pair.lease, false);
    EXPECT_EQ(tree.available_slots(), slots) << "a slot leaked";
  }
}

TEST(PrefixTree, EverySlotCanBeUsedAfterManyReleases) {
  PrefixTree tree(8);
  for (int32_t round = 0; round < 100; ++round) {
    auto lease = tree.OpenShared();
    ExtendAll(tree, lease, {round, round + 1, round + 2, 4, 5, 6, 7, 8});
    std::set<int32_t> distinct(lease.slots.begin(), lease.slots.end());
    ASSERT_EQ(distinct.size(), 8U);
    tree.Release(lease, round % 2 == 0);
  }
}

}  // namespace
}  // namespace retort
