#include "core/base/rng.h"

#include <cmath>
#include <numbers>

#include "core/base/error.h"
#include "core/base/hash.h"

namespace retort {
namespace {

__extension__ typedef unsigned __int128 Uint128;

// Multipliers and Weyl steps of Philox4x32 (Salmon et al., SC'11, table 2 and Random123).
constexpr uint32_t kMultiplier0 = 0xd2511f53;
constexpr uint32_t kMultiplier1 = 0xcd9e8d57;
constexpr uint32_t kWeyl0 = 0x9e3779b9;
constexpr uint32_t kWeyl1 = 0xbb67ae85;
constexpr int kPhiloxRounds = 10;
// Luby and Rackoff need four; small domains mix better with more.
constexpr int kFeistelRounds = 8;

uint32_t Low(uint64_t value) { return static_cast<uint32_t>(value); }
uint32_t High(uint64_t value) { return static_cast<uint32_t>(value >> 32); }

void AppendU64(std::string* bytes, uint64_t value) {
  for (int shift = 0; shift < 64; shift += 8) *bytes += static_cast<char>((value >> shift) & 0xff);
}

// A kind byte and a length before each text: no two lists of parts have equal encodings.
std::string Encode(std::initializer_list<RngPart> parts) {
  std::string bytes;
  for (const RngPart& part : parts) {
    if (const uint64_t* number = std::get_if<uint64_t>(&part)) {
      bytes += 'n';
      AppendU64(&bytes, *number);
    } else {
      const std::string_view text = std::get<std::string_view>(part);
      bytes += 't';
      AppendU64(&bytes, text.size());
      bytes += text;
    }
  }
  return bytes;
}

}  // namespace

RngKey Rng::DeriveKey(std::initializer_list<RngPart> parts) {
  const std::string digest = Sha256(Encode(parts));
  return {.key = std::stoull(digest.substr(0, 16), nullptr, 16),
          .stream = std::stoull(digest.substr(16, 16), nullptr, 16)};
}

std::array<uint32_t, 4> Rng::Block(RngKey key, uint64_t counter) {
  std::array<uint32_t, 4> x = {Low(counter), High(counter), Low(key.stream), High(key.stream)};
  uint32_t key0 = Low(key.key);
  uint32_t key1 = High(key.key);
  for (int round = 0; round < kPhiloxRounds; ++round) {
    const uint64_t product0 = uint64_t{kMultiplier0} * x[0];
    const uint64_t product1 = uint64_t{kMultiplier1} * x[2];
    x = {High(product1) ^ x[1] ^ key0, Low(product1), High(product0) ^ x[3] ^ key1, Low(product0)};
    key0 += kWeyl0;
    key1 += kWeyl1;
  }
  return x;
}

uint32_t Rng::NextU32() {
  if (used_ == 4) {
    block_ = Block(key_, counter_++);
    used_ = 0;
  }
  return block_[static_cast<size_t>(used_++)];
}

uint64_t Rng::NextU64() {
  const uint64_t low = NextU32();
  return low | (uint64_t{NextU32()} << 32);
}

double Rng::NextDouble() { return static_cast<double>(NextU64() >> 11) * 0x1.0p-53; }

uint64_t Rng::NextBelow(uint64_t bound) {
  RETORT_CHECK(bound > 0, "NextBelow(0)");
  // Lemire 2019, "Fast random integer generation in an interval", algorithm 5.
  Uint128 product = Uint128{NextU64()} * bound;
  if (static_cast<uint64_t>(product) < bound) {
    const uint64_t threshold = (0 - bound) % bound;
    while (static_cast<uint64_t>(product) < threshold) product = Uint128{NextU64()} * bound;
  }
  return static_cast<uint64_t>(product >> 64);
}

double Rng::NextNormal() {
  const double u = 1.0 - NextDouble();  // (0, 1]: the logarithm stays finite
  const double angle = 2.0 * std::numbers::pi * NextDouble();
  return std::sqrt(-2.0 * std::log(u)) * std::cos(angle);
}

KeyedPermutation::KeyedPermutation(RngKey key, uint64_t size)
    : key_(key), size_(size), half_bits_(1) {
  while (half_bits_ < 32 && (uint64_t{1} << (2 * half_bits_)) < size) ++half_bits_;
}

uint64_t KeyedPermutation::operator()(uint64_t index) const {
  RETORT_CHECK(index < size_, "index ", index, " of a permutation of ", size_);
  const uint64_t mask = (uint64_t{1} << half_bits_) - 1;
  do {
    uint64_t left = index >> half_bits_;
    uint64_t right = index & mask;
    for (uint64_t round = 0; round < kFeistelRounds; ++round) {
      const uint64_t mixed = left ^ (Rng::Block(key_, (round << 32) | right)[0] & mask);
      left = right;
      right = mixed;
    }
    index = (left << half_bits_) | right;
  } while (index >= size_);  // a bijection of the power of two, walked until back inside
  return index;
}

}  // namespace retort
