#include "core/lm/model/kernels/packed_matrix.h"

#include <algorithm>
#include <new>

#include "core/base/error.h"

namespace retort {
namespace {

constexpr std::align_val_t kAlignment{64};

}  // namespace

void PackedMatrix::AlignedDelete::operator()(float* memory) const {
  ::operator delete[](memory, kAlignment);
}

PackedMatrix::PackedMatrix(const float* weight, int64_t out, int64_t in) : out_(out), in_(in) {
  RETORT_CHECK(out >= 1 && in >= 1, "matrix of ", out, " x ", in);
  const int64_t panels = (out + kPanelWidth - 1) / kPanelWidth;
  const int64_t size = panels * in * kPanelWidth;
  const size_t bytes = static_cast<size_t>(size) * sizeof(float);
  panels_.reset(static_cast<float*>(::operator new[](bytes, kAlignment)));
  std::fill_n(panels_.get(), size, 0.0F);
  for (int64_t o = 0; o < out; ++o) {
    float* lane = panels_.get() + o / kPanelWidth * in * kPanelWidth + o % kPanelWidth;
    for (int64_t i = 0; i < in; ++i) lane[i * kPanelWidth] = weight[o * in + i];
  }
}

}  // namespace retort
