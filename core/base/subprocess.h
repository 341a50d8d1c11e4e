// A child process that is spoken to in lines. It runs in a session of its own, without this
// process's descriptors; the destructor kills its process group and reaps it. Started without
// fork(), whose cost grows with this process's memory. Not thread-safe; different objects are
// independent. Environment and folder are this process's unless said otherwise.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace retort {

struct SubprocessOptions {
  std::vector<std::string> argv{};  // argv[0] is looked for in PATH unless it holds a slash
  bool empty_environment = false;
  std::string descriptor3{};  // what the child can read from descriptor 3, up to 64 KiB; "": closed
};

class Subprocess {
 public:
  /// Error(kUnavailable) naming the program when it cannot be started.
  explicit Subprocess(const SubprocessOptions& options);
  ~Subprocess();
  Subprocess(const Subprocess&) = delete;
  Subprocess& operator=(const Subprocess&) = delete;

  enum class End {
    kLine,     // `line` is the next line, without its end
    kClosed,   // the child closed its output, or ended
    kTooLong,  // more than max_line_bytes without a line's end
    kTimeout
  };
  struct Reply {
    End end = End::kClosed;
    std::string line{};
  };
  /// Writes all of `input`, then returns the child's next line, whichever it had already written
  /// included. Never writes or waits for longer than `seconds` of wall time.
  Reply Exchange(std::string_view input, size_t max_line_bytes, double seconds);

  pid_t id() const;
  /// The last of what the child wrote to its standard error, at most 1 KiB, as one line.
  std::string ErrorTail() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace retort
