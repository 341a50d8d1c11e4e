// GGUF files, versions 2 and 3, little-endian: metadata under typed keys, and tensors as spans of
// bytes that DequantizeRow (gguf_quants.h) turns into float32.
//
// A GgufFile owns the mapping that every view of it points into, and copies nothing: it takes at
// most 16 times the bytes of the file's header. Immutable once read; thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/env.h"
#include "core/lm/checkpoint/gguf_quants.h"

namespace retort {

/// Types of metadata, under the numbers that files use for them.
enum class GgufType : uint32_t {
  kUint8 = 0,
  kInt8 = 1,
  kUint16 = 2,
  kInt16 = 3,
  kUint32 = 4,
  kInt32 = 5,
  kFloat32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kUint64 = 10,
  kInt64 = 11,
  kFloat64 = 12
};

/// Elements as the file has them, checked to be whole; GgufFile::Texts and its like unpack them.
struct GgufArray {
  GgufType type = GgufType::kUint8;  // of every element, never kArray
  uint64_t count = 0;
  std::string_view bytes;
};

/// Integers of every width are widened, with their sign.
using GgufValue = std::variant<bool, uint64_t, int64_t, float, double, std::string_view, GgufArray>;

struct GgufTensor {
  std::string_view name;       // printable ASCII, unique
  std::vector<int64_t> shape;  // 1 to 4 sizes above 0, slowest first: [out, in] for a matrix
  GgmlType type = GgmlType::kF32;
  std::string_view bytes;  // whole blocks, rows end to end; aligned as the file says
  int64_t ElementCount() const;
  const uint8_t* blocks() const { return reinterpret_cast<const uint8_t*>(bytes.data()); }
};

class GgufFile {
 public:
  /// Takes what ParseGguf has checked; `file` holds every byte the views point to.
  GgufFile(std::unique_ptr<MappedFile> file, std::string path,
           std::map<std::string_view, GgufValue> metadata, std::vector<GgufTensor> tensors);

  const std::string& path() const { return path_; }
  const std::map<std::string_view, GgufValue>& metadata() const { return metadata_; }
  /// In the order of the file.
  const std::vector<GgufTensor>& tensors() const { return tensors_; }
  bool Has(std::string_view key) const { return metadata_.contains(key); }

  /// The values of keys such as "llama.block_count". Error(kData) naming file and key when the key
  /// is missing or has another type.
  bool Bool(std::string_view key) const;
  int64_t Int(std::string_view key) const;
  /// Finite; also of an integer. A float32 is read by its shortest decimal, so 1e-5F is 1e-5.
  double Number(std::string_view key) const;
  std::string_view Text(std::string_view key) const;
  std::vector<std::string_view> Texts(std::string_view key) const;
  std::vector<int64_t> Ints(std::string_view key) const;
  std::vector<float> Floats(std::string_view key) const;

 private:
  [[noreturn]] void Fail(std::string_view key, std::string_view why) const;
  const GgufValue& Value(std::string_view key) const;
  const GgufArray& Array(std::string_view key) const;

  std::unique_ptr<MappedFile> file_;
  std::string path_;
  std::map<std::string_view, GgufValue> metadata_;
  std::vector<GgufTensor> tensors_;
};

/// Maps and checks a file. Error(kData) naming it and the cause for anything malformed, too large,
/// or of a type Retort does not read.
GgufFile ReadGguf(const Env& env, const std::string& path);

/// The same of bytes that are mapped already; `path` is for messages.
GgufFile ParseGguf(std::unique_ptr<MappedFile> file, const std::string& path);

}  // namespace retort
