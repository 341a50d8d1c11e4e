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

/// How many of the voters give each answer.
class Votes {
 public:
  Votes(const TraceTree& tree, const std::vector<int32_t>& voters, const AnswerKey& key)
      : tree_(tree), key_(key) {
    for (const int32_t node : voters) ++count_[Of(node)];
  }
  int64_t For(int32_t node) const {
    const auto found = count_.find(Of(node));
    return found == count_.end() ? 0 : found->second;
  }

 private:
  std::string Of(int32_t node) const {
    const std::string text = tree_.PathText(node);
    return key_ ? key_(text) : text;
  }

  const TraceTree& tree_;
  const AnswerKey& key_;
  std::map<std::string, int64_t> count_;
};

int32_t MostVoted(const TraceTree& tree, const std::vector<int32_t>& voters, const AnswerKey& key) {
  const Votes votes(tree, voters, key);
  return Best(voters, [&](int32_t node) { return votes.For(node); });
}

/// Share of the votes for each terminal's answer; truncated traces have no vote unless all are.
std::vector<double> VoteShares(const TraceTree& tree, const std::vector<int32_t>& terminals,
                               const AnswerKey& key) {
  const std::vector<int32_t> voters = PreferFinished(tree, terminals);
  const Votes votes(tree, voters, key);
  std::vector<double> shares;
  for (const int32_t node : terminals) {
    shares.push_back(static_cast<double>(votes.For(node)) / static_cast<double>(voters.size()));
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
                           Selection rule, const AnswerKey& key) {
  if (rule == Selection::kVote) return VoteShares(tree, terminals, key);
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

int32_t SelectTerminal(const TraceTree& tree, std::span<const int32_t> terminals, Selection rule,
                       const AnswerKey& key) {
  if (terminals.empty()) return -1;
  if (rule == Selection::kFirst) return terminals.front();
  if (rule == Selection::kChecker) {
    for (const int32_t node : terminals) {
      if (Correct(tree, node)) return node;
    }
  }
  const std::vector<int32_t> finished = PreferFinished(tree, terminals);
  if (rule == Selection::kVote) return MostVoted(tree, finished, key);
  return Best(finished, [&](int32_t node) { return MeanLogProb(tree, node); });
}

void ScoreAndSelect(TraceTree& tree, Selection rule, const AnswerKey& key) {
  const std::vector<int32_t> terminals = Terminals(tree);
  SetScores(tree, terminals, ScorerOf(rule), Scores(tree, terminals, rule, key));
  tree.selected = SelectTerminal(tree, terminals, rule, key);
}

}  // namespace retort
