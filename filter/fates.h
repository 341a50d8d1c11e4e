// fates.jsonl: one line for each candidate, so that any trace's fate can be explained later.
#pragma once

#include <memory>
#include <string>

#include "core/base/env.h"
#include "filter/filter.h"

namespace retort {

/// Single-threaded. The file gets its name when Finish has synced it; until then it is a temporary.
class FateWriter {
 public:
  FateWriter(Env& env, const std::string& stage_dir);

  /// {"problem","source","node","verdict","kept","dropped_by","reason"}, the last two only for
  /// candidates that were dropped.
  void Add(const ProblemCandidates& problem);
  void Finish();

 private:
  Env& env_;
  std::string path_;
  std::unique_ptr<WritableFile> file_;
  std::string buffer_;
};

}  // namespace retort
