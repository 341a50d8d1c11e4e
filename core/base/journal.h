// Append-only journal of finished records: frames of {u32 length, u32 CRC-32C, payload}, little
// endian. A kill can cut the last frames; Replay keeps every whole frame before the first bad one
// and cuts the file there. Single-threaded.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/env.h"

namespace retort {

struct JournalReplay {
  std::vector<std::string> records;
  uint64_t dropped_bytes = 0;  // of a frame that was cut or damaged, already cut off the file
};

/// Whole frames of a journal, without touching the file; a missing file is empty.
JournalReplay ReadJournal(const Env& env, const std::string& path);

class Journal {
 public:
  /// Reads what is whole, truncates the rest, and opens for append. A missing file is empty.
  static std::unique_ptr<Journal> Open(Env& env, const std::string& path, JournalReplay* replay);

  /// Appends one frame; syncs when `sync_every_records` frames or `sync_every_seconds` passed.
  void Append(std::string_view payload);
  void Sync();
  void Close();

  static constexpr int kSyncEveryRecords = 64;
  static constexpr double kSyncEverySeconds = 5.0;
  /// A frame longer than this is taken as damage.
  static constexpr uint32_t kMaxFrameBytes = 1u << 30;

 private:
  explicit Journal(std::unique_ptr<WritableFile> file);
  std::unique_ptr<WritableFile> file_;
  int unsynced_ = 0;
  double last_sync_seconds_ = 0;
};

}  // namespace retort
