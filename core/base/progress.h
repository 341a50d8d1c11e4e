// Progress of long work: one redrawn line with rate and ETA on a terminal, a plain line every
// `plain_interval_s` elsewhere. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

namespace retort {

class Progress {
 public:
  struct Options {
    std::string label;           // "generate teacher_search"
    std::string unit = "items";  // "problems", "steps"
    int64_t total = 0;
    int64_t done_before = 0;  // finished in an earlier run; excluded from the rate
    double plain_interval_s = 30;
    int fd = 2;
  };
  explicit Progress(Options options);
  /// Ends the line.
  ~Progress();

  /// Adds finished work. `note` ("ok 71 %, 12k tok/s") replaces the previous note unless empty.
  void Add(int64_t count, const std::string& note = "");
  int64_t done() const { return done_.load(); }

  /// The line for a state; pure, for tests. ETA in "1h02m", "3m20s" or "12s".
  static std::string Line(const Options& options, int64_t done, double elapsed_s,
                          const std::string& note);

 private:
  void Draw(bool last);
  Options options_;
  bool is_terminal_;
  std::atomic<int64_t> done_;
  std::mutex mutex_;
  std::string note_;
  double start_s_;
  double last_draw_s_ = 0;
};

}  // namespace retort
