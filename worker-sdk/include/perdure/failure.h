// Why something did not succeed, as data: temporal.api.failure.v1.Failure as plain structs.
//
// Programs mostly meet failures as exceptions (perdure/errors.h); this is what those carry and what
// travels.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "perdure/payload.h"

namespace perdure {

// The numbers of these enums are the API's, so that an unknown one from a newer server passes
// through.
enum class TimeoutType {
  unspecified,
  start_to_close,
  schedule_to_start,
  schedule_to_close,
  heartbeat
};
enum class RetryState {
  unspecified,
  in_progress,
  non_retryable_failure,
  timeout,
  maximum_attempts_reached,
  retry_policy_not_set,
  internal_server_error,
  cancel_requested,
};
// A benign failure is expected: logged quietly and left out of failure metrics.
enum class FailureCategory { unspecified, benign };

struct Failure;
// Shared: an exception, its copies and the failures made of it hold the same cause. Never changed
// once shared.
using FailurePtr = std::shared_ptr<const Failure>;

struct ApplicationFailureInfo {
  std::string type;
  bool non_retryable = false;
  Payloads details;
  std::optional<std::chrono::nanoseconds> next_retry_delay;
  FailureCategory category = FailureCategory::unspecified;
  bool operator==(const ApplicationFailureInfo&) const = default;
};
struct TimeoutFailureInfo {
  TimeoutType type = TimeoutType::unspecified;
  Payloads last_heartbeat_details;
  bool operator==(const TimeoutFailureInfo&) const = default;
};
struct CanceledFailureInfo {
  Payloads details;
  std::string identity;
  bool operator==(const CanceledFailureInfo&) const = default;
};
struct TerminatedFailureInfo {
  std::string identity;
  bool operator==(const TerminatedFailureInfo&) const = default;
};
struct ServerFailureInfo {
  bool non_retryable = false;
  bool operator==(const ServerFailureInfo&) const = default;
};
struct ResetWorkflowFailureInfo {
  Payloads last_heartbeat_details;
  bool operator==(const ResetWorkflowFailureInfo&) const = default;
};
struct ActivityFailureInfo {
  std::int64_t scheduled_event_id = 0;
  std::int64_t started_event_id = 0;
  std::string identity;
  std::string activity_type;
  std::string activity_id;
  RetryState retry_state = RetryState::unspecified;
  bool operator==(const ActivityFailureInfo&) const = default;
};
struct ChildWorkflowFailureInfo {
  std::string namespace_;
  std::string workflow_id;
  std::string run_id;
  std::string workflow_type;
  std::int64_t initiated_event_id = 0;
  std::int64_t started_event_id = 0;
  RetryState retry_state = RetryState::unspecified;
  bool operator==(const ChildWorkflowFailureInfo&) const = default;
};
// Kept as bytes of the API's message: a kind this SDK gives no meaning to, passed on whole.
struct OtherFailureInfo {
  std::string serialized_failure;
  bool operator==(const OtherFailureInfo&) const = default;
};

struct Failure {
  std::string message;
  std::string source = {};
  std::string stack_trace = {};
  // Message and stack trace as one payload, where the failure converter hides them from the server.
  std::optional<Payload> encoded_attributes = {};
  FailurePtr cause = {};
  std::variant<std::monostate, ApplicationFailureInfo, TimeoutFailureInfo, CanceledFailureInfo,
               TerminatedFailureInfo, ServerFailureInfo, ResetWorkflowFailureInfo,
               ActivityFailureInfo, ChildWorkflowFailureInfo, OtherFailureInfo>
      info = {};
};

}  // namespace perdure
