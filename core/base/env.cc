#include "core/base/env.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <utility>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/log.h"

namespace retort {
namespace {

namespace fs = std::filesystem;

constexpr size_t kBlockBytes = size_t{1} << 20;

std::string ErrnoText(int code) {
  const char* name = strerrorname_np(code);
  return StrCat(std::generic_category().message(code), " (", name == nullptr ? "errno" : name, ")");
}

[[noreturn]] void ThrowErrno(const std::string& what, const std::string& path, int code) {
  throw Error(ExitCode::kIo, StrCat("cannot ", what, " - ", path, ": ", ErrnoText(code)));
}

// Calls `call` again while a signal handler interrupts it.
template <typename Call>
auto Retry(const Call& call) {
  auto result = call();
  while (result == -1 && errno == EINTR) result = call();
  return result;
}

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.Release()) {}
  FileDescriptor& operator=(FileDescriptor&&) = delete;
  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

FileDescriptor OpenOrThrow(const std::string& path, int flags, const std::string& what) {
  const int fd = Retry([&] { return ::open(path.c_str(), flags | O_CLOEXEC, 0666); });
  if (fd < 0) ThrowErrno(what, path, errno);
  return FileDescriptor(fd);
}

/// For whole files; the message for a missing one is that of ReadFile.
FileDescriptor OpenForReading(const std::string& path) {
  FileDescriptor fd(Retry([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); }));
  if (fd.get() < 0 && (errno == ENOENT || errno == ENOTDIR)) {
    throw Error(ExitCode::kData, StrCat("cannot read - ", path, ": not found"));
  }
  if (fd.get() < 0) ThrowErrno("read", path, errno);
  return fd;
}

class PosixMappedFile final : public MappedFile {
 public:
  PosixMappedFile(void* data, size_t size) : data_(data), size_(size) {}
  ~PosixMappedFile() override {
    if (size_ > 0) ::munmap(data_, size_);
  }
  PosixMappedFile(const PosixMappedFile&) = delete;
  PosixMappedFile& operator=(const PosixMappedFile&) = delete;
  std::string_view bytes() const override { return {static_cast<const char*>(data_), size_}; }

 private:
  void* data_;
  size_t size_;
};

class PosixWritableFile final : public WritableFile {
 public:
  PosixWritableFile(FileDescriptor fd, std::string path)
      : fd_(std::move(fd)), path_(std::move(path)) {}

  void Append(std::string_view bytes) override {
    CheckUsable();
    while (!bytes.empty()) {
      const ssize_t written = Retry([&] { return ::write(fd_.get(), bytes.data(), bytes.size()); });
      if (written < 0)
        Fail(StrCat("write ", WithCommas(static_cast<int64_t>(bytes.size())), " bytes"), errno);
      bytes.remove_prefix(static_cast<size_t>(written));
    }
  }

  void Sync() override {
    CheckUsable();
    if (Retry([&] { return ::fdatasync(fd_.get()); }) != 0) Fail("sync", errno);
  }

  void Close() override {
    CheckUsable();
    failed_ = true;
    // Linux closes the descriptor even when close() is interrupted; a retry could hit another file.
    if (::close(fd_.Release()) != 0 && errno != EINTR) Fail("close", errno);
  }

 private:
  void CheckUsable() const {
    RETORT_CHECK(!failed_, path_, " was closed, or an earlier write or sync of it failed");
  }

  [[noreturn]] void Fail(const std::string& what, int code) {
    failed_ = true;
    ThrowErrno(what, path_, code);
  }

  FileDescriptor fd_;
  std::string path_;
  bool failed_ = false;
};

class PosixFileLock final : public FileLock {
 public:
  explicit PosixFileLock(FileDescriptor fd) : fd_(std::move(fd)) {}

 private:
  FileDescriptor fd_;
};

class NullFileLock final : public FileLock {};

void WriteHolder(int fd, const std::string& path) {
  const std::string text =
      StrCat("host ", HostName(), " pid ", ::getpid(), " since ", UtcNow(), "\n");
  const bool ok = ::ftruncate(fd, 0) == 0 &&
                  ::pwrite(fd, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
  if (!ok) ThrowErrno("write the lock's holder", path, errno);
}

std::string ReadHolder(int fd) {
  std::array<char, 256> buffer{};
  const ssize_t size = ::pread(fd, buffer.data(), buffer.size(), 0);
  std::string text(buffer.data(), size > 0 ? static_cast<size_t>(size) : 0);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.empty() ? "another process" : text;
}

class PosixEnv final : public Env {
 public:
  bool Exists(const std::string& path) const override {
    struct stat info {};
    if (::stat(path.c_str(), &info) == 0) return true;
    if (errno != ENOENT && errno != ENOTDIR) ThrowErrno("look up", path, errno);
    return false;
  }

  bool IsDirectory(const std::string& path) const override {
    struct stat info {};
    return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
  }

  uint64_t FileSize(const std::string& path) const override {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) ThrowErrno("take the size", path, errno);
    return static_cast<uint64_t>(info.st_size);
  }

  std::string ReadFile(const std::string& path) const override {
    std::string bytes;
    ReadBlocks(path, [&](std::string_view block) { bytes += block; });
    return bytes;
  }

  void ReadBlocks(const std::string& path,
                  const std::function<void(std::string_view)>& visit) const override {
    const FileDescriptor fd = OpenForReading(path);
    std::string buffer(kBlockBytes, '\0');
    for (;;) {
      const ssize_t size = Retry([&] { return ::read(fd.get(), buffer.data(), buffer.size()); });
      if (size < 0) ThrowErrno("read", path, errno);
      if (size == 0) return;
      visit(std::string_view(buffer.data(), static_cast<size_t>(size)));
    }
  }

  std::unique_ptr<MappedFile> Map(const std::string& path) const override {
    const FileDescriptor fd = OpenForReading(path);
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0) ThrowErrno("take the size", path, errno);
    const auto size = static_cast<size_t>(info.st_size);
    // A mapping of no bytes is an error to the system, and an empty file is none to us.
    if (S_ISREG(info.st_mode) && size == 0) return std::make_unique<PosixMappedFile>(nullptr, 0);
    void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
    if (data == MAP_FAILED) ThrowErrno("map", path, errno);
    return std::make_unique<PosixMappedFile>(data, size);
  }

  std::vector<std::string> List(const std::string& dir) const override {
    std::vector<std::string> names;
    if (!Exists(dir)) return names;
    std::error_code error;
    fs::directory_iterator at(dir, error);
    for (; !error && at != fs::directory_iterator(); at.increment(error)) {
      names.push_back(at->path().filename().string());
    }
    if (error) ThrowErrno("list", dir, error.value());
    std::sort(names.begin(), names.end());
    return names;
  }

  std::unique_ptr<WritableFile> NewFile(const std::string& path) override {
    return std::make_unique<PosixWritableFile>(
        OpenOrThrow(path, O_WRONLY | O_CREAT | O_TRUNC, "create"), path);
  }

  std::unique_ptr<WritableFile> OpenForAppend(const std::string& path) override {
    return std::make_unique<PosixWritableFile>(
        OpenOrThrow(path, O_WRONLY | O_CREAT | O_APPEND, "open"), path);
  }

  void Truncate(const std::string& path, uint64_t size) override {
    const int status = Retry([&] { return ::truncate(path.c_str(), static_cast<off_t>(size)); });
    if (status != 0) ThrowErrno("truncate", path, errno);
  }

  void CreateDirs(const std::string& dir) override {
    if (dir.empty() || IsDirectory(dir)) return;
    const std::string parent = ParentPath(dir);
    if (parent != dir) CreateDirs(parent);
    if (::mkdir(dir.c_str(), 0777) == 0) {
      SyncPath(parent);
    } else if (errno != EEXIST || !IsDirectory(dir)) {
      ThrowErrno("create the folder", dir, errno);
    }
  }

  bool Link(const std::string& from, const std::string& to) override {
    if (::link(from.c_str(), to.c_str()) == 0) return true;
    if (errno != EEXIST) ThrowErrno(StrCat("link ", from), to, errno);
    return false;
  }

  void Rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) ThrowErrno(StrCat("rename ", from), to, errno);
  }

  void Remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) ThrowErrno("remove", path, errno);
  }

  void RemoveTree(const std::string& dir) override {
    std::error_code error;
    fs::remove_all(dir, error);
    if (error) ThrowErrno("remove", dir, error.value());
  }

  void SyncPath(const std::string& path) override {
    const FileDescriptor fd = OpenOrThrow(path, O_RDONLY, "sync");
    if (Retry([&] { return ::fsync(fd.get()); }) == 0) return;
    // Some network file systems have no fsync for folders and say so like this.
    if (errno == EINVAL && IsDirectory(path)) return;
    ThrowErrno("sync", path, errno);
  }

  uint64_t FreeBytes(const std::string& path) const override {
    std::string existing = path;
    while (!Exists(existing) && ParentPath(existing) != existing) existing = ParentPath(existing);
    struct statvfs info {};
    if (::statvfs(existing.c_str(), &info) != 0) ThrowErrno("take the free space", path, errno);
    return static_cast<uint64_t>(info.f_bavail) * static_cast<uint64_t>(info.f_frsize);
  }

  std::unique_ptr<FileLock> TryLock(const std::string& path, std::string* holder) override {
    FileDescriptor fd = OpenOrThrow(path, O_RDWR | O_CREAT, "open the lock");
    if (Retry([&] { return ::flock(fd.get(), LOCK_EX | LOCK_NB); }) == 0) {
      WriteHolder(fd.get(), path);
      return std::make_unique<PosixFileLock>(std::move(fd));
    }
    if (errno == EWOULDBLOCK) {
      if (holder != nullptr) *holder = ReadHolder(fd.get());
      return nullptr;
    }
    if (errno != ENOLCK && errno != ENOSYS && errno != EOPNOTSUPP) ThrowErrno("lock", path, errno);
    std::call_once(lock_warning_, [&, code = errno] {
      LogWarning(StrCat("this file system has no locks - ", path, ": ", ErrnoText(code),
                        " - make sure that no second run uses the folder"));
    });
    return std::make_unique<NullFileLock>();
  }

 private:
  std::once_flag lock_warning_;
};

}  // namespace

Env& RealEnv() {
  static PosixEnv env;
  return env;
}

std::string JoinPath(std::string_view dir, std::string_view name) {
  if (dir.empty()) return std::string(name);
  return StrCat(dir, dir.ends_with('/') ? "" : "/", name);
}

std::string ParentPath(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return std::string(path.substr(0, std::max<size_t>(slash, 1)));
}

std::string BaseName(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return std::string(path.substr(path.rfind('/') + 1));
}

}  // namespace retort
