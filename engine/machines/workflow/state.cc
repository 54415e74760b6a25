#include "machines/workflow/state.h"

#include <algorithm>

#include "base/check.h"
#include "machines/workflow/times.h"

namespace perdure::machines {

State State::Over(const State& base) {
  State over;
  over.is_workspace_ = true;
  over.info = base.info;
  over.started_event = base.started_event;
  over.close_event = base.close_event;
  over.activities = EntityMap<EventId, Activity>::Over(base.activities);
  over.activity_ids = EntityMap<std::string, EventId>::Over(base.activity_ids);
  over.timers = EntityMap<EventId, pb::PendingTimer>::Over(base.timers);
  over.timer_ids = EntityMap<std::string, EventId>::Over(base.timer_ids);
  over.children = EntityMap<EventId, Child>::Over(base.children);
  over.pending_signals = EntityMap<EventId, EventPtr>::Over(base.pending_signals);
  over.pending_cancels = EntityMap<EventId, EventPtr>::Over(base.pending_cancels);
  over.updates = EntityMap<std::string, pb::UpdateState>::Over(base.updates);
  over.open_update_count = base.open_update_count;
  over.admitted_updates = EntityMap<std::string, pb::AdmittedUpdate>::Over(base.admitted_updates);
  over.admitted_order = EntityMap<int64_t, std::string>::Over(base.admitted_order);
  over.signal_request_ids = EntityMap<std::string, bool>::Over(base.signal_request_ids);
  over.request_ids = EntityMap<std::string, pb::RequestId>::Over(base.request_ids);
  over.buffered_events = EntityMap<int64_t, EventPtr>::Over(base.buffered_events);
  over.outbox = EntityMap<uint64_t, pb::OutboxMessage>::Over(base.outbox);
  over.memo = EntityMap<std::string, temporal::api::common::v1::Payload>::Over(base.memo);
  over.search_attributes =
      EntityMap<std::string, temporal::api::common::v1::Payload>::Over(base.search_attributes);
  over.reset_points =
      EntityMap<int64_t, temporal::api::workflow::v1::ResetPointInfo>::Over(base.reset_points);
  over.callbacks = EntityMap<int64_t, temporal::api::common::v1::Callback>::Over(base.callbacks);
  over.last_buffer_key_ = base.last_buffer_key_;
  over.last_admitted_key_ = base.last_admitted_key_;
  return over;
}

void State::ApplyRecord(const pb::JournalRecord& record) {
  const EventId first = std::max<EventId>(info.next_event_id(), 1);
  for (const pb::Change& change : record.changes()) Apply(change);
  EndRecord(first);
}

void State::EndRecord(EventId first_event_id) {
  record_first_event_ids.push_back(std::max<EventId>(first_event_id, 1));
  info.set_transition_count(info.transition_count() + 1);
}

void State::Apply(const pb::Change& change) {
  switch (change.kind_case()) {
    case pb::Change::kCreated: {
      const pb::Created& created = change.created();
      info.set_namespace_number(created.namespace_number());
      info.set_workflow_id(created.workflow_id());
      info.set_run_id(created.run_id());
      info.set_create_request_id(created.create_request_id());
      info.set_start_time_ns(created.created_time_ns());
      info.set_execution_deadline_ns(created.execution_deadline_ns());
      info.set_run_deadline_ns(created.run_deadline_ns());
      info.set_first_task_backoff_until_ns(created.first_task_backoff_until_ns());
      info.set_parent_namespace_number(created.parent_namespace_number());
      info.set_reset_of_run_id(created.reset_of_run_id());
      info.set_next_event_id(1);
      info.set_next_outbox_id(1);
      info.set_workflow_task_attempt(1);
      info.set_status(enums::WORKFLOW_EXECUTION_STATUS_RUNNING);
      Reindex(DeadlineKind::kRun, 0);
      Reindex(DeadlineKind::kFirstTask, 0);
      return;
    }
    case pb::Change::kEvent:
      ApplyEvent(change.event(), change.was_buffered());
      return;
    case pb::Change::kBufferedEvent:
      buffered_events.Put(++last_buffer_key_,
                          std::make_shared<const HistoryEvent>(change.buffered_event()));
      info.set_buffered_bytes(info.buffered_bytes() + change.buffered_event().ByteSizeLong());
      ApplyEventEffect(change.buffered_event(), /*is_buffered=*/true);
      return;
    case pb::Change::kBufferFlushed:
      buffered_events.Clear();
      info.set_buffered_bytes(0);
      return;
    case pb::Change::kBufferedTimerRemoved:
      for (const int64_t key : buffered_events.Keys()) {
        const EventPtr& event = *buffered_events.Find(key);
        if (event->event_type() == enums::EVENT_TYPE_TIMER_FIRED &&
            event->timer_fired_event_attributes().timer_id() == change.buffered_timer_removed()) {
          buffered_events.Erase(key);
        }
      }
      return;
    case pb::Change::kWorkflowTask:
      if (change.workflow_task().type() == pb::WorkflowTask::NONE) {
        info.set_workflow_task_attempt(std::max(1, change.workflow_task().attempt()));
        ClearTask();
      } else {
        *info.mutable_workflow_task() = change.workflow_task();
        info.set_workflow_task_stamp(
            std::max(info.workflow_task_stamp(), change.workflow_task().stamp()));
        Reindex(DeadlineKind::kWorkflowTask, 0);
      }
      return;
    case pb::Change::kActivity: {
      const Activity* found = activities.Find(change.activity().scheduled_event_id());
      if (found == nullptr) return;
      Activity activity{found->scheduled, change.activity(), false};
      // Being handed out stays true as long as nothing made the dispatched task stale.
      activity.is_due = found->is_due && found->info.stamp() == change.activity().stamp() &&
                        found->info.attempt() == change.activity().attempt();
      activities.Put(change.activity().scheduled_event_id(), std::move(activity));
      Reindex(DeadlineKind::kActivity, change.activity().scheduled_event_id());
      return;
    }
    case pb::Change::kActivityDue: {
      const Activity* found = activities.Find(change.activity_due());
      if (found == nullptr) return;
      Activity activity = *found;
      activity.is_due = true;
      activities.Put(change.activity_due(), std::move(activity));
      Reindex(DeadlineKind::kActivity, change.activity_due());
      return;
    }
    case pb::Change::kSticky:
      *info.mutable_sticky() = change.sticky();
      return;
    case pb::Change::kOutboxAdded:
      outbox.Put(change.outbox_added().id(), change.outbox_added());
      info.set_next_outbox_id(std::max(info.next_outbox_id(), change.outbox_added().id() + 1));
      return;
    case pb::Change::kOutboxRemoved:
      outbox.Erase(change.outbox_removed());
      return;
    case pb::Change::kSignalRequestId:
      signal_request_ids.Put(change.signal_request_id(), true);
      return;
    case pb::Change::kRequestId:
      request_ids.Put(change.request_id().request_id(), change.request_id());
      return;
    case pb::Change::kCancelRequestId:
      info.set_cancel_request_id(change.cancel_request_id());
      return;
    case pb::Change::kUpdateAdmitted:
      AddAdmitted(change.update_admitted());
      return;
    case pb::Change::kUpdateRemoved:
      RemoveAdmitted(change.update_removed());
      return;
    case pb::Change::kRecordedUpdateRemoved:
      RemoveAdmitted(change.recorded_update_removed());
      return;
    case pb::Change::kUpdateSent: {
      const pb::AdmittedUpdate* found = admitted_updates.Find(change.update_sent());
      if (found == nullptr) return;
      pb::AdmittedUpdate update = *found;
      update.set_is_sent(true);
      admitted_updates.Put(change.update_sent(), std::move(update));
      return;
    }
    case pb::Change::kResetPoint:
      AddResetPoint(change.reset_point().info());
      return;
    case pb::Change::kNewRunId:
      info.set_new_run_id(change.new_run_id());
      return;
    case pb::Change::kFirstTaskBackoffOver:
      info.set_first_task_backoff_until_ns(0);
      Reindex(DeadlineKind::kFirstTask, 0);
      return;
    case pb::Change::kTimer:
      timers.Put(change.timer().started_event_id(), change.timer());
      timer_ids.Put(change.timer().timer_id(), change.timer().started_event_id());
      Reindex(DeadlineKind::kTimer, change.timer().started_event_id());
      return;
    case pb::Change::kCloseAttempted:
      info.set_close_attempted(true);
      return;
    case pb::Change::kPause:
      *info.mutable_pause() = change.pause();
      info.set_status(enums::WORKFLOW_EXECUTION_STATUS_PAUSED);
      Reindex(DeadlineKind::kWorkflowTask, 0);
      return;
    case pb::Change::kUnpaused:
      info.clear_pause();
      if (IsRunning()) info.set_status(enums::WORKFLOW_EXECUTION_STATUS_RUNNING);
      Reindex(DeadlineKind::kWorkflowTask, 0);
      return;
    case pb::Change::kChild: {
      const Child* found = children.Find(change.child().child().initiated_event_id());
      if (found == nullptr) return;
      children.Put(change.child().child().initiated_event_id(),
                   Child{found->initiated, change.child().child()});
      return;
    }
    case pb::Change::kResetRunId:
      info.set_reset_run_id(change.reset_run_id());
      return;
    case pb::Change::kCallback:
      callbacks.Put(callbacks.size() + 1, change.callback());
      return;
    case pb::Change::kSpeculativeTaskDropped:
      ClearTask();
      return;
    case pb::Change::KIND_NOT_SET:
      PERDURE_BUG("a journal record holds a change of a kind this version does not know");
      return;
  }
}

void State::AddResetPoint(const temporal::api::workflow::v1::ResetPointInfo& point) {
  const std::vector<int64_t> keys = reset_points.Keys();
  if (static_cast<int64_t>(keys.size()) >= kResetPointsMax) reset_points.Erase(keys.front());
  reset_points.Put(keys.empty() ? 1 : keys.back() + 1, point);
}

void State::AddAdmitted(const pb::AdmittedUpdate& update) {
  const std::string& id = update.request().meta().update_id();
  if (!admitted_updates.Contains(id)) admitted_order.Put(++last_admitted_key_, id);
  admitted_updates.Put(id, update);
}

void State::RemoveAdmitted(const std::string& update_id) {
  if (!admitted_updates.Contains(update_id)) return;
  admitted_updates.Erase(update_id);
  for (const int64_t key : admitted_order.Keys()) {
    if (*admitted_order.Find(key) == update_id) {
      admitted_order.Erase(key);
      return;
    }
  }
}

void State::FailTask(bool increment_attempt) {
  // Temporal: a failure on a sticky queue clears stickiness and does not count as an attempt.
  if (IsSticky()) {
    increment_attempt = false;
    info.clear_sticky();
  }
  info.set_workflow_task_attempt(increment_attempt ? info.workflow_task_attempt() + 1 : 1);
  ClearTask();
}

void State::ClearTask() {
  if (HasStartedTask()) info.set_close_attempted(false);
  const int64_t original = info.workflow_task().original_scheduled_time_ns();
  info.clear_workflow_task();
  info.mutable_workflow_task()->set_original_scheduled_time_ns(original);
  Reindex(DeadlineKind::kWorkflowTask, 0);
}

void State::RemoveActivity(EventId scheduled_event_id) {
  const Activity* activity = activities.Find(scheduled_event_id);
  if (activity == nullptr) return;
  activity_ids.Erase(activity->scheduled->activity_task_scheduled_event_attributes().activity_id());
  activities.Erase(scheduled_event_id);
  Reindex(DeadlineKind::kActivity, scheduled_event_id);
}

void State::RemoveTimer(const std::string& timer_id, EventId started_event_id) {
  const EventId* found = timer_ids.Find(timer_id);
  if (found == nullptr || *found != started_event_id) return;
  timer_ids.Erase(timer_id);
  timers.Erase(started_event_id);
  Reindex(DeadlineKind::kTimer, started_event_id);
}

void State::ClearPending() {
  // Activities stay: Temporal still shows them in the description of a closed run.
  timers.Clear();
  timer_ids.Clear();
  children.Clear();
  pending_signals.Clear();
  pending_cancels.Clear();
  admitted_updates.Clear();
  admitted_order.Clear();
  if (!is_workspace_) {
    deadlines_.clear();
    deadline_times_.clear();
  }
}

int64_t State::SequenceOf(EventId event_id) const {
  const auto after =
      std::upper_bound(record_first_event_ids.begin(), record_first_event_ids.end(), event_id);
  return after - record_first_event_ids.begin();
}

// --- Deadlines
// --------------------------------------------------------------------------------------

std::optional<Deadline> State::NextDeadline() const {
  if (deadlines_.empty()) return std::nullopt;
  return *deadlines_.begin();
}

std::vector<Deadline> State::DueDeadlines(int64_t now_ns, int64_t limit) const {
  std::vector<Deadline> due;
  for (const Deadline& deadline : deadlines_) {
    if (deadline.time_ns > now_ns || static_cast<int64_t>(due.size()) >= limit) break;
    due.push_back(deadline);
  }
  return due;
}

ActivityDeadline EarliestDeadline(const Activity& activity) {
  const pb::PendingActivity& info = activity.info;
  ActivityDeadline earliest;
  const auto consider = [&earliest](int64_t time_ns, ActivityDeadlineKind kind) {
    if (time_ns == 0) return;
    if (earliest.time_ns == 0 || time_ns < earliest.time_ns) earliest = {time_ns, kind};
  };
  consider(info.schedule_to_close_deadline_ns(), ActivityDeadlineKind::kScheduleToClose);
  if (info.started_time_ns() == 0) {
    // A paused activity waits for as long as it is paused, but for its overall deadline.
    if (info.has_pause()) return earliest;
    if (info.schedule_to_start_ns() > 0) {
      consider(info.scheduled_time_ns() + info.schedule_to_start_ns(),
               ActivityDeadlineKind::kScheduleToStart);
    }
    if (!activity.is_due) consider(info.scheduled_time_ns(), ActivityDeadlineKind::kDispatch);
    return earliest;
  }
  if (info.start_to_close_ns() > 0) {
    consider(info.started_time_ns() + info.start_to_close_ns(),
             ActivityDeadlineKind::kStartToClose);
  }
  if (info.heartbeat_ns() > 0) {
    const int64_t last = std::max(info.started_time_ns(), info.last_heartbeat_time_ns());
    consider(last + info.heartbeat_ns(), ActivityDeadlineKind::kHeartbeat);
  }
  return earliest;
}

int64_t State::DeadlineOf(DeadlineKind kind, EventId id) const {
  if (!IsRunning()) return 0;
  switch (kind) {
    case DeadlineKind::kRun:
      return EarlierDeadline(info.run_deadline_ns(), info.execution_deadline_ns());
    case DeadlineKind::kFirstTask:
      return info.first_task_backoff_until_ns();
    case DeadlineKind::kWorkflowTask: {
      const pb::WorkflowTask& task = info.workflow_task();
      if (HasStartedTask()) return task.started_time_ns() + task.timeout_ns();
      if (!HasTask() || IsPaused()) return 0;
      // Only a task on a sticky queue can wait too long. Temporal: a speculative one waits 5 s
      // anywhere.
      if (task.is_on_sticky_queue()) {
        return task.scheduled_time_ns() + task.schedule_to_start_timeout_ns();
      }
      if (task.type() == pb::WorkflowTask::SPECULATIVE) {
        return task.scheduled_time_ns() + 5 * kSecondNs;
      }
      return 0;
    }
    case DeadlineKind::kActivity: {
      const Activity* activity = activities.Find(id);
      return activity == nullptr ? 0 : EarliestDeadline(*activity).time_ns;
    }
    case DeadlineKind::kTimer: {
      const pb::PendingTimer* timer = timers.Find(id);
      return timer == nullptr ? 0 : timer->fire_at_ns();
    }
  }
  return 0;
}

void State::Reindex(DeadlineKind kind, EventId id) {
  if (is_workspace_) return;
  const std::pair key(kind, id);
  const auto old = deadline_times_.find(key);
  const int64_t time_ns = DeadlineOf(kind, id);
  if (old != deadline_times_.end()) {
    if (old->second == time_ns) return;
    deadlines_.erase(Deadline{old->second, kind, id});
    deadline_times_.erase(old);
  }
  if (time_ns == 0) return;
  deadlines_.insert(Deadline{time_ns, kind, id});
  deadline_times_[key] = time_ns;
}

void State::ReindexAll() {
  Reindex(DeadlineKind::kRun, 0);
  Reindex(DeadlineKind::kFirstTask, 0);
  Reindex(DeadlineKind::kWorkflowTask, 0);
  for (const EventId id : activities.Keys()) Reindex(DeadlineKind::kActivity, id);
  for (const EventId id : timers.Keys()) Reindex(DeadlineKind::kTimer, id);
}

bool IsVolatile(const pb::Change& change) {
  switch (change.kind_case()) {
    case pb::Change::kUpdateAdmitted:
      return change.update_admitted().admitted_event_id() == 0;
    case pb::Change::kUpdateRemoved:
    case pb::Change::kUpdateSent:
    case pb::Change::kActivityDue:
    case pb::Change::kCloseAttempted:
    case pb::Change::kSpeculativeTaskDropped:
      return true;
    case pb::Change::kWorkflowTask:
      return change.workflow_task().type() == pb::WorkflowTask::SPECULATIVE;
    default:
      return false;
  }
}

}  // namespace perdure::machines
