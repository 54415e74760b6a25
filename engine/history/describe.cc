// DescribeWorkflowExecution.
#include <utility>

#include "history/requests.h"
#include "machines/workflow/times.h"
#include "query/attributes.h"

namespace perdure::history {
namespace {

namespace workflow = temporal::api::workflow::v1;
using machines::SetDuration;
using machines::SetTimestamp;

void FillInfo(const Execution& run, workflow::WorkflowExecutionInfo& out) {
  const State& state = run.state;
  const pb::ExecutionInfo& info = state.info;
  out.mutable_execution()->set_workflow_id(run.workflow_id);
  out.mutable_execution()->set_run_id(run.run_id);
  out.mutable_type()->set_name(info.workflow_type());
  SetTimestamp(out.mutable_start_time(), info.start_time_ns());
  SetTimestamp(out.mutable_execution_time(), info.execution_time_ns());
  if (!state.IsRunning()) {
    SetTimestamp(out.mutable_close_time(), info.close_time_ns());
    SetDuration(out.mutable_execution_duration(), info.close_time_ns() - info.execution_time_ns());
  }
  out.set_status(info.status());
  out.set_history_length(info.next_event_id() - 1);
  out.set_history_size_bytes(info.history_size_bytes());
  out.set_state_transition_count(info.transition_count());
  out.set_task_queue(info.task_queue());
  out.set_first_run_id(info.first_run_id());
  if (!info.parent_workflow_id().empty()) {
    out.set_parent_namespace_id(info.parent_namespace_id());
    out.mutable_parent_execution()->set_workflow_id(info.parent_workflow_id());
    out.mutable_parent_execution()->set_run_id(info.parent_run_id());
  }
  out.mutable_root_execution()->set_workflow_id(info.root_workflow_id());
  out.mutable_root_execution()->set_run_id(info.root_run_id());
  out.mutable_memo();
  for (const std::string& name : state.memo.Keys()) {
    (*out.mutable_memo()->mutable_fields())[name] = *state.memo.Find(name);
  }
  out.mutable_search_attributes();
  for (const std::string& name : state.search_attributes.Keys()) {
    temporal::api::common::v1::Payload payload = *state.search_attributes.Find(name);
    // Temporal answers with the type in the metadata, whoever wrote it.
    const auto custom = run.name_space->search_attributes.find(name);
    query::Type type;
    if (custom != run.name_space->search_attributes.end() &&
        query::TypeFromWire(custom->second, type)) {
      (*payload.mutable_metadata())["type"] = query::TypeName(type);
    }
    const auto encoding = payload.metadata().find("encoding");
    const bool is_unset =
        payload.data() == "null" || payload.data() == "[]" ||
        (encoding != payload.metadata().end() && encoding->second == "binary/null");
    if (is_unset) continue;
    (*out.mutable_search_attributes()->mutable_indexed_fields())[name] = std::move(payload);
  }
  for (const int64_t key : state.reset_points.Keys()) {
    *out.mutable_auto_reset_points()->add_points() = *state.reset_points.Find(key);
  }
  if (info.has_priority()) *out.mutable_priority() = info.priority();
  if (info.has_versioning_override()) {
    *out.mutable_versioning_info()->mutable_versioning_override() = info.versioning_override();
  }
}

void FillActivity(const machines::Activity& activity, int64_t now_ns,
                  workflow::PendingActivityInfo& out) {
  const pb::PendingActivity& pending = activity.info;
  const auto& scheduled = activity.scheduled->activity_task_scheduled_event_attributes();
  out.set_activity_id(scheduled.activity_id());
  *out.mutable_activity_type() = scheduled.activity_type();
  const bool is_started = pending.started_time_ns() != 0;
  if (pending.has_pause()) {
    out.set_state(is_started ? machines::enums::PENDING_ACTIVITY_STATE_PAUSE_REQUESTED
                             : machines::enums::PENDING_ACTIVITY_STATE_PAUSED);
  } else if (pending.cancel_requested()) {
    out.set_state(machines::enums::PENDING_ACTIVITY_STATE_CANCEL_REQUESTED);
  } else {
    out.set_state(is_started ? machines::enums::PENDING_ACTIVITY_STATE_STARTED
                             : machines::enums::PENDING_ACTIVITY_STATE_SCHEDULED);
  }
  if (pending.has_heartbeat_details())
    *out.mutable_heartbeat_details() = pending.heartbeat_details();
  if (pending.last_heartbeat_time_ns() != 0) {
    SetTimestamp(out.mutable_last_heartbeat_time(), pending.last_heartbeat_time_ns());
  }
  if (is_started) SetTimestamp(out.mutable_last_started_time(), pending.started_time_ns());
  out.set_attempt(pending.attempt());
  out.set_maximum_attempts(pending.retry_policy().maximum_attempts());
  SetTimestamp(out.mutable_scheduled_time(), pending.scheduled_time_ns());
  if (pending.schedule_to_close_deadline_ns() != 0) {
    SetTimestamp(out.mutable_expiration_time(), pending.schedule_to_close_deadline_ns());
  }
  if (pending.has_last_failure()) *out.mutable_last_failure() = pending.last_failure();
  out.set_last_worker_identity(is_started ? pending.started_identity()
                                          : pending.last_worker_identity());
  if (pending.current_retry_interval_ns() != 0) {
    SetDuration(out.mutable_current_retry_interval(), pending.current_retry_interval_ns());
  }
  if (pending.last_attempt_completed_time_ns() != 0) {
    SetTimestamp(out.mutable_last_attempt_complete_time(),
                 pending.last_attempt_completed_time_ns());
  }
  if (!is_started && pending.scheduled_time_ns() > now_ns) {
    SetTimestamp(out.mutable_next_attempt_schedule_time(), pending.scheduled_time_ns());
  }
  out.set_paused(pending.has_pause());
  if (pending.has_pause()) {
    SetTimestamp(out.mutable_pause_info()->mutable_pause_time(), pending.pause().time_ns());
    out.mutable_pause_info()->mutable_manual()->set_identity(pending.pause().identity());
    out.mutable_pause_info()->mutable_manual()->set_reason(pending.pause().reason());
  }
  if (pending.has_priority()) *out.mutable_priority() = pending.priority();
  auto* options = out.mutable_activity_options();
  options->mutable_task_queue()->set_name(pending.task_queue());
  options->mutable_task_queue()->set_kind(machines::enums::TASK_QUEUE_KIND_NORMAL);
  SetDuration(options->mutable_schedule_to_close_timeout(), pending.schedule_to_close_ns());
  SetDuration(options->mutable_schedule_to_start_timeout(), pending.schedule_to_start_ns());
  SetDuration(options->mutable_start_to_close_timeout(), pending.start_to_close_ns());
  SetDuration(options->mutable_heartbeat_timeout(), pending.heartbeat_ns());
  if (pending.has_retry_policy()) *options->mutable_retry_policy() = pending.retry_policy();
}

void FillExtended(const Execution& run, workflow::WorkflowExecutionExtendedInfo& out) {
  const pb::ExecutionInfo& info = run.state.info;
  if (info.execution_deadline_ns() != 0) {
    SetTimestamp(out.mutable_execution_expiration_time(), info.execution_deadline_ns());
  }
  if (info.run_deadline_ns() != 0) {
    SetTimestamp(out.mutable_run_expiration_time(), info.run_deadline_ns());
  }
  out.set_cancel_requested(info.cancel_requested());
  *out.mutable_original_start_time() = run.state.started_event->event_time();
  if (!info.reset_of_run_id().empty()) {
    SetTimestamp(out.mutable_last_reset_time(), info.start_time_ns());
  }
  out.set_reset_run_id(info.reset_run_id());
  auto& ids = *out.mutable_request_id_infos();
  if (!info.create_request_id().empty()) {
    ids[info.create_request_id()].set_event_type(
        machines::enums::EVENT_TYPE_WORKFLOW_EXECUTION_STARTED);
    ids[info.create_request_id()].set_event_id(1);
  }
  for (const std::string& id : run.state.request_ids.Keys()) {
    const pb::RequestId& known = *run.state.request_ids.Find(id);
    ids[id].set_event_type(static_cast<machines::enums::EventType>(known.event_type()));
    ids[id].set_event_id(known.event_id());
    ids[id].set_buffered(known.event_id() == 0);
  }
  if (info.has_pause()) {
    out.mutable_pause_info()->set_identity(info.pause().identity());
    out.mutable_pause_info()->set_reason(info.pause().reason());
    SetTimestamp(out.mutable_pause_info()->mutable_paused_time(), info.pause().time_ns());
  }
}

api::DescribeWorkflowExecutionResponse Describe(const Execution& run, int64_t now_ns) {
  api::DescribeWorkflowExecutionResponse response;
  const State& state = run.state;
  const pb::ExecutionInfo& info = state.info;
  auto* config = response.mutable_execution_config();
  config->mutable_task_queue()->set_name(info.task_queue());
  config->mutable_task_queue()->set_kind(machines::enums::TASK_QUEUE_KIND_NORMAL);
  SetDuration(config->mutable_workflow_execution_timeout(), info.execution_timeout_ns());
  SetDuration(config->mutable_workflow_run_timeout(), info.run_timeout_ns());
  SetDuration(config->mutable_default_workflow_task_timeout(), info.task_timeout_ns());
  if (state.started_event->has_user_metadata()) {
    *config->mutable_user_metadata() = state.started_event->user_metadata();
  }
  FillInfo(run, *response.mutable_workflow_execution_info());
  for (const EventId id : state.activities.Keys()) {
    FillActivity(*state.activities.Find(id), now_ns, *response.add_pending_activities());
  }
  for (const EventId id : state.children.Keys()) {
    const machines::Child& child = *state.children.Find(id);
    const auto& initiated =
        child.initiated->start_child_workflow_execution_initiated_event_attributes();
    auto* out = response.add_pending_children();
    out->set_workflow_id(initiated.workflow_id());
    out->set_run_id(child.info.started_run_id());
    out->set_workflow_type_name(initiated.workflow_type().name());
    out->set_initiated_id(id);
    out->set_parent_close_policy(initiated.parent_close_policy());
  }
  if (state.HasTask()) {
    const pb::WorkflowTask& task = info.workflow_task();
    auto* out = response.mutable_pending_workflow_task();
    out->set_state(state.HasStartedTask() ? machines::enums::PENDING_WORKFLOW_TASK_STATE_STARTED
                                          : machines::enums::PENDING_WORKFLOW_TASK_STATE_SCHEDULED);
    SetTimestamp(out->mutable_scheduled_time(), task.scheduled_time_ns());
    SetTimestamp(out->mutable_original_scheduled_time(), task.original_scheduled_time_ns());
    if (state.HasStartedTask()) SetTimestamp(out->mutable_started_time(), task.started_time_ns());
    out->set_attempt(task.attempt());
  }
  for (const int64_t key : state.callbacks.Keys()) {
    auto* out = response.add_callbacks();
    *out->mutable_callback() = *state.callbacks.Find(key);
    out->mutable_trigger()->mutable_workflow_closed();
    SetTimestamp(out->mutable_registration_time(), info.start_time_ns());
    out->set_state(machines::enums::CALLBACK_STATE_STANDBY);
  }
  FillExtended(run, *response.mutable_workflow_extended_info());
  return response;
}

}  // namespace

void Describe(Core& core, CallContext context, NamespacePtr name_space,
              api::DescribeWorkflowExecutionRequest request,
              Reply<api::DescribeWorkflowExecutionResponse> reply) {
  core.Show(name_space, request.execution().workflow_id(), request.execution().run_id(),
            [&core, reply = std::move(reply)](absl::StatusOr<ExecutionPtr> found) mutable {
              if (!found.ok()) return std::move(reply)(found.status());
              const ExecutionPtr run = *found;
              // What is shown must be durable.
              auto response = Describe(*run, absl::ToUnixNanos(core.loop().Now()));
              core.committer().AfterCommits(
                  run, [response = std::move(response),
                        reply = std::move(reply)](absl::Status status) mutable {
                    if (!status.ok()) return std::move(reply)(std::move(status));
                    std::move(reply)(std::move(response));
                  });
            });
}

}  // namespace perdure::history
