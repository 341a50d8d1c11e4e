#include "eval/report_format.h"

#include <cmath>
#include <cstdio>
#include <iterator>

#include "core/base/strings.h"

namespace retort {
namespace {

const Json& NullJson() {
  static const Json kNull;
  return kNull;
}

}  // namespace

std::string Fixed(double value, int digits) {
  if (!std::isfinite(value)) return std::string(kMissing);
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string Significant(double value) {
  if (!std::isfinite(value)) return std::string(kMissing);
  const double size = std::abs(value);
  if (size == 0) return "0";
  if (size >= 1e12 || size < 1e-4) {
    char text[64];
    std::snprintf(text, sizeof text, "%.2e", value);
    return text;
  }
  if (size >= 999.5) return WithCommas(std::llround(value));
  // Rounding may add a digit in front (9.996 -> 10.0), hence the small step up.
  const int before_point = static_cast<int>(std::floor(std::log10(size * 1.0005))) + 1;
  return Fixed(value, before_point >= 3 ? 0 : 3 - before_point);
}

std::string Times(double ratio) { return Significant(ratio) + "x"; }

std::string Percent(double share) {
  if (!std::isfinite(share)) return std::string(kMissing);
  return Fixed(100 * share, 1) + " %";
}

std::string PercentInterval(const Estimate& estimate) {
  return StrCat(Percent(estimate.value), " [", Fixed(100 * estimate.low, 1), ", ",
                Fixed(100 * estimate.high, 1), "]");
}

std::string TimesInterval(const Estimate& estimate) {
  return StrCat(Times(estimate.value), " [", Significant(estimate.low), ", ",
                Significant(estimate.high), "]");
}

std::string PointsInterval(const Estimate& estimate) {
  return StrCat(estimate.value >= 0 ? "+" : "", Fixed(100 * estimate.value, 1), " points [",
                Fixed(100 * estimate.low, 1), ", ", Fixed(100 * estimate.high, 1), "]");
}

std::string PValue(double p) {
  if (!std::isfinite(p)) return std::string(kMissing);
  if (p < 1e-10) return "< 1e-10";
  char text[64];
  std::snprintf(text, sizeof text, "%.2g", p);
  return text;
}

Json EstimateToJson(const Estimate& estimate) {
  return {{"value", estimate.value}, {"low", estimate.low}, {"high", estimate.high}};
}

bool EstimateFromJson(const Json& json, Estimate* estimate) {
  if (!Child(json, "value").is_number()) return false;
  const double nan = std::nan("");
  *estimate = {.value = NumberOf(json, "value"),
               .low = NumberOf(json, "low", nan),
               .high = NumberOf(json, "high", nan)};
  return true;
}

const Json& Child(const Json& json, std::string_view key) {
  if (!json.is_object()) return NullJson();
  const auto found = json.find(key);
  return found == json.end() ? NullJson() : *found;
}

std::string TextOf(const Json& json, std::string_view key) {
  const Json& child = Child(json, key);
  return child.is_string() ? child.get<std::string>() : "";
}

double NumberOf(const Json& json, std::string_view key, double fallback) {
  const Json& child = Child(json, key);
  return child.is_number() ? child.get<double>() : fallback;
}

std::string PercentOf(const Json& json, std::string_view key) {
  return Percent(NumberOf(json, key, std::nan("")));
}

std::string SignificantOf(const Json& json, std::string_view key) {
  return Significant(NumberOf(json, key, std::nan("")));
}

std::string PrefixedOf(const Json& json, std::string_view key) {
  double value = NumberOf(json, key, std::nan(""));
  const char* const prefixes[] = {"", " k", " M", " G", " T", " P"};
  size_t prefix = 0;
  while (std::abs(value) >= 999.5 && prefix + 1 < std::size(prefixes)) {
    value /= 1000;
    ++prefix;
  }
  return Significant(value) + prefixes[prefix];
}

std::string CountOf(const Json& json, std::string_view key) {
  const double value = NumberOf(json, key, std::nan(""));
  return std::isfinite(value) ? WithCommas(std::llround(value)) : std::string(kMissing);
}

}  // namespace retort
