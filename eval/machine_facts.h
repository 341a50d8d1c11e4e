// What a reader of timings wants to know of the machine.
#pragma once

#include "core/base/json.h"

namespace retort {

/// {"processor", "host", "cores", "load_average", "memory_read_gb_per_s"}. The last is the best of
/// a few passes over a buffer larger than the caches of small machines: a figure to compare runs
/// by.
Json MachineFacts();

}  // namespace retort
