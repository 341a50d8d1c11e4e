#include "core/trace/lookup3.h"

#include <array>
#include <bit>
#include <cstring>

namespace retort {
namespace {

using Words = std::array<uint32_t, 3>;

constexpr size_t kBlockBytes = sizeof(Words);

void AddBlock(std::string_view block, Words* state) {
  Words words{};  // a short block is filled up with zeros
  std::memcpy(words.data(), block.data(), block.size());
  for (size_t i = 0; i < words.size(); ++i) (*state)[i] += words[i];
}

void Mix(Words* state) {
  auto& [a, b, c] = *state;
  a = (a - c) ^ std::rotl(c, 4), c += b;
  b = (b - a) ^ std::rotl(a, 6), a += c;
  c = (c - b) ^ std::rotl(b, 8), b += a;
  a = (a - c) ^ std::rotl(c, 16), c += b;
  b = (b - a) ^ std::rotl(a, 19), a += c;
  c = (c - b) ^ std::rotl(b, 4), b += a;
}

uint32_t Finish(Words* state) {
  auto& [a, b, c] = *state;
  c = (c ^ b) - std::rotl(b, 14);
  a = (a ^ c) - std::rotl(c, 11);
  b = (b ^ a) - std::rotl(a, 25);
  c = (c ^ b) - std::rotl(b, 16);
  a = (a ^ c) - std::rotl(c, 4);
  b = (b ^ a) - std::rotl(a, 14);
  c = (c ^ b) - std::rotl(b, 24);
  return c;
}

}  // namespace

uint32_t Lookup3(std::string_view bytes) {
  Words state;
  state.fill(0xdeadbeef + static_cast<uint32_t>(bytes.size()));
  if (bytes.empty()) return state[2];
  while (bytes.size() > kBlockBytes) {
    AddBlock(bytes.substr(0, kBlockBytes), &state);
    Mix(&state);
    bytes.remove_prefix(kBlockBytes);
  }
  AddBlock(bytes, &state);
  return Finish(&state);
}

}  // namespace retort
