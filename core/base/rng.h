// Counter-based randomness: Philox4x32-10 (Salmon et al., SC'11, "Parallel random numbers: as easy
// as 1, 2, 3") under a key derived from content ids. A value depends only on (key, counter), never
// on the order, thread, batch or machine that asks for it. Value types; no shared state.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace retort {

/// 128 bits: 64 for the Philox key, 64 for the upper half of its counter.
struct RngKey {
  uint64_t key = 0;
  uint64_t stream = 0;
  bool operator==(const RngKey&) const = default;
};

/// One part of a stream's name: a number or a text. Texts and numbers never collide.
using RngPart = std::variant<uint64_t, std::string_view>;

class Rng {
 public:
  explicit Rng(RngKey key) : key_(key) {}

  /// The key for content ids, e.g. DeriveKey({seed, "sample", problem_id, sample}): SHA-256 over a
  /// length-prefixed encoding of the parts.
  static RngKey DeriveKey(std::initializer_list<RngPart> parts);
  static Rng Derive(std::initializer_list<RngPart> parts) { return Rng(DeriveKey(parts)); }

  /// The block at position `counter` of the stream `key`.
  static std::array<uint32_t, 4> Block(RngKey key, uint64_t counter);

  /// Next 32 or 64 bits of the stream.
  uint32_t NextU32();
  uint64_t NextU64();
  /// Uniform in [0, 1), 53 bits.
  double NextDouble();
  /// Uniform in [0, bound), unbiased (Lemire's rejection). bound > 0.
  uint64_t NextBelow(uint64_t bound);
  /// Standard normal by Box-Muller on two doubles.
  double NextNormal();

 private:
  RngKey key_;
  uint64_t counter_ = 0;  // in blocks
  std::array<uint32_t, 4> block_{};
  int used_ = 4;
};

/// Bijection of [0, size) chosen by a key (cycle-walking Feistel network over Philox rounds), so
/// that an epoch's order needs no table and a resume is one integer.
class KeyedPermutation {
 public:
  KeyedPermutation(RngKey key, uint64_t size);
  /// index < size.
  uint64_t operator()(uint64_t index) const;

 private:
  RngKey key_;
  uint64_t size_;
  int half_bits_;
};

}  // namespace retort
