#include "generate/attempt_log.h"

#include "core/base/clock.h"
#include "core/base/commit.h"

namespace retort {
namespace {

ServedUse ServedUseFrom(const Json& json) {
  return {.requests = json.value("requests", int64_t{0}),
          .attempts = json.value("attempts", int64_t{0}),
          .prompt_tokens = json.value("prompt_tokens", int64_t{0}),
          .completion_tokens = json.value("completion_tokens", int64_t{0}),
          .money = json.value("money", 0.0)};
}

}  // namespace

Json ServedUseJson(const ServedUse& use) {
  return {{"requests", use.requests},
          {"attempts", use.attempts},
          {"prompt_tokens", use.prompt_tokens},
          {"completion_tokens", use.completion_tokens},
          {"money", use.money}};
}

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
  if (earlier.contains("served")) earlier_served_ = ServedUseFrom(earlier["served"]);
}

void AttemptLog::Update(int64_t done, int64_t total, bool force) {
  if (!force && MonotonicSeconds() - last_write_seconds_ < kWriteEverySeconds) return;
  last_write_seconds_ = MonotonicSeconds();
  Json status = {{"attempts", attempts_}, {"seconds", seconds()}, {"cpu_seconds", cpu_seconds()},
                 {"done", done},          {"total", total},       {"updated", UtcNow()}};
  if (served().attempts > 0) status["served"] = ServedUseJson(served());
  WriteFileAtomically(env_, path_, DumpJson(status) + "\n");
}

double AttemptLog::seconds() const {
  return earlier_seconds_ + MonotonicSeconds() - start_seconds_;
}

ServedUse AttemptLog::served() const {
  ServedUse sum = earlier_served_;
  return sum += served_;
}

double AttemptLog::cpu_seconds() const {
  return earlier_cpu_seconds_ + ProcessCpuSeconds() - start_cpu_seconds_;
}

}  // namespace retort
