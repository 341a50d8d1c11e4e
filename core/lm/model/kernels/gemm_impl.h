// Matrix products over packed weights. Part of kernels_impl.h, which includes it.
#pragma once

#include <cstdint>

#include "core/lm/model/kernels/kernels.h"

namespace retort {
namespace {

/// 16 weights of one input: the first or second half of a panel's row.
inline Lanes LoadHalf(const float* row, bool second) {
  return Lanes::Load(second ? row + kLanes : row);
}
inline Lanes LoadHalf(const uint16_t* row, bool second) {
  return second ? Lanes::UpperBfloat16(row) : Lanes::LowerBfloat16(row);
}

/// kRows x kStrips register tile: rows from `row`, strips of 16 outputs from `strip`, which is even
/// unless kStrips is 1. `panels` holds float or bfloat16.
template <int kRows, int kStrips, typename Element>
inline void GemmTile(const GemmArgs& g, const Element* panels, int64_t row, int64_t strip) {
  Lanes sum[kRows][kStrips];
  const Element* weights[kStrips];
#pragma GCC unroll 8
  for (int s = 0; s < kStrips; ++s) {
    const int64_t first = (strip + s) * kLanes;
    weights[s] = panels + first / kPanel * kPanel * g.in;
    const Lanes start = g.bias == nullptr
                            ? Lanes::Broadcast(0.0F)
                            : Lanes::LoadPartial(g.bias + first, Least(kLanes, g.out - first));
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) sum[r][s] = start;
  }
  const bool odd_strip = strip % 2 != 0;
  // The panels after these are brought near meanwhile: weights mostly come from far memory.
  constexpr int kPanels = (kStrips + 1) / 2;
  const float* x = g.x + row * g.in;
  for (int64_t k = 0; k < g.in; ++k) {
    Lanes w[kStrips];
#pragma GCC unroll 8
    for (int s = 0; s < kStrips; ++s) {
      if (s % 2 == 0) __builtin_prefetch(weights[s] + (k + kPanels * g.in) * kPanel, 0, 2);
      w[s] = LoadHalf(weights[s] + k * kPanel, kStrips == 1 ? odd_strip : s % 2 != 0);
    }
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) {
      const Lanes value = Lanes::Broadcast(x[r * g.in + k]);
#pragma GCC unroll 8
      for (int s = 0; s < kStrips; ++s) sum[r][s] = Fma(value, w[s], sum[r][s]);
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int s = 0; s < kStrips; ++s) {
      const int64_t first = (strip + s) * kLanes;
      float* y = g.y + (row + r) * g.out + first;
      if (first + kLanes <= g.out) {
        sum[r][s].Store(y);
      } else {
        sum[r][s].StorePartial(y, g.out - first);
      }
    }
  }
}

/// The tile with `rows` rows; `kRows` counts down to it.
template <int kStrips, int kRows, typename Element>
inline void GemmRows(const GemmArgs& g, const Element* panels, int64_t rows, int64_t row,
                     int64_t strip) {
  if constexpr (kRows > 1) {
    if (rows < kRows) return GemmRows<kStrips, kRows - 1>(g, panels, rows, row, strip);
  }
  GemmTile<kRows, kStrips>(g, panels, row, strip);
}

/// All rows against kStrips strips, in tiles of nearly equal height. Few rows take many strips so
/// that enough independent chains are in flight.
template <int kStrips, int kMaxRows, typename Element>
inline void GemmStrips(const GemmArgs& g, const Element* panels, int64_t strip) {
  const int64_t tiles = (g.rows + kMaxRows - 1) / kMaxRows;
  const int64_t height = g.rows / tiles, taller = g.rows % tiles;
  int64_t row = 0;
  for (int64_t t = 0; t < tiles; ++t) {
    const int64_t rows = height + (t < taller ? 1 : 0);
    GemmRows<kStrips, kMaxRows>(g, panels, rows, row, strip);
    row += rows;
  }
}

/// Strips [strip, last) in groups of kStrips, then of half as many, down to one.
template <int kStrips, int kMaxRows, typename Element>
inline void GemmColumns(const GemmArgs& g, const Element* panels, int64_t strip, int64_t last) {
  for (; strip + kStrips <= last; strip += kStrips) {
    GemmStrips<kStrips, kMaxRows>(g, panels, strip);
  }
  if constexpr (kStrips > 1) {
    if (strip < last) GemmColumns<kStrips / 2, kMaxRows>(g, panels, strip, last);
  }
}

template <typename Element>
inline void GemmPanels(const GemmArgs& g, const Element* panels) {
  const int64_t first = g.first_output / kLanes;
  const int64_t last = (Least(g.last_output, g.out) + kLanes - 1) / kLanes;
  constexpr int kAccumulators = Lanes::kTileRows * Lanes::kTileStrips;
  constexpr int kMiddle = Lanes::kWideStrips > Lanes::kTileStrips ? Lanes::kTileStrips * 2 : 1;
  if (g.rows <= kAccumulators / Lanes::kWideStrips) {
    GemmColumns<Lanes::kWideStrips, kAccumulators / Lanes::kWideStrips>(g, panels, first, last);
  } else if (g.rows <= kAccumulators / kMiddle) {
    GemmColumns<kMiddle, kAccumulators / kMiddle>(g, panels, first, last);
  } else {
    GemmColumns<Lanes::kTileStrips, Lanes::kTileRows>(g, panels, first, last);
  }
}

void Gemm(const GemmArgs& g) {
  if (g.panels != nullptr) {
    GemmPanels(g, g.panels);
  } else {
    GemmPanels(g, g.bfloat16_panels);
  }
}

}  // namespace
}  // namespace retort
