// Log lines for people (stderr) and, once opened, JSON lines in a run's logs/ folder. Library code
// logs; it never prints. Thread-safe. Wraps spdlog, whose headers appear only in log.cc.
#pragma once

#include <string>

#include "core/base/json.h"

namespace retort {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

void SetLogLevel(LogLevel level);
/// From now on every line also goes to `path` as {"time","level","message",...fields}.
void OpenLogFile(const std::string& path);
void CloseLogFile();

void Log(LogLevel level, const std::string& message, const Json& fields = Json::object());
inline void LogInfo(const std::string& m) { Log(LogLevel::kInfo, m); }
inline void LogWarning(const std::string& m) { Log(LogLevel::kWarning, m); }

}  // namespace retort
