// The file system behind one interface, so that tests can make any call fail (after leveldb's Env).
//
// Every stage reaches files through Env. HDF5 writes outside it, but only ever to temporary files
// that CommitFile then takes over. All methods throw Error(kIo) with path and errno text unless
// they say otherwise. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace retort {

/// An append-only file. Single-threaded. The destructor closes without reporting; call Close.
class WritableFile {
 public:
  virtual ~WritableFile() = default;
  virtual void Append(std::string_view bytes) = 0;
  /// Data and size reach the disk (fdatasync). After a failure the file must be abandoned: the
  /// kernel may have dropped the pages, so a second call could lie.
  virtual void Sync() = 0;
  virtual void Close() = 0;
};

/// An exclusive advisory lock; released when destroyed or when the process dies.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

/// A file's bytes, mapped read-only and fetched by the system as they are touched. Immutable and
/// thread-safe. The bytes live as long as this object. Nobody may shorten the file meanwhile: the
/// process that reads past the new end is killed (SIGBUS).
class MappedFile {
 public:
  virtual ~MappedFile() = default;
  virtual std::string_view bytes() const = 0;
};

class Env {
 public:
  virtual ~Env() = default;

  virtual bool Exists(const std::string& path) const = 0;
  virtual bool IsDirectory(const std::string& path) const = 0;
  virtual uint64_t FileSize(const std::string& path) const = 0;
  /// Whole file; Error(kData) when it is missing ("not found").
  virtual std::string ReadFile(const std::string& path) const = 0;
  /// The same in blocks of bounded size, in order, for files that need not fit in memory.
  virtual void ReadBlocks(const std::string& path,
                          const std::function<void(std::string_view)>& visit) const = 0;
  /// The same without a copy, for files larger than what is read of them.
  virtual std::unique_ptr<MappedFile> Map(const std::string& path) const = 0;
  /// Names (not paths) in a directory, sorted; empty when the directory is missing.
  virtual std::vector<std::string> List(const std::string& dir) const = 0;

  /// Creates or truncates.
  virtual std::unique_ptr<WritableFile> NewFile(const std::string& path) = 0;
  /// Creates or appends.
  virtual std::unique_ptr<WritableFile> OpenForAppend(const std::string& path) = 0;
  virtual void Truncate(const std::string& path, uint64_t size) = 0;
  virtual void CreateDirs(const std::string& dir) = 0;
  /// Hard link; false when `to` exists already.
  virtual bool Link(const std::string& from, const std::string& to) = 0;
  virtual void Rename(const std::string& from, const std::string& to) = 0;
  /// No error when the path is missing.
  virtual void Remove(const std::string& path) = 0;
  virtual void RemoveTree(const std::string& dir) = 0;
  /// fsync of an existing file, or of a directory (so that its entries survive a power loss).
  virtual void SyncPath(const std::string& path) = 0;
  /// Bytes an unprivileged user can still write on the file system that holds `path`.
  virtual uint64_t FreeBytes(const std::string& path) const = 0;

  /// Takes `path` as an exclusive lock without waiting. nullopt-like null when another process
  /// holds it; `holder` then receives that process's own description (host, pid, since).
  virtual std::unique_ptr<FileLock> TryLock(const std::string& path, std::string* holder) = 0;
};

/// The real file system. Borrowed for ever.
Env& RealEnv();

/// Counts calls that change the file system and makes number `fail_at` (1-based, and each one
/// after it when `sticky`) throw Error(kIo) "No space left on device" without doing its work.
class FaultyEnv final : public Env {
 public:
  explicit FaultyEnv(Env& base) : base_(base) {}
  void FailAt(int64_t nth, bool sticky) {
    fail_at_ = nth;
    sticky_ = sticky;
    calls_ = 0;
  }
  int64_t calls() const { return calls_; }

  bool Exists(const std::string& path) const override { return base_.Exists(path); }
  bool IsDirectory(const std::string& path) const override { return base_.IsDirectory(path); }
  uint64_t FileSize(const std::string& path) const override { return base_.FileSize(path); }
  std::string ReadFile(const std::string& path) const override { return base_.ReadFile(path); }
  void ReadBlocks(const std::string& path,
                  const std::function<void(std::string_view)>& visit) const override {
    base_.ReadBlocks(path, visit);
  }
  std::unique_ptr<MappedFile> Map(const std::string& path) const override {
    return base_.Map(path);
  }
  std::vector<std::string> List(const std::string& dir) const override { return base_.List(dir); }
  uint64_t FreeBytes(const std::string& path) const override { return base_.FreeBytes(path); }
  std::unique_ptr<WritableFile> NewFile(const std::string& path) override;
  std::unique_ptr<WritableFile> OpenForAppend(const std::string& path) override;
  void Truncate(const std::string& path, uint64_t size) override;
  void CreateDirs(const std::string& dir) override;
  bool Link(const std::string& from, const std::string& to) override;
  void Rename(const std::string& from, const std::string& to) override;
  void Remove(const std::string& path) override;
  void RemoveTree(const std::string& dir) override;
  void SyncPath(const std::string& path) override;
  std::unique_ptr<FileLock> TryLock(const std::string& path, std::string* holder) override;

  /// Called before each counted operation; throws when it is that operation's turn.
  void Tick(const std::string& what);

 private:
  Env& base_;
  int64_t fail_at_ = 0;
  bool sticky_ = false;
  int64_t calls_ = 0;
};

std::string JoinPath(std::string_view dir, std::string_view name);
std::string ParentPath(std::string_view path);
std::string BaseName(std::string_view path);

}  // namespace retort
