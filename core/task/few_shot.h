// The prompt of a free-text task: a template around the question, worked examples before it. Plain
// values; the examples' file is read once, through RealEnv.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/config.h"
#include "core/task/jsonl_layout.h"

namespace retort {

/// A prompt is `prefix` + question + `suffix`.
struct PromptTemplate {
  std::string prefix{};
  std::string suffix = "\n";
  std::set<std::string> shown_questions{};  // NormalizedQuestion of each worked example

  std::string Render(std::string_view question) const;
  /// The question of a rendered prompt; nullopt for a text that Render did not make.
  std::optional<std::string_view> QuestionOf(std::string_view prompt) const;

  /// Reads `prompt` (a text with one {question}, default "{question}\n") and `few_shot`: count,
  /// file, and example (default "{question}\n{answer}\n\n"). The examples are the first `count`
  /// problems of the file, in its order. A file that cannot be read, is too short or has a broken
  /// record before enough were read is reported at few_shot.file.
  static PromptTemplate FromConfig(ConfigSection& section, const JsonlFieldsConfig& fields);
};

}  // namespace retort
