// Structured log lines: a level, a message, and key/value fields (namespace, workflow, run …), as
// text for people or JSON for machines.
//
// The sink is the one process-wide object of the engine: set once at start by ConfigureLog(),
// before any thread logs, so that even the deepest module can report without a logger in every
// constructor. Nothing reads it back, so tests and the simulator lose nothing by it.
//
// Thread-safe. A line below the level costs one relaxed load. Never log payload contents or
// secrets (STYLE.md §5).
//
//   LogInfo("namespace created", {{"namespace", name}, {"number", number}});
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace perdure::base {

enum class LogLevel { kDebug, kInfo, kWarning, kError };
enum class LogFormat { kText, kJson };

// A value as text; numbers and booleans stay unquoted in JSON.
struct LogField {
  LogField(absl::string_view key, absl::string_view value)
      : key(key), value(value), is_quoted(true) {}
  LogField(absl::string_view key, const char* value) : LogField(key, absl::string_view(value)) {}
  LogField(absl::string_view key, const std::string& value)
      : LogField(key, absl::string_view(value)) {}
  LogField(absl::string_view key, int64_t value);
  LogField(absl::string_view key, int32_t value) : LogField(key, static_cast<int64_t>(value)) {}
  LogField(absl::string_view key, bool value);
  LogField(absl::string_view key, const absl::Status& status);

  std::string key;
  std::string value;
  bool is_quoted;
};
using LogFields = std::initializer_list<LogField>;

struct LogOptions {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kText;
  std::string file;  // empty: standard error
};

// Once, at start, before other threads log. INVALID_ARGUMENT if the file cannot be opened; the
// former sink stays.
absl::Status ConfigureLog(const LogOptions& options);
// Reloadable: takes effect at once. Thread-safe.
void SetLogLevel(LogLevel level);
// "debug", "info", "warning" (or "warn"), "error"; false if it is none of them.
bool ParseLogLevel(absl::string_view text, LogLevel* level);

bool IsLogged(LogLevel level);
void Log(LogLevel level, absl::string_view message, LogFields fields = {});
inline void LogDebug(absl::string_view message, LogFields fields = {}) {
  if (IsLogged(LogLevel::kDebug)) Log(LogLevel::kDebug, message, fields);
}
inline void LogInfo(absl::string_view message, LogFields fields = {}) {
  Log(LogLevel::kInfo, message, fields);
}
inline void LogWarning(absl::string_view message, LogFields fields = {}) {
  Log(LogLevel::kWarning, message, fields);
}
inline void LogError(absl::string_view message, LogFields fields = {}) {
  Log(LogLevel::kError, message, fields);
}

// What follows the time stamp of one line: exposed for tests.
std::string FormatLogLine(LogFormat format, LogLevel level, absl::string_view message,
                          LogFields fields);

}  // namespace perdure::base
