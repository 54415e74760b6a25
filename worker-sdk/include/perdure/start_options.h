// How a workflow is started: the options of Client::start and its relatives.
//
// All are trivially copyable aggregates for designated initialisers: texts are views and tables are pointers to
// named objects, which must live until the call returns. (A temporary with members that need destroying is
// destroyed twice by GCC 12 where the same expression awaits something.)
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

#include "perdure/payload.h"

namespace perdure {

// Whether a workflow may have the id of one that has closed. The numbers are the API's.
enum class IdReusePolicy {
  unspecified,  // The server's default: allow_duplicate.
  allow_duplicate,
  allow_duplicate_failed_only,
  reject_duplicate,
};

// What a start does where a workflow of that id is running.
enum class IdConflictPolicy {
  unspecified,  // The server's default: fail.
  fail,
  use_existing,
  terminate_existing,
};

struct RetryPolicy {
  std::optional<std::chrono::nanoseconds> initial_interval{};  // Absent: the server's, 1 s.
  double backoff_coefficient = 2;
  std::optional<std::chrono::nanoseconds> maximum_interval{};  // Absent: 100 initial intervals.
  std::int32_t maximum_attempts = 0;                           // 0: no limit.
  // ApplicationError::type()s that are not retried.
  std::span<const std::string_view> non_retryable_types{};
};

struct Priority {
  std::int32_t key = 0;  // 1 (first) to 5 (last); 0: the server's default, 3.
  std::string_view fairness_key{};
  float fairness_weight = 0;  // 0: 1.
};

// Which version of a worker's code runs the workflow, against what the version's own behavior says.
struct VersioningOverride {
  enum class Kind { none, pinned, auto_upgrade };
  Kind kind = Kind::none;
  std::string_view deployment_name{};  // Of pinned.
  std::string_view build_id{};
};

struct StartOptions {
  std::string_view id{};          // Empty: a random one.
  std::string_view task_queue{};  // Required.
  IdReusePolicy id_reuse_policy = IdReusePolicy::unspecified;
  IdConflictPolicy id_conflict_policy = IdConflictPolicy::unspecified;
  // Of all runs together (retries, cron, continue-as-new); of one run; of one workflow task. Absent: none, none,
  // the server's 10 s.
  std::optional<std::chrono::nanoseconds> execution_timeout{};
  std::optional<std::chrono::nanoseconds> run_timeout{};
  std::optional<std::chrono::nanoseconds> task_timeout{};
  std::optional<std::chrono::nanoseconds> start_delay{};
  std::optional<RetryPolicy> retry{};  // Absent: a failed workflow stays failed.
  std::string_view cron_schedule{};
  // A worker of this client in this process may take the first task with the start's answer, without a poll.
  bool eager_start = false;
  const PayloadMap* memo = nullptr;
  const PayloadMap* search_attributes = nullptr;  // As perdure/search_attributes.h makes them.
  const PayloadMap* headers = nullptr;
  // For user interfaces: a line, and a text. Markdown.
  std::string_view summary{};
  std::string_view details{};
  Priority priority{};
  VersioningOverride versioning{};
  // Two starts with one request id are one start; empty: a random one.
  std::string_view request_id{};
};

static_assert(std::is_trivially_copyable_v<StartOptions>);

}  // namespace perdure
