// Small text helpers that every folder needs. Pure functions.
#pragma once

#include <cstdint>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace retort {

/// Concatenates anything streamable.
template <typename... Parts>
std::string StrCat(const Parts&... parts) {
  std::ostringstream out;
  static_cast<void>((out << ... << parts));
  return out.str();
}

/// Splits at every `separator`; keeps empty fields. Split("", ',') is {""}.
std::vector<std::string> Split(std::string_view text, char separator);

/// Splits at runs of ASCII white space; no empty fields.
std::vector<std::string_view> SplitWords(std::string_view text);

std::string Join(const std::vector<std::string>& parts, std::string_view separator);

/// "1,234,567".
std::string WithCommas(int64_t value);

/// Shortest decimal text that reads back to the same double ("0.1", "1e-05", "3").
std::string DoubleText(double value);

/// Levenshtein distance in bytes.
int EditDistance(std::string_view a, std::string_view b);

/// The candidate nearest to `word` if it is near enough to be a likely typo, otherwise "".
std::string NearestName(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace retort
