#include "core/task/jsonl_layout.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/strings.h"
#include "core/task/verifiers/answer_text.h"
#include "core/task/verifiers/code_tests.h"
#include "core/task/verifiers/decimal.h"

namespace retort {
namespace {

constexpr size_t kMaxIdBytes = 128;

const std::vector<JsonlLayout>& KnownLayouts() {
  static const std::vector<JsonlLayout> layouts = {
      {.question = {"question"}, .answer = "answer", .id = "id"},
      {.question = {"Body", "Question"}, .answer = "Answer", .id = "ID"},
      {.question = {"problem"}, .answer = "solution", .id = "id"},
      {.question = {"problem"}, .answer = "answer", .id = "id"},
      {.question = {"prompt"}, .answer = "completion", .id = "id"}};
  return layouts;
}

/// Of records without an answer field.
const std::vector<JsonlLayout>& QuestionLayouts() {
  static const std::vector<JsonlLayout> layouts = {
      {.question = {"question"}, .answer = "", .id = "id"},
      {.question = {"Body", "Question"}, .answer = "", .id = "ID"},
      {.question = {"problem"}, .answer = "", .id = "id"},
      {.question = {"prompt"}, .answer = "", .id = "task_id"},
      {.question = {"text"}, .answer = "", .id = "task_id"}};
  return layouts;
}

[[noreturn]] void Refuse(const std::string& why) { throw Error(ExitCode::kData, why); }

bool Has(const Json& object, const JsonlLayout& layout) {
  return (layout.answer.empty() || object.contains(layout.answer)) &&
         std::ranges::all_of(layout.question,
                             [&](const std::string& field) { return object.contains(field); });
}

/// A text as it is; numbers as they are written in JSON, whole ones without ".0".
std::string FieldText(const Json& object, const std::string& field) {
  if (!object.contains(field)) Refuse(StrCat("no field \"", field, "\""));
  const Json& value = object.at(field);
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return DoubleText(value.get<double>());
  if (value.is_number_integer() || value.is_boolean()) return DumpJson(value);
  Refuse(StrCat("field \"", field, "\" is ", value.type_name(), ", not a text or a number"));
}

/// Of a list of texts its lines.
std::string LinesOrText(const Json& object, const std::string& field) {
  const auto is_text = [](const Json& item) { return item.is_string(); };
  if (object.contains(field) && object.at(field).is_array() &&
      std::ranges::all_of(object.at(field), is_text)) {
    return Join(object.at(field).get<std::vector<std::string>>(), "\n");
  }
  return FieldText(object, field);
}

std::string IdOf(const Json& object, const std::string& field, bool required) {
  if (field.empty() || (!required && !object.contains(field))) return "";
  std::string id = FieldText(object, field);
  const bool printable = std::ranges::all_of(id, [](char c) { return c > ' ' && c < '\x7f'; });
  if (id.empty() || id.size() > kMaxIdBytes || !printable) {
    Refuse(StrCat("field \"", field, "\": an id is 1 to ", kMaxIdBytes,
                  " printable ASCII characters without white space"));
  }
  return id;
}

JsonlRecord ReadFields(const Json& object, const JsonlLayout& layout, bool id_required) {
  JsonlRecord record{.id = IdOf(object, layout.id, id_required)};
  for (const std::string& field : layout.question) {
    const std::string text =
        layout.answer.empty() ? LinesOrText(object, field) : FieldText(object, field);
    if (!record.question.empty() && !Trim(text).empty()) record.question += ' ';
    record.question += Trim(text);
  }
  if (!layout.answer.empty()) record.answer = Trim(FieldText(object, layout.answer));
  return record;
}

/// A record whose question stands alone, or beside tests.
JsonlRecord ReadQuestion(const Json& object, const JsonlFieldsConfig& config) {
  if (!config.question.empty()) {
    return ReadFields(object, {.question = config.question, .answer = "", .id = config.id}, true);
  }
  for (JsonlLayout layout : QuestionLayouts()) {
    if (!Has(object, layout)) continue;
    if (!config.id.empty()) layout.id = config.id;
    JsonlRecord record = ReadFields(object, layout, !config.id.empty());
    if (config.gold == "tests" && object.contains("test_list")) {
      const CodeTests tests = CodeTestsOf(object);
      record.question += StrCat("\n", Trim(tests.tests.front()));
    }
    return record;
  }
  Refuse(
      "no question: none of question, Body+Question, problem, prompt, text; set "
      "task.question_fields");
}

std::string MessageText(const Json& message, const char* key) {
  if (!message.is_object() || !message.contains(key) || !message.at(key).is_string()) {
    Refuse(StrCat("messages: each needs texts \"role\" and \"content\""));
  }
  return message.at(key).get<std::string>();
}

/// An optional system text, one user turn, one assistant turn; a system text leads the question.
JsonlRecord ReadMessages(const Json& object) {
  const Json& messages = object.at("messages");
  if (!messages.is_array()) Refuse("messages: not a list");
  const size_t first = !messages.empty() && MessageText(messages[0], "role") == "system" ? 1 : 0;
  if (messages.size() != first + 2 || MessageText(messages[first], "role") != "user" ||
      MessageText(messages[first + 1], "role") != "assistant") {
    Refuse(
        "messages: expected an optional system message, one of the user and one of the "
        "assistant");
  }
  JsonlRecord record{.id = IdOf(object, "id", false)};
  if (first == 1) record.question = StrCat(Trim(MessageText(messages[0], "content")), "\n\n");
  record.question += Trim(MessageText(messages[first], "content"));
  record.answer = Trim(MessageText(messages[first + 1], "content"));
  return record;
}

JsonlRecord ReadKnownLayout(const Json& object, const std::string& id_field) {
  for (JsonlLayout layout : KnownLayouts()) {
    if (!Has(object, layout)) continue;
    if (!id_field.empty()) layout.id = id_field;
    return ReadFields(object, layout, !id_field.empty());
  }
  if (object.contains("messages")) return ReadMessages(object);
  Refuse(
      "no known pair of fields (question/answer, Body+Question/Answer, problem/solution, "
      "problem/answer, prompt/completion, messages); set task.question_fields and "
      "task.answer_field");
}

std::string WithoutCalculatorMarks(const std::string& text) {
  std::string plain;
  size_t copied = 0;
  for (size_t begin = text.find("<<"); begin != std::string::npos;
       begin = text.find("<<", copied)) {
    const size_t end = text.find(">>", begin);
    if (end == std::string::npos) break;
    plain.append(text, copied, begin - copied);
    copied = end + 2;
  }
  return plain.append(text, copied);
}

std::string_view AfterMarker(std::string_view answer, std::string_view marker) {
  const size_t at = answer.rfind(marker);
  if (at == std::string_view::npos) return "";
  answer.remove_prefix(at + marker.size());
  return Trim(answer.substr(0, answer.find('\n')));
}

std::string_view FoundByRule(std::string_view answer, const JsonlFieldsConfig& config) {
  if (config.gold == "whole" || config.gold == "tests") return Trim(answer);
  if (config.gold == "none") return "";
  if (config.gold == "marker") return AfterMarker(answer, config.marker);
  if (config.gold == "boxed") return Trim(LastBoxed(answer).value_or(""));
  if (answer.find(config.marker) != std::string_view::npos) {
    return AfterMarker(answer, config.marker);
  }
  const std::optional<std::string_view> boxed = LastBoxed(answer);
  return boxed ? Trim(*boxed) : Trim(answer);
}

bool IsOneNumber(std::string_view text) {
  bool too_long = false;
  return FindDecimals(text, &too_long).size() == 1 && !too_long;
}

}  // namespace

JsonlFieldsConfig JsonlFieldsConfig::FromConfig(ConfigSection& section) {
  JsonlFieldsConfig config;
  section.StringList("question_fields", &config.question);
  section.String("answer_field", &config.answer);
  section.String("id_field", &config.id);
  section.Choice("gold", &config.gold,
                 {"auto", "whole", "marker", "boxed", "number", "tests", "none"});
  section.String("marker", &config.marker);
  section.Bool("calculator_marks", &config.calculator_marks);
  const bool has_answer_field = config.gold != "tests" && config.gold != "none";
  if (!has_answer_field && !config.answer.empty()) {
    section.Fail("answer_field", StrCat("gold: ", config.gold, " reads no answer field"));
  } else if (has_answer_field && config.question.empty() != config.answer.empty()) {
    section.Fail(config.answer.empty() ? "answer_field" : "question_fields",
                 "question_fields and answer_field go together: set both or neither");
  }
  if (config.marker.empty()) section.Fail("marker", "must not be empty");
  return config;
}

std::string JsonlFieldsConfig::Identity() const {
  return DumpJson(Json{question, answer, id, gold, marker, calculator_marks});
}

JsonlRecord ReadJsonlRecord(const Json& object, const JsonlFieldsConfig& config) {
  if (!object.is_object()) Refuse(StrCat("a record is an object, not ", object.type_name()));
  if (config.gold == "tests" || config.gold == "none") {
    JsonlRecord record = ReadQuestion(object, config);
    if (Trim(record.question).empty()) Refuse("the question is empty");
    if (config.gold == "tests") record.answer = DumpJson(CodeTestsJson(CodeTestsOf(object)));
    return record;
  }
  JsonlRecord record =
      config.question.empty()
          ? ReadKnownLayout(object, config.id)
          : ReadFields(object,
                       {.question = config.question, .answer = config.answer, .id = config.id},
                       true);
  if (Trim(record.question).empty()) Refuse("the question is empty");
  if (record.answer.empty()) Refuse("the answer is empty");
  if (!config.calculator_marks) record.answer = WithoutCalculatorMarks(record.answer);
  return record;
}

std::string_view GoldAnswer(std::string_view answer, const JsonlFieldsConfig& config) {
  const std::string_view gold = FoundByRule(answer, config);
  return config.gold == "number" && !IsOneNumber(gold) ? "" : gold;
}

std::string GoldTrace(std::string_view answer, const JsonlFieldsConfig& config) {
  if (config.gold != "tests") return std::string(answer);
  const std::optional<CodeTests> tests = ReadCodeTests(answer);
  if (!tests || Trim(tests->solution).empty()) return "";
  return StrCat("```python\n", tests->solution, tests->solution.back() == '\n' ? "" : "\n", "```");
}

std::string NormalizedQuestion(std::string_view question) {
  std::string normalized;
  for (const std::string_view word : SplitWords(question)) {
    if (!normalized.empty()) normalized += ' ';
    for (const char c : word) normalized += AsciiLower(c);
  }
  while (!normalized.empty() &&
         std::string_view(".?!:, ").find(normalized.back()) != std::string_view::npos) {
    normalized.pop_back();
  }
  return normalized;
}

}  // namespace retort
