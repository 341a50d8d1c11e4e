#include "core/lm/engine/device.h"

#include <ATen/Context.h>
#include <torch/version.h>

#include "core/base/error.h"

namespace retort {

std::string DescribeDevices() {
  const int64_t devices = at::hasCUDA() ? static_cast<int64_t>(at::getNumGPUs()) : 0;
  if (devices == 0) return StrCat("LibTorch ", TORCH_VERSION, ", no CUDA device");
  return StrCat("LibTorch ", TORCH_VERSION, ", ", devices, " CUDA device", devices == 1 ? "" : "s");
}

std::string ResolveDevice(const std::string& device) {
  const bool available = at::hasCUDA() && at::getNumGPUs() > 0;
  if (device == "auto") return available ? "cuda" : "cpu";
  if (device == "cuda" && !available) {
    throw Error(ExitCode::kUnavailable,
                "device: cuda - no CUDA device is visible, or this build has no CUDA libraries - "
                "set device: auto, "
                "or build with -DRETORT_CUDA=ON on a machine with one");
  }
  return device;
}

}  // namespace retort
