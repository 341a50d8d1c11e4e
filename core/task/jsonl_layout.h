// How a JSON record becomes a question and an answer text, and where in that text the gold answer
// stands. Plain values and pure functions; reading throws Error(kData) with the reason only.
//
// gold: tests takes the tests of a programming problem (verifiers/code_tests.h) as the answer text,
// in JSON; gold: none takes questions that a checker can judge by themselves.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/config.h"
#include "core/base/json.h"

namespace retort {

/// Field names of one kind of record.
struct JsonlLayout {
  std::vector<std::string> question;  // joined by a space
  std::string answer;                 // a text, a number or true/false
  std::string id{};                   // "" for none: the id is then a hash of the content
};

struct JsonlFieldsConfig {
  std::vector<std::string> question{};  // empty: the known layouts
  std::string answer{};
  std::string id{};
  std::string gold = "auto";     // auto | whole | marker | boxed | number | tests | none
  std::string marker = "####";   // what the gold answer follows, up to its line's end
  bool calculator_marks = true;  // keep <<48/2=24>> in answers

  /// Reads the keys question_fields, answer_field, id_field, gold, marker and calculator_marks.
  static JsonlFieldsConfig FromConfig(ConfigSection& section);
  /// Every value, for identities.
  std::string Identity() const;
};

struct JsonlRecord {
  std::string id{};  // "" if the record has none
  std::string question{};
  std::string answer{};  // the answer field's text: the gold answer, or a solution that holds it
};

/// The record of a JSON object: by the configured fields, or else by the first known layout whose
/// fields it has: question/answer (GSM8K), Body+Question/Answer (SVAMP), problem/solution (MATH),
/// problem/answer, prompt/completion, messages (system, user, assistant).
/// Without an answer field (gold: tests, none): the first it has of question, Body+Question,
/// problem, prompt, text; MBPP's question (test_list) is followed by its first test, because
/// nothing else names the function.
JsonlRecord ReadJsonlRecord(const Json& object, const JsonlFieldsConfig& config);

/// The gold answer in an answer text by config.gold. auto: what follows the last marker, else the
/// last \boxed{}, else all of it. number: the same, when it is one number. "" if there is none.
std::string_view GoldAnswer(std::string_view answer, const JsonlFieldsConfig& config);

/// The answer text as a model would write it: of tests, the record's own solution as a fenced
/// block.
/// "" if there is none.
std::string GoldTrace(std::string_view answer, const JsonlFieldsConfig& config);

/// A question without what never matters: case, white space, punctuation at its end.
std::string NormalizedQuestion(std::string_view question);

}  // namespace retort
