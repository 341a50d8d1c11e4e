// Intervals and tests for accuracies. Pure functions; checked against SciPy and published values.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/base/rng.h"

namespace retort {

/// A value with a 95 % interval (or the level the function was given).
struct Estimate {
  double value = 0;
  double low = 0;
  double high = 0;
};

/// Wilson's score interval for `correct` of `n` (Wilson 1927); n = 0 gives {0, 0, 1}.
Estimate WilsonInterval(int64_t correct, int64_t n, double level = 0.95);

/// Mean of per-problem differences a[i] - b[i] with a percentile bootstrap over problems.
/// Scores are in [0,1]: 0/1 for one seed, the mean over seeds otherwise. Sizes must be equal. Where
/// all differences are the same, the interval reaches as far on either side as n problems without
/// another one allow (Wilson's for 0 of n).
Estimate PairedBootstrap(std::span<const double> a, std::span<const double> b, RngKey key,
                         int resamples = 10000, double level = 0.95);

/// Ratio of means mean(a)/mean(b), bootstrapped over problems together.
Estimate PairedRatioBootstrap(std::span<const double> a, std::span<const double> b, RngKey key,
                              int resamples = 10000, double level = 0.95);

/// Mean of scores in [0,1] with a percentile bootstrap; of equal scores as above.
Estimate MeanBootstrap(std::span<const double> values, RngKey key, int resamples = 10000,
                       double level = 0.95);

/// Two-sided exact McNemar test from the discordant counts (binomial with p = 1/2).
double McNemarExact(int64_t only_a, int64_t only_b);

/// Unbiased pass@k = 1 - C(n-c, k) / C(n, k) (Chen et al. 2021, eq. 1). 1 <= k <= n, 0 <= c <= n.
double PassAtK(int64_t n, int64_t c, int64_t k);

/// Linear-interpolated quantile (NumPy's default), q in [0,1]; sorts a copy. Not empty.
double Quantile(std::span<const double> values, double q);

double Mean(std::span<const double> values);
double Median(std::span<const double> values);

/// Inverse of the standard normal distribution function (Wichura 1988, AS 241).
double NormalQuantile(double p);

}  // namespace retort
