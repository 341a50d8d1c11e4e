#include "core/trace/types.h"

#include <algorithm>
#include <array>

#include "core/base/error.h"

namespace retort {
namespace {

constexpr std::array<std::string_view, kVerdictCount> kVerdictNames = {
    "correct", "incorrect", "unparsed", "truncated", "timeout", "pruned", "unverified"};
constexpr std::array<std::string_view, 6> kScorerNames = {"none",     "checker", "vote",
                                                          "log_prob", "oracle",  "value"};

/// Node indices from below the root to `node`, in order. Requires a checked tree.
std::vector<size_t> Path(const TraceTree& tree, int32_t node) {
  RETORT_CHECK(node >= 0 && static_cast<size_t>(node) < tree.nodes.size(), "node ", node,
               " of problem ", tree.problem_id);
  std::vector<size_t> path;
  for (int32_t at = node; at > 0; at = tree.nodes[static_cast<size_t>(at)].parent) {
    path.push_back(static_cast<size_t>(at));
  }
  std::reverse(path.begin(), path.end());
  return path;
}

bool IsSpan(int64_t begin, int64_t end, size_t size) {
  return 0 <= begin && begin <= end && end <= static_cast<int64_t>(size);
}

/// What is wrong with node `index`, or nullptr.
const char* NodeFault(const TraceTree& tree, size_t index) {
  const Node& node = tree.nodes[index];
  const bool is_root = index == 0;
  if (is_root ? node.parent != -1 : node.parent < 0) return "has a bad parent";
  if (!is_root && static_cast<size_t>(node.parent) >= index) return "comes before its parent";
  if (!IsSpan(node.token_begin, node.token_end, tree.tokens.size())) return "has a bad token span";
  if (!IsSpan(node.text_begin, node.text_end, tree.text.size())) return "has a bad text span";
  if (is_root && (node.token_end != node.token_begin || node.text_end != node.text_begin)) {
    return "is the root but has text";
  }
  if (is_root && (node.terminal || node.verdict)) return "is the root but terminal";
  if (node.verdict && !node.terminal) return "has a verdict but is not terminal";
  return nullptr;
}

}  // namespace

std::string_view VerdictName(Verdict verdict) {
  return kVerdictNames.at(static_cast<size_t>(verdict));
}

std::optional<Verdict> VerdictFromName(std::string_view name) {
  const auto found = std::find(kVerdictNames.begin(), kVerdictNames.end(), name);
  if (found == kVerdictNames.end()) return std::nullopt;
  return static_cast<Verdict>(found - kVerdictNames.begin());
}

std::string_view ScorerName(Scorer scorer) { return kScorerNames.at(static_cast<size_t>(scorer)); }

TokenCounts& TokenCounts::operator+=(const TokenCounts& other) {
  prefill_computed += other.prefill_computed;
  prefill_shared += other.prefill_shared;
  decoded += other.decoded;
  verifier_calls += other.verifier_calls;
  flops += other.flops;
  return *this;
}

std::string_view TraceTree::NodeText(int32_t node) const {
  const Node& at = nodes.at(static_cast<size_t>(node));
  return std::string_view(text).substr(static_cast<size_t>(at.text_begin),
                                       static_cast<size_t>(at.text_end - at.text_begin));
}

std::vector<int32_t> TraceTree::PathTokens(int32_t node) const {
  std::vector<int32_t> path_tokens;
  for (const size_t i : Path(*this, node)) {
    path_tokens.insert(path_tokens.end(), tokens.begin() + nodes[i].token_begin,
                       tokens.begin() + nodes[i].token_end);
  }
  return path_tokens;
}

std::string TraceTree::PathText(int32_t node) const {
  std::string path_text;
  for (const size_t i : Path(*this, node)) path_text += NodeText(static_cast<int32_t>(i));
  return path_text;
}

double TraceTree::PathLogProb(int32_t node) const {
  double sum = 0;
  for (const size_t i : Path(*this, node)) sum += static_cast<double>(nodes[i].sum_log_prob);
  return sum;
}

int32_t TraceTree::AddNode(int32_t parent, const std::vector<int32_t>& span_tokens,
                           std::string_view span_text) {
  RETORT_CHECK(parent < static_cast<int32_t>(nodes.size()) && (parent >= 0 || nodes.empty()),
               "parent ", parent, " of problem ", problem_id);
  Node node;
  node.parent = parent;
  node.order = static_cast<int32_t>(nodes.size());
  node.token_begin = static_cast<int64_t>(tokens.size());
  node.text_begin = static_cast<int64_t>(text.size());
  tokens.insert(tokens.end(), span_tokens.begin(), span_tokens.end());
  text += span_text;
  node.token_end = static_cast<int64_t>(tokens.size());
  node.text_end = static_cast<int64_t>(text.size());
  nodes.push_back(node);
  return static_cast<int32_t>(nodes.size()) - 1;
}

int64_t TraceTree::CountVerdict(Verdict verdict) const {
  return std::count_if(nodes.begin(), nodes.end(),
                       [&](const Node& node) { return node.verdict == verdict; });
}

void CheckTree(const TraceTree& tree, const std::string& where) {
  const auto fail = [&](const std::string& what) {
    throw Error(ExitCode::kData, StrCat(where, ": problem ", tree.problem_id, ": ", what));
  };
  if (tree.nodes.empty()) fail("the tree has no root");
  for (size_t i = 0; i < tree.nodes.size(); ++i) {
    if (const char* fault = NodeFault(tree, i)) fail(StrCat("node ", i, " ", fault));
  }
  const auto nodes = static_cast<int64_t>(tree.nodes.size());
  if (tree.selected < -1 || tree.selected >= nodes) fail("the selected node does not exist");
  if (tree.selected >= 0 && !tree.nodes[static_cast<size_t>(tree.selected)].terminal) {
    fail("the selected node is not terminal");
  }
}

}  // namespace retort
