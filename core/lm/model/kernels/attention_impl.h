// Attention of one query row. Part of kernels_impl.h, which includes it.
#pragma once

#include <cstdint>

#include "core/lm/model/kernels/kernels.h"

namespace retort {
namespace {

/// Scores of one query head in the scratch.
inline int64_t ScorePitch(const AttentionArgs& a) {
  return (a.context + kLanes - 1) / kLanes * kLanes;
}

inline Lanes LoadWide(const float* p) { return Lanes::Load(p); }
inline Lanes LoadWide(const uint16_t* p) { return Lanes::Widen(p); }
inline Lanes LoadWide(const float* p, int64_t n) { return Lanes::LoadPartial(p, n); }
inline Lanes LoadWide(const uint16_t* p, int64_t n) { return Lanes::WidenPartial(p, n); }

/// Scores of kHeads neighbouring heads, `head` the first within its group; four tokens at a time,
/// so that their sums go down the fixed tree together.
template <int kHeads, typename Element>
inline void ScoreHeads(const AttentionArgs& a, const float* q, const Element* keys, int64_t head) {
  constexpr int kTokens = 4;
  const int64_t stride = a.groups * a.width;
  float* scores = a.scores + head * ScorePitch(a);
  q += head * a.width;
  for (int64_t t = 0; t < a.context; t += kTokens) {
    const Element* k[kTokens];
    for (int i = 0; i < kTokens; ++i) k[i] = keys + a.slots[Least(t + i, a.context - 1)] * stride;
    Lanes sum[kHeads][kTokens];
    for (auto& head_sums : sum) {
      for (Lanes& s : head_sums) s = Lanes::Broadcast(0.0F);
    }
    const auto add = [&](const auto& load) {
      Lanes key[kTokens];
#pragma GCC unroll 4
      for (int i = 0; i < kTokens; ++i) key[i] = load(k[i]);
#pragma GCC unroll 4
      for (int h = 0; h < kHeads; ++h) {
        const Lanes query = load(q + h * a.width);
#pragma GCC unroll 4
        for (int i = 0; i < kTokens; ++i) sum[h][i] = Fma(query, key[i], sum[h][i]);
      }
    };
    ForLanes(
        a.width, [&](int64_t i) { add([i](const auto* p) { return LoadWide(p + i); }); },
        [&](int64_t i, int64_t n) { add([i, n](const auto* p) { return LoadWide(p + i, n); }); });
    for (int h = 0; h < kHeads; ++h) SumFour(sum[h], scores + h * ScorePitch(a) + t);
  }
}

/// Where a tile's columns begin and how many of its last strip's lanes are used.
struct TileColumns {
  int64_t first, lanes;
};

/// 16 kStrips values of kHeads heads' outputs: chains over tokens of probability times value,
/// divided by the sums.
template <int kHeads, int kStrips, typename Element>
inline void AverageTile(const AttentionArgs& a, const Element* values, const float* sums,
                        float* out, int64_t head, TileColumns columns) {
  const int64_t stride = a.groups * a.width, pitch = ScorePitch(a);
  const float* scores = a.scores + head * pitch;
  Lanes sum[kHeads][kStrips];
  for (auto& head_sums : sum) {
    for (Lanes& s : head_sums) s = Lanes::Broadcast(0.0F);
  }
  for (int64_t t = 0; t < a.context; ++t) {
    const Element* value = values + a.slots[t] * stride + columns.first;
    Lanes v[kStrips];
#pragma GCC unroll 4
    for (int s = 0; s < kStrips; ++s) {
      v[s] = kStrips > 1 || columns.lanes == kLanes ? LoadWide(value + s * kLanes)
                                                    : LoadWide(value, columns.lanes);
    }
#pragma GCC unroll 4
    for (int h = 0; h < kHeads; ++h) {
      const Lanes probability = Lanes::Broadcast(scores[h * pitch + t]);
#pragma GCC unroll 4
      for (int s = 0; s < kStrips; ++s) sum[h][s] = Fma(probability, v[s], sum[h][s]);
    }
  }
  for (int h = 0; h < kHeads; ++h) {
    const Lanes divisor = Lanes::Broadcast(sums[head + h]);
    for (int s = 0; s < kStrips; ++s) {
      (sum[h][s] / divisor)
          .StorePartial(out + (head + h) * a.width + columns.first + s * kLanes,
                        kStrips > 1 ? kLanes : columns.lanes);
    }
  }
}

template <int kHeads, typename Element>
inline void AverageHeads(const AttentionArgs& a, const Element* values, const float* sums,
                         float* out, int64_t head) {
  constexpr int kStrips = Lanes::kValueStrips;
  int64_t column = 0;
  for (; column + kStrips * kLanes <= a.width; column += kStrips * kLanes) {
    AverageTile<kHeads, kStrips>(a, values, sums, out, head, {column, kLanes});
  }
  for (; column < a.width; column += kLanes) {
    AverageTile<kHeads, 1>(a, values, sums, out, head, {column, Least(kLanes, a.width - column)});
  }
}

/// Probabilities, not yet divided by their sum, in place of the scores; returns the sum.
inline float Softmax(const AttentionArgs& a, float* scores) {
  const Lanes scale = Lanes::Broadcast(a.scale);
  for (int64_t t = 0; t < a.context; t += kLanes)
    (Lanes::Load(scores + t) * scale).Store(scores + t);
  return ExpSum(scores, a.context, MaxOf(scores, a.context), 1.0F, scores);
}

template <typename Element>
inline void Attend(const AttentionArgs& a) {
  constexpr int kHeads = Lanes::kAttentionHeads;
  constexpr int64_t kMostHeads = 16;  // of a group at a time
  const int64_t heads = a.heads / a.groups;
  for (int64_t group = 0; group < a.groups; ++group) {
    const Element* keys = static_cast<const Element*>(a.keys) + group * a.width;
    const Element* values = static_cast<const Element*>(a.values) + group * a.width;
    for (int64_t first = 0; first < heads; first += kMostHeads) {
      const int64_t count = Least(kMostHeads, heads - first);
      const float* q = a.q + (group * heads + first) * a.width;
      float* out = a.out + (group * heads + first) * a.width;
      float sums[kMostHeads];
      int64_t h = 0;
      for (; h + kHeads <= count; h += kHeads) ScoreHeads<kHeads>(a, q, keys, h);
      for (; h < count; ++h) ScoreHeads<1>(a, q, keys, h);
      for (h = 0; h < count; ++h) sums[h] = Softmax(a, a.scores + h * ScorePitch(a));
      for (h = 0; h + kHeads <= count; h += kHeads) AverageHeads<kHeads>(a, values, sums, out, h);
      for (; h < count; ++h) AverageHeads<1>(a, values, sums, out, h);
    }
  }
}

void Attention(const AttentionArgs& a) {
  if (a.bfloat16) return Attend<uint16_t>(a);
  Attend<float>(a);
}

}  // namespace
}  // namespace retort
