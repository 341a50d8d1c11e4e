#include "core/base/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <utility>

#include "core/base/clock.h"
#include "core/base/strings.h"

namespace retort {
namespace {

constexpr double kRedrawSeconds = 0.1;

std::string RateText(double per_second) {
  char text[32];
  const int decimals = per_second >= 100 ? 0 : per_second >= 1 ? 1 : 2;
  std::snprintf(text, sizeof(text), "%.*f/s", decimals, per_second);
  return text;
}

std::string DurationText(double seconds) {
  const auto total = static_cast<int64_t>(std::ceil(seconds));
  const int64_t hours = total / 3600;
  const int64_t minutes = total / 60 % 60;
  char text[32];
  if (hours > 0) {
    std::snprintf(text, sizeof(text), "%ldh%02ldm", static_cast<long>(hours),
                  static_cast<long>(minutes));
  } else if (minutes > 0) {
    std::snprintf(text, sizeof(text), "%ldm%02lds", static_cast<long>(minutes),
                  static_cast<long>(total % 60));
  } else {
    std::snprintf(text, sizeof(text), "%lds", static_cast<long>(total));
  }
  return text;
}

// A redrawn line that wraps would leave its first part behind.
std::string FitTerminal(std::string line, int fd) {
  winsize size{};
  if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return line;
  if (line.size() >= size.ws_col) line.resize(size.ws_col - 1);
  return line;
}

// A terminal that went away is no reason to stop the work.
void WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written <= 0) return;
    text.remove_prefix(static_cast<size_t>(written));
  }
}

}  // namespace

Progress::Progress(Options options)
    : options_(std::move(options)),
      is_terminal_(isatty(options_.fd) == 1),
      done_(options_.done_before),
      start_s_(MonotonicSeconds()),
      last_draw_s_(is_terminal_ ? 0 : start_s_) {}

Progress::~Progress() {
  const std::lock_guard lock(mutex_);
  Draw(true);
}

void Progress::Add(int64_t count, const std::string& note) {
  const std::lock_guard lock(mutex_);
  done_ += count;
  if (!note.empty()) note_ = note;
  const double interval = is_terminal_ ? kRedrawSeconds : options_.plain_interval_s;
  if (MonotonicSeconds() - last_draw_s_ >= interval) Draw(false);
}

void Progress::Draw(bool last) {
  last_draw_s_ = MonotonicSeconds();
  const std::string line = Line(options_, done_.load(), last_draw_s_ - start_s_, note_);
  if (is_terminal_) {
    WriteAll(options_.fd, StrCat("\r", FitTerminal(line, options_.fd), "\x1b[K", last ? "\n" : ""));
  } else {
    WriteAll(options_.fd, line + "\n");
  }
}

std::string Progress::Line(const Options& options, int64_t done, double elapsed_s,
                           const std::string& note) {
  std::string line = StrCat(options.label, "  ", WithCommas(done));
  if (options.total > 0) line += StrCat("/", WithCommas(options.total));
  line += StrCat(" ", options.unit);
  if (options.total > 0) line += StrCat("  ", 100 * done / options.total, "%");
  const double rate =
      elapsed_s > 0 ? static_cast<double>(done - options.done_before) / elapsed_s : 0;
  if (rate > 0) line += StrCat("  ", RateText(rate));
  if (rate > 0 && done < options.total) {
    line += StrCat("  ETA ", DurationText(static_cast<double>(options.total - done) / rate));
  }
  if (!note.empty()) line += StrCat("  ", note);
  return line;
}

}  // namespace retort
