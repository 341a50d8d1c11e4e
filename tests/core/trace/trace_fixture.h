// What the tests of core/trace share: made-up trees, folders of their own, error texts.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/base/env.h"
#include "core/base/error.h"
#include "core/base/rng.h"
#include "core/trace/types.h"

namespace retort {

/// A small tree whose every field differs from its default, chosen by `id`.
inline TraceTree MadeUpTree(const std::string& id, int attempts = 3) {
  Rng rng = Rng::Derive({std::string_view(id)});
  TraceTree tree;
  tree.problem_id = id;
  tree.question = StrCat("t2 t1 t3 : ", id);
  tree.answer = "m1";
  tree.source = "generated";
  tree.split = "search";
  tree.horizon = 1 + static_cast<int32_t>(rng.NextBelow(20));
  tree.algorithm = "best_of_n";
  tree.seed = rng.NextU64();
  tree.prompt_ids = {1, 5, 4, 6, static_cast<int32_t>(rng.NextBelow(100))};
  tree.counts = {.prefill_computed = 5,
                 .prefill_shared = static_cast<int64_t>(rng.NextBelow(1000)),
                 .decoded = 30,
                 .verifier_calls = attempts,
                 .flops = rng.NextDouble() * 1e12};
  tree.AddNode(-1, {}, "");
  for (int i = 0; i < attempts; ++i) {
    const int32_t first = tree.AddNode(0, {static_cast<int32_t>(rng.NextBelow(9)), 7}, "m1 m2");
    const int32_t last =
        tree.AddNode(first, {static_cast<int32_t>(rng.NextBelow(9))}, " m\xc3\xa9");
    Node& node = tree.nodes[static_cast<size_t>(last)];
    node.terminal = true;
    node.verdict = static_cast<Verdict>(rng.NextBelow(kVerdictCount));
    node.scorer = static_cast<Scorer>(rng.NextBelow(6));
    node.sum_log_prob = -static_cast<float>(rng.NextDouble());
    node.prior = static_cast<float>(rng.NextDouble());
    node.value = static_cast<float>(rng.NextNormal());
    node.score = static_cast<float>(rng.NextNormal());
    node.visits = static_cast<int32_t>(rng.NextBelow(50));
    tree.selected = last;
  }
  return tree;
}

inline std::vector<TraceTree> MadeUpTrees(int count, int attempts = 3) {
  std::vector<TraceTree> trees;
  for (int i = 0; i < count; ++i) {
    trees.push_back(MadeUpTree(StrCat("p", 1000 + i), attempts));
  }
  return trees;
}

/// An empty folder that no other test uses.
inline std::string FreshFolder() {
  const auto* info = testing::UnitTest::GetInstance()->current_test_info();
  std::string name = StrCat("retort_", info->test_suite_name(), "_", info->name());
  for (char& c : name) c = c == '/' ? '_' : c;
  const std::string dir = JoinPath(testing::TempDir(), name);
  RealEnv().RemoveTree(dir);
  RealEnv().CreateDirs(dir);
  return dir;
}

inline void WriteBytes(const std::string& path, std::string_view bytes) {
  const auto file = RealEnv().NewFile(path);
  file->Append(bytes);
  file->Close();
}

/// The message of the Error that `call` throws, "" if it throws none.
template <typename Call>
std::string ErrorOf(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

/// The same bytes with 1 to 8 random edits: a flipped bit, a new byte, a cut or doubled stretch.
inline std::string Mutate(std::string bytes, Rng& rng) {
  const uint64_t edits = 1 + rng.NextBelow(8);
  for (uint64_t i = 0; i < edits && !bytes.empty(); ++i) {
    const size_t at = rng.NextBelow(bytes.size());
    switch (rng.NextBelow(8)) {
      case 0:
        bytes.resize(at);
        break;
      case 1:
        bytes.insert(at, bytes.substr(at, rng.NextBelow(64)));
        break;
      case 2:
        bytes.erase(at, rng.NextBelow(64));
        break;
      case 3:
      case 4:
        bytes[at] = static_cast<char>(rng.NextU32());
        break;
      default:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << rng.NextBelow(8)));
    }
  }
  return bytes;
}

}  // namespace retort
