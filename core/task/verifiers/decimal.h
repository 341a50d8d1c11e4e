// Numbers as people write them, kept exactly: 1,000; -3.50; $12; 2.5e3; 3/4; 1 1/2; 40%. Pure
// functions; at most kMaxDecimalDigits digits a number.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace retort {

/// More digits than this (zeros of an exponent included) are no number.
inline constexpr size_t kMaxDecimalDigits = 200;

/// numerator / denominator, digits only, no leading zeros ("0" for nought); denominator not nought.
struct Decimal {
  bool negative = false;
  std::string numerator = "0";
  std::string denominator = "1";
  bool percent = false;  // a percent sign stood behind it; the digits are those before the sign
};

/// All numbers of `text`, left to right. Commas between groups of three digits, currency signs and
/// TeX's spacing, \frac, \times 10^{n} are understood; a number that is glued to a letter before it
/// (H2O) is none, nor is one with too many digits (`*too_long` then becomes true).
std::vector<Decimal> FindDecimals(std::string_view text, bool* too_long);

/// Same value, percent signs aside.
bool SameDigits(const Decimal& a, const Decimal& b);

/// The value as a double, percent sign aside; infinite if out of range.
double ToDouble(const Decimal& number);

/// The number divided by 100, without a percent sign.
Decimal Hundredth(Decimal number);

}  // namespace retort
