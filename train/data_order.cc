#include "train/data_order.h"

#include <optional>

#include "core/base/error.h"
#include "core/base/rng.h"

namespace retort {

std::vector<int64_t> BatchIndices(uint64_t seed, int64_t examples, int64_t batch_size,
                                  int64_t step) {
  RETORT_CHECK(examples > 0 && batch_size > 0 && step >= 0, "no batch of ", batch_size, " from ",
               examples, " examples at step ", step);
  std::vector<int64_t> indices;
  int64_t epoch = -1;
  std::optional<KeyedPermutation> order;
  for (int64_t place = step * batch_size; place < (step + 1) * batch_size; ++place) {
    if (place / examples != epoch) {
      epoch = place / examples;
      const RngKey key = Rng::DeriveKey({seed, "epoch", static_cast<uint64_t>(epoch)});
      order.emplace(key, static_cast<uint64_t>(examples));
    }
    indices.push_back(static_cast<int64_t>((*order)(static_cast<uint64_t>(place % examples))));
  }
  return indices;
}

}  // namespace retort
