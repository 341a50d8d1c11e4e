#include "generate/selection.h"

#include <algorithm>
#include <map>
#include <string>

namespace retort {
namespace {

double MeanLogProb(const TraceTree& tree, int32_t node) {
  const size_t tokens = tree.PathTokens(node).size();
  return tokens == 0 ? 0 : tree.PathLogProb(node) / static_cast<double>(tokens);
}

bool Truncated(const TraceTree& tree, int32_t node) {
  return tree.nodes[static_cast<size_t>(node)].verdict == Verdict::kTruncated;
}

bool Correct(const TraceTree& tree, int32_t node) {
  return tree.nodes[static_cast<size_t>(node)].verdict == Verdict::kCorrect;
}

std::vector<int32_t> PreferFinished(const TraceTree& tree, std::span<const int32_t> terminals) {
  std::vector<int32_t> finished;
  for (const int32_t node : terminals) {
    if (!Truncated(tree, node)) finished.push_back(node);
  }
  if (finished.empty()) finished.assign(terminals.begin(), terminals.end());
  return finished;
}

/// The earliest node with the highest score.
template <typename Score>
int32_t Best(const std::vector<int32_t>& nodes, const Score& score) {
  int32_t best = nodes.front();
  for (const int32_t node : nodes) {
    if (score(node) > score(best)) best = node;
  }
  return best;
}

using Votes = std::map<std::string, int64_t>;

Votes CountVotes(const TraceTree& tree, const std::vector<int32_t>& voters) {
  Votes votes;
  for (const int32_t node : voters) ++votes[tree.PathText(node)];
  return votes;
}

int32_t MostVoted(const TraceTree& tree, const std::vector<int32_t>& voters) {
  const Votes votes = CountVotes(tree, voters);
  return Best(voters, [&](int32_t node) { return votes.at(tree.PathText(node)); });
}

/// Share of the votes for each terminal's text; truncated traces have no vote unless all are.
std::vector<double> VoteShares(const TraceTree& tree, const std::vector<int32_t>& terminals) {
  const std::vector<int32_t> voters = PreferFinished(tree, terminals);
  const Votes votes = CountVotes(tree, voters);
  std::vector<double> shares;
  for (const int32_t node : terminals) {
    const auto found = votes.find(tree.PathText(node));
    const int64_t count = found == votes.end() ? 0 : found->second;
    shares.push_back(static_cast<double>(count) / static_cast<double>(voters.size()));
  }
  return shares;
}

void SetScores(TraceTree& tree, const std::vector<int32_t>& terminals, Scorer scorer,
               const std::vector<double>& scores) {
  for (size_t i = 0; i < terminals.size(); ++i) {
    Node& node = tree.nodes[static_cast<size_t>(terminals[i])];
    node.scorer = scorer;
    node.score = static_cast<float>(scores[i]);
  }
}

std::vector<double> Scores(const TraceTree& tree, const std::vector<int32_t>& terminals,
                           Selection rule) {
  if (rule == Selection::kVote) return VoteShares(tree, terminals);
  std::vector<double> scores;
  for (const int32_t node : terminals) {
    if (rule == Selection::kChecker) {
      scores.push_back(Correct(tree, node) ? 1 : 0);
    } else {
      scores.push_back(rule == Selection::kLogProb ? MeanLogProb(tree, node) : 0);
    }
  }
  return scores;
}

Scorer ScorerOf(Selection rule) {
  switch (rule) {
    case Selection::kFirst:
      return Scorer::kNone;
    case Selection::kChecker:
      return Scorer::kChecker;
    case Selection::kVote:
      return Scorer::kVote;
    case Selection::kLogProb:
      return Scorer::kLogProb;
  }
  return Scorer::kNone;
}

}  // namespace

std::optional<Selection> SelectionFromName(std::string_view name) {
  if (name == "checker") return Selection::kChecker;
  if (name == "vote") return Selection::kVote;
  if (name == "log_prob") return Selection::kLogProb;
  return std::nullopt;
}

std::vector<int32_t> Terminals(const TraceTree& tree) {
  std::vector<int32_t> terminals;
  for (size_t i = 0; i < tree.nodes.size(); ++i) {
    if (tree.nodes[i].terminal) terminals.push_back(static_cast<int32_t>(i));
  }
  std::ranges::stable_sort(
      terminals, {}, [&](int32_t node) { return tree.nodes[static_cast<size_t>(node)].order; });
  return terminals;
}

int32_t SelectTerminal(const TraceTree& tree, std::span<const int32_t> terminals, Selection rule) {
  if (terminals.empty()) return -1;
  if (rule == Selection::kFirst) return terminals.front();
  if (rule == Selection::kChecker) {
    for (const int32_t node : terminals) {
      if (Correct(tree, node)) return node;
    }
  }
  const std::vector<int32_t> finished = PreferFinished(tree, terminals);
  if (rule == Selection::kVote) return MostVoted(tree, finished);
  return Best(finished, [&](int32_t node) { return MeanLogProb(tree, node); });
}

void ScoreAndSelect(TraceTree& tree, Selection rule) {
  const std::vector<int32_t> terminals = Terminals(tree);
  SetScores(tree, terminals, ScorerOf(rule), Scores(tree, terminals, rule));
  tree.selected = SelectTerminal(tree, terminals, rule);
}

}  // namespace retort
