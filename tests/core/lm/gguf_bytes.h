// GGUF files put together byte by byte, right ones and wrong ones, for tests.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/lm/checkpoint/gguf.h"

namespace retort {

template <typename T>
std::string RawBytes(T value) {
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}

inline std::string RawText(std::string_view text) {
  return RawBytes(uint64_t{text.size()}) + std::string(text);
}

/// A key of any type, whose value is given as the file has it.
inline std::string RawKey(std::string_view key, GgufType type, const std::string& value) {
  return RawText(key) + RawBytes(static_cast<uint32_t>(type)) + value;
}

inline std::string TextKey(std::string_view key, std::string_view text) {
  return RawKey(key, GgufType::kString, RawText(text));
}

inline std::string ArrayKey(std::string_view key, GgufType type, uint64_t count,
                            const std::string& elements) {
  return RawKey(key, GgufType::kArray,
                RawBytes(static_cast<uint32_t>(type)) + RawBytes(count) + elements);
}

/// A tensor's entry; `dims` as in the file, the row length first.
struct RawTensor {
  std::string name = "t";
  std::vector<uint64_t> dims = {4};
  uint32_t type = 0;  // F32
  uint64_t offset = 0;

  std::string Bytes() const {
    std::string bytes = RawText(name) + RawBytes(static_cast<uint32_t>(dims.size()));
    for (const uint64_t size : dims) bytes += RawBytes(size);
    return bytes + RawBytes(type) + RawBytes(offset);
  }
};

/// A whole file, except that nothing of it need be true.
struct RawGguf {
  std::string magic = "GGUF";
  uint32_t version = 3;
  std::vector<std::string> keys;
  std::vector<RawTensor> tensors;
  std::string data;
  uint64_t alignment = 32;

  std::string Bytes() const {
    std::string bytes = magic + RawBytes(version) + RawBytes(uint64_t{tensors.size()}) +
                        RawBytes(uint64_t{keys.size()});
    for (const std::string& key : keys) bytes += key;
    for (const RawTensor& tensor : tensors) bytes += tensor.Bytes();
    bytes.resize((bytes.size() + alignment - 1) / alignment * alignment);
    return bytes + data;
  }
};

/// Bytes in memory of exactly their size, so that a sanitizer sees a read past the end.
class MemoryFile final : public MappedFile {
 public:
  explicit MemoryFile(std::string_view bytes) : bytes_(bytes.begin(), bytes.end()) {}
  std::string_view bytes() const override { return {bytes_.data(), bytes_.size()}; }

 private:
  std::vector<char> bytes_;
};

inline GgufFile ParseBytes(std::string_view bytes) {
  return ParseGguf(std::make_unique<MemoryFile>(bytes), "x.gguf");
}

}  // namespace retort
