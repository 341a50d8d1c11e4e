// Compares the answer in a text with a gold answer. One file a verifier in core/task/verifiers;
// verifiers.def lists them. Work is bounded by the length of the texts and fixed limits on depth,
// digits and exponents, never by a clock (but see code.cc and command.cc, which run programs).
// Immutable after construction and thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/config.h"
#include "core/trace/types.h"

namespace retort {

class AnswerVerifier {
 public:
  virtual ~AnswerVerifier() = default;
  /// kCorrect or kIncorrect; kUnparsed when no answer can be found in `text`; kUnverified when
  /// `gold` is not an answer this verifier can read, or a program that it runs failed; kTimeout
  /// when the answer is a program that takes too long. Never throws for any bytes.
  virtual Verdict Compare(std::string_view gold, std::string_view text) const = 0;
  /// The same with the question at hand; by default it does not matter.
  virtual Verdict Judge(const Question& /*question*/, std::string_view gold,
                        std::string_view text) const {
    return Compare(gold, text);
  }
  /// Whether a text can be judged at all without a gold answer, which is then "".
  virtual bool NeedsGold() const { return true; }
  /// Whether `gold` is a gold answer: by default one that is its own right answer.
  virtual bool CanRead(std::string_view gold) const {
    return Compare(gold, gold) == Verdict::kCorrect;
  }
  /// What a vote counts (Verifier::AnswerKey): by default the answer, normalised; of a text that
  /// marks none, its last line.
  virtual std::string AnswerKey(std::string_view text) const;
  /// Name, version and every parameter; part of every stage key.
  virtual std::string Identity() const = 0;
};

/// Names in verifiers.def, in order.
std::vector<std::string> AnswerVerifierNames();

/// Reads `name` (default math) and the named verifier's own keys. Null if the section has errors.
std::unique_ptr<AnswerVerifier> MakeAnswerVerifier(ConfigSection section);

/// The named verifier with its default keys. Throws Error(kUsage) listing the names for another,
/// and for one that has a key without a default.
std::unique_ptr<AnswerVerifier> DefaultAnswerVerifier(const std::string& name);

}  // namespace retort
