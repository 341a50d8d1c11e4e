#include "core/base/stop.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <atomic>
#include <string>

#include "core/base/error.h"

namespace retort {
namespace {

// A signal handler can reach nothing but globals.
std::atomic<int> g_stop_signal{0};
std::atomic<int> g_urgent_signals{0};
static_assert(std::atomic<int>::is_always_lock_free);

ExitCode CodeFor(int signal_number) {
  return signal_number == SIGINT ? ExitCode::kInterrupted : ExitCode::kTryAgain;
}

// SIGUSR1 is a scheduler's early warning; the SIGTERM after it is then the first urgent one.
void OnSignal(int signal_number) {
  const bool urgent = signal_number == SIGINT || signal_number == SIGTERM;
  if (urgent && g_urgent_signals.fetch_add(1) > 0) _exit(static_cast<int>(CodeFor(signal_number)));
  int none = 0;
  g_stop_signal.compare_exchange_strong(none, signal_number);
}

std::string SignalName(int signal_number) {
  const char* abbreviation = sigabbrev_np(signal_number);
  if (abbreviation == nullptr) return StrCat("signal ", signal_number);
  return StrCat("SIG", abbreviation);
}

void Handle(int signal_number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  const int status = sigaction(signal_number, &action, nullptr);
  RETORT_CHECK(status == 0, "sigaction for signal ", signal_number);
}

}  // namespace

void InstallStopHandlers() {
  for (const int signal_number : {SIGINT, SIGTERM, SIGUSR1}) Handle(signal_number, OnSignal);
  // A closed pipe or a file size limit then shows as an errno with a path, not as a death.
  for (const int signal_number : {SIGPIPE, SIGXFSZ}) Handle(signal_number, SIG_IGN);
}

int StopRequested() { return g_stop_signal.load(std::memory_order_relaxed); }

void SetStopRequested(int signal_number) { g_stop_signal.store(signal_number); }

void ThrowIfStopRequested() {
  const int signal_number = StopRequested();
  if (signal_number == 0) return;
  throw Error(CodeFor(signal_number), StrCat("stopped by ", SignalName(signal_number),
                                             " - everything finished is kept - run the same "
                                             "command again to go on"));
}

}  // namespace retort
