// Problem files: records cut out of blocks, parsed, and read by every rule for gold answers.
#include "core/base/json.h"
#include "core/task/jsonl_layout.h"
#include "core/task/record_reader.h"
#include "core/task/verifiers/code_tests.h"
#include "tests/fuzz/fuzzing.h"

namespace {

void ReadByEveryRule(const retort::Json& object) {
  using namespace retort;
  for (const char* gold : {"auto", "whole", "marker", "boxed", "number", "tests", "none"}) {
    OrRefuse([&, rule = std::string(gold)] {
      JsonlFieldsConfig config;
      config.gold = rule;
      config.calculator_marks = rule != "auto";
      const JsonlRecord record = ReadJsonlRecord(object, config);
      Expect(!record.question.empty());
      GoldAnswer(record.answer, config);
      GoldTrace(record.answer, config);
      NormalizedQuestion(record.question);
    });
  }
  OrRefuse([&] {
    const CodeTests tests = CodeTestsOf(object);
    Expect(CodeTestsOf(CodeTestsJson(tests)).tests == tests.tests);
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace retort;
  const BytesEnv env({{"x.jsonl", std::string(FuzzText(data, size))}});
  int64_t line = 0;
  ReadRecords(env, "x.jsonl", [&](const Record& record) {
    Expect(record.line >= line && record.text.size() <= size);
    line = record.line;
    if (!record.broken.empty()) return;
    OrRefuse([&] { ReadByEveryRule(ParseJson(record.text, "x.jsonl")); });
  });
  return 0;
}
