#include "core/base/journal.h"

#include <utility>

#include "core/base/clock.h"
#include "core/base/commit.h"
#include "core/base/error.h"
#include "core/base/hash.h"

namespace retort {
namespace {

constexpr size_t kHeaderBytes = 8;

void AppendU32(std::string* bytes, uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) *bytes += static_cast<char>((value >> shift) & 0xff);
}

uint32_t ReadU32(std::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value |= uint32_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
  return value;
}

// Size of the whole frame at the start of `bytes`, or 0 when it is cut or damaged. A length of 0
// is damage: a file system may leave zeros behind, and they would pass as empty frames.
size_t WholeFrame(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes) return 0;
  const uint32_t length = ReadU32(bytes);
  if (length == 0 || length > Journal::kMaxFrameBytes) return 0;
  if (bytes.size() - kHeaderBytes < length) return 0;
  const std::string_view payload = bytes.substr(kHeaderBytes, length);
  return Crc32c(payload) == ReadU32(bytes.substr(4)) ? kHeaderBytes + length : 0;
}

}  // namespace

Journal::Journal(std::unique_ptr<WritableFile> file)
    : file_(std::move(file)), last_sync_seconds_(MonotonicSeconds()) {}

JournalReplay ReadJournal(const Env& env, const std::string& path) {
  JournalReplay replay;
  const std::string bytes = env.Exists(path) ? env.ReadFile(path) : "";
  std::string_view rest = bytes;
  for (size_t size = WholeFrame(rest); size > 0; size = WholeFrame(rest)) {
    replay.records.emplace_back(rest.substr(kHeaderBytes, size - kHeaderBytes));
    rest.remove_prefix(size);
  }
  replay.dropped_bytes = rest.size();
  return replay;
}

std::unique_ptr<Journal> Journal::Open(Env& env, const std::string& path, JournalReplay* replay) {
  const bool exists = env.Exists(path);
  *replay = ReadJournal(env, path);
  if (replay->dropped_bytes > 0) env.Truncate(path, env.FileSize(path) - replay->dropped_bytes);
  std::unique_ptr<WritableFile> file = env.OpenForAppend(path);
  if (!exists) env.SyncPath(ParentPath(path));
  return std::unique_ptr<Journal>(new Journal(std::move(file)));
}

void Journal::Append(std::string_view payload) {
  RETORT_CHECK(!payload.empty() && payload.size() <= kMaxFrameBytes, "a journal record of ",
               payload.size(), " bytes");
  std::string frame;
  frame.reserve(kHeaderBytes + payload.size());
  AppendU32(&frame, static_cast<uint32_t>(payload.size()));
  AppendU32(&frame, Crc32c(payload));
  frame += payload;
  CrashPoint("journal.before_append");
  file_->Append(frame);
  CrashPoint("journal.after_append");
  ++unsynced_;
  const bool late = MonotonicSeconds() - last_sync_seconds_ >= kSyncEverySeconds;
  if (unsynced_ >= kSyncEveryRecords || late) Sync();
}

void Journal::Sync() {
  if (unsynced_ > 0) file_->Sync();
  CrashPoint("journal.after_sync");
  unsynced_ = 0;
  last_sync_seconds_ = MonotonicSeconds();
}

void Journal::Close() {
  Sync();
  file_->Close();
}

}  // namespace retort
