// The border between the core and workflow code: what happened goes in as jobs, what is to be done
// comes out as commands. Plain data; no protobuf, no coroutine.
//
// The core (worker-sdk/core) turns history into activations and matches commands with history; the
// coroutine scheduler (worker-sdk/coro) runs workflow code. Each is tested from scripted values of
// these types without the other. Rules named R1 to R62 are listed in docs/sdk/replay-rules.md.
//
// `seq` names an operation within a run: workflow code counts it up from 1 in the order in which
// operations are started, over all kinds together, so that it is the same in every replay.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "perdure/failure.h"
#include "perdure/payload.h"

namespace perdure::detail {

using Nanos = std::chrono::nanoseconds;

struct RetryPolicyData {
  std::optional<Nanos> initial_interval;
  double backoff_coefficient = 0;  // 0: the server's default.
  std::optional<Nanos> maximum_interval;
  std::int32_t maximum_attempts = 0;  // 0: no limit.
  std::vector<std::string> non_retryable_error_types;
};
struct PriorityData {
  std::int32_t priority_key = 0;  // 0: the server's default.
  std::string fairness_key;
  float fairness_weight = 0;
};
// How one thing is called in a user interface. Empty strings are absent.
struct UserMetadataData {
  std::string summary;
  std::string details;
};
struct WorkflowRef {
  std::string workflow_id;
  std::string run_id;
};

// What workflow::info() shows. Set once by the first job of a run.
struct RunInfo {
  std::string namespace_;
  std::string workflow_id;
  std::string run_id;
  std::string workflow_type;
  std::string task_queue;
  std::string first_execution_run_id;
  std::string
      original_execution_run_id;  // What randomness is seeded from, until a reset gives another.
  std::string continued_run_id;
  std::optional<WorkflowRef> parent;
  std::string parent_namespace;
  std::optional<WorkflowRef> root;
  std::int32_t attempt = 1;
  std::string cron_schedule;
  Timestamp start_time;           // Of the first workflow task's start: workflow time begins here.
  Timestamp workflow_start_time;  // Of the started event.
  std::optional<Nanos> execution_timeout, run_timeout, task_timeout;
  std::optional<RetryPolicyData> retry_policy;
  PriorityData priority;
  PayloadMap memo;
  PayloadMap search_attributes;
  PayloadMap headers;
  std::string identity;  // Of who started it.
  Payloads
      last_completion_result;  // Of the run before in a cron chain; empty where there was none.
  FailurePtr last_failure;
};

// ---- Jobs
// -------------------------------------------------------------------------------------------------------

struct StartWorkflowJob {
  RunInfo info;
  Payloads input;
  std::uint64_t randomness_seed = 0;
};
struct NotifyHasPatchJob {
  std::string patch_id;
};
// A side effect whose marker lies ahead in the part of history that is being replayed. `id` counts
// the side effects of a run from 1; a mutable one is named by its user's id, and `call` counts its
// calls from 1.
struct NotifySideEffectJob {
  std::int64_t id = 0;
  Payloads value;
};
struct NotifyMutableSideEffectJob {
  std::string id;
  std::int64_t call = 0;
  Payloads value;
};
struct UpdateRandomSeedJob {
  std::uint64_t randomness_seed = 0;
};
struct SignalWorkflowJob {
  std::string name;
  Payloads input;
  std::string identity;
  PayloadMap headers;
};
struct DoUpdateJob {
  std::string id;
  std::string protocol_instance_id;
  std::string name;
  Payloads input;
  PayloadMap headers;
  std::string identity;
  bool run_validator = true;
};
struct FireTimerJob {
  std::uint32_t seq = 0;
};
// The outcome of an activity, a local activity or a child.
struct CompletedResult {
  std::optional<Payload> value;
};
struct FailedResult {
  FailurePtr failure;
};
struct CanceledResult {
  FailurePtr failure;
};
// Local activities only: wait this long on a timer, then schedule attempt `attempt` (R42).
struct BackoffResult {
  std::int32_t attempt = 0;
  Nanos duration{};
  Timestamp original_schedule_time;
};
using OperationResult = std::variant<CompletedResult, FailedResult, CanceledResult, BackoffResult>;
struct ResolveActivityJob {
  std::uint32_t seq = 0;
  OperationResult result;
  bool is_local = false;
};
struct ResolveChildStartJob {
  std::uint32_t seq = 0;
  std::string run_id;  // Empty when the start failed.
  FailurePtr failure;  // Why it could not be started, or that it was canceled before.
  bool already_exists = false;
};
struct ResolveChildJob {
  std::uint32_t seq = 0;
  OperationResult result;
};
struct ResolveSignalExternalJob {
  std::uint32_t seq = 0;
  FailurePtr failure;  // Null: delivered.
};
struct ResolveCancelExternalJob {
  std::uint32_t seq = 0;
  FailurePtr failure;
};
struct CancelWorkflowJob {
  std::string reason;
};
// Only ever alone in an activation (R12).
struct QueryJob {
  std::string id;  // "legacy" for the single query of a task.
  std::string name;
  Payloads input;
  PayloadMap headers;
};

using Job =
    std::variant<StartWorkflowJob, NotifyHasPatchJob, NotifySideEffectJob,
                 NotifyMutableSideEffectJob, UpdateRandomSeedJob, SignalWorkflowJob, DoUpdateJob,
                 FireTimerJob, ResolveActivityJob, ResolveChildStartJob, ResolveChildJob,
                 ResolveSignalExternalJob, ResolveCancelExternalJob, CancelWorkflowJob, QueryJob>;

enum class ContinueAsNewReason {
  history_size_too_large,
  too_many_history_events,
  too_many_updates
};

struct Activation {
  Timestamp now;
  bool replaying = false;
  std::int64_t history_length = 0;
  std::int64_t history_size_bytes = 0;
  bool continue_as_new_suggested = false;
  // Flags of workflow code (worker-sdk/coro/flags.h) that history says were in use; cumulative
  // (R36). Live, code may use any flag it knows and reports it in Completion::used_flags.
  std::vector<std::uint32_t> flags;
  std::string deployment_name, build_id;  // Of the worker whose task this is, or was.
  std::vector<Job> jobs;                  // In the order of R12.
};

// ---- Commands
// ---------------------------------------------------------------------------------------------------

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

// What one activation led to.
struct Completion {
  std::vector<Command> commands;
  // Set: the workflow task fails, and the commands mean nothing.
  FailurePtr task_failure;
  bool is_nondeterminism =
      false;  // task_failure is the code's own finding that it left its history.
  std::vector<std::uint32_t> used_flags;
  VersioningBehavior versioning_behavior = VersioningBehavior::unspecified;
};

}  // namespace perdure::detail
