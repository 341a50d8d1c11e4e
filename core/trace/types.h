// Questions, problems, verdicts and the search tree: the one stored artefact of Retort. Plain
// values; no I/O. Thread-safe in the way values are.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace retort {

/// All that a model, a search or an eval arm may see of a problem.
struct Question {
  std::string id{};      // stable and unique within a task: "ring9-4f2a..."
  std::string prompt{};  // the text the tokenizer encodes (without bos)
  int32_t horizon = 0;   // number of steps a shortest solution needs; 0 if the task does not say
  bool operator==(const Question&) const = default;
};

/// A question with its gold answer. Search receives only the question.
struct Problem {
  Question question{};
  std::string answer{};  // gold answer or one gold solution; never shown to a search
  std::string source{};  // "generated", or the file it was read from
  std::string split{};   // "gold", "search", "dev", "test", or the user's own name
  bool operator==(const Problem&) const = default;
};

/// What a verifier says of a finished text. Unparsed is counted apart from wrong; a verifier that
/// itself failed says kUnverified, which is never a negative label.
enum class Verdict : uint8_t {
  kCorrect = 0,
  kIncorrect = 1,
  kUnparsed = 2,
  kTruncated = 3,
  kTimeout = 4,
  kPruned = 5,
  kUnverified = 6,
};
inline constexpr int kVerdictCount = 7;
std::string_view VerdictName(Verdict verdict);  // "correct", ...
/// nullopt for an unknown name.
std::optional<Verdict> VerdictFromName(std::string_view name);

/// Who gave a node its score.
enum class Scorer : uint8_t {
  kNone = 0,
  kChecker = 1,
  kVote = 2,
  kLogProb = 3,
  kOracle = 4,
  kValue = 5
};
std::string_view ScorerName(Scorer scorer);

/// One expansion: a span of tokens appended to the parent's text. Node 0 is the root (the prompt),
/// with an empty span and no verdict. Parents come before children.
struct Node {
  int32_t parent = -1;
  int32_t order = 0;        // order of expansion, 0 for the root
  int64_t token_begin = 0;  // span in TraceTree::tokens
  int64_t token_end = 0;
  int64_t text_begin = 0;  // span in TraceTree::text (bytes)
  int64_t text_end = 0;
  float sum_log_prob = 0;  // of this span's tokens under the teacher at temperature 1
  float prior = 0;
  float value = 0;
  float score = 0;
  int32_t visits = 0;
  Scorer scorer = Scorer::kNone;
  bool terminal = false;
  std::optional<Verdict> verdict{};  // of the text from the root to here; terminals only
  bool operator==(const Node&) const = default;
};

/// Exact counts of model work. Seconds are kept elsewhere: they are no part of hashed bytes.
struct TokenCounts {
  int64_t prefill_computed = 0;
  int64_t prefill_shared = 0;  // prompt or prefix tokens found in the prefix tree
  int64_t decoded = 0;
  int64_t verifier_calls = 0;
  double flops = 0;
  bool operator==(const TokenCounts&) const = default;
  TokenCounts& operator+=(const TokenCounts& other);
};

/// The whole search for one problem.
struct TraceTree {
  std::string problem_id{};
  std::string question{};  // Question::prompt
  std::string answer{};    // gold answer, for people and later objectives
  std::string source{};
  std::string split{};
  int32_t horizon = 0;
  std::string algorithm{};  // strategy name
  uint64_t seed = 0;
  std::vector<int32_t> prompt_ids{};
  std::vector<int32_t> tokens{};
  std::string text{};
  std::vector<Node> nodes{};
  int32_t selected = -1;  // terminal the strategy answers with; -1 for none
  TokenCounts counts;
  bool operator==(const TraceTree&) const = default;

  std::string_view NodeText(int32_t node) const;
  /// Token ids / text from below the root to `node`, in order.
  std::vector<int32_t> PathTokens(int32_t node) const;
  std::string PathText(int32_t node) const;
  double PathLogProb(int32_t node) const;
  /// Appends a child with its span; returns its index.
  int32_t AddNode(int32_t parent, const std::vector<int32_t>& span_tokens,
                  std::string_view span_text);
  int64_t CountVerdict(Verdict verdict) const;
};

/// Throws Error(kData) naming `where` unless parents precede children, spans lie inside the arrays,
/// the root is node 0 and `selected` is a terminal or -1.
void CheckTree(const TraceTree& tree, const std::string& where);

/// One training example: what a view makes of a kept trace.
struct Example {
  std::string problem_id{};
  std::string source{};  // "gold", or the generate stage it came from
  int32_t node = -1;     // terminal in that problem's tree; -1 for gold
  std::vector<int32_t> prompt_ids{};
  std::vector<int32_t> completion_ids{};  // the loss covers exactly these; end-of-text included
  float weight = 1;
  bool operator==(const Example&) const = default;
};

}  // namespace retort
