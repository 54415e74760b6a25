// What workflow code wants done: the commands that it gives to the core.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "perdure/detail/operation_data.h"

namespace perdure::detail {

enum class ActivityCancellation { try_cancel, wait_completed, abandon };
enum class ChildCancellation { wait_completed, wait_requested, try_cancel, abandon };
enum class ParentClose { terminate = 1, abandon = 2, request_cancel = 3 };
enum class VersioningBehavior { unspecified, pinned, auto_upgrade };
enum class VersioningIntent { unspecified, compatible, default_ };

struct StartTimerCommand {
  std::uint32_t seq = 0;
  Nanos duration{};
  UserMetadataData metadata;
};
struct CancelTimerCommand {
  std::uint32_t seq = 0;
};
struct ScheduleActivityCommand {
  std::uint32_t seq = 0;
  std::string activity_id;  // Empty: the core uses seq.
  std::string activity_type;
  std::string task_queue;  // Empty: the workflow's.
  Payloads input;
  PayloadMap headers;
  std::optional<Nanos> schedule_to_close, schedule_to_start, start_to_close, heartbeat;
  std::optional<RetryPolicyData> retry_policy;
  ActivityCancellation cancellation = ActivityCancellation::try_cancel;
  bool allow_eager = true;
  PriorityData priority;
  UserMetadataData metadata;
};
struct RequestCancelActivityCommand {
  std::uint32_t seq = 0;
};
struct ScheduleLocalActivityCommand {
  std::uint32_t seq = 0;
  std::string activity_id;
  std::string activity_type;
  Payloads input;
  PayloadMap headers;
  std::optional<Nanos> schedule_to_close, schedule_to_start, start_to_close;
  std::optional<RetryPolicyData> retry_policy;
  Nanos local_retry_threshold = std::chrono::minutes(1);
  ActivityCancellation cancellation = ActivityCancellation::try_cancel;
  std::int32_t attempt = 1;                         // Above 1 after a BackoffResult,
  std::optional<Timestamp> original_schedule_time;  // with its schedule time.
  std::string summary;
};
struct RequestCancelLocalActivityCommand {
  std::uint32_t seq = 0;
};
struct StartChildCommand {
  std::uint32_t seq = 0;
  std::string namespace_;
  std::string workflow_id;
  std::string workflow_type;
  std::string task_queue;
  Payloads input;
  PayloadMap headers;
  std::optional<Nanos> execution_timeout, run_timeout, task_timeout;
  std::int32_t id_reuse_policy = 0;  // The API's WorkflowIdReusePolicy; 0: the server's default.
  std::optional<RetryPolicyData> retry_policy;
  std::string cron_schedule;
  PayloadMap memo;
  PayloadMap search_attributes;
  ParentClose parent_close = ParentClose::terminate;
  ChildCancellation cancellation = ChildCancellation::wait_completed;
  PriorityData priority;
  UserMetadataData metadata;
};
struct CancelChildCommand {
  std::uint32_t seq = 0;  // Of the child's start.
  std::string reason;
};
struct SignalExternalCommand {
  std::uint32_t seq = 0;
  std::string namespace_;  // Empty: the workflow's own.
  std::string workflow_id;
  std::string run_id;
  bool child_only = false;
  std::string signal_name;
  Payloads input;
  PayloadMap headers;
};
// Drops a signal to another workflow that was not sent yet; nothing once it was.
struct CancelSignalExternalCommand {
  std::uint32_t seq = 0;
};
struct RequestCancelExternalCommand {
  std::uint32_t seq = 0;
  std::string namespace_;
  std::string workflow_id;
  std::string run_id;
  std::string reason;
};
struct SetPatchMarkerCommand {
  std::string patch_id;
  bool deprecated = false;
};
struct RecordSideEffectCommand {
  std::int64_t id = 0;
  Payloads value;
};
struct RecordMutableSideEffectCommand {
  std::string id;
  std::int64_t call = 0;
  Payloads value;
};
struct UpsertSearchAttributesCommand {
  PayloadMap search_attributes;
};
struct UpsertMemoCommand {
  PayloadMap memo;
};
struct UpdateAcceptedCommand {
  std::string protocol_instance_id;
};
struct UpdateRejectedCommand {
  std::string protocol_instance_id;
  FailurePtr failure;
};
struct UpdateCompletedCommand {
  std::string protocol_instance_id;
  std::variant<Payloads, FailurePtr> outcome;
};
struct QueryResultCommand {
  std::string id;
  std::variant<Payloads, FailurePtr> outcome;
};
struct CompleteWorkflowCommand {
  Payloads result;
};
struct FailWorkflowCommand {
  FailurePtr failure;
};
struct CancelWorkflowCommand {
  Payloads details;
};
struct ContinueAsNewCommand {
  std::string workflow_type;  // Empty: the same.
  std::string task_queue;     // Empty: the same.
  Payloads input;
  PayloadMap headers;
  std::optional<Nanos> run_timeout, task_timeout;
  // Absent: as the run that ends has them (R27).
  std::optional<PayloadMap> memo, search_attributes;
  std::optional<RetryPolicyData> retry_policy;
  VersioningBehavior initial_versioning_behavior = VersioningBehavior::unspecified;
};

using Command = std::variant<
    StartTimerCommand, CancelTimerCommand, ScheduleActivityCommand, RequestCancelActivityCommand,
    ScheduleLocalActivityCommand, RequestCancelLocalActivityCommand, StartChildCommand,
    CancelChildCommand, SignalExternalCommand, CancelSignalExternalCommand,
    RequestCancelExternalCommand, SetPatchMarkerCommand, RecordSideEffectCommand,
    RecordMutableSideEffectCommand, UpsertSearchAttributesCommand, UpsertMemoCommand,
    UpdateAcceptedCommand, UpdateRejectedCommand, UpdateCompletedCommand, QueryResultCommand,
    CompleteWorkflowCommand, FailWorkflowCommand, CancelWorkflowCommand, ContinueAsNewCommand>;

}  // namespace perdure::detail
