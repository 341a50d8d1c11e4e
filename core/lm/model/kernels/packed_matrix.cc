#include "core/lm/model/kernels/packed_matrix.h"

#include <algorithm>
#include <bit>
#include <new>

#include "core/base/error.h"

namespace retort {
namespace {

constexpr std::align_val_t kAlignment{64};
constexpr int64_t kHalf = PackedMatrix::kPanelWidth / 2;

/// bfloat16 is the upper half of a float32.
bool ExactInBfloat16(const float* values, int64_t n) {
  uint32_t lost = 0;
  for (int64_t i = 0; i < n; ++i) lost |= std::bit_cast<uint32_t>(values[i]) & 0xFFFFU;
  return lost == 0;
}
uint16_t ToBfloat16(float value) {
  return static_cast<uint16_t>(std::bit_cast<uint32_t>(value) >> 16U);
}
float FromBfloat16(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16U); }

/// Where a panel holds the output `lane` of its 32, in elements from the start of a row.
int64_t Place(int64_t lane, bool bfloat16) {
  return bfloat16 ? lane % kHalf * 2 + lane / kHalf : lane;
}

}  // namespace

void PackedMatrix::AlignedDelete::operator()(std::byte* memory) const {
  ::operator delete[](memory, kAlignment);
}

template <typename Element, typename Convert>
void PackedMatrix::Fill(const float* weight, const Convert& convert) {
  const int64_t panels = (out_ + kPanelWidth - 1) / kPanelWidth;
  const auto size = static_cast<size_t>(panels * in_ * kPanelWidth);
  auto* element = static_cast<Element*>(::operator new[](size * sizeof(Element), kAlignment));
  memory_.reset(reinterpret_cast<std::byte*>(element));
  const float* rows[kPanelWidth];
  for (int64_t first = 0; first < out_; first += kPanelWidth) {
    const int64_t width = std::min(kPanelWidth, out_ - first);
    for (int64_t lane = 0; lane < kPanelWidth; ++lane) {
      rows[Place(lane, bfloat16_)] = lane < width ? weight + (first + lane) * in_ : nullptr;
    }
    for (int64_t i = 0; i < in_; ++i) {
      for (const float* row : rows) *element++ = row == nullptr ? Element{} : convert(row[i]);
    }
  }
}

PackedMatrix::PackedMatrix(const float* weight, int64_t out, int64_t in) : out_(out), in_(in) {
  RETORT_CHECK(out >= 1 && in >= 1, "matrix of ", out, " x ", in);
  bfloat16_ = ExactInBfloat16(weight, out * in);
  if (bfloat16_) {
    Fill<uint16_t>(weight, ToBfloat16);
  } else {
    Fill<float>(weight, [](float value) { return value; });
  }
}

const float* PackedMatrix::float32_panels() const {
  return bfloat16_ ? nullptr : reinterpret_cast<const float*>(memory_.get());
}

const uint16_t* PackedMatrix::bfloat16_panels() const {
  return bfloat16_ ? reinterpret_cast<const uint16_t*>(memory_.get()) : nullptr;
}

void PackedMatrix::CopyRow(int64_t row, float* to) const {
  const int64_t at = row / kPanelWidth * in_ * kPanelWidth + Place(row % kPanelWidth, bfloat16_);
  for (int64_t i = 0; i < in_; ++i) {
    to[i] = bfloat16_ ? FromBfloat16(bfloat16_panels()[at + i * kPanelWidth])
                      : float32_panels()[at + i * kPanelWidth];
  }
}

}  // namespace retort
