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
/// Highest resident set of this process since its start or the last ResetPeakResident, in bytes.
uint64_t PeakResidentBytes();
/// Gives freed memory back to the system and starts the peak anew, so that a stage reports its own.
/// Where the kernel does not allow it the peak goes on from the start of the process.
void ResetPeakResident();

}  // namespace retort
