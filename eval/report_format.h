// How figures look to people, the same in the terminal, Markdown and HTML. Each takes the Json of a
// report and writes "–" for a figure that is missing or null. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "core/base/json.h"
#include "core/base/statistics.h"

namespace retort {

inline constexpr std::string_view kMissing = "–";

/// "3.14" with `digits` after the point.
std::string Fixed(double value, int digits);
/// Three significant digits: "0.00321", "4.18", "1,200", "9.95e-06".
std::string Significant(double value);
/// "5.2x", "180x".
std::string Times(double ratio);
/// "88.1 %".
std::string Percent(double share);
/// "88.1 % [86.0, 90.0]".
std::string PercentInterval(const Estimate& estimate);
/// "1.01x [0.98, 1.04]".
std::string TimesInterval(const Estimate& estimate);
/// "+44.7 points [41.5, 47.9]".
std::string PointsInterval(const Estimate& estimate);
/// "<1e-10", "0.032".
std::string PValue(double p);

/// {"value", "low", "high"}.
Json EstimateToJson(const Estimate& estimate);
/// nullopt-like zeros for null ends are never made up: false when `json` has no numeric value.
bool EstimateFromJson(const Json& json, Estimate* estimate);

/// The child `key` of an object, or null for anything else.
const Json& Child(const Json& json, std::string_view key);
/// Child as text; "" if it is none.
std::string TextOf(const Json& json, std::string_view key);
/// Child as a number, or `fallback`.
double NumberOf(const Json& json, std::string_view key, double fallback = 0);

/// The figure under `key` through one of the functions above.
std::string PercentOf(const Json& json, std::string_view key);
/// Three significant digits with a decimal prefix: "6.70 M", "1.14 G".
std::string PrefixedOf(const Json& json, std::string_view key);
std::string SignificantOf(const Json& json, std::string_view key);
/// With thousands separators, rounded.
std::string CountOf(const Json& json, std::string_view key);

}  // namespace retort
