// A search algorithm: turns a question into a tree of traces. One file an algorithm;
// strategies.def lists them. A strategy is synchronous and single-threaded; many problems are in
// flight at once, each with its own strategy call on its own thread (the object itself is immutable
// and shared).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/config.h"
#include "core/lm/engine/engine.h"
#include "core/lm/tokenizer/tokenizer.h"
#include "core/task/task.h"
#include "core/trace/types.h"

namespace retort {

/// Limits of one problem's search, always in tokens and seconds; 0 means none. Seconds make the
/// result depend on the machine, so stages that promise equal bytes refuse them.
struct Budget {
  int64_t max_tokens = 0;
  double max_seconds = 0;
};

/// What a strategy may use. Borrowed for the call. There is no gold answer here, by type.
struct SearchContext {
  const Task& task;  // verifier's Check and the players only see the question
  const Tokenizer& tokenizer;
  Engine* engine = nullptr;  // null for players that need no model
  uint64_t seed = 1;
  Budget budget;
};

class SearchStrategy {
 public:
  virtual ~SearchStrategy() = default;
  virtual std::string Name() const = 0;
  /// Whether Search reaches for context.engine.
  virtual bool NeedsEngine() const = 0;
  /// The key whose value needs a task whose answers can be checked without the gold answer; "" if
  /// there is none.
  virtual std::string KeyThatNeedsCheck() const { return ""; }
  /// False when Search would need a player that `task` lacks; `question` is any one of its own.
  virtual bool CanSearch(const Task& /*task*/, const Question& /*question*/) const { return true; }
  /// The tree with verdicts by Check, counts, and the selected terminal. Random numbers come from
  /// Rng::DeriveKey({seed, question.id, node or sample}) alone.
  virtual TraceTree Search(const Question& question, const SearchContext& context) const = 0;
};

std::vector<std::string> StrategyNames();

/// Reads `name` and that strategy's own keys. Null if the section has errors.
std::unique_ptr<SearchStrategy> MakeStrategy(ConfigSection section);

}  // namespace retort
