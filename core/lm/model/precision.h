// What matrix products of inference are made of.
#pragma once

#include <cstdint>

namespace retort {

/// kFloat32: weights as they are stored, inputs and sums in float32. kBfloat16: weights and inputs
/// rounded to bfloat16, sums in float32, as processors with such products make them.
enum class Precision : uint8_t { kFloat32, kBfloat16 };

}  // namespace retort
