// Matrix products over packed weights. Part of kernels_impl.h, which includes it.
#pragma once

#include <cstdint>

#include "core/lm/model/kernels/kernels.h"

namespace retort {
namespace {

/// Adds input `k` of kRows rows times its weights of kStrips strips.
template <int kRows, int kStrips>
inline void AddInput(const GemmArgs& g, int64_t row, int64_t k, const Lanes (&w)[kStrips],
                     Lanes (&sum)[kRows][kStrips]) {
  const float* x = g.x + row * g.in + k;
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) {
    const Lanes value = Lanes::Broadcast(x[r * g.in]);
#pragma GCC unroll 8
    for (int s = 0; s < kStrips; ++s) sum[r][s] = Fma(value, w[s], sum[r][s]);
  }
}

// How a product reads weights and inputs. A strip is half a panel: 16 outputs. One step reads one
// cache line of every strip.

/// Float32 panels, one input a step.
struct Float32Source {
  using Element = float;
  static constexpr int64_t kStep = kPanel;     // a panel's elements of one step
  static constexpr int kPrefetchedStrips = 2;  // the processor brings the neighbour line itself
  static const float* Panels(const GemmArgs& g) { return g.panels; }
  static int64_t Steps(const GemmArgs& g) { return g.in; }

  template <int kRows, int kStrips>
  static void Run(const GemmArgs& g, int64_t row, const float* const (&weights)[kStrips],
                  int64_t step, Lanes (&sum)[kRows][kStrips]) {
    Lanes w[kStrips];
#pragma GCC unroll 8
    for (int s = 0; s < kStrips; ++s) w[s] = Lanes::Load(weights[s] + step * kStep);
    AddInput(g, row, step, w, sum);
  }
};

/// Bfloat16 panels, a pair of inputs a step.
struct Bfloat16Panels {
  using Element = uint16_t;
  static constexpr int64_t kStep = 2 * kPanel;
  static constexpr int kPrefetchedStrips = 1;
  static const uint16_t* Panels(const GemmArgs& g) { return g.bfloat16_panels; }
  static int64_t Steps(const GemmArgs& g) { return (g.in + 1) / 2; }

  template <int kStrips>
  static void Load(const uint16_t* const (&weights)[kStrips], int64_t step,
                   Pairs (&pairs)[kStrips]) {
#pragma GCC unroll 8
    for (int s = 0; s < kStrips; ++s) pairs[s] = Pairs::Load(weights[s] + step * kStep);
  }
};

/// Widened weights times float32 inputs, one after the other.
struct WidenedSource : Bfloat16Panels {
  template <int kRows, int kStrips>
  static void Run(const GemmArgs& g, int64_t row, const uint16_t* const (&weights)[kStrips],
                  int64_t step, Lanes (&sum)[kRows][kStrips]) {
    Pairs pairs[kStrips];
    Lanes w[kStrips];
    Load(weights, step, pairs);
#pragma GCC unroll 8
    for (int s = 0; s < kStrips; ++s) w[s] = pairs[s].First();
    AddInput(g, row, 2 * step, w, sum);
    if (2 * step + 1 == g.in) return;
    Load(weights, step, pairs);  // again: keeping them would take the registers of the sums
#pragma GCC unroll 8
    for (int s = 0; s < kStrips; ++s) w[s] = pairs[s].Second();
    AddInput(g, row, 2 * step + 1, w, sum);
  }
};

/// Weights times bfloat16 inputs, a pair at once.
struct PairSource : Bfloat16Panels {
  template <int kRows, int kStrips>
  static void Run(const GemmArgs& g, int64_t row, const uint16_t* const (&weights)[kStrips],
                  int64_t step, Lanes (&sum)[kRows][kStrips]) {
    Pairs pairs[kStrips];
    Load(weights, step, pairs);
    const int64_t stride = 2 * Steps(g);
    const uint16_t* x = g.bfloat16_x + row * stride + 2 * step;
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) {
      const Pairs value = Pairs::Broadcast(x + r * stride);
#pragma GCC unroll 8
      for (int s = 0; s < kStrips; ++s) sum[r][s] = MultiplyPairs(value, pairs[s], sum[r][s]);
    }
  }
};

/// kRows x kStrips register tile: rows from `row`, strips of 16 outputs from `strip`, which is even
/// unless kStrips is 1.
template <int kRows, int kStrips, typename Source>
inline void GemmTile(const GemmArgs& g, int64_t row, int64_t strip) {
  Lanes sum[kRows][kStrips];
  const typename Source::Element* weights[kStrips];
  const int64_t steps = Source::Steps(g);
#pragma GCC unroll 8
  for (int s = 0; s < kStrips; ++s) {
    const int64_t first = (strip + s) * kLanes;
    weights[s] = Source::Panels(g) + (strip + s) / 2 * steps * Source::kStep +
                 (strip + s) % 2 * (Source::kStep / 2);
    const Lanes start = g.bias == nullptr
                            ? Lanes::Broadcast(0.0F)
                            : Lanes::LoadPartial(g.bias + first, Least(kLanes, g.out - first));
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) sum[r][s] = start;
  }
  // The panels after these are brought near meanwhile: weights mostly come from far memory.
  constexpr int kPanels = (kStrips + 1) / 2;
  for (int64_t step = 0; step < steps; ++step) {
#pragma GCC unroll 8
    for (int s = 0; s < kStrips; s += Source::kPrefetchedStrips) {
      __builtin_prefetch(weights[s] + (step + kPanels * steps) * Source::kStep, 0, 2);
    }
    Source::template Run<kRows, kStrips>(g, row, weights, step, sum);
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
template <int kStrips, int kRows, typename Source>
inline void GemmRows(const GemmArgs& g, int64_t rows, int64_t row, int64_t strip) {
  if constexpr (kRows > 1) {
    if (rows < kRows) return GemmRows<kStrips, kRows - 1, Source>(g, rows, row, strip);
  }
  GemmTile<kRows, kStrips, Source>(g, row, strip);
}

/// All rows against kStrips strips, in tiles of nearly equal height. Few rows take many strips so
/// that enough independent chains are in flight.
template <int kStrips, int kMaxRows, typename Source>
inline void GemmStrips(const GemmArgs& g, int64_t strip) {
  const int64_t tiles = (g.rows + kMaxRows - 1) / kMaxRows;
  const int64_t height = g.rows / tiles, taller = g.rows % tiles;
  int64_t row = 0;
  for (int64_t t = 0; t < tiles; ++t) {
    const int64_t rows = height + (t < taller ? 1 : 0);
    GemmRows<kStrips, kMaxRows, Source>(g, rows, row, strip);
    row += rows;
  }
}

/// Strips [strip, last) in groups of kStrips, then of half as many, down to one.
template <int kStrips, int kMaxRows, typename Source>
inline void GemmColumns(const GemmArgs& g, int64_t strip, int64_t last) {
  for (; strip + kStrips <= last; strip += kStrips) {
    GemmStrips<kStrips, kMaxRows, Source>(g, strip);
  }
  if constexpr (kStrips > 1) {
    if (strip < last) GemmColumns<kStrips / 2, kMaxRows, Source>(g, strip, last);
  }
}

template <typename Source>
inline void GemmPanels(const GemmArgs& g) {
  const int64_t first = g.first_output / kLanes;
  const int64_t last = (Least(g.last_output, g.out) + kLanes - 1) / kLanes;
  constexpr int kAccumulators = Lanes::kTileRows * Lanes::kTileStrips;
  constexpr int kMiddle = Lanes::kWideStrips > Lanes::kTileStrips ? Lanes::kTileStrips * 2 : 1;
  if (g.rows <= kAccumulators / Lanes::kWideStrips) {
    GemmColumns<Lanes::kWideStrips, kAccumulators / Lanes::kWideStrips, Source>(g, first, last);
  } else if (g.rows <= kAccumulators / kMiddle) {
    GemmColumns<kMiddle, kAccumulators / kMiddle, Source>(g, first, last);
  } else {
    GemmColumns<Lanes::kTileStrips, Lanes::kTileRows, Source>(g, first, last);
  }
}

/// Denormals count as zero inside, as the processor's own bfloat16 products have it. No
/// floating-point operation may move across the change of mode, hence a call of its own.
[[gnu::noinline]] void GemmPairs(const GemmArgs& g) { GemmPanels<PairSource>(g); }

void Gemm(const GemmArgs& g) {
  if (g.panels != nullptr) return GemmPanels<Float32Source>(g);
  if (g.bfloat16_x == nullptr) return GemmPanels<WidenedSource>(g);
  constexpr unsigned kFlushToZero = 0x8000, kDenormalsAreZero = 0x0040;
  const unsigned mode = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr(mode | kFlushToZero | kDenormalsAreZero);
  GemmPairs(g);
  __builtin_ia32_ldmxcsr(mode);
}

/// To nearest, ties to even; a NaN stays one. By the block, which the compiler turns into vector
/// instructions.
void RoundToBfloat16(const float* x, int64_t rows, int64_t width, uint16_t* y) {
  const auto round = [](float value) {
    uint32_t bits;
    __builtin_memcpy(&bits, &value, sizeof(bits));
    const uint32_t nearest = (bits + 0x7FFFU + (bits >> 16U & 1U)) >> 16U;
    const uint32_t quiet = bits >> 16U | 0x40U;
    return static_cast<uint16_t>((bits & 0x7FFFFFFFU) > 0x7F800000U ? quiet : nearest);
  };
  constexpr int64_t kBlock = 32;
  for (int64_t r = 0; r < rows; ++r) {
    int64_t i = 0;
    for (; i + kBlock <= width; i += kBlock) {
      for (int64_t j = 0; j < kBlock; ++j) y[i + j] = round(x[i + j]);
    }
    for (; i < width; ++i) y[i] = round(x[i]);
    if (width % 2 != 0) y[width] = 0;
    x += width;
    y += width + width % 2;
  }
}

}  // namespace
}  // namespace retort
