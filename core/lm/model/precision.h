// The numbers that inference computes with.
#pragma once

#include <cstdint>

namespace retort {

/// kFloat32: weights as they are stored, all else in float32. kBfloat16: weights, inputs of matrix
/// products, keys and values rounded to bfloat16; sums, norms and the residual stream in float32.
enum class Precision : uint8_t { kFloat32, kBfloat16 };

}  // namespace retort
