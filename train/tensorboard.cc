#include "train/tensorboard.h"

#include <unistd.h>

#include <bit>
#include <chrono>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/log.h"

namespace retort {
namespace {

constexpr size_t kFlushBytes = 1 << 16;

double WallSeconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

template <typename Unsigned>
void AppendFixed(std::string& out, Unsigned value) {
  for (size_t byte = 0; byte < sizeof(Unsigned); ++byte) {
    out.push_back(static_cast<char>((value >> (8 * byte)) & 0xff));
  }
}

void AppendVarint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

// Protobuf wire types: 0 varint, 1 64-bit, 2 length-delimited, 5 32-bit.
void AppendKey(std::string& out, uint32_t field, uint32_t wire_type) {
  AppendVarint(out, (field << 3) | wire_type);
}

void AppendBytes(std::string& out, uint32_t field, const std::string& bytes) {
  AppendKey(out, field, 2);
  AppendVarint(out, bytes.size());
  out += bytes;
}

void AppendWallTime(std::string& out, double seconds) {
  AppendKey(out, 1, 1);
  AppendFixed(out, std::bit_cast<uint64_t>(seconds));
}

// TFRecord's masking keeps a CRC of data that itself holds CRCs from being weak.
uint32_t MaskedCrc(const std::string& bytes) {
  const uint32_t crc = Crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

}  // namespace

std::string EncodeVersionEvent(double wall_time_seconds) {
  std::string event;
  AppendWallTime(event, wall_time_seconds);
  AppendBytes(event, 3, "brain.Event:2");
  return event;
}

std::string EncodeScalarEvent(double wall_time_seconds, int64_t step, const std::string& tag,
                              float value) {
  std::string scalar;
  AppendBytes(scalar, 1, tag);
  AppendKey(scalar, 2, 5);
  AppendFixed(scalar, std::bit_cast<uint32_t>(value));
  std::string summary;
  AppendBytes(summary, 1, scalar);

  std::string event;
  AppendWallTime(event, wall_time_seconds);
  AppendKey(event, 2, 0);
  AppendVarint(event, static_cast<uint64_t>(step));
  AppendBytes(event, 5, summary);
  return event;
}

std::string FrameTfRecord(const std::string& data) {
  std::string length;
  AppendFixed(length, static_cast<uint64_t>(data.size()));
  std::string frame = length;
  AppendFixed(frame, MaskedCrc(length));
  frame += data;
  AppendFixed(frame, MaskedCrc(data));
  return frame;
}

TensorBoardWriter::TensorBoardWriter(Env& env, const std::string& dir) {
  env.CreateDirs(dir);
  const double now = WallSeconds();
  const std::string name = StrCat("events.out.tfevents.", static_cast<int64_t>(now), ".",
                                  HostName(), ".", static_cast<int64_t>(getpid()));
  file_ = env.OpenForAppend(JoinPath(dir, name));
  buffer_ = FrameTfRecord(EncodeVersionEvent(now));
  Flush();
}

TensorBoardWriter::~TensorBoardWriter() {
  try {
    Flush();
    file_->Close();
  } catch (const Error& error) {
    LogWarning(StrCat("TensorBoard file not complete: ", error.what()));
  }
}

void TensorBoardWriter::Scalar(const std::string& tag, double value, int64_t step) {
  buffer_ += FrameTfRecord(EncodeScalarEvent(WallSeconds(), step, tag, static_cast<float>(value)));
  if (buffer_.size() >= kFlushBytes) Flush();
}

void TensorBoardWriter::Flush() {
  if (buffer_.empty()) return;
  file_->Append(buffer_);
  buffer_.clear();
}

}  // namespace retort
