#include "generate/attempt_log.h"

#include "core/base/clock.h"
#include "core/base/commit.h"

namespace retort {

AttemptLog::AttemptLog(Env& env, const std::string& dir)
    : env_(env),
      path_(JoinPath(dir, "status.json")),
      start_seconds_(MonotonicSeconds()),
      start_cpu_seconds_(ProcessCpuSeconds()),
      last_write_seconds_(start_seconds_) {
  if (!env_.Exists(path_)) return;
  const Json earlier = ParseJson(env_.ReadFile(path_), path_);
  attempts_ = earlier.value("attempts", 0) + 1;
  earlier_seconds_ = earlier.value("seconds", 0.0);
  earlier_cpu_seconds_ = earlier.value("cpu_seconds", 0.0);
}

void AttemptLog::Update(int64_t done, int64_t total, bool force) {
  if (!force && MonotonicSeconds() - last_write_seconds_ < kWriteEverySeconds) return;
  last_write_seconds_ = MonotonicSeconds();
  WriteFileAtomically(env_, path_,
                      DumpJson({{"attempts", attempts_},
                                {"seconds", seconds()},
                                {"cpu_seconds", cpu_seconds()},
                                {"done", done},
                                {"total", total},
                                {"updated", UtcNow()}}) +
                          "\n");
}

double AttemptLog::seconds() const {
  return earlier_seconds_ + MonotonicSeconds() - start_seconds_;
}

double AttemptLog::cpu_seconds() const {
  return earlier_cpu_seconds_ + ProcessCpuSeconds() - start_cpu_seconds_;
}

}  // namespace retort
