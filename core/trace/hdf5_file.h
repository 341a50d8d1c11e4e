// Flat HDF5 files as bytes in memory: groups, 1-D arrays of fixed-width numbers, root attributes.
//
// The library builds and parses images in memory only (its "core" driver without a backing file);
// the bytes go to disk through Env. A full disk is then an error of ours: HDF5 itself closes such
// files with success, or crashes in its exit handler. Nothing else in Retort includes an HDF5
// header. Single-threaded: HDF5 has one global lock at best.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace retort {

/// Element types of arrays; all little endian on disk.
enum class Hdf5Type { kU8, kI32, kI64, kU64, kF32, kF64 };

template <typename T>
constexpr Hdf5Type Hdf5TypeOf() {
  if constexpr (std::is_same_v<T, char> || std::is_same_v<T, uint8_t>) return Hdf5Type::kU8;
  if constexpr (std::is_same_v<T, int32_t>) return Hdf5Type::kI32;
  if constexpr (std::is_same_v<T, int64_t>) return Hdf5Type::kI64;
  if constexpr (std::is_same_v<T, uint64_t>) return Hdf5Type::kU64;
  if constexpr (std::is_same_v<T, float>) return Hdf5Type::kF32;
  if constexpr (std::is_same_v<T, double>) return Hdf5Type::kF64;
}

/// Names a file in messages: "damaged file - <path>: <why> - <remedy>".
struct FileLabel {
  std::string path;
  std::string remedy;
  /// Throws Error(kData).
  [[noreturn]] void ThrowDamaged(const std::string& why) const;
};

/// Builds one file. Equal calls give equal bytes: no time stamps, no addresses, no free space that
/// was never written. Throws Error(kIo) naming the part that could not be built.
class Hdf5Writer {
 public:
  explicit Hdf5Writer(const std::string& path_in_messages);
  ~Hdf5Writer();
  Hdf5Writer(const Hdf5Writer&) = delete;
  Hdf5Writer& operator=(const Hdf5Writer&) = delete;

  /// Attributes of the root group: fixed-length UTF-8 text, or int64.
  void Attribute(const std::string& name, std::string_view text);
  void Attribute(const std::string& name, int64_t value);

  /// "a/b": groups are created as needed. Chunked and checked by Fletcher-32 unless empty.
  template <typename T>
  void Array(const std::string& path, std::span<const T> values) {
    WriteArray(path, Hdf5TypeOf<T>(), values.data(), values.size());
  }

  /// The file's bytes. The writer must not be used afterwards.
  std::string Finish();

 private:
  struct Impl;
  void WriteArray(const std::string& path, Hdf5Type type, const void* values, size_t count);
  std::unique_ptr<Impl> impl_;
};

/// Reads such a file, trusting nothing in it: every link must be a hard one, every array 1-D, of
/// exactly the asked type, no longer than the file, and checked by Fletcher-32.
class Hdf5Reader {
 public:
  /// `bytes` and `label` are borrowed for the reader's life.
  Hdf5Reader(std::string_view bytes, const FileLabel& label);
  ~Hdf5Reader();
  Hdf5Reader(const Hdf5Reader&) = delete;
  Hdf5Reader& operator=(const Hdf5Reader&) = delete;

  std::string TextAttribute(const std::string& name) const;
  int64_t IntAttribute(const std::string& name) const;

  template <typename T>
  std::vector<T> Array(const std::string& path) const {
    std::vector<T> values(ArraySize(path, Hdf5TypeOf<T>()));
    ReadArray(path, Hdf5TypeOf<T>(), values.data(), values.size());
    return values;
  }
  const FileLabel& label() const { return label_; }

 private:
  struct Impl;
  size_t ArraySize(const std::string& path, Hdf5Type type) const;
  void ReadArray(const std::string& path, Hdf5Type type, void* values, size_t count) const;
  const FileLabel& label_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace retort
