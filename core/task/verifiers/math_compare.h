// Whether two answer trees mean the same. Pure functions of the trees; bounded by their sizes.
#pragma once

#include "core/task/verifiers/math_tree.h"

namespace retort {

/// Most items of a set or list that are compared in any order; longer ones never match.
inline constexpr size_t kMaxMathItems = 32;

/// The rules stand at the head of core/task/verifiers/math.cc. `tolerance` is relative to the gold
/// value and applies to scalars without variables; 0 means exactly equal.
bool SameMath(const MathTree& gold, const MathTree& given, double tolerance);

}  // namespace retort
