// Values of a tree's nodes, at fixed points: what decides whether two expressions are equal.
//
// Rational expressions in variables, pi, e and i are evaluated modulo two primes of 61 bits at
// points drawn from the names (Schwartz 1980: a false match has a probability of about degree /
// 2^122); pi and e count as variables there. Roots, logarithms, trigonometry and powers that are
// no whole numbers are evaluated as complex long doubles, variables positive. Work is bounded by
// kMaxMathWork. Immutable after construction.
#pragma once

#include <array>
#include <complex>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/task/verifiers/math_tree.h"

namespace retort {

inline constexpr int kMathTrials = 3;
/// Multiplications that factorials and binomials of one tree may take.
inline constexpr int64_t kMaxMathWork = 20000;

/// A reduced fraction that fits; denominator positive.
struct SmallRational {
  int64_t numerator = 0;
  int64_t denominator = 1;
};

struct MathValue {
  bool defined = false;
  bool exact = false;  // `residue` holds
  std::array<uint64_t, 2> residue{};
  std::complex<long double> approximate{};  // may be infinite where `exact`
  std::optional<SmallRational> rational{};  // the value itself, where it is small
};

/// Which of the two values of "a +- b".
enum class MathSign { kUpper = 0, kLower = 1 };

class MathValues {
 public:
  /// `tree` must outlive the values.
  explicit MathValues(const MathTree& tree);

  const MathTree& tree() const { return tree_; }
  const MathValue& At(int node, int trial, MathSign sign) const {
    return values_[static_cast<size_t>(trial)][static_cast<size_t>(sign)]
                  [static_cast<size_t>(node)];
  }
  bool HasVariable(int node) const { return has_variable_[static_cast<size_t>(node)]; }
  bool HasPlusMinus(int node) const { return has_plus_minus_[static_cast<size_t>(node)]; }

 private:
  const MathTree& tree_;
  std::array<std::array<std::vector<MathValue>, 2>, kMathTrials> values_;
  std::vector<bool> has_variable_, has_plus_minus_;
};

/// Equal at one trial; false if either is undefined.
bool SameValue(const MathValue& a, const MathValue& b);

/// Whether a * d == b * c at one trial: a : b and c : d are the same ratio.
bool SameRatio(const MathValue& a, const MathValue& b, const MathValue& c, const MathValue& d);

MathValue Difference(const MathValue& a, const MathValue& b);
bool IsZero(const MathValue& value);

}  // namespace retort
