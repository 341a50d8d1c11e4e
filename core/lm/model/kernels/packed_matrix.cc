#include "core/lm/model/kernels/packed_matrix.h"

#include <c10/util/BFloat16.h>

#include <algorithm>
#include <bit>
#include <new>

#include "core/base/error.h"

namespace retort {
namespace {

constexpr std::align_val_t kAlignment{64};

/// bfloat16 is the upper half of a float32.
bool ExactInBfloat16(const float* values, int64_t n) {
  uint32_t lost = 0;
  for (int64_t i = 0; i < n; ++i) lost |= std::bit_cast<uint32_t>(values[i]) & 0xFFFFU;
  return lost == 0;
}
/// The nearest, ties to even.
uint16_t ToBfloat16(float value) { return c10::BFloat16(value).x; }
float FromBfloat16(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16U); }

}  // namespace

void PackedMatrix::AlignedDelete::operator()(std::byte* memory) const {
  ::operator delete[](memory, kAlignment);
}

template <typename Element, typename Convert>
void PackedMatrix::Fill(const float* weight, int64_t group, const Convert& convert) {
  const int64_t panels = (out_ + kPanelWidth - 1) / kPanelWidth;
  const int64_t groups = (in_ + group - 1) / group;
  const auto size = static_cast<size_t>(panels * groups * group * kPanelWidth);
  auto* element = static_cast<Element*>(::operator new[](size * sizeof(Element), kAlignment));
  memory_.reset(reinterpret_cast<std::byte*>(element));
  for (int64_t first = 0; first < out_; first += kPanelWidth) {
    const int64_t width = std::min(kPanelWidth, out_ - first);
    for (int64_t i = 0; i < in_; i += group) {
      for (int64_t lane = 0; lane < kPanelWidth; ++lane) {
        const float* row = weight + (first + lane) * in_;
        for (int64_t j = i; j < i + group; ++j) {
          *element++ = lane < width && j < in_ ? convert(row[j]) : Element{};
        }
      }
    }
  }
}

PackedMatrix::PackedMatrix(const float* weight, int64_t out, int64_t in, Precision precision)
    : out_(out), in_(in), precision_(precision) {
  RETORT_CHECK(out >= 1 && in >= 1, "matrix of ", out, " x ", in);
  bfloat16_ = precision == Precision::kBfloat16 || ExactInBfloat16(weight, out * in);
  if (bfloat16_) {
    Fill<uint16_t>(weight, 2, ToBfloat16);
  } else {
    Fill<float>(weight, 1, [](float value) { return value; });
  }
}

const float* PackedMatrix::float32_panels() const {
  return bfloat16_ ? nullptr : reinterpret_cast<const float*>(memory_.get());
}

const uint16_t* PackedMatrix::bfloat16_panels() const {
  return bfloat16_ ? reinterpret_cast<const uint16_t*>(memory_.get()) : nullptr;
}

void PackedMatrix::CopyRow(int64_t row, float* to) const {
  const int64_t group = bfloat16_ ? 2 : 1;
  const int64_t panel = (in_ + group - 1) / group * group * kPanelWidth;
  const int64_t at = row / kPanelWidth * panel + row % kPanelWidth * group;
  for (int64_t i = 0; i < in_; ++i) {
    const int64_t from = at + i / group * group * kPanelWidth + i % group;
    to[i] = bfloat16_ ? FromBfloat16(bfloat16_panels()[from]) : float32_panels()[from];
  }
}

}  // namespace retort
