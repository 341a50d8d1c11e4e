#include "core/base/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <mutex>

#include "core/base/clock.h"
#include "core/base/error.h"

namespace retort {
namespace {

// The one place where lines go: a log that every caller had to be handed would be in every
// signature.
struct LogState {
  std::mutex mutex;
  LogLevel level = LogLevel::kInfo;
  spdlog::logger terminal{"retort", std::make_shared<spdlog::sinks::stderr_sink_st>()};
  std::unique_ptr<spdlog::logger> file;
  LogState() { terminal.set_pattern("%H:%M:%S %v"); }
};

LogState& State() {
  static LogState state;
  return state;
}

const char* LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warn";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

std::string TerminalLine(LogLevel level, const std::string& message) {
  std::string line = LevelName(level);
  line.resize(6, ' ');
  return line + message;
}

std::string JsonLine(LogLevel level, const std::string& message, const Json& fields) {
  Json line = fields;
  line["time"] = UtcNow();
  line["level"] = LevelName(level);
  line["message"] = message;
  return DumpJson(line);
}

}  // namespace

void SetLogLevel(LogLevel level) {
  LogState& state = State();
  const std::lock_guard lock(state.mutex);
  state.level = level;
}

void OpenLogFile(const std::string& path) {
  LogState& state = State();
  const std::lock_guard lock(state.mutex);
  try {
    auto sink = std::make_shared<spdlog::sinks::basic_file_sink_st>(path);
    state.file = std::make_unique<spdlog::logger>("retort.file", std::move(sink));
  } catch (const spdlog::spdlog_ex& e) {
    throw Error(ExitCode::kIo, StrCat("cannot open the log file - ", e.what()));
  }
  state.file->set_pattern("%v");
  state.file->flush_on(spdlog::level::trace);
}

void CloseLogFile() {
  LogState& state = State();
  const std::lock_guard lock(state.mutex);
  state.file.reset();
}

void Log(LogLevel level, const std::string& message, const Json& fields) {
  LogState& state = State();
  const std::lock_guard lock(state.mutex);
  if (level < state.level) return;
  state.terminal.log(spdlog::level::critical, spdlog::string_view_t(TerminalLine(level, message)));
  if (state.file) {
    const std::string line = JsonLine(level, message, fields);
    state.file->log(spdlog::level::critical, spdlog::string_view_t(line));
  }
}

}  // namespace retort
