// How often an answer verifier is wrong on labelled pairs: what `retort doctor --verifier` prints.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/env.h"
#include "core/task/answer_verifier.h"

namespace retort {

/// One labelled pair: should `text` be accepted as the answer `gold`?
struct AnswerPair {
  std::string gold;
  std::string text;
  bool accept = false;
  int64_t line = 0;  // of its file, from 1
};

/// A pair that a verifier judged against its label.
struct AuditMistake {
  AnswerPair pair;
  Verdict verdict = Verdict::kUnverified;
};

struct VerifierAudit {
  int64_t accept = 0;           // pairs that should be accepted
  int64_t refuse = 0;           // pairs that should not
  int64_t false_positives = 0;  // accepted, should not be
  int64_t false_negatives = 0;  // not kCorrect, should be
  int64_t unreadable_gold = 0;  // kUnverified, whatever the label
  std::vector<AuditMistake> mistakes;

  /// Shares of `refuse` and `accept`; 0 where there are none.
  double FalsePositiveRate() const;
  double FalseNegativeRate() const;
  /// One line with all counts and rates.
  std::string Summary() const;
};

/// Reads {"gold","text","accept"} records. Throws Error(kData) naming file:line for another record,
/// and if there is none at all.
std::vector<AnswerPair> ReadAnswerPairs(const Env& env, const std::string& path);

VerifierAudit AuditVerifier(const AnswerVerifier& verifier, const std::vector<AnswerPair>& pairs);

}  // namespace retort
