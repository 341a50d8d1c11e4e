#include "core/lm/model/rope.h"

#include <numbers>

namespace retort {
namespace {

double ScaleLlama3(double frequency, const RopeScaling& scaling) {
  const double wavelength = 2 * std::numbers::pi / frequency;
  const double turns = scaling.original_max_position_embeddings / wavelength;
  if (turns > scaling.high_freq_factor) return frequency;
  if (turns < scaling.low_freq_factor) return frequency / scaling.factor;
  const double kept =
      (turns - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor);
  return (1 - kept) * frequency / scaling.factor + kept * frequency;
}

}  // namespace

float ScaleFrequency(float frequency, const RopeScaling& scaling) {
  const auto unscaled = static_cast<double>(frequency);
  switch (scaling.type) {
    case RopeScaling::Type::kLinear:
      return static_cast<float>(unscaled / scaling.factor);
    case RopeScaling::Type::kLlama3:
      return static_cast<float>(ScaleLlama3(unscaled, scaling));
    case RopeScaling::Type::kNone:
      break;
  }
  return frequency;
}

}  // namespace retort
