#include <utility>

#include "core/base/env.h"
#include "core/base/error.h"

namespace retort {
namespace {

// Like a real file, refuses everything after its first failure.
class FaultyFile final : public WritableFile {
 public:
  FaultyFile(FaultyEnv& env, std::unique_ptr<WritableFile> file, std::string path)
      : env_(env), file_(std::move(file)), path_(std::move(path)) {}

  void Append(std::string_view bytes) override {
    Tick("write");
    file_->Append(bytes);
  }
  void Sync() override {
    Tick("sync");
    file_->Sync();
  }
  void Close() override {
    Tick("close");
    file_->Close();
  }

 private:
  void Tick(const std::string& what) {
    RETORT_CHECK(!failed_, path_, " is used after a failure");
    failed_ = true;
    env_.Tick(StrCat(what, " - ", path_));
    failed_ = false;
  }

  FaultyEnv& env_;
  std::unique_ptr<WritableFile> file_;
  std::string path_;
  bool failed_ = false;
};

}  // namespace

void FaultyEnv::Tick(const std::string& what) {
  ++calls_;
  const bool fails = fail_at_ > 0 && (sticky_ ? calls_ >= fail_at_ : calls_ == fail_at_);
  if (fails) {
    throw Error(ExitCode::kIo,
                StrCat("cannot ", what, ": No space left on device (ENOSPC, injected)"));
  }
}

std::unique_ptr<WritableFile> FaultyEnv::NewFile(const std::string& path) {
  Tick(StrCat("create - ", path));
  return std::make_unique<FaultyFile>(*this, base_.NewFile(path), path);
}

std::unique_ptr<WritableFile> FaultyEnv::OpenForAppend(const std::string& path) {
  Tick(StrCat("open - ", path));
  return std::make_unique<FaultyFile>(*this, base_.OpenForAppend(path), path);
}

void FaultyEnv::Truncate(const std::string& path, uint64_t size) {
  Tick(StrCat("truncate - ", path));
  base_.Truncate(path, size);
}

void FaultyEnv::CreateDirs(const std::string& dir) {
  Tick(StrCat("create the folder - ", dir));
  base_.CreateDirs(dir);
}

bool FaultyEnv::Link(const std::string& from, const std::string& to) {
  Tick(StrCat("link ", from, " - ", to));
  return base_.Link(from, to);
}

void FaultyEnv::Rename(const std::string& from, const std::string& to) {
  Tick(StrCat("rename ", from, " - ", to));
  base_.Rename(from, to);
}

void FaultyEnv::Remove(const std::string& path) {
  Tick(StrCat("remove - ", path));
  base_.Remove(path);
}

void FaultyEnv::RemoveTree(const std::string& dir) {
  Tick(StrCat("remove - ", dir));
  base_.RemoveTree(dir);
}

void FaultyEnv::SyncPath(const std::string& path) {
  Tick(StrCat("sync - ", path));
  base_.SyncPath(path);
}

std::unique_ptr<FileLock> FaultyEnv::TryLock(const std::string& path, std::string* holder) {
  Tick(StrCat("open the lock - ", path));
  return base_.TryLock(path, holder);
}

}  // namespace retort
