// What LibTorch can compute on here.
#pragma once

#include <string>

namespace retort {

/// "LibTorch 2.11.0, no CUDA device" or "LibTorch 2.11.0, 1 CUDA device".
std::string DescribeDevices();

/// Resolves auto | cpu | cuda to cpu or cuda. Error(kUnavailable) when cuda is asked for and there
/// is no device, or when this build has no CUDA libraries.
std::string ResolveDevice(const std::string& device);

}  // namespace retort
