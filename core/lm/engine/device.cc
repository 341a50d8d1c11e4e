#include "core/lm/engine/device.h"

#include <ATen/Context.h>
#include <torch/version.h>

#include <cstdlib>
#ifdef RETORT_CUDA
#include <ATen/cuda/CUDAContext.h>
#endif

#include "core/base/error.h"

namespace retort {
namespace {

std::string FirstDevice() {
#ifdef RETORT_CUDA
  const cudaDeviceProp* properties = at::cuda::getDeviceProperties(0);
  return StrCat(" ", properties->name, ", ", properties->totalGlobalMem >> 30, " GiB");
#else
  return "";
#endif
}

/// Read by LibTorch when it first calls cuBLAS; without it cuBLAS may add in another order each
/// time.
void FixCublasWorkspace() { setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0); }

}  // namespace

std::string DescribeDevices() {
  const int64_t devices = at::hasCUDA() ? static_cast<int64_t>(at::getNumGPUs()) : 0;
  if (devices == 0) return StrCat("LibTorch ", TORCH_VERSION, ", no CUDA device");
  return StrCat("LibTorch ", TORCH_VERSION, ", CUDA device", FirstDevice(),
                devices == 1 ? "" : StrCat(", and ", devices - 1, " more"));
}

std::string ResolveDevice(const std::string& device) {
  const bool available = at::hasCUDA() && at::getNumGPUs() > 0;
  if (available && device != "cpu") FixCublasWorkspace();
  if (device == "auto") return available ? "cuda" : "cpu";
  if (device == "cuda" && !available) {
    throw Error(ExitCode::kUnavailable,
                "device: cuda - no CUDA device is visible, or this build has no CUDA libraries - "
                "set device: auto, "
                "or build with -DRETORT_CUDA=ON on a machine with one");
  }
  return device;
}

DeterministicKernels::DeterministicKernels()
    : before_(at::globalContext().deterministicAlgorithms()) {
  at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
  at::globalContext().setDeterministicFillUninitializedMemory(false);
}

DeterministicKernels::~DeterministicKernels() {
  at::globalContext().setDeterministicAlgorithms(before_, /*warn_only=*/false);
}

}  // namespace retort
