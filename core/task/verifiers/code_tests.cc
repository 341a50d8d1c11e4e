#include "core/task/verifiers/code_tests.h"

#include "core/base/error.h"
#include "core/task/verifiers/answer_text.h"

namespace retort {
namespace {

[[noreturn]] void Refuse(const std::string& why) { throw Error(ExitCode::kData, why); }

std::string TextOf(const Json& record, const char* field) {
  if (!record.contains(field)) return "";
  if (!record.at(field).is_string()) Refuse(StrCat("field \"", field, "\" is no text"));
  return record.at(field).get<std::string>();
}

std::vector<std::string> TextsOf(const Json& record, const char* field) {
  std::vector<std::string> texts;
  if (!record.contains(field)) return texts;
  const Json& list = record.at(field);
  if (!list.is_array()) Refuse(StrCat("field \"", field, "\" is no list"));
  for (const Json& text : list) {
    if (!text.is_string()) Refuse(StrCat("field \"", field, "\" holds something but texts"));
    texts.push_back(text.get<std::string>());
  }
  return texts;
}

CodeTests HumanEvalTests(const Json& record) {
  CodeTests tests{.prefix = TextOf(record, "prompt"), .entry_point = TextOf(record, "entry_point")};
  tests.tests = {StrCat(TextOf(record, "test"), "\ncheck(", tests.entry_point, ")\n")};
  const std::string rest = TextOf(record, "canonical_solution");
  if (!rest.empty()) tests.solution = tests.prefix + rest;
  return tests;
}

CodeTests MbppTests(const Json& record) {
  CodeTests tests{.setup = Join(TextsOf(record, "test_imports"), "\n"),
                  .tests = TextsOf(record, "test_list"),
                  .solution = TextOf(record, "code")};
  tests.setup += StrCat(tests.setup.empty() ? "" : "\n", TextOf(record, "test_setup_code"));
  return tests;
}

CodeTests AppsTests(const Json& record) {
  const Json& field = record.at("input_output");
  const Json pairs =
      field.is_string() ? ParseJson(field.get<std::string>(), "field \"input_output\"") : field;
  if (!pairs.is_object()) Refuse("field \"input_output\" is no object");
  if (pairs.contains("fn_name")) {
    Refuse("field \"input_output\" calls a function (fn_name); give its calls as \"tests\"");
  }
  const std::vector<std::string> inputs = TextsOf(pairs, "inputs");
  const std::vector<std::string> outputs = TextsOf(pairs, "outputs");
  if (inputs.size() != outputs.size()) {
    Refuse(StrCat("field \"input_output\": ", inputs.size(), " inputs and ", outputs.size(),
                  " outputs"));
  }
  CodeTests tests;
  for (size_t i = 0; i < inputs.size(); ++i) tests.cases.emplace_back(inputs[i], outputs[i]);
  return tests;
}

CodeTests OwnTests(const Json& record) {
  CodeTests tests{.prefix = TextOf(record, "prefix"),
                  .setup = TextOf(record, "setup"),
                  .entry_point = TextOf(record, "entry_point"),
                  .solution = TextOf(record, "solution")};
  const Json& list = record.at("tests");
  if (list.is_string()) {
    tests.tests.push_back(list.get<std::string>());
  } else if (list.is_array() && !list.empty() && list.front().is_object()) {
    for (const Json& item : list) {
      if (!item.is_object() || !item.contains("input") || !item.contains("output")) {
        Refuse("field \"tests\": expected {\"input\", \"output\"} in every place or in none");
      }
      tests.cases.emplace_back(TextOf(item, "input"), TextOf(item, "output"));
    }
  } else {
    tests.tests = TextsOf(record, "tests");
  }
  return tests;
}

CodeTests TestsByShape(const Json& record) {
  if (!record.is_object()) Refuse(StrCat("a record is an object, not ", record.type_name()));
  if (record.contains("test") && record.contains("entry_point")) return HumanEvalTests(record);
  if (record.contains("test_list")) return MbppTests(record);
  if (record.contains("input_output")) return AppsTests(record);
  if (record.contains("tests")) return OwnTests(record);
  Refuse("no tests: none of the fields tests, test_list, test with entry_point, input_output");
}

}  // namespace

CodeTests CodeTestsOf(const Json& record) {
  CodeTests tests = TestsByShape(record);
  if (tests.tests.empty() && tests.cases.empty()) Refuse("there is not one test");
  return tests;
}

Json CodeTestsJson(const CodeTests& tests) {
  Json json = {{"tests", tests.tests}};
  if (tests.tests.empty()) {
    for (const auto& [input, output] : tests.cases) {
      json["tests"].push_back({{"input", input}, {"output", output}});
    }
  }
  const auto add = [&](const char* field, const std::string& text) {
    if (!text.empty()) json[field] = text;
  };
  add("prefix", tests.prefix);
  add("setup", tests.setup);
  add("entry_point", tests.entry_point);
  add("solution", tests.solution);
  return json;
}

std::optional<CodeTests> ReadCodeTests(std::string_view gold) {
  gold = Trim(gold);
  if (gold.empty()) return std::nullopt;
  if (gold.front() != '{') return CodeTests{.tests = {std::string(gold)}};
  try {
    return CodeTestsOf(ParseJson(gold, "gold"));
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace retort
