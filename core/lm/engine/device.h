// What LibTorch can compute on here.
#pragma once

#include <string>

namespace retort {

/// "LibTorch 2.11.0, no CUDA device" or "LibTorch 2.11.0, CUDA device NVIDIA H100 80GB HBM3, 79
/// GiB", the first one's, with how many more there are.
std::string DescribeDevices();

/// Resolves auto | cpu | cuda to cpu or cuda. Error(kUnavailable) when cuda is asked for and there
/// is no device, or when this build has no CUDA libraries.
std::string ResolveDevice(const std::string& device);

/// While it lives, LibTorch takes kernels that give the same bits whenever they run again on the
/// same device with the same libraries and shapes. Does nothing to what the CPU computes.
class DeterministicKernels {
 public:
  DeterministicKernels();
  ~DeterministicKernels();
  DeterministicKernels(const DeterministicKernels&) = delete;
  DeterministicKernels& operator=(const DeterministicKernels&) = delete;

 private:
  bool before_;
};

}  // namespace retort
