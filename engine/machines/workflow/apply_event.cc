// What each history event does to the state.
#include "base/check.h"
#include "machines/workflow/state.h"
#include "machines/workflow/times.h"

namespace perdure::machines {

void State::ApplyEvent(const HistoryEvent& event, bool was_buffered) {
  if (event.event_id() != info.next_event_id()) {
    PERDURE_BUG("event ids of a run have a gap");
  }
  info.set_next_event_id(event.event_id() + 1);
  info.set_history_size_bytes(info.history_size_bytes() + event.ByteSizeLong());
  if (was_buffered) {
    ApplyFlushed(event);
    return;
  }
  ApplyEventEffect(event, /*is_buffered=*/false);
}

void State::ApplyFlushed(const HistoryEvent& event) {
  switch (event.event_type()) {
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED: {
      const EventId initiated =
          event.child_workflow_execution_started_event_attributes().initiated_event_id();
      const Child* found = children.Find(initiated);
      if (found == nullptr) return;
      Child child = *found;
      child.info.set_started_event_id(event.event_id());
      children.Put(initiated, std::move(child));
      return;
    }
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED: {
      pb::AdmittedUpdate update;
      *update.mutable_request() =
          event.workflow_execution_update_admitted_event_attributes().request();
      update.set_admitted_event_id(event.event_id());
      AddAdmitted(update);
      return;
    }
    default:
      return;
  }
}

void State::ApplyEventEffect(const HistoryEvent& event, bool is_buffered) {
  switch (event.event_type()) {
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
      ApplyStarted(event);
      return;
    case enums::EVENT_TYPE_WORKFLOW_TASK_SCHEDULED:
    case enums::EVENT_TYPE_WORKFLOW_TASK_STARTED:
    case enums::EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
    case enums::EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT:
    case enums::EVENT_TYPE_WORKFLOW_TASK_FAILED:
      ApplyWorkflowTaskEvent(event);
      return;
    case enums::EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
      ApplyActivityScheduled(event);
      return;
    case enums::EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED:
    case enums::EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
    case enums::EVENT_TYPE_ACTIVITY_TASK_FAILED:
    case enums::EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
    case enums::EVENT_TYPE_ACTIVITY_TASK_CANCELED:
      ApplyActivityEvent(event);
      return;
    case enums::EVENT_TYPE_TIMER_STARTED: {
      const auto& attributes = event.timer_started_event_attributes();
      pb::PendingTimer timer;
      timer.set_timer_id(attributes.timer_id());
      timer.set_started_event_id(event.event_id());
      timer.set_fire_at_ns(ToNs(event.event_time()) + ToNs(attributes.start_to_fire_timeout()));
      timers.Put(event.event_id(), timer);
      timer_ids.Put(attributes.timer_id(), event.event_id());
      Reindex(DeadlineKind::kTimer, event.event_id());
      return;
    }
    case enums::EVENT_TYPE_TIMER_FIRED:
      RemoveTimer(event.timer_fired_event_attributes().timer_id(),
                  event.timer_fired_event_attributes().started_event_id());
      return;
    case enums::EVENT_TYPE_TIMER_CANCELED:
      RemoveTimer(event.timer_canceled_event_attributes().timer_id(),
                  event.timer_canceled_event_attributes().started_event_id());
      return;
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
      info.set_signal_count(info.signal_count() + 1);
      return;
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
      info.set_cancel_requested(true);
      return;
    case enums::EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
    case enums::EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_FAILED:
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED:
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED:
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_FAILED:
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_CANCELED:
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TIMED_OUT:
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TERMINATED:
      ApplyChildEvent(event, is_buffered);
      return;
    case enums::EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED:
      pending_signals.Put(event.event_id(), std::make_shared<const HistoryEvent>(event));
      return;
    case enums::EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED:
      pending_signals.Erase(
          event.signal_external_workflow_execution_failed_event_attributes().initiated_event_id());
      return;
    case enums::EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_SIGNALED:
      pending_signals.Erase(
          event.external_workflow_execution_signaled_event_attributes().initiated_event_id());
      return;
    case enums::EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED:
      pending_cancels.Put(event.event_id(), std::make_shared<const HistoryEvent>(event));
      return;
    case enums::EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED:
      pending_cancels.Erase(
          event.request_cancel_external_workflow_execution_failed_event_attributes()
              .initiated_event_id());
      return;
    case enums::EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
      pending_cancels.Erase(event.external_workflow_execution_cancel_requested_event_attributes()
                                .initiated_event_id());
      return;
    case enums::EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
      for (const auto& [name, payload] : event.upsert_workflow_search_attributes_event_attributes()
                                             .search_attributes()
                                             .indexed_fields()) {
        search_attributes.Put(name, payload);
      }
      return;
    case enums::EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED:
      for (const auto& [name, payload] :
           event.workflow_properties_modified_event_attributes().upserted_memo().fields()) {
        // Temporal: a null payload deletes the key.
        const auto encoding = payload.metadata().find("encoding");
        const bool is_null =
            encoding != payload.metadata().end() && encoding->second == "binary/null";
        if (is_null) {
          memo.Erase(name);
        } else {
          memo.Put(name, payload);
        }
      }
      return;
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED:
      if (!is_buffered) ApplyUpdateEvent(event);
      return;
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED:
      ApplyOptionsUpdated(event);
      return;
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_PAUSED: {
      const auto& attributes = event.workflow_execution_paused_event_attributes();
      pb::Pause pause;
      pause.set_identity(attributes.identity());
      pause.set_reason(attributes.reason());
      pause.set_request_id(attributes.request_id());
      pause.set_time_ns(ToNs(event.event_time()));
      *info.mutable_pause() = pause;
      info.set_status(enums::WORKFLOW_EXECUTION_STATUS_PAUSED);
      Reindex(DeadlineKind::kWorkflowTask, 0);
      return;
    }
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_UNPAUSED:
      info.clear_pause();
      info.set_status(enums::WORKFLOW_EXECUTION_STATUS_RUNNING);
      Reindex(DeadlineKind::kWorkflowTask, 0);
      return;
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
      ApplyClosed(event, enums::WORKFLOW_EXECUTION_STATUS_COMPLETED);
      return;
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_FAILED:
      ApplyClosed(event, enums::WORKFLOW_EXECUTION_STATUS_FAILED);
      return;
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT:
      ApplyClosed(event, enums::WORKFLOW_EXECUTION_STATUS_TIMED_OUT);
      return;
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED:
      ApplyClosed(event, enums::WORKFLOW_EXECUTION_STATUS_TERMINATED);
      return;
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED:
      ApplyClosed(event, enums::WORKFLOW_EXECUTION_STATUS_CANCELED);
      return;
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
      ApplyClosed(event, enums::WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW);
      return;
    default:
      // Markers and the starts of activity attempts change nothing that is kept.
      return;
  }
}

void State::ApplyStarted(const HistoryEvent& event) {
  const auto& attributes = event.workflow_execution_started_event_attributes();
  started_event = std::make_shared<const HistoryEvent>(event);
  info.set_workflow_type(attributes.workflow_type().name());
  info.set_task_queue(attributes.task_queue().name());
  info.set_execution_timeout_ns(ToNs(attributes.workflow_execution_timeout()));
  info.set_run_timeout_ns(ToNs(attributes.workflow_run_timeout()));
  info.set_task_timeout_ns(ToNs(attributes.workflow_task_timeout()));
  // Temporal: a run that a reset made starts with the reset, whatever its first event says.
  info.set_execution_time_ns(info.start_time_ns() + ToNs(attributes.first_workflow_task_backoff()));
  info.set_first_run_id(attributes.first_execution_run_id());
  info.set_original_run_id(attributes.original_execution_run_id());
  info.set_attempt(attributes.attempt());
  info.set_cron_schedule(attributes.cron_schedule());
  if (attributes.has_retry_policy()) *info.mutable_retry_policy() = attributes.retry_policy();
  if (attributes.has_parent_workflow_execution()) {
    info.set_parent_namespace(attributes.parent_workflow_namespace());
    info.set_parent_namespace_id(attributes.parent_workflow_namespace_id());
    info.set_parent_workflow_id(attributes.parent_workflow_execution().workflow_id());
    info.set_parent_run_id(attributes.parent_workflow_execution().run_id());
    info.set_parent_initiated_event_id(attributes.parent_initiated_event_id());
  }
  // Temporal: a run without a parent is its own root, which its event does not say.
  const auto& root = attributes.root_workflow_execution();
  const bool has_root = attributes.has_root_workflow_execution();
  info.set_root_workflow_id(has_root ? root.workflow_id() : info.workflow_id());
  info.set_root_run_id(has_root ? root.run_id() : info.run_id());
  if (attributes.has_priority()) *info.mutable_priority() = attributes.priority();
  if (attributes.has_versioning_override()) {
    *info.mutable_versioning_override() = attributes.versioning_override();
  }
  for (const auto& [name, payload] : attributes.memo().fields()) memo.Put(name, payload);
  for (const auto& [name, payload] : attributes.search_attributes().indexed_fields()) {
    search_attributes.Put(name, payload);
  }
  for (const auto& point : attributes.prev_auto_reset_points().points()) AddResetPoint(point);
  int64_t key = 0;
  for (const auto& callback : attributes.completion_callbacks()) callbacks.Put(++key, callback);
  info.set_status(enums::WORKFLOW_EXECUTION_STATUS_RUNNING);
}

void State::ApplyWorkflowTaskEvent(const HistoryEvent& event) {
  switch (event.event_type()) {
    case enums::EVENT_TYPE_WORKFLOW_TASK_SCHEDULED: {
      const auto& attributes = event.workflow_task_scheduled_event_attributes();
      const int64_t stamp = info.workflow_task_stamp() + 1;
      pb::WorkflowTask task;
      task.set_type(pb::WorkflowTask::NORMAL);
      task.set_scheduled_event_id(event.event_id());
      task.set_attempt(attributes.attempt());
      task.set_scheduled_time_ns(ToNs(event.event_time()));
      task.set_original_scheduled_time_ns(ToNs(event.event_time()));
      task.set_timeout_ns(ToNs(attributes.start_to_close_timeout()));
      task.set_stamp(stamp);
      task.set_has_events(true);
      task.set_is_on_sticky_queue(attributes.task_queue().kind() == enums::TASK_QUEUE_KIND_STICKY);
      if (task.is_on_sticky_queue()) {
        task.set_schedule_to_start_timeout_ns(info.sticky().schedule_to_start_timeout_ns());
      }
      *info.mutable_workflow_task() = std::move(task);
      info.set_workflow_task_stamp(stamp);
      info.set_workflow_task_attempt(attributes.attempt());
      info.set_first_task_backoff_until_ns(0);
      Reindex(DeadlineKind::kFirstTask, 0);
      break;
    }
    case enums::EVENT_TYPE_WORKFLOW_TASK_STARTED: {
      const auto& attributes = event.workflow_task_started_event_attributes();
      pb::WorkflowTask& task = *info.mutable_workflow_task();
      task.set_started_event_id(event.event_id());
      task.set_started_time_ns(ToNs(event.event_time()));
      task.set_request_id(attributes.request_id());
      task.set_identity(attributes.identity());
      task.set_suggest_continue_as_new(attributes.suggest_continue_as_new());
      task.set_history_size_bytes(attributes.history_size_bytes());
      break;
    }
    case enums::EVENT_TYPE_WORKFLOW_TASK_COMPLETED: {
      const auto& attributes = event.workflow_task_completed_event_attributes();
      info.set_last_task_started_event_id(attributes.started_event_id());
      info.set_last_task_completed_event_id(event.event_id());
      info.set_workflow_task_attempt(1);
      if (!attributes.sdk_metadata().sdk_name().empty()) {
        info.set_worker_name(attributes.sdk_metadata().sdk_name());
        info.set_worker_version(attributes.sdk_metadata().sdk_version());
      }
      info.set_last_task_failure_cause(0);
      info.set_last_task_timed_out(false);
      ClearTask();
      return;
    }
    case enums::EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT: {
      const auto type = event.workflow_task_timed_out_event_attributes().timeout_type();
      info.set_last_task_timed_out(true);
      FailTask(type != enums::TIMEOUT_TYPE_SCHEDULE_TO_START);
      return;
    }
    case enums::EVENT_TYPE_WORKFLOW_TASK_FAILED: {
      const auto cause = event.workflow_task_failed_event_attributes().cause();
      info.set_last_task_failure_cause(cause);
      FailTask(/*increment_attempt=*/true);
      if (cause == enums::WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW) {
        info.set_workflow_task_attempt(1);
      }
      return;
    }
    default:
      return;
  }
  Reindex(DeadlineKind::kWorkflowTask, 0);
}

void State::ApplyActivityScheduled(const HistoryEvent& event) {
  const auto& attributes = event.activity_task_scheduled_event_attributes();
  Activity activity;
  activity.scheduled = std::make_shared<const HistoryEvent>(event);
  // A first attempt is handed out with the commit that scheduled it; a rebuilt one, when it is
  // loaded.
  pb::PendingActivity& pending = activity.info;
  const int64_t now_ns = ToNs(event.event_time());
  pending.set_scheduled_event_id(event.event_id());
  pending.set_attempt(1);
  pending.set_scheduled_time_ns(now_ns);
  pending.set_first_scheduled_time_ns(now_ns);
  pending.set_task_queue(attributes.task_queue().name());
  pending.set_schedule_to_close_ns(ToNs(attributes.schedule_to_close_timeout()));
  pending.set_schedule_to_start_ns(ToNs(attributes.schedule_to_start_timeout()));
  pending.set_start_to_close_ns(ToNs(attributes.start_to_close_timeout()));
  pending.set_heartbeat_ns(ToNs(attributes.heartbeat_timeout()));
  if (attributes.has_retry_policy()) *pending.mutable_retry_policy() = attributes.retry_policy();
  if (attributes.has_priority()) *pending.mutable_priority() = attributes.priority();
  if (pending.schedule_to_close_ns() > 0) {
    pending.set_schedule_to_close_deadline_ns(now_ns + pending.schedule_to_close_ns());
  }
  pending.set_stamp(1);
  activity_ids.Put(attributes.activity_id(), event.event_id());
  activities.Put(event.event_id(), std::move(activity));
  Reindex(DeadlineKind::kActivity, event.event_id());
}

void State::ApplyActivityEvent(const HistoryEvent& event) {
  switch (event.event_type()) {
    case enums::EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED: {
      const EventId id =
          event.activity_task_cancel_requested_event_attributes().scheduled_event_id();
      const Activity* found = activities.Find(id);
      if (found == nullptr) return;
      Activity activity = *found;
      activity.info.set_cancel_requested(true);
      activity.info.set_cancel_requested_event_id(event.event_id());
      activities.Put(id, std::move(activity));
      return;
    }
    case enums::EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
      RemoveActivity(event.activity_task_completed_event_attributes().scheduled_event_id());
      return;
    case enums::EVENT_TYPE_ACTIVITY_TASK_FAILED:
      RemoveActivity(event.activity_task_failed_event_attributes().scheduled_event_id());
      return;
    case enums::EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
      RemoveActivity(event.activity_task_timed_out_event_attributes().scheduled_event_id());
      return;
    case enums::EVENT_TYPE_ACTIVITY_TASK_CANCELED:
      RemoveActivity(event.activity_task_canceled_event_attributes().scheduled_event_id());
      return;
    default:
      return;
  }
}

void State::ApplyChildEvent(const HistoryEvent& event, bool is_buffered) {
  switch (event.event_type()) {
    case enums::EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED: {
      Child child;
      child.initiated = std::make_shared<const HistoryEvent>(event);
      child.info.set_initiated_event_id(event.event_id());
      children.Put(event.event_id(), std::move(child));
      return;
    }
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED: {
      const auto& attributes = event.child_workflow_execution_started_event_attributes();
      const Child* found = children.Find(attributes.initiated_event_id());
      if (found == nullptr) return;
      Child child = *found;
      child.info.set_is_started(true);
      child.info.set_started_run_id(attributes.workflow_execution().run_id());
      if (!is_buffered) child.info.set_started_event_id(event.event_id());
      children.Put(attributes.initiated_event_id(), std::move(child));
      return;
    }
    case enums::EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_FAILED:
      children.Erase(
          event.start_child_workflow_execution_failed_event_attributes().initiated_event_id());
      return;
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED:
      children.Erase(
          event.child_workflow_execution_completed_event_attributes().initiated_event_id());
      return;
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_FAILED:
      children.Erase(event.child_workflow_execution_failed_event_attributes().initiated_event_id());
      return;
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_CANCELED:
      children.Erase(
          event.child_workflow_execution_canceled_event_attributes().initiated_event_id());
      return;
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TIMED_OUT:
      children.Erase(
          event.child_workflow_execution_timed_out_event_attributes().initiated_event_id());
      return;
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TERMINATED:
      children.Erase(
          event.child_workflow_execution_terminated_event_attributes().initiated_event_id());
      return;
    default:
      return;
  }
}

void State::ApplyUpdateEvent(const HistoryEvent& event) {
  switch (event.event_type()) {
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED: {
      pb::AdmittedUpdate update;
      *update.mutable_request() =
          event.workflow_execution_update_admitted_event_attributes().request();
      update.set_admitted_event_id(event.event_id());
      AddAdmitted(update);
      return;
    }
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: {
      const auto& attributes = event.workflow_execution_update_accepted_event_attributes();
      pb::UpdateState update;
      update.set_update_id(attributes.protocol_instance_id());
      update.set_protocol_instance_id(attributes.protocol_instance_id());
      update.set_accepted_event_id(event.event_id());
      update.set_name(attributes.accepted_request().input().name());
      if (!updates.Contains(update.update_id())) ++open_update_count;
      updates.Put(update.update_id(), update);
      RemoveAdmitted(update.update_id());
      info.set_update_count(info.update_count() + 1);
      return;
    }
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED: {
      const auto& attributes = event.workflow_execution_update_completed_event_attributes();
      const pb::UpdateState* found = updates.Find(attributes.meta().update_id());
      if (found == nullptr) return;
      pb::UpdateState update = *found;
      if (update.completed_event_id() == 0) --open_update_count;
      update.set_completed_event_id(event.event_id());
      updates.Put(update.update_id(), update);
      return;
    }
    default:
      return;
  }
}

void State::ApplyOptionsUpdated(const HistoryEvent& event) {
  const auto& attributes = event.workflow_execution_options_updated_event_attributes();
  if (attributes.unset_versioning_override()) info.clear_versioning_override();
  if (attributes.has_versioning_override()) {
    *info.mutable_versioning_override() = attributes.versioning_override();
  }
  if (attributes.has_priority()) *info.mutable_priority() = attributes.priority();
  for (const auto& callback : attributes.attached_completion_callbacks()) {
    callbacks.Put(callbacks.size() + 1, callback);
  }
}

void State::ApplyClosed(const HistoryEvent& event, enums::WorkflowExecutionStatus status) {
  close_event = std::make_shared<const HistoryEvent>(event);
  info.set_status(status);
  info.clear_pause();
  info.set_close_time_ns(ToNs(event.event_time()));
  info.set_close_event_id(event.event_id());
  info.clear_workflow_task();
  info.clear_sticky();
  ClearPending();
}

}  // namespace perdure::machines
