// How long a stage has worked over all its attempts, kept in status.json of its folder: a killed
// attempt's seconds are part of what the result cost, and `retort status` reads the same file.
#pragma once

#include <cstdint>
#include <string>

#include "core/base/env.h"
#include "core/base/json.h"
#include "core/lm/engine/engine.h"

namespace retort {

/// {"requests","attempts","prompt_tokens","completion_tokens","money"}.
Json ServedUseJson(const ServedUse& use);

class AttemptLog {
 public:
  /// Begins an attempt; reads what earlier ones left in `dir`/status.json.
  AttemptLog(Env& env, const std::string& dir);

  /// Writes status.json if `kWriteEverySeconds` passed since the last time, or at once with
  /// `force`: {"attempts","seconds","cpu_seconds","done","total","updated"}, and "served" if a
  /// served teacher was asked.
  void Update(int64_t done, int64_t total, bool force);

  /// What this attempt has asked of a served teacher so far.
  void SetServed(const ServedUse& served) { served_ = served; }

  int attempts() const { return attempts_; }
  /// Over all attempts. What an attempt did after its last Update before a kill is not counted.
  double seconds() const;
  double cpu_seconds() const;
  ServedUse served() const;

  static constexpr double kWriteEverySeconds = 5.0;

 private:
  Env& env_;
  std::string path_;
  int attempts_ = 1;
  double earlier_seconds_ = 0;
  double earlier_cpu_seconds_ = 0;
  ServedUse earlier_served_;
  ServedUse served_;
  double start_seconds_;
  double start_cpu_seconds_;
  double last_write_seconds_;
};

}  // namespace retort
