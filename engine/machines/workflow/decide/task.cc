#include "machines/workflow/decide/task.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "machines/workflow/close.h"
#include "machines/workflow/command/handler.h"
#include "machines/workflow/decide/activity.h"

namespace perdure::machines {
namespace {

using perdure::internal::v1::TaskToken;

absl::Status TaskNotFound() { return base::NotFound("Workflow task not found."); }

// Is the task that the token names the one that is out?
absl::Status CheckToken(const State& state, const TaskToken& token) {
  if (!state.IsRunning() || !state.HasStartedTask()) return TaskNotFound();
  const pb::WorkflowTask& task = state.info.workflow_task();
  const bool matches = task.scheduled_event_id() == token.scheduled_event_id() &&
                       task.started_event_id() == token.started_event_id() &&
                       task.attempt() == token.attempt() &&
                       task.started_time_ns() == token.started_time_ns();
  return matches ? absl::OkStatus() : TaskNotFound();
}

// Temporal drops a speculative task that brought rejections alone, unless the worker was shown new
// events that it could not bear to see again.
bool IsDroppable(const Draft& draft, const api::RespondWorkflowTaskCompletedRequest& request) {
  if (draft.info().workflow_task().type() != pb::WorkflowTask::SPECULATIVE) return false;
  if (request.commands_size() > 0 || request.force_create_new_workflow_task()) return false;
  const EventId last = draft.info().last_task_started_event_id() + 2;
  const bool may_discard_events =
      request.capabilities().discard_speculative_workflow_task_with_events();
  constexpr int64_t kEventsMax = 10;
  const EventId bound = may_discard_events ? last + kEventsMax : last;
  if (draft.info().next_event_id() > bound) return false;
  for (const auto& message : request.messages()) {
    if (!message.body().Is<temporal::api::update::v1::Rejection>()) return false;
  }
  return true;
}

EventId AddCompletedEvent(Draft& draft, const api::RespondWorkflowTaskCompletedRequest& request) {
  if (!draft.info().workflow_task().has_events())
    draft.WriteTransientTaskEvents(request.identity());
  const pb::WorkflowTask& task = draft.info().workflow_task();
  HistoryEvent event = draft.NewEvent(enums::EVENT_TYPE_WORKFLOW_TASK_COMPLETED);
  auto* out = event.mutable_workflow_task_completed_event_attributes();
  out->set_scheduled_event_id(task.scheduled_event_id());
  out->set_started_event_id(task.started_event_id());
  out->set_identity(request.identity());
  out->set_binary_checksum(request.binary_checksum());
  if (request.has_worker_version_stamp()) {
    *out->mutable_worker_version() = request.worker_version_stamp();
  }
  if (request.has_sdk_metadata()) *out->mutable_sdk_metadata() = request.sdk_metadata();
  if (request.has_metering_metadata()) {
    *out->mutable_metering_metadata() = request.metering_metadata();
  }
  return draft.Add(std::move(event));
}

// A point a reset can go back to: the first task that a build completed.
void AddResetPoint(Draft& draft, const api::RespondWorkflowTaskCompletedRequest& request,
                   EventId completed_id) {
  const std::string checksum = request.binary_checksum().empty()
                                   ? request.worker_version_stamp().build_id()
                                   : request.binary_checksum();
  if (checksum.empty()) return;
  for (const int64_t key : draft.state().reset_points.Keys()) {
    const auto& point = *draft.state().reset_points.Find(key);
    if (point.build_id() == checksum || point.binary_checksum() == checksum) return;
  }
  pb::Change change;
  auto* info = change.mutable_reset_point()->mutable_info();
  if (request.binary_checksum().empty()) {
    info->set_build_id(checksum);
  } else {
    info->set_binary_checksum(checksum);
  }
  info->set_run_id(draft.info().run_id());
  info->set_first_workflow_task_completed_id(completed_id);
  SetTimestamp(info->mutable_create_time(), draft.now_ns());
  info->set_resettable(draft.state().children.empty());
  draft.Emit(std::move(change));
}

absl::Status CheckSequence(const api::RespondWorkflowTaskCompletedRequest& request) {
  bool is_closed = false;
  for (const Command& command : request.commands()) {
    if (is_closed) {
      return base::InvalidArgument(
          "invalid command sequence: a close command must be the last command.");
    }
    switch (command.command_type()) {
      case enums::COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION:
      case enums::COMMAND_TYPE_FAIL_WORKFLOW_EXECUTION:
      case enums::COMMAND_TYPE_CANCEL_WORKFLOW_EXECUTION:
      case enums::COMMAND_TYPE_CONTINUE_AS_NEW_WORKFLOW_EXECUTION:
        is_closed = true;
        break;
      case enums::COMMAND_TYPE_UNSPECIFIED:
        return base::InvalidArgument("unknown command type: Unspecified");
      default:
        if (!enums::CommandType_IsValid(command.command_type())) {
          return base::InvalidArgument(
              absl::StrCat("unknown command type: ", static_cast<int>(command.command_type())));
        }
    }
  }
  return absl::OkStatus();
}

bool IsClose(enums::CommandType type) {
  return type == enums::COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION ||
         type == enums::COMMAND_TYPE_FAIL_WORKFLOW_EXECUTION ||
         type == enums::COMMAND_TYPE_CANCEL_WORKFLOW_EXECUTION ||
         type == enums::COMMAND_TYPE_CONTINUE_AS_NEW_WORKFLOW_EXECUTION;
}

bool HandleCommand(Completion& completion, const Command& command) {
  // Answers to updates count before the run closes under them.
  if (IsClose(command.command_type()) && !HandleRemainingMessages(completion)) return false;
  switch (command.command_type()) {
    case enums::COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK:
      return HandleScheduleActivity(completion, command);
    case enums::COMMAND_TYPE_REQUEST_CANCEL_ACTIVITY_TASK:
      return HandleCancelActivity(completion, command);
    case enums::COMMAND_TYPE_START_TIMER:
      return HandleStartTimer(completion, command);
    case enums::COMMAND_TYPE_CANCEL_TIMER:
      return HandleCancelTimer(completion, command);
    case enums::COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION:
      return HandleCompleteWorkflow(completion, command);
    case enums::COMMAND_TYPE_FAIL_WORKFLOW_EXECUTION:
      return HandleFailWorkflow(completion, command);
    case enums::COMMAND_TYPE_CANCEL_WORKFLOW_EXECUTION:
      return HandleCancelWorkflow(completion, command);
    case enums::COMMAND_TYPE_CONTINUE_AS_NEW_WORKFLOW_EXECUTION:
      return HandleContinueAsNew(completion, command);
    case enums::COMMAND_TYPE_START_CHILD_WORKFLOW_EXECUTION:
      return HandleStartChild(completion, command);
    case enums::COMMAND_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION:
      return HandleCancelExternal(completion, command);
    case enums::COMMAND_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION:
      return HandleSignalExternal(completion, command);
    case enums::COMMAND_TYPE_RECORD_MARKER:
      return HandleRecordMarker(completion, command);
    case enums::COMMAND_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
      return HandleUpsertSearchAttributes(completion, command);
    case enums::COMMAND_TYPE_MODIFY_WORKFLOW_PROPERTIES:
      return HandleModifyProperties(completion, command);
    case enums::COMMAND_TYPE_PROTOCOL_MESSAGE:
      return HandleProtocolMessage(completion, command);
    default:
      // Nexus: not built.
      return completion.Fail(enums::WORKFLOW_TASK_FAILED_CAUSE_FEATURE_DISABLED,
                             "Nexus operations are not supported by this server");
  }
}

// Sent updates that the worker said nothing of are rejected, or they would come again and again.
void RejectUnprocessed(Draft& draft) {
  for (const int64_t key : draft.state().admitted_order.Keys()) {
    const std::string id = *draft.state().admitted_order.Find(key);
    if (!draft.state().admitted_updates.Find(id)->is_sent()) continue;
    UpdateNotice notice;
    notice.update_id = id;
    notice.outcome.emplace();
    auto* failure = notice.outcome->mutable_failure();
    failure->set_message(
        "Workflow Update is rejected because it wasn't processed by worker. Probably, Workflow "
        "Update is not supported by the worker.");
    failure->set_source("Server");
    failure->mutable_application_failure_info()->set_type("UnprocessedUpdate");
    failure->mutable_application_failure_info()->set_non_retryable(true);
    draft.Notify(std::move(notice));
    draft.RemoveUpdate(id);
  }
}

// The task failed by what the worker sent: all it brought is forgotten but the failure.
absl::StatusOr<TaskCompletion> FailCompletion(
    const State& state, const TaskFailure& failure,
    const api::RespondWorkflowTaskCompletedRequest& request, const Context& context) {
  const int32_t attempt = state.info.workflow_task().attempt();
  const absl::Status answer = base::InvalidArgument(failure.message);
  // Temporal drops a task that keeps failing; it times out and is tried again.
  if (attempt > 1 && failure.cause != enums::WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND) {
    return answer;
  }
  Draft draft(state, context);
  for (const std::string& id : state.admitted_updates.Keys()) {
    if (!state.admitted_updates.Find(id)->is_sent()) continue;
    UpdateNotice notice;
    notice.update_id = id;
    notice.aborted = base::WorkflowNotReady(
        "Unable to perform workflow execution update due to unexpected workflow task failure.");
    draft.Notify(std::move(notice));
    draft.RemoveUpdate(id);
  }
  temporal::api::failure::v1::Failure server_failure = ServerFailure(failure.message);
  server_failure.mutable_server_failure_info()->set_non_retryable(true);
  draft.FailTask(failure.cause, &server_failure, request.identity(), request.binary_checksum());
  if (failure.terminates_workflow) {
    Terminate(draft, failure.message, nullptr, "history-service");
  } else {
    draft.EnsureTask();
  }
  return TaskCompletion{draft.Finish(), answer, 0};
}

// What the run needs next: a new task, handed over with the reply if asked for.
void ScheduleNext(Draft& draft, const Completion& completion, bool had_buffered, bool is_heartbeat,
                  int64_t original_scheduled_ns) {
  const auto& request = completion.request;
  if (!draft.state().IsRunning() || draft.state().IsPaused()) {
    draft.FlushBuffer();
    return;
  }
  const bool needs_task = request.force_create_new_workflow_task() || had_buffered ||
                          completion.cancelled_unstarted_activity;
  const bool returns = request.return_new_workflow_task();
  const bool has_updates = !draft.state().admitted_updates.empty();
  if (!needs_task && !has_updates) return;
  const auto type =
      needs_task || !returns ? pb::WorkflowTask::NORMAL : pb::WorkflowTask::SPECULATIVE;
  draft.ScheduleTask(type, is_heartbeat ? original_scheduled_ns : 0);
  if (!returns) return;
  TaskStart start;
  start.identity = request.identity();
  start.request_id = "request-from-RespondWorkflowTaskCompleted";
  start.task_queue = draft.CurrentTaskQueue().name();
  draft.StartTask(start);
  MarkUpdatesSent(draft);
  draft.decision().returns_workflow_task = true;
}

}  // namespace

void MarkUpdatesSent(Draft& draft) {
  for (const std::string& id : draft.state().admitted_updates.Keys()) {
    if (draft.state().admitted_updates.Find(id)->is_sent()) continue;
    pb::Change change;
    change.set_update_sent(id);
    draft.Emit(std::move(change));
  }
}

absl::StatusOr<Decision> DecideTaskStarted(const State& state, EventId scheduled_event_id,
                                           int64_t stamp, const TaskStart& start,
                                           const Context& context) {
  if (!state.IsRunning()) return base::NotFound("workflow execution already completed");
  const pb::WorkflowTask& task = state.info.workflow_task();
  // A task that a speculative one turned into keeps its stamp, not its event id.
  if (!state.HasTask() || task.stamp() != stamp) return TaskNotFound();
  if (state.HasStartedTask()) {
    if (task.request_id() == start.request_id) {
      Decision repeat;
      repeat.is_lazy = true;
      return repeat;
    }
    return absl::AlreadyExistsError("Workflow task already started.");
  }
  if (state.IsPaused()) return TaskNotFound();
  Draft draft(state, context);
  draft.StartTask(start);
  MarkUpdatesSent(draft);
  Decision decision = draft.Finish();
  decision.is_lazy = true;
  return decision;
}

std::vector<temporal::api::protocol::v1::Message> UpdateMessagesFor(const State& state) {
  std::vector<temporal::api::protocol::v1::Message> messages;
  for (const int64_t key : state.admitted_order.Keys()) {
    const std::string& id = *state.admitted_order.Find(key);
    const pb::AdmittedUpdate& update = *state.admitted_updates.Find(id);
    // The worker finds the request of one that has an event in there.
    if (!update.is_sent() || update.admitted_event_id() != 0) continue;
    temporal::api::protocol::v1::Message message;
    message.set_protocol_instance_id(id);
    message.set_id(absl::StrCat(id, "/request"));
    // Temporal: sequenced before the task's Started event.
    message.set_event_id(state.info.workflow_task().started_event_id() - 1);
    message.mutable_body()->PackFrom(update.request());
    messages.push_back(std::move(message));
  }
  return messages;
}

absl::StatusOr<TaskCompletion> DecideTaskCompleted(
    const State& state, const TaskToken& token,
    const api::RespondWorkflowTaskCompletedRequest& request, const Context& context) {
  if (absl::Status status = CheckToken(state, token); !status.ok()) return status;
  if (state.IsPaused() && request.force_create_new_workflow_task()) {
    return base::FailedPrecondition(
        "Workflow is paused and force create new workflow task is not allowed.");
  }
  if (absl::Status status = CheckSequence(request); !status.ok()) return status;
  Draft draft(state, context);
  const pb::WorkflowTask task = draft.info().workflow_task();
  const bool is_heartbeat = request.force_create_new_workflow_task() &&
                            request.commands_size() == 0 && request.messages_size() == 0;
  const bool had_buffered = !draft.state().buffered_events.empty();
  const bool heartbeat_over =
      is_heartbeat && task.original_scheduled_time_ns() > 0 &&
      draft.now_ns() > task.original_scheduled_time_ns() +
                           absl::ToInt64Nanoseconds(draft.limits().workflow_task_heartbeat_max);
  EventId completed_id = 0;
  const bool is_dropped = IsDroppable(draft, request);
  if (is_dropped) {
    pb::Change change;
    change.mutable_speculative_task_dropped();
    draft.Emit(std::move(change));
  } else if (heartbeat_over) {
    draft.TimeOutTask(enums::TIMEOUT_TYPE_START_TO_CLOSE);
    draft.EmitSticky("", 0);
  } else {
    completed_id = AddCompletedEvent(draft, request);
    AddResetPoint(draft, request, completed_id);
  }
  if (!heartbeat_over) {
    const auto& sticky = request.sticky_attributes();
    draft.EmitSticky(sticky.worker_task_queue().name(), ToNs(sticky.schedule_to_start_timeout()));
  }
  Completion completion(draft, request, completed_id);
  completion.has_buffered_events = had_buffered;
  for (const Command& command : request.commands()) {
    if (!HandleCommand(completion, command)) break;
  }
  if (!completion.failure.has_value() && draft.state().IsRunning())
    HandleRemainingMessages(completion);
  if (completion.failure.has_value()) {
    return FailCompletion(state, *completion.failure, request, context);
  }
  if (!request.force_create_new_workflow_task() && draft.state().IsRunning())
    RejectUnprocessed(draft);
  StartEagerActivities(draft, completion.eager_activities, request.identity());
  const bool still_buffered = completion.has_buffered_events && had_buffered;
  ScheduleNext(draft, completion, still_buffered, is_heartbeat && !heartbeat_over,
               task.original_scheduled_time_ns());
  TaskCompletion result;
  if (is_dropped) result.reset_history_event_id = draft.info().last_task_started_event_id();
  result.decision = draft.Finish();
  return result;
}

absl::StatusOr<Decision> DecideTaskFailed(const State& state, const TaskToken& token,
                                          const api::RespondWorkflowTaskFailedRequest& request,
                                          const Context& context) {
  if (absl::Status status = CheckToken(state, token); !status.ok()) return status;
  Draft draft(state, context);
  draft.FailTask(request.cause(), request.has_failure() ? &request.failure() : nullptr,
                 request.identity(), request.binary_checksum());
  UnsendUpdates(draft);
  draft.FlushBuffer();
  draft.EnsureTask();
  return draft.Finish();
}

absl::StatusOr<Decision> DecideStickyReset(const State& state, const Context& context) {
  if (!state.IsRunning()) return base::NotFound("workflow execution already completed");
  Draft draft(state, context);
  draft.EmitSticky("", 0);
  return draft.Finish();
}

absl::StatusOr<Decision> DecideStickyWorkerUnavailable(const State& state,
                                                       EventId scheduled_event_id, int64_t stamp,
                                                       const Context& context) {
  const pb::WorkflowTask& task = state.info.workflow_task();
  if (!state.IsRunning() || !state.HasUnstartedTask() || task.stamp() != stamp ||
      !task.is_on_sticky_queue()) {
    return TaskNotFound();
  }
  Draft draft(state, context);
  draft.EmitSticky("", 0);
  pb::Change change;
  *change.mutable_workflow_task() = task;
  change.mutable_workflow_task()->set_is_on_sticky_queue(false);
  draft.Emit(std::move(change));
  Decision decision = draft.Finish();
  decision.is_lazy = true;
  return decision;
}

Decision DecideSpeculativeTaskKept(const State& state, const Context& context) {
  Draft draft(state, context);
  const bool is_out = state.IsRunning() && state.HasStartedTask();
  if (is_out && state.info.workflow_task().type() == pb::WorkflowTask::SPECULATIVE) {
    draft.MaterializeTask();
  }
  return draft.Finish();
}

Decision DecideRecovery(const State& state, const Context& context) {
  Draft draft(state, context);
  if (!state.IsRunning()) return draft.Finish();
  if (!state.HasStartedTask() && !state.buffered_events.empty()) {
    if (state.HasTask()) {
      draft.FlushBuffer();
    } else {
      draft.EnsureTask();
    }
  }
  return draft.Finish();
}

}  // namespace perdure::machines
