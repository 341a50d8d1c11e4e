#include "core/base/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/base/error.h"

namespace retort {
namespace {

double Horner(std::span<const double> ascending, double x) {
  double sum = 0;
  for (size_t i = ascending.size(); i-- > 0;) sum = sum * x + ascending[i];
  return sum;
}

// Coefficients of Wichura 1988, algorithm AS 241 (PPND16), in ascending powers.
constexpr double kCentralTop[] = {3.3871328727963666080e0, 1.3314166789178437745e2,
                                  1.9715909503065514427e3, 1.3731693765509461125e4,
                                  4.5921953931549871457e4, 6.7265770927008700853e4,
                                  3.3430575583588128105e4, 2.5090809287301226727e3};
constexpr double kCentralBottom[] = {1.0,
                                     4.2313330701600911252e1,
                                     6.8718700749205790830e2,
                                     5.3941960214247511077e3,
                                     2.1213794301586595867e4,
                                     3.9307895800092710610e4,
                                     2.8729085735721942674e4,
                                     5.2264952788528545610e3};
constexpr double kMiddleTop[] = {1.42343711074968357734e0,  4.63033784615654529590e0,
                                 5.76949722146069140550e0,  3.64784832476320460504e0,
                                 1.27045825245236838258e0,  2.41780725177450611770e-1,
                                 2.27238449892691845833e-2, 7.74545014278341407640e-4};
constexpr double kMiddleBottom[] = {1.0,
                                    2.05319162663775882187e0,
                                    1.67638483018380384940e0,
                                    6.89767334985100004550e-1,
                                    1.48103976427480074590e-1,
                                    1.51986665636164571966e-2,
                                    5.47593808499534494600e-4,
                                    1.05075007164441684324e-9};
constexpr double kTailTop[] = {6.65790464350110377720e0,  5.46378491116411436990e0,
                               1.78482653991729133580e0,  2.96560571828504891230e-1,
                               2.65321895265761230930e-2, 1.24266094738807843860e-3,
                               2.71155556874348757815e-5, 2.01033439929228813265e-7};
constexpr double kTailBottom[] = {1.0,
                                  5.99832206555887937690e-1,
                                  1.36929880922735805310e-1,
                                  1.48753612908506148525e-2,
                                  7.86869131145613259100e-4,
                                  1.84631831751005468180e-5,
                                  1.42151175831644588870e-7,
                                  2.04426310338993978564e-15};

Estimate PercentileInterval(double value, const std::vector<double>& replicates, double level) {
  return {.value = value,
          .low = Quantile(replicates, (1 - level) / 2),
          .high = Quantile(replicates, (1 + level) / 2)};
}

void CheckBootstrap(size_t n, int resamples, double level) {
  RETORT_CHECK(n > 0, "a bootstrap needs at least one value");
  RETORT_CHECK(resamples > 0, "resamples is ", resamples);
  RETORT_CHECK(level > 0 && level < 1, "level is ", level);
}

double Ratio(double top, double bottom) {
  return bottom == 0 ? std::numeric_limits<double>::infinity() : top / bottom;
}

double LogBinomialHalf(int64_t n, int64_t k) {
  const double total = static_cast<double>(n);
  const double chosen = static_cast<double>(k);
  return std::lgamma(total + 1) - std::lgamma(chosen + 1) - std::lgamma(total - chosen + 1) -
         total * std::log(2.0);
}

/// For values in [lowest, 1] that are all the same, of which a resample tells nothing.
Estimate IntervalOfEqualValues(double value, size_t n, double lowest, double level) {
  const double unseen = WilsonInterval(0, static_cast<int64_t>(n), level).high;
  return {.value = value,
          .low = std::max(lowest, value - unseen),
          .high = std::min(1.0, value + unseen)};
}

Estimate BootstrapOfMean(std::span<const double> values, double lowest, RngKey key, int resamples,
                         double level) {
  CheckBootstrap(values.size(), resamples, level);
  const double first = values.front();
  if (std::all_of(values.begin(), values.end(), [first](double v) { return v == first; })) {
    return IntervalOfEqualValues(first, values.size(), lowest, level);
  }
  Rng rng(key);
  std::vector<double> means(static_cast<size_t>(resamples));
  for (double& mean : means) {
    double sum = 0;
    for (size_t i = 0; i < values.size(); ++i) sum += values[rng.NextBelow(values.size())];
    mean = sum / static_cast<double>(values.size());
  }
  return PercentileInterval(Mean(values), means, level);
}

}  // namespace

Estimate WilsonInterval(int64_t correct, int64_t n, double level) {
  RETORT_CHECK(correct >= 0 && correct <= n, correct, " correct of ", n);
  RETORT_CHECK(level > 0 && level < 1, "level is ", level);
  if (n == 0) return {.value = 0, .low = 0, .high = 1};
  const double count = static_cast<double>(n);
  const double p = static_cast<double>(correct) / count;
  const double z = NormalQuantile((1 + level) / 2);
  const double scale = 1 + z * z / count;
  const double centre = (p + z * z / (2 * count)) / scale;
  const double half = z / scale * std::sqrt(p * (1 - p) / count + z * z / (4 * count * count));
  // The ends are exact at 0 and n; rounding would leave 1e-17.
  return {.value = p,
          .low = correct == 0 ? 0 : std::max(0.0, centre - half),
          .high = correct == n ? 1 : std::min(1.0, centre + half)};
}

Estimate MeanBootstrap(std::span<const double> values, RngKey key, int resamples, double level) {
  return BootstrapOfMean(values, 0, key, resamples, level);
}

Estimate PairedBootstrap(std::span<const double> a, std::span<const double> b, RngKey key,
                         int resamples, double level) {
  RETORT_CHECK(a.size() == b.size(), a.size(), " scores against ", b.size());
  std::vector<double> differences(a.size());
  for (size_t i = 0; i < a.size(); ++i) differences[i] = a[i] - b[i];
  return BootstrapOfMean(differences, -1, key, resamples, level);
}

Estimate PairedRatioBootstrap(std::span<const double> a, std::span<const double> b, RngKey key,
                              int resamples, double level) {
  RETORT_CHECK(a.size() == b.size(), a.size(), " scores against ", b.size());
  CheckBootstrap(a.size(), resamples, level);
  Rng rng(key);
  std::vector<double> ratios(static_cast<size_t>(resamples));
  for (double& ratio : ratios) {
    double top = 0;
    double bottom = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      const uint64_t pick = rng.NextBelow(a.size());
      top += a[pick];
      bottom += b[pick];
    }
    ratio = Ratio(top, bottom);
  }
  return PercentileInterval(Ratio(Mean(a), Mean(b)), ratios, level);
}

double McNemarExact(int64_t only_a, int64_t only_b) {
  RETORT_CHECK(only_a >= 0 && only_b >= 0, "counts ", only_a, " and ", only_b);
  const int64_t n = only_a + only_b;
  const int64_t smaller = std::min(only_a, only_b);
  if (only_a == only_b) return 1;
  double tail = 0;
  for (int64_t k = 0; k <= smaller; ++k) tail += std::exp(LogBinomialHalf(n, k));
  return std::min(1.0, 2 * tail);
}

double PassAtK(int64_t n, int64_t c, int64_t k) {
  RETORT_CHECK(k >= 1 && k <= n && c >= 0 && c <= n, "pass@", k, " of ", c, " in ", n);
  if (n - c < k) return 1;
  double all_fail = 1;
  for (int64_t i = n - c + 1; i <= n; ++i) {
    all_fail *= 1 - static_cast<double>(k) / static_cast<double>(i);
  }
  return 1 - all_fail;
}

double Quantile(std::span<const double> values, double q) {
  RETORT_CHECK(!values.empty(), "quantile of nothing");
  RETORT_CHECK(q >= 0 && q <= 1, "quantile ", q);
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  const double position = q * static_cast<double>(sorted.size() - 1);
  const size_t below = static_cast<size_t>(position);
  const double fraction = position - static_cast<double>(below);
  // Equal neighbours also covers two infinities, whose difference is not a number.
  if (fraction == 0 || sorted[below] == sorted[below + 1]) return sorted[below];
  return sorted[below] + (sorted[below + 1] - sorted[below]) * fraction;
}

double Mean(std::span<const double> values) {
  RETORT_CHECK(!values.empty(), "mean of nothing");
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double Median(std::span<const double> values) { return Quantile(values, 0.5); }

double NormalQuantile(double p) {
  RETORT_CHECK(p > 0 && p < 1, "normal quantile of ", p);
  const double q = p - 0.5;
  if (std::abs(q) <= 0.425) {
    const double r = 0.180625 - q * q;
    return q * Horner(kCentralTop, r) / Horner(kCentralBottom, r);
  }
  const double r = std::sqrt(-std::log(q < 0 ? p : 1 - p));
  const double magnitude = r <= 5 ? Horner(kMiddleTop, r - 1.6) / Horner(kMiddleBottom, r - 1.6)
                                  : Horner(kTailTop, r - 5) / Horner(kTailBottom, r - 5);
  return q < 0 ? -magnitude : magnitude;
}

}  // namespace retort
