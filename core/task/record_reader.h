// Cuts a file of JSON records into one text a record, in blocks, so that no file has to fit into
// memory: JSON lines, or one JSON array (its elements are the records). Pure of JSON itself: a
// record may still be broken. Single-threaded.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "core/base/env.h"

namespace retort {

/// Longest record in bytes. A longer one is never held in memory: it is reported as broken.
inline constexpr size_t kMaxRecordBytes = size_t{1} << 20;

struct Record {
  std::string_view text;    // without the line's end; borrowed for the call
  int64_t line = 0;         // where it begins, from 1
  std::string broken = {};  // why it cannot be read; then `text` is empty
};

/// Calls visit for each record of the file at `path` that is not blank, in order. A file whose
/// first byte after white space is '[' is read as an array. Throws Error(kData) if there is no such
/// file, Error(kIo) if it cannot be read, and what `visit` throws.
void ReadRecords(const Env& env, const std::string& path,
                 const std::function<void(const Record&)>& visit);

}  // namespace retort
