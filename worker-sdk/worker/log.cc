#include "perdure/log.h"

#include <cstdio>

namespace perdure {

std::string_view log_level_name(LogLevel level) {
  switch (level) {
    case LogLevel::trace:
      return "TRACE";
    case LogLevel::debug:
      return "DEBUG";
    case LogLevel::info:
      return "INFO";
    case LogLevel::warn:
      return "WARN";
    case LogLevel::error:
      return "ERROR";
    case LogLevel::off:
      return "OFF";
  }
  return "UNKNOWN";
}

LogSink stderr_log(LogLevel least) {
  return [least](LogLevel level, std::string_view text, const LogFields& fields) {
    if (level < least) return;
    std::string line(log_level_name(level));
    line.append(" perdure: ").append(text);
    for (const auto& [key, value] : fields) line.append(" ").append(key).append("=").append(value);
    line.push_back('\n');
    // One call, so that lines of several threads do not mix.
    std::fwrite(line.data(), 1, line.size(), stderr);
  };
}

}  // namespace perdure
