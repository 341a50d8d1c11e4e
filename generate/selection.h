// Which of several finished traces a search answers with. Pure functions of the tree, so that an
// evaluation can ask the same of the first k samples of a larger run.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/trace/types.h"

namespace retort {

/// All rules prefer traces that ended by themselves to truncated ones; ties go to the earliest.
enum class Selection {
  kFirst,    // the first: there is nothing to choose from
  kChecker,  // the first that Check calls correct, otherwise as kLogProb
  kVote,     // the most frequent answer
  kLogProb,  // highest log-probability per token
};

/// What a vote counts (Verifier::AnswerKey); empty: whole texts.
using AnswerKey = std::function<std::string(std::string_view text)>;

/// Of "checker", "vote", "log_prob"; nullopt for another name.
std::optional<Selection> SelectionFromName(std::string_view name);

/// Terminals of `tree` in order of expansion, which for independent samples is sample order.
std::vector<int32_t> Terminals(const TraceTree& tree);

/// The chosen one of `terminals` (nodes of `tree`); -1 if there are none.
int32_t SelectTerminal(const TraceTree& tree, std::span<const int32_t> terminals, Selection rule,
                       const AnswerKey& key = {});

/// Sets score and scorer of every terminal to what the rule compares (checker: 1 or 0; vote: the
/// answer's share of the votes; log_prob: mean log-probability per token), and `selected`.
void ScoreAndSelect(TraceTree& tree, Selection rule, const AnswerKey& key = {});

}  // namespace retort
