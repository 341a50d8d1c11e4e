// A weight matrix laid out for the native kernels: panels of 32 outputs, the last one padded with
// zeros, every panel aligned to a cache line. Held as bfloat16 where every value is exact in it,
// else as float32; widening is exact, so results do not depend on which. At the precision bfloat16
// every value is rounded to it, and products take their inputs in bfloat16 as well. Immutable once
// built, so threads and model snapshots share it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/lm/model/precision.h"

namespace retort {

class PackedMatrix {
 public:
  static constexpr int64_t kPanelWidth = 32;

  /// Copies a row-major [out, in] float32 matrix; out and in at least 1.
  PackedMatrix(const float* weight, int64_t out, int64_t in,
               Precision precision = Precision::kFloat32);

  int64_t out() const { return out_; }
  int64_t in() const { return in_; }
  Precision precision() const { return precision_; }
  /// [ceil(out/32)][in][32], 64-byte aligned; null when held as bfloat16.
  const float* float32_panels() const;
  /// [ceil(out/32)][ceil(in/2)][32][2]: a pair of inputs lies together, one 32-bit lane an output;
  /// an odd last input beside zeros; 64-byte aligned. Null when held as float32.
  const uint16_t* bfloat16_panels() const;
  /// Row `row` of the matrix, [in].
  void CopyRow(int64_t row, float* to) const;

 private:
  struct AlignedDelete {
    void operator()(std::byte* memory) const;
  };
  /// `group` inputs of an output lie together.
  template <typename Element, typename Convert>
  void Fill(const float* weight, int64_t group, const Convert& convert);

  int64_t out_;
  int64_t in_;
  Precision precision_;
  bool bfloat16_;
  std::unique_ptr<std::byte[], AlignedDelete> memory_;
};

}  // namespace retort
