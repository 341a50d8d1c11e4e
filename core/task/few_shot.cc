#include "core/task/few_shot.h"

#include "core/base/error.h"
#include "core/base/strings.h"
#include "core/task/record_reader.h"

namespace retort {
namespace {

constexpr std::string_view kQuestion = "{question}";
constexpr std::string_view kAnswer = "{answer}";
constexpr int kMaxExamples = 64;

size_t Occurrences(std::string_view text, std::string_view word) {
  size_t count = 0;
  for (size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    ++count;
  }
  return count;
}

/// The example's template with both places filled, the later one first: what goes in may itself
/// look like a place.
std::string Filled(std::string text, const JsonlRecord& record, const JsonlFieldsConfig& fields) {
  const size_t question = text.find(kQuestion);
  const size_t answer = text.find(kAnswer);
  if (question > answer) text.replace(question, kQuestion.size(), record.question);
  text.replace(answer, kAnswer.size(), GoldTrace(record.answer, fields));
  if (question < answer) text.replace(question, kQuestion.size(), record.question);
  return text;
}

/// The first `count` records of a file. Throws Error(kData).
std::vector<JsonlRecord> ReadExamples(const std::string& path, size_t count,
                                      const JsonlFieldsConfig& fields) {
  std::vector<JsonlRecord> examples;
  ReadRecords(RealEnv(), path, [&](const Record& record) {
    if (examples.size() == count) return;
    const std::string where = StrCat(path, ":", record.line);
    if (!record.broken.empty()) throw Error(ExitCode::kData, StrCat(where, ": ", record.broken));
    const Json object = ParseJson(record.text, where);
    try {
      examples.push_back(ReadJsonlRecord(object, fields));
      if (GoldTrace(examples.back().answer, fields).empty()) {
        throw Error(ExitCode::kData, "an example needs a solution to show");
      }
    } catch (const Error& error) {
      throw Error(error.code(), StrCat(where, ": ", error.what()));
    }
  });
  if (examples.size() < count) {
    throw Error(ExitCode::kData, StrCat(path, ": ", examples.size(),
                                        " problems, few_shot.count "
                                        "asks for ",
                                        count));
  }
  return examples;
}

struct FewShotConfig {
  int count = 0;
  std::string file{};
  std::string example = "{question}\n{answer}\n\n";

  static FewShotConfig FromConfig(ConfigSection section) {
    FewShotConfig config;
    section.Int("count", &config.count, {.min = 0, .max = kMaxExamples});
    section.String("file", &config.file);
    section.String("example", &config.example);
    if (Occurrences(config.example, kQuestion) != 1 || Occurrences(config.example, kAnswer) != 1) {
      section.Fail("example", "expected {question} and {answer}, once each");
      config.count = 0;
    }
    if (config.count > 0 && config.file.empty()) {
      section.Fail("file", "missing; name the file whose first problems are the examples");
      config.count = 0;
    }
    return config;
  }
};

}  // namespace

std::string PromptTemplate::Render(std::string_view question) const {
  return StrCat(prefix, question, suffix);
}

std::optional<std::string_view> PromptTemplate::QuestionOf(std::string_view prompt) const {
  if (prompt.size() < prefix.size() + suffix.size() || !prompt.starts_with(prefix) ||
      !prompt.ends_with(suffix)) {
    return std::nullopt;
  }
  return prompt.substr(prefix.size(), prompt.size() - prefix.size() - suffix.size());
}

PromptTemplate PromptTemplate::FromConfig(ConfigSection& section, const JsonlFieldsConfig& fields) {
  PromptTemplate prompt;
  std::string text = StrCat(kQuestion, "\n");
  section.String("prompt", &text);
  ConfigSection few_shot = section.Section("few_shot");
  const FewShotConfig config = FewShotConfig::FromConfig(few_shot);
  if (Occurrences(text, kQuestion) != 1) {
    section.Fail("prompt", "expected {question} once");
    return prompt;
  }
  try {
    if (config.count > 0) {
      for (const JsonlRecord& example :
           ReadExamples(config.file, static_cast<size_t>(config.count), fields)) {
        prompt.prefix += Filled(config.example, example, fields);
        prompt.shown_questions.insert(NormalizedQuestion(example.question));
      }
    }
  } catch (const Error& error) {
    few_shot.Fail("file", error.what());
  }
  const size_t at = text.find(kQuestion);
  prompt.prefix += text.substr(0, at);
  prompt.suffix = text.substr(at + kQuestion.size());
  return prompt;
}

}  // namespace retort
