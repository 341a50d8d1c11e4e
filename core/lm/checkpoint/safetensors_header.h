// The header of a safetensors file, checked: what lies where. Torch-free. Pure function.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace retort {

struct SafetensorsEntry {
  std::string name;
  std::string dtype;  // one of kSafetensorsTypes
  std::vector<int64_t> shape;
  std::string_view bytes;  // exactly those of the shape; points into the file
};

struct SafetensorsFile {
  std::vector<SafetensorsEntry> tensors;  // in the order of their bytes
  std::map<std::string, std::string> metadata;
};

struct SafetensorsType {
  const char* name;
  uint64_t bytes;  // of an element
};
inline constexpr SafetensorsType kSafetensorsTypes[] = {
    {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"F64", 8}, {"I64", 8}, {"I32", 4}, {"U8", 1}};

/// `bytes` are the whole file and outlive the result. Error(kData) naming `path` and the cause for
/// anything malformed or too large: entries have known types and the size of their shape, and lie
/// without holes, overlaps or leftovers.
SafetensorsFile ParseSafetensors(std::string_view bytes, const std::string& path);

}  // namespace retort
