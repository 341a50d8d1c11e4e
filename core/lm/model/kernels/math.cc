#include "core/lm/model/kernels/math.h"

#include <bit>
#include <cstdint>
#include <numbers>

namespace retort {

double NaturalLog(double x) {
  // x = m 2^e with m in [sqrt(1/2), sqrt(2)); ln m = 2 atanh(s), s = (m - 1) / (m + 1), as a
  // series.
  constexpr uint64_t kSqrtHalf = 0x3fe6a09e667f3bcd;
  const uint64_t bits = std::bit_cast<uint64_t>(x);
  const uint64_t shifted = bits - kSqrtHalf;
  const auto exponent = static_cast<int64_t>(shifted) >> 52;
  const double m = std::bit_cast<double>(bits - (static_cast<uint64_t>(exponent) << 52U));
  const double s = (m - 1) / (m + 1);
  const double z = s * s;
  double series = 0;
  for (int odd = 21; odd >= 3; odd -= 2) series = (series + 1.0 / odd) * z;
  return static_cast<double>(exponent) * std::numbers::ln2 + (2 * s + 2 * s * series);
}

}  // namespace retort
