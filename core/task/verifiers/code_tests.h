// The tests of a programming problem, out of the shapes that data sets give them. Plain values;
// thread-safe in the way values are.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/json.h"

namespace retort {

/// Python tests of the functions that a program defines, or inputs and outputs of the program.
struct CodeTests {
  std::string prefix{};              // what a solution continues; its names keep their meaning
  std::string setup{};               // runs before the first test
  std::string entry_point{};         // a function that the solution must define; "" for none
  std::vector<std::string> tests{};  // each passes unless it raises
  std::vector<std::pair<std::string, std::string>> cases{};  // standard input, expected output
  std::string solution{};                                    // "" if the record has none
  bool operator==(const CodeTests&) const = default;
};

/// The tests of a record, by the first of these that it has:
///   `test` and `entry_point`, with `prompt` as prefix and `canonical_solution` (HumanEval);
///   `test_list`, with `test_setup_code`, `test_imports` and `code` (MBPP);
///   `input_output`: {"inputs": [...], "outputs": [...]}, or that as a text (APPS);
///   `tests`: a text, or a list of texts or of {"input", "output"}, with `setup`, `prefix`,
///   `entry_point` and `solution`: what CodeTestsJson writes.
/// Error(kData) with the reason only.
CodeTests CodeTestsOf(const Json& record);

/// The last of those shapes, without what is empty.
Json CodeTestsJson(const CodeTests& tests);

/// A gold answer: a record as above in JSON, or the text of one Python test. nullopt for neither.
std::optional<CodeTests> ReadCodeTests(std::string_view gold);

}  // namespace retort
