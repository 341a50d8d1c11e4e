#include "core/task/verifier_audit.h"

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/task/record_reader.h"

namespace retort {
namespace {

double Share(int64_t part, int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

AnswerPair PairFromRecord(const Record& record, const std::string& where) {
  if (!record.broken.empty()) throw Error(ExitCode::kData, StrCat(where, ": ", record.broken));
  const Json json = ParseJson(record.text, where);
  const auto is_text = [&](const char* key) { return json.contains(key) && json[key].is_string(); };
  if (!json.is_object() || json.size() != 3 || !is_text("gold") || !is_text("text") ||
      !json.contains("accept") || !json["accept"].is_boolean()) {
    throw Error(ExitCode::kData,
                StrCat(where, ": expected {\"gold\": text, \"text\": text, \"accept\": true or ",
                       "false}; mend the line"));
  }
  return {.gold = json["gold"].get<std::string>(),
          .text = json["text"].get<std::string>(),
          .accept = json["accept"].get<bool>(),
          .line = record.line};
}

}  // namespace

double VerifierAudit::FalsePositiveRate() const { return Share(false_positives, refuse); }
double VerifierAudit::FalseNegativeRate() const { return Share(false_negatives, accept); }

std::string VerifierAudit::Summary() const {
  return StrCat(accept, " pairs to accept, ", refuse, " to refuse: ", false_positives,
                " false positives (", DoubleText(FalsePositiveRate()), "), ", false_negatives,
                " false negatives (", DoubleText(FalseNegativeRate()), "), ", unreadable_gold,
                " gold answers not read");
}

std::vector<AnswerPair> ReadAnswerPairs(const Env& env, const std::string& path) {
  std::vector<AnswerPair> pairs;
  ReadRecords(env, path, [&](const Record& record) {
    pairs.push_back(PairFromRecord(record, StrCat(path, ":", record.line)));
  });
  if (pairs.empty()) {
    throw Error(ExitCode::kData, StrCat(path, ": no labelled pairs; add at least one line"));
  }
  return pairs;
}

VerifierAudit AuditVerifier(const AnswerVerifier& verifier, const std::vector<AnswerPair>& pairs) {
  VerifierAudit audit;
  for (const AnswerPair& pair : pairs) {
    const Verdict verdict = verifier.Compare(pair.gold, pair.text);
    const bool accepted = verdict == Verdict::kCorrect;
    ++(pair.accept ? audit.accept : audit.refuse);
    audit.unreadable_gold += verdict == Verdict::kUnverified ? 1 : 0;
    if (accepted == pair.accept) continue;
    ++(accepted ? audit.false_positives : audit.false_negatives);
    audit.mistakes.push_back({.pair = pair, .verdict = verdict});
  }
  return audit;
}

}  // namespace retort
