// Time, for reports and pacing only: no result may depend on it.
#pragma once

#include <cstdint>
#include <string>

namespace retort {

/// Seconds on the steady clock.
double MonotonicSeconds();
/// CPU seconds used by all threads of this process.
double ProcessCpuSeconds();
/// "2026-11-22T03:04:05Z".
std::string UtcNow();
std::string HostName();
/// "AMD EPYC 9B14" or whatever the processor calls itself.
std::string ProcessorName();
/// Highest resident set of this process so far, in bytes.
uint64_t PeakResidentBytes();

}  // namespace retort
