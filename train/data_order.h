// Which examples a step trains on: an endless stream of epochs, each a keyed permutation, so that
// a resume is one integer and the order depends on nothing but (seed, number of examples).
#pragma once

#include <cstdint>
#include <vector>

namespace retort {

/// Indices below `examples` of step `step` (0-based): places [step x batch_size, (step + 1) x
/// batch_size) of the stream. Epoch e is KeyedPermutation({seed, "epoch", e}).
std::vector<int64_t> BatchIndices(uint64_t seed, int64_t examples, int64_t batch_size,
                                  int64_t step);

}  // namespace retort
