// Files that have no business being large.
#pragma once

#include <cstdint>
#include <string>

#include "core/base/env.h"

namespace retort {

/// The whole file. Error(kData) when it has more than `max_bytes`, which are the most that is ever
/// held of it, whatever it says of its size (a device has none).
std::string ReadFileUpTo(const Env& env, const std::string& path, uint64_t max_bytes);

}  // namespace retort
