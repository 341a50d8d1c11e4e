// Frequencies of rotary positions and the scalings of Hugging Face's `rope_type` that stretch them
// to longer contexts.
#pragma once

namespace retort {

/// How a checkpoint's rotary frequencies differ from theta^(-2i/K).
struct RopeScaling {
  enum class Type { kNone, kLinear, kLlama3 };
  Type type = Type::kNone;
  double factor = 1;  // linear and llama3: slow turns are slower by this
  // llama3 only: wavelengths above original_max_position_embeddings / low_freq_factor are scaled,
  // below original_max_position_embeddings / high_freq_factor kept, between them interpolated.
  double low_freq_factor = 1;
  double high_freq_factor = 4;
  int original_max_position_embeddings = 0;
  bool operator==(const RopeScaling&) const = default;
};

/// What one layer's queries and keys are turned by.
struct RopeConfig {
  double theta = 10000;
  RopeScaling scaling;
  bool operator==(const RopeConfig&) const = default;
};

/// The scaled value of an unscaled frequency, radians a position (transformers,
/// modeling_rope_utils.py).
float ScaleFrequency(float frequency, const RopeScaling& scaling);

}  // namespace retort
