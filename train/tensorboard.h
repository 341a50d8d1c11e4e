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
  ~TensorBoardWriter();
  void Scalar(const std::string& tag, double value, int64_t step);
  void Flush();

 private:
  std::unique_ptr<WritableFile> file_;
};

}  // namespace retort
