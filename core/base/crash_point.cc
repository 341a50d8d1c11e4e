#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <cstdlib>

#include "core/base/commit.h"
#include "core/base/error.h"

namespace retort {
namespace {

// RETORT_CRASH_AT, read once.
struct CrashTarget {
  std::string name;  // "" for none
  int64_t arrivals = 1;
};

CrashTarget ReadTarget() {
  const char* text = std::getenv("RETORT_CRASH_AT");
  if (text == nullptr || *text == '\0') return {};
  const std::vector<std::string> parts = Split(text, ':');
  CrashTarget target{.name = parts[0]};
  if (parts.size() == 1) return target;
  const std::string& count = parts[1];
  const auto result = std::from_chars(count.data(), count.data() + count.size(), target.arrivals);
  const bool whole = result.ec == std::errc() && result.ptr == count.data() + count.size();
  if (parts.size() > 2 || !whole || target.arrivals < 1) {
    throw Error(ExitCode::kUsage,
                StrCat("RETORT_CRASH_AT=", text, ": expected \"name\" or \"name:n\" with n >= 1"));
  }
  return target;
}

}  // namespace

void CrashPoint(std::string_view name) {
  static const CrashTarget target = ReadTarget();
  if (target.name.empty() || target.name != name) return;
  static std::atomic<int64_t> arrivals{0};
  if (++arrivals == target.arrivals) ::kill(::getpid(), SIGKILL);
}

std::vector<std::string> CrashPointNames() {
  return {"atomic.before_sync",   "atomic.before_rename",  "atomic.after_rename",
          "commit.before_link",   "commit.after_link",     "commit.before_sidecar",
          "commit.after_sidecar", "journal.before_append", "journal.after_append",
          "journal.after_sync"};
}

}  // namespace retort
