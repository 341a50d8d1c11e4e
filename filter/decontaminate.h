// Problems that are held out for evaluation: nothing that is one of them up to the task's
// symmetries may reach a training set, and where problems are texts, no question and no trace that
// shares a run of words with one of them (lower-cased words, 8 by default: the rule of open-r1's
// scripts/decontaminate.py, without its blind spots for punctuation and for traces). Immutable.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/task/task.h"
#include "filter/filter.h"
#include "filter/word_overlap.h"

namespace retort {

class HeldOut {
 public:
  /// `shared_words`: the run of words above; 0 compares whole problems alone. `task` must outlive
  /// the object.
  HeldOut(const Task& task, const std::vector<std::span<const Problem>>& splits, int shared_words);

  /// Why a problem must not be learnt from, as a drop's kind and detail.
  struct Evidence {
    std::string kind;    // kHeldOutReason or kSharedWordsReason
    std::string detail;  // names the held-out problem
  };
  std::optional<Evidence> Find(const Question& question) const;
  /// The same for a trace's or a solution's text, by its words alone.
  std::optional<Evidence> FindInText(std::string_view text) const;

 private:
  const Task& task_;
  std::map<std::string, std::string> id_of_key_;
  std::optional<WordOverlap> words_;  // none: no overlap is looked for
};

inline constexpr char kDecontaminate[] = "decontaminate";
inline constexpr char kHeldOutReason[] = "held out";
inline constexpr char kSharedWordsReason[] = "shared words";

/// Drops all candidates of a problem that HeldOut finds, "held out: same canonical problem as
/// <id>", and single traces with held-out words, 'shared words: "..." with <id>'. `held_out` must
/// outlive the filter.
std::unique_ptr<TraceFilter> MakeDecontaminate(const HeldOut& held_out);

}  // namespace retort
