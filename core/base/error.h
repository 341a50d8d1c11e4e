// The one exception type of Retort and the exit codes a scheduler sees.
//
// A message is one line: what failed - where (file, line, record, key) - why - what to do next.
// Thread-safe: values only.
#pragma once

#include <stdexcept>
#include <string>

#include "core/base/strings.h"

namespace retort {

/// Process exit codes (sysexits.h, and 130 for a keyboard interrupt).
enum class ExitCode {
  kOk = 0,
  kUsage = 64,        // wrong command line
  kData = 65,         // data damaged, missing or mismatched
  kUnavailable = 69,  // teacher or device not available
  kInternal = 70,     // a bug in Retort, or no progress
  kIo = 74,           // read or write failed
  kTryAgain = 75,     // lock held, stopped by a signal that asks for a requeue
  kConfig = 78,       // the experiment file is wrong
  kInterrupted = 130  // Ctrl-C
};

class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

/// Throws Error(kInternal) naming the call site; used by RETORT_CHECK.
[[noreturn]] void FailCheck(const char* file, int line, const char* condition,
                            const std::string& message);

}  // namespace retort

/// Precondition a caller can break; stays on in release builds. `...` is streamed into the message.
#define RETORT_CHECK(condition, ...)                                                      \
  do {                                                                                    \
    if (!(condition)) {                                                                   \
      ::retort::FailCheck(__FILE__, __LINE__, #condition, ::retort::StrCat(__VA_ARGS__)); \
    }                                                                                     \
  } while (false)
