// A file system that can lose its power: what was written but not synced is gone afterwards, and so
// are directory entries whose folder was not synced (after LevelDB's FaultInjectionTestEnv). The
// harshest disk that fsync allows: a real one may have kept more.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/base/env.h"

namespace retort {

class PowerLossEnv final : public Env {
 public:
  explicit PowerLossEnv(Env& base) : base_(base) {}

  /// Takes away everything that was not synced. Nothing may be open.
  void LosePower() {
    for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) entry->undo();
    entries_.clear();
    std::set<const File*> cut;
    for (const auto& [path, file] : files_) {
      if (!base_.Exists(path) || !cut.insert(file.get()).second) continue;
      base_.Truncate(path, std::min(file->synced_bytes, base_.FileSize(path)));
    }
  }

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

  std::unique_ptr<WritableFile> NewFile(const std::string& path) override {
    NoteCreation(path);
    auto file = base_.NewFile(path);
    files_[path] = std::make_shared<File>();
    return std::make_unique<Tracked>(std::move(file), base_, path, files_[path]);
  }
  std::unique_ptr<WritableFile> OpenForAppend(const std::string& path) override {
    NoteCreation(path);
    auto file = base_.OpenForAppend(path);
    return std::make_unique<Tracked>(std::move(file), base_, path, Known(path));
  }
  void Truncate(const std::string& path, uint64_t size) override {
    base_.Truncate(path, size);
    Known(path)->synced_bytes = std::min(Known(path)->synced_bytes, size);
  }
  void CreateDirs(const std::string& dir) override { base_.CreateDirs(dir); }
  bool Link(const std::string& from, const std::string& to) override {
    if (!base_.Link(from, to)) return false;
    files_[to] = Known(from);
    Note(to, [this, to] { base_.Remove(to); });
    return true;
  }
  void Rename(const std::string& from, const std::string& to) override {
    const std::string before = Keep(to);
    const std::shared_ptr<File> replaced = Exists(to) ? Known(to) : nullptr;
    base_.Rename(from, to);
    files_[to] = Known(from);
    Note(to, [this, from, to, before, replaced] {
      base_.Rename(to, from);
      if (replaced == nullptr) return;
      base_.Rename(before, to);
      files_[to] = replaced;
    });
  }
  void Remove(const std::string& path) override {
    const std::string before = Keep(path);
    base_.Remove(path);
    if (!before.empty()) Note(path, [this, path, before] { base_.Rename(before, path); });
  }
  void RemoveTree(const std::string& dir) override { base_.RemoveTree(dir); }
  void SyncPath(const std::string& path) override {
    base_.SyncPath(path);
    if (base_.IsDirectory(path)) {
      std::erase_if(entries_, [&](const Entry& entry) { return entry.dir == path; });
    } else {
      Known(path)->synced_bytes = base_.FileSize(path);
    }
  }
  std::unique_ptr<FileLock> TryLock(const std::string& path, std::string* holder) override {
    return base_.TryLock(path, holder);
  }

 private:
  struct File {
    uint64_t synced_bytes = 0;
  };
  struct Entry {  // a change of a directory that is not synced yet
    std::string dir;
    std::function<void()> undo;
  };

  class Tracked final : public WritableFile {
   public:
    Tracked(std::unique_ptr<WritableFile> file, Env& base, std::string path,
            std::shared_ptr<File> facts)
        : file_(std::move(file)), base_(base), path_(std::move(path)), facts_(std::move(facts)) {}
    void Append(std::string_view bytes) override { file_->Append(bytes); }
    void Sync() override {
      file_->Sync();
      facts_->synced_bytes = base_.FileSize(path_);
    }
    void Close() override { file_->Close(); }

   private:
    std::unique_ptr<WritableFile> file_;
    Env& base_;
    std::string path_;
    std::shared_ptr<File> facts_;
  };

  /// A file that was there before is taken as synced.
  std::shared_ptr<File> Known(const std::string& path) {
    std::shared_ptr<File>& file = files_[path];
    if (file == nullptr) {
      file = std::make_shared<File>();
      file->synced_bytes = base_.Exists(path) ? base_.FileSize(path) : 0;
    }
    return file;
  }
  void Note(const std::string& path, std::function<void()> undo) {
    entries_.push_back({ParentPath(path), std::move(undo)});
  }
  void NoteCreation(const std::string& path) {
    if (!base_.Exists(path)) Note(path, [this, path] { base_.Remove(path); });
  }
  /// Keeps a file that is about to lose its name; "" if there is none.
  std::string Keep(const std::string& path) {
    if (!base_.Exists(path)) return "";
    std::string kept = path + ".kept." + std::to_string(++kept_);
    base_.Link(path, kept);
    return kept;
  }

  Env& base_;
  std::map<std::string, std::shared_ptr<File>> files_;
  std::vector<Entry> entries_;  // oldest first
  int kept_ = 0;
};

}  // namespace retort
