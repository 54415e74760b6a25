#include "machines/workflow/decide/request.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "machines/workflow/close.h"
#include "temporal/api/enums/v1/failed_cause.pb.h"

namespace perdure::machines {
namespace {

absl::Status Completed() { return base::NotFound("workflow execution already completed"); }

bool IsKnownSignal(const State& state, const std::string& request_id) {
  return !request_id.empty() && state.signal_request_ids.Contains(request_id);
}

absl::Status CheckSignalCount(const State& state, const Context& context) {
  if (state.info.signal_count() < context.limits->signals_per_execution) return absl::OkStatus();
  return base::InvalidArgument("exceeded workflow execution limit for signal events");
}

// Beyond this many buffered events the started task is failed, so that they get into history.
void BoundBuffer(Draft& draft) {
  if (!draft.state().HasStartedTask()) return;
  const bool fits = draft.state().buffered_events.size() <= draft.limits().buffered_events &&
                    draft.info().buffered_bytes() <= draft.limits().buffered_bytes;
  if (fits) return;
  draft.FailTask(enums::WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND, nullptr, "history-service");
  draft.FlushBuffer();
  draft.EnsureTask();
}

void EmitSignalRequestId(Draft& draft, const std::string& request_id) {
  if (request_id.empty()) return;
  pb::Change change;
  change.set_signal_request_id(request_id);
  draft.Emit(std::move(change));
}

}  // namespace

absl::StatusOr<Decision> DecideSignal(const State& state,
                                      const api::SignalWorkflowExecutionRequest& request,
                                      const Context& context) {
  // First: it may have closed since it took the signal, and only the answer was lost.
  if (IsKnownSignal(state, request.request_id())) return Decision();
  if (!state.IsRunning()) return Completed();
  if (absl::Status status = CheckSignalCount(state, context); !status.ok()) return status;
  // Temporal: a run that is about to close takes nothing more from outside.
  if (state.info.close_attempted() && state.HasStartedTask()) {
    return base::ResourceExhausted(
        enums::RESOURCE_EXHAUSTED_CAUSE_BUSY_WORKFLOW,
        "workflow operation can not be applied because workflow is closing");
  }
  Draft draft(state, context);
  EmitSignalRequestId(draft, request.request_id());
  HistoryEvent event = draft.NewEvent(enums::EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED);
  auto* out = event.mutable_workflow_execution_signaled_event_attributes();
  out->set_signal_name(request.signal_name());
  if (request.has_input()) *out->mutable_input() = request.input();
  out->set_identity(request.identity());
  if (request.has_header()) *out->mutable_header() = request.header();
  out->set_request_id(request.request_id());
  *event.mutable_links() = request.links();
  draft.Add(std::move(event));
  draft.EnsureTask();
  BoundBuffer(draft);
  return draft.Finish();
}

absl::StatusOr<Decision> DecideRequestCancel(
    const State& state, const api::RequestCancelWorkflowExecutionRequest& request,
    const Context& context) {
  // Temporal: asking a run that has ended to end is no error.
  if (!state.IsRunning()) return Decision();
  if (!request.first_execution_run_id().empty() &&
      request.first_execution_run_id() != state.info.first_run_id()) {
    return base::NotFound("workflow execution not found");
  }
  // Asking twice is no error, and writes nothing.
  if (state.info.cancel_requested()) return Decision();
  Draft draft(state, context);
  HistoryEvent event = draft.NewEvent(enums::EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED);
  auto* out = event.mutable_workflow_execution_cancel_requested_event_attributes();
  out->set_cause(request.reason());
  out->set_identity(request.identity());
  *event.mutable_links() = request.links();
  draft.Add(std::move(event));
  pb::Change change;
  change.set_cancel_request_id(request.request_id());
  draft.Emit(std::move(change));
  draft.EnsureTask();
  BoundBuffer(draft);
  return draft.Finish();
}

absl::StatusOr<Decision> DecideTerminate(const State& state,
                                         const api::TerminateWorkflowExecutionRequest& request,
                                         const Context& context) {
  if (!state.IsRunning()) return Completed();
  if (!request.first_execution_run_id().empty() &&
      request.first_execution_run_id() != state.info.first_run_id()) {
    return base::NotFound("workflow execution not found");
  }
  Draft draft(state, context);
  Terminate(draft, request.reason(), request.has_details() ? &request.details() : nullptr,
            request.identity(), &request.links());
  return draft.Finish();
}

absl::StatusOr<Decision> DecidePause(const State& state,
                                     const api::PauseWorkflowExecutionRequest& request,
                                     const Context& context) {
  if (!state.IsRunning()) return Completed();
  if (state.IsPaused()) {
    if (state.info.pause().request_id() == request.request_id()) return Decision();
    return base::FailedPrecondition("workflow is already paused.");
  }
  Draft draft(state, context);
  HistoryEvent event = draft.NewEvent(enums::EVENT_TYPE_WORKFLOW_EXECUTION_PAUSED);
  auto* out = event.mutable_workflow_execution_paused_event_attributes();
  out->set_identity(request.identity());
  out->set_reason(request.reason());
  out->set_request_id(request.request_id());
  draft.Add(std::move(event));
  return draft.Finish();
}

absl::StatusOr<Decision> DecideUnpause(const State& state,
                                       const api::UnpauseWorkflowExecutionRequest& request,
                                       const Context& context) {
  if (!state.IsRunning()) return Completed();
  if (!state.IsPaused()) return base::FailedPrecondition("workflow is not paused.");
  Draft draft(state, context);
  HistoryEvent event = draft.NewEvent(enums::EVENT_TYPE_WORKFLOW_EXECUTION_UNPAUSED);
  auto* out = event.mutable_workflow_execution_unpaused_event_attributes();
  out->set_identity(request.identity());
  out->set_reason(request.reason());
  out->set_request_id(request.request_id());
  draft.Add(std::move(event));
  if (draft.state().HasUnstartedTask()) {
    // It is put on its queue again: while paused it was dropped there.
    pb::Change change;
    *change.mutable_workflow_task() = draft.info().workflow_task();
    change.mutable_workflow_task()->set_stamp(draft.info().workflow_task_stamp() + 1);
    change.mutable_workflow_task()->set_scheduled_time_ns(draft.now_ns());
    draft.Emit(std::move(change));
  } else {
    draft.EnsureTask();
  }
  for (const EventId id : draft.state().activities.Keys()) {
    pb::PendingActivity info = draft.state().activities.Find(id)->info;
    if (info.started_time_ns() != 0 || info.has_pause()) continue;
    info.set_stamp(info.stamp() + 1);
    draft.EmitActivity(std::move(info));
  }
  return draft.Finish();
}

absl::StatusOr<Decision> DecideOptions(const State& state,
                                       const api::UpdateWorkflowExecutionOptionsRequest& request,
                                       const Context& context) {
  if (!state.IsRunning()) return Completed();
  Draft draft(state, context);
  HistoryEvent event = draft.NewEvent(enums::EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED);
  auto* out = event.mutable_workflow_execution_options_updated_event_attributes();
  out->set_identity(request.identity());
  const auto& options = request.workflow_execution_options();
  bool changes = false;
  for (const std::string& path : request.update_mask().paths()) {
    if (path == "versioning_override" || path == "versioningOverride") {
      if (options.has_versioning_override()) {
        *out->mutable_versioning_override() = options.versioning_override();
        changes = true;
      } else {
        out->set_unset_versioning_override(state.info.has_versioning_override());
        changes |= state.info.has_versioning_override();
      }
    } else if (path == "priority") {
      *out->mutable_priority() = options.priority();
      changes |=
          options.priority().SerializeAsString() != state.info.priority().SerializeAsString();
    } else {
      return base::InvalidArgument(
          absl::StrCat("update_mask has a field that cannot be updated: ", path));
    }
  }
  if (!changes) return Decision();
  draft.Add(std::move(event));
  return draft.Finish();
}

absl::StatusOr<Decision> DecideUpdate(const State& state,
                                      const temporal::api::update::v1::Request& request,
                                      const Context& context) {
  const std::string& id = request.meta().update_id();
  if (state.updates.Contains(id) || state.admitted_updates.Contains(id)) return Decision();
  if (!state.IsRunning()) return Completed();
  if (state.IsPaused()) {
    return base::FailedPrecondition("Workflow is paused. Cannot update the workflow.");
  }
  const pb::WorkflowTask& task = state.info.workflow_task();
  // Temporal: a workflow whose task keeps failing cannot answer; better to say so.
  if (state.HasTask() && task.attempt() >= 3) {
    return base::WorkflowNotReady(
        "Unable to perform workflow execution update due to Workflow Task in failed state.");
  }
  if (state.info.close_attempted() && state.HasStartedTask()) {
    return base::ResourceExhausted(
        enums::RESOURCE_EXHAUSTED_CAUSE_BUSY_WORKFLOW,
        "workflow operation can not be applied because workflow is closing");
  }
  const int64_t in_flight = state.admitted_updates.size() + state.open_update_count;
  if (in_flight >= context.limits->updates_in_flight) {
    return base::ResourceExhausted(
        enums::RESOURCE_EXHAUSTED_CAUSE_CONCURRENT_LIMIT,
        absl::StrCat("limit on number of concurrent in-flight updates has been reached (",
                     context.limits->updates_in_flight, ")"));
  }
  if (state.updates.size() + state.admitted_updates.size() >= context.limits->updates_total) {
    return base::FailedPrecondition(
        absl::StrCat("limit on the total number of distinct updates in this workflow has been "
                     "reached (",
                     context.limits->updates_total,
                     "). Make sure any duplicate updates share an Update ID so the server can "
                     "deduplicate them, and consider rejecting updates that you aren't going to "
                     "process"));
  }
  Draft draft(state, context);
  pb::Change change;
  *change.mutable_update_admitted()->mutable_request() = request;
  change.mutable_update_admitted()->set_admitted_time_ns(draft.now_ns());
  draft.Emit(std::move(change));
  // A task that waits takes it along; one that is out is followed by another.
  if (!draft.state().HasTask()) draft.ScheduleTask(pb::WorkflowTask::SPECULATIVE);
  return draft.Finish();
}

}  // namespace perdure::machines
