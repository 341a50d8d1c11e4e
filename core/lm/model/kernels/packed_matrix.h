// A weight matrix laid out for the native kernels: panels of 32 outputs, [ceil(out/32)][in][32]
// float32, the last panel padded with zeros, every panel aligned to a cache line. Immutable once
// built, so threads and model snapshots share it.
#pragma once

#include <cstdint>
#include <memory>

namespace retort {

class PackedMatrix {
 public:
  static constexpr int64_t kPanelWidth = 32;

  /// Copies a row-major [out, in] float32 matrix; out and in at least 1.
  PackedMatrix(const float* weight, int64_t out, int64_t in);

  int64_t out() const { return out_; }
  int64_t in() const { return in_; }
  /// [ceil(out/32)][in][32], 64-byte aligned.
  const float* panels() const { return panels_.get(); }

 private:
  struct AlignedDelete {
    void operator()(float* memory) const;
  };
  int64_t out_;
  int64_t in_;
  std::unique_ptr<float[], AlignedDelete> panels_;
};

}  // namespace retort
