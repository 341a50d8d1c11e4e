// Scalars as TensorBoard event files (TFRecord frames of Event protobufs, written by hand). Values
// only go in; wall times are outside every hash. Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/base/env.h"

namespace retort {

class TensorBoardWriter {
 public:
  /// Appends to one file in `dir`, "events.out.tfevents.<seconds>.<host>.<pid>".
  TensorBoardWriter(Env& env, const std::string& dir);
  /// Flushes what is left; a failure there is logged, not thrown.
  ~TensorBoardWriter();
  void Scalar(const std::string& tag, double value, int64_t step);
  /// Hands buffered events to the file, where a running TensorBoard sees them.
  void Flush();

 private:
  std::unique_ptr<WritableFile> file_;
  std::string buffer_;
};

/// Event protobuf (tensorflow/core/util/event.proto) of one scalar: wall_time 1, step 2,
/// summary 5 { value 1 { tag 1, simple_value 2 } }.
std::string EncodeScalarEvent(double wall_time_seconds, int64_t step, const std::string& tag,
                              float value);
/// The first event of a file: wall_time 1, file_version 3 "brain.Event:2".
std::string EncodeVersionEvent(double wall_time_seconds);
/// TFRecord frame: u64 length, masked CRC-32C of it, data, masked CRC-32C of the data.
std::string FrameTfRecord(const std::string& data);

}  // namespace retort
