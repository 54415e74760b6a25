// Where the SDK's own messages go, and those that workflow and activity code writes.
//
//   WorkerOptions options;
//   options.log = perdure::stderr_log(perdure::LogLevel::debug);  // or a sink of one's own:
//   options.log = [](perdure::LogLevel level, std::string_view text, const perdure::LogFields&
//   fields) { ... };
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace perdure {

enum class LogLevel { trace, debug, info, warn, error, off };

// What a message is about: workflow_id, run_id, activity_type, attempt, task_queue, error ...
using LogFields = std::vector<std::pair<std::string_view, std::string>>;

// Called from any thread, several at a time; must not throw, and should not block: the SDK's loops
// wait for it. The views are valid during the call only.
using LogSink = std::function<void(LogLevel level, std::string_view text, const LogFields& fields)>;

// Lines `LEVEL text key=value ...` on stderr, for messages of at least this level.
LogSink stderr_log(LogLevel least = LogLevel::info);

std::string_view log_level_name(LogLevel level);

}  // namespace perdure
