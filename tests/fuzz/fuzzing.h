// What the fuzz programs share. A program fails on anything but a retort::Error: crash, sanitizer
// report, other exception, hang, or more memory than its limit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

#include "core/base/env.h"
#include "core/base/error.h"

namespace retort {

inline std::string_view FuzzText(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Stops the program unless `condition` holds: what a fuzzer can report.
inline void Expect(bool condition) {
  if (!condition) std::abort();
}

/// Runs `call`; a refusal is as good as a result.
template <typename Call>
void OrRefuse(Call call) {
  try {
    call();
  } catch (const Error& error) {
    // One line, printable to its end (GUIDE 13); config errors are one line a problem.
    const std::string_view message = error.what();
    Expect(!message.empty());
    if (error.code() == ExitCode::kInternal) std::abort();
  }
}

/// A folder of read-only files in memory.
class BytesEnv final : public Env {
 public:
  explicit BytesEnv(std::map<std::string, std::string> files) : files_(std::move(files)) {}

  bool Exists(const std::string& path) const override { return files_.contains(path); }
  bool IsDirectory(const std::string&) const override { return false; }
  uint64_t FileSize(const std::string& path) const override { return files_.at(path).size(); }
  std::string ReadFile(const std::string& path) const override { return files_.at(path); }
  /// In blocks of a few bytes, so that every record is cut somewhere.
  void ReadBlocks(const std::string& path,
                  const std::function<void(std::string_view)>& visit) const override {
    const std::string_view bytes = files_.at(path);
    for (size_t at = 0; at < bytes.size(); at += kBlock) visit(bytes.substr(at, kBlock));
  }
  std::unique_ptr<MappedFile> Map(const std::string&) const override { std::abort(); }
  std::vector<std::string> List(const std::string&) const override { return {}; }
  std::unique_ptr<WritableFile> NewFile(const std::string&) override { std::abort(); }
  std::unique_ptr<WritableFile> OpenForAppend(const std::string&) override { std::abort(); }
  void Truncate(const std::string&, uint64_t) override { std::abort(); }
  void CreateDirs(const std::string&) override { std::abort(); }
  bool Link(const std::string&, const std::string&) override { std::abort(); }
  void Rename(const std::string&, const std::string&) override { std::abort(); }
  void Remove(const std::string&) override { std::abort(); }
  void RemoveTree(const std::string&) override { std::abort(); }
  void SyncPath(const std::string&) override { std::abort(); }
  uint64_t FreeBytes(const std::string&) const override { return 0; }
  std::unique_ptr<FileLock> TryLock(const std::string&, std::string*) override { std::abort(); }

 private:
  static constexpr size_t kBlock = 7;
  std::map<std::string, std::string> files_;
};

/// Bytes as a mapped file.
class BytesFile final : public MappedFile {
 public:
  explicit BytesFile(std::string bytes) : bytes_(std::move(bytes)) {}
  std::string_view bytes() const override { return bytes_; }

 private:
  std::string bytes_;
};

}  // namespace retort
