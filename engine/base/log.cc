#include "base/log.h"

#include <atomic>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "spdlog/pattern_formatter.h"
#include "spdlog/sinks/basic_file_sink.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

namespace perdure::base {
namespace {

// The process-wide sink. A function-local static, so that logging from static destructors is safe.
struct Sink {
  std::shared_ptr<spdlog::logger> logger;
  LogFormat format = LogFormat::kText;
};
std::atomic<LogLevel> least_level{LogLevel::kInfo};

std::shared_ptr<spdlog::logger> MakeLogger(spdlog::sink_ptr target, LogFormat format) {
  auto logger = std::make_shared<spdlog::logger>("perdure", std::move(target));
  logger->set_formatter(std::make_unique<spdlog::pattern_formatter>(
      format == LogFormat::kJson ? R"({"time":"%Y-%m-%dT%H:%M:%S.%fZ",%v})"
                                 : "%Y-%m-%dT%H:%M:%S.%fZ %v",
      spdlog::pattern_time_type::utc));
  logger->set_level(spdlog::level::trace);
  logger->flush_on(spdlog::level::trace);
  return logger;
}

Sink& TheSink() {
  static Sink sink{MakeLogger(std::make_shared<spdlog::sinks::stderr_sink_mt>(), LogFormat::kText),
                   LogFormat::kText};
  return sink;
}

absl::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "unknown";
}

// A JSON string, which also serves as the quoting of text lines.
std::string Quote(absl::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted.push_back('\\');
      quoted.push_back(c);
    } else if (c == '\n') {
      quoted.append("\\n");
    } else if (static_cast<unsigned char>(c) < 0x20) {
      quoted.append("\\u00");
      quoted.push_back(kHex[(c >> 4) & 0xf]);
      quoted.push_back(kHex[c & 0xf]);
    } else {
      quoted.push_back(c);
    }
  }
  quoted.push_back('"');
  return quoted;
}

bool NeedsQuotes(absl::string_view text) {
  if (text.empty()) return true;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == '"' || c == '=' || c == '\\') return true;
  }
  return false;
}

}  // namespace

LogField::LogField(absl::string_view key, int64_t value)
    : key(key), value(absl::StrCat(value)), is_quoted(false) {}
LogField::LogField(absl::string_view key, bool value)
    : key(key), value(value ? "true" : "false"), is_quoted(false) {}
LogField::LogField(absl::string_view key, const absl::Status& status)
    : key(key),
      value(absl::StrCat(absl::StatusCodeToString(status.code()), ": ", status.message())),
      is_quoted(true) {}

absl::Status ConfigureLog(const LogOptions& options) {
  try {
    spdlog::sink_ptr target;
    if (options.file.empty()) {
      target = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    } else {
      target = std::make_shared<spdlog::sinks::basic_file_sink_mt>(options.file);
    }
    TheSink() = Sink{MakeLogger(std::move(target), options.format), options.format};
  } catch (const spdlog::spdlog_ex& error) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot log to ", options.file, ": ", error.what()));
  }
  SetLogLevel(options.level);
  return absl::OkStatus();
}

void SetLogLevel(LogLevel level) { least_level.store(level, std::memory_order_relaxed); }

bool ParseLogLevel(absl::string_view text, LogLevel* level) {
  constexpr std::pair<absl::string_view, LogLevel> kNames[] = {{"debug", LogLevel::kDebug},
                                                               {"info", LogLevel::kInfo},
                                                               {"warning", LogLevel::kWarning},
                                                               {"warn", LogLevel::kWarning},
                                                               {"error", LogLevel::kError}};
  for (const auto& [name, named] : kNames) {
    if (text == name) {
      *level = named;
      return true;
    }
  }
  return false;
}

bool IsLogged(LogLevel level) { return level >= least_level.load(std::memory_order_relaxed); }

std::string FormatLogLine(LogFormat format, LogLevel level, absl::string_view message,
                          LogFields fields) {
  const bool is_json = format == LogFormat::kJson;
  std::string line =
      is_json ? absl::StrCat("\"level\":\"", LevelName(level), "\",\"message\":", Quote(message))
              : absl::StrCat(LevelName(level), " ", message);
  for (const LogField& field : fields) {
    if (is_json) {
      absl::StrAppend(&line, ",", Quote(field.key), ":",
                      field.is_quoted ? Quote(field.value) : field.value);
    } else {
      absl::StrAppend(
          &line, " ", field.key, "=",
          field.is_quoted && NeedsQuotes(field.value) ? Quote(field.value) : field.value);
    }
  }
  return line;
}

void Log(LogLevel level, absl::string_view message, LogFields fields) {
  if (!IsLogged(level)) return;
  const Sink& sink = TheSink();
  const std::string line = FormatLogLine(sink.format, level, message, fields);
  sink.logger->log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace perdure::base
