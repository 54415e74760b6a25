#include "machines/workflow/draft.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace perdure::machines {
namespace {

// Events that a workflow task's completion itself produces, or that open, close or carry tasks:
// never buffered. (Temporal: HistoryBuilder's list.)
bool IsBufferable(enums::EventType type) {
  switch (type) {
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_FAILED:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED:
    case enums::EVENT_TYPE_WORKFLOW_TASK_SCHEDULED:
    case enums::EVENT_TYPE_WORKFLOW_TASK_STARTED:
    case enums::EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
    case enums::EVENT_TYPE_WORKFLOW_TASK_FAILED:
    case enums::EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT:
    case enums::EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
    case enums::EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED:
    case enums::EVENT_TYPE_TIMER_STARTED:
    case enums::EVENT_TYPE_TIMER_CANCELED:
    case enums::EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED:
    case enums::EVENT_TYPE_MARKER_RECORDED:
    case enums::EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
    case enums::EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED:
    case enums::EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
    case enums::EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED:
      return false;
    default:
      return true;
  }
}

// Completions that must follow the Started event of what they complete.
bool IsReordered(enums::EventType type) {
  switch (type) {
    case enums::EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
    case enums::EVENT_TYPE_ACTIVITY_TASK_FAILED:
    case enums::EVENT_TYPE_ACTIVITY_TASK_CANCELED:
    case enums::EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED:
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_FAILED:
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TIMED_OUT:
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_CANCELED:
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TERMINATED:
      return true;
    default:
      return false;
  }
}

}  // namespace

Draft::Draft(const State& base, const Context& context)
    : context_(context), state_(State::Over(base)) {
  decision_.record.set_version(1);
}

void Draft::Emit(pb::Change change) {
  pb::Change* kept = decision_.record.add_changes();
  *kept = std::move(change);
  state_.Apply(*kept);
}

HistoryEvent Draft::NewEvent(enums::EventType type) const {
  HistoryEvent event;
  event.set_event_type(type);
  SetTimestamp(event.mutable_event_time(), now_ns());
  switch (type) {
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_PAUSED:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_UNPAUSED:
      // Temporal: an SDK that does not know the event passes it over, rather than fail every task.
      event.set_worker_may_ignore(true);
      break;
    default:
      break;
  }
  return event;
}

EventId Draft::AddWithId(HistoryEvent event, bool was_buffered) {
  const EventId id = info().next_event_id();
  event.set_event_id(id);
  // Opaque to everyone; Temporal's are unique and rise within a shard.
  event.set_task_id(1048576 + id);
  pb::Change change;
  *change.mutable_event() = std::move(event);
  change.set_was_buffered(was_buffered);
  Emit(std::move(change));
  return id;
}

EventId Draft::Add(HistoryEvent event) {
  if (state_.HasTask() && info().workflow_task().type() == pb::WorkflowTask::SPECULATIVE) {
    MaterializeTask();
  }
  if (state_.HasStartedTask() && IsBufferable(event.event_type())) {
    Buffer(std::move(event));
    return 0;
  }
  return AddWithId(std::move(event), /*was_buffered=*/false);
}

void Draft::Buffer(HistoryEvent event) {
  pb::Change change;
  *change.mutable_buffered_event() = std::move(event);
  Emit(std::move(change));
}

void Draft::FlushEvent(HistoryEvent event, std::vector<std::pair<EventId, EventId>>& started) {
  const auto started_id = [&started](EventId first_id) -> EventId {
    for (const auto& [id, started_event_id] : started) {
      if (id == first_id) return started_event_id;
    }
    return 0;
  };
  // A completion whose Started event is flushed along with it learns that event's id only now.
  const auto wire = [&started_id](auto* attributes, EventId first_id) {
    if (attributes->started_event_id() == 0) {
      attributes->set_started_event_id(started_id(first_id));
    }
  };
  const auto wire_activity = [&wire](auto* a) { wire(a, a->scheduled_event_id()); };
  const auto wire_child = [&wire](auto* a) { wire(a, a->initiated_event_id()); };
  EventId first_id = 0;
  switch (event.event_type()) {
    case enums::EVENT_TYPE_ACTIVITY_TASK_STARTED:
      first_id = event.activity_task_started_event_attributes().scheduled_event_id();
      break;
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED:
      first_id = event.child_workflow_execution_started_event_attributes().initiated_event_id();
      break;
    case enums::EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
      wire_activity(event.mutable_activity_task_completed_event_attributes());
      break;
    case enums::EVENT_TYPE_ACTIVITY_TASK_FAILED:
      wire_activity(event.mutable_activity_task_failed_event_attributes());
      break;
    case enums::EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
      wire_activity(event.mutable_activity_task_timed_out_event_attributes());
      break;
    case enums::EVENT_TYPE_ACTIVITY_TASK_CANCELED:
      wire_activity(event.mutable_activity_task_canceled_event_attributes());
      break;
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED:
      wire_child(event.mutable_child_workflow_execution_completed_event_attributes());
      break;
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_FAILED:
      wire_child(event.mutable_child_workflow_execution_failed_event_attributes());
      break;
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TIMED_OUT:
      wire_child(event.mutable_child_workflow_execution_timed_out_event_attributes());
      break;
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_CANCELED:
      wire_child(event.mutable_child_workflow_execution_canceled_event_attributes());
      break;
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TERMINATED:
      wire_child(event.mutable_child_workflow_execution_terminated_event_attributes());
      break;
    default:
      break;
  }
  const EventId id = AddWithId(std::move(event), /*was_buffered=*/true);
  if (first_id != 0) started.emplace_back(first_id, id);
}

void Draft::FlushBuffer() {
  if (state_.buffered_events.empty()) return;
  std::vector<HistoryEvent> first;
  std::vector<HistoryEvent> last;
  for (const int64_t key : state_.buffered_events.Keys()) {
    const HistoryEvent& event = **state_.buffered_events.Find(key);
    (IsReordered(event.event_type()) ? last : first).push_back(event);
  }
  pb::Change change;
  change.mutable_buffer_flushed();
  Emit(std::move(change));
  if (!state_.IsRunning()) return;
  std::vector<std::pair<EventId, EventId>> started;
  for (HistoryEvent& event : first) FlushEvent(std::move(event), started);
  for (HistoryEvent& event : last) FlushEvent(std::move(event), started);
}

void Draft::EmitActivity(pb::PendingActivity info) {
  pb::Change change;
  *change.mutable_activity() = std::move(info);
  Emit(std::move(change));
}

void Draft::RemoveUpdate(const std::string& update_id) {
  const pb::AdmittedUpdate* update = state_.admitted_updates.Find(update_id);
  pb::Change change;
  if (update != nullptr && update->admitted_event_id() != 0) {
    change.set_recorded_update_removed(update_id);
  } else {
    change.set_update_removed(update_id);
  }
  Emit(std::move(change));
}

void Draft::EmitSticky(const std::string& task_queue, int64_t schedule_to_start_ns) {
  const pb::Sticky& now = info().sticky();
  if (now.task_queue() == task_queue &&
      (task_queue.empty() || now.schedule_to_start_timeout_ns() == schedule_to_start_ns)) {
    return;
  }
  pb::Change change;
  change.mutable_sticky()->set_task_queue(task_queue);
  if (!task_queue.empty()) {
    change.mutable_sticky()->set_schedule_to_start_timeout_ns(schedule_to_start_ns);
  }
  Emit(std::move(change));
}

void Draft::AddOutbox(pb::OutboxMessage message) {
  message.set_id(info().next_outbox_id());
  pb::Change change;
  *change.mutable_outbox_added() = std::move(message);
  Emit(std::move(change));
}

// --- Workflow tasks
// -----------------------------------------------------------------------------------

int64_t Draft::TaskTimeout(int32_t attempt) const {
  // Temporal: from the third attempt on the timeout grows exponentially, so that a task that keeps
  // failing is not handed out every few seconds.
  const int64_t timeout = info().task_timeout_ns();
  if (attempt <= limits().workflow_task_backoff_attempts) return timeout;
  const double first =
      static_cast<double>(absl::ToInt64Nanoseconds(limits().workflow_task_backoff_first));
  const double max =
      static_cast<double>(absl::ToInt64Nanoseconds(limits().workflow_task_backoff_max));
  const int exponent = std::min(attempt - limits().workflow_task_backoff_attempts - 1, 30);
  const double backoff = std::min(first * std::pow(2.0, exponent), max);
  return timeout + static_cast<int64_t>(backoff);
}

temporal::api::taskqueue::v1::TaskQueue Draft::CurrentTaskQueue() const {
  temporal::api::taskqueue::v1::TaskQueue queue;
  if (state_.IsSticky()) {
    queue.set_name(info().sticky().task_queue());
    queue.set_kind(enums::TASK_QUEUE_KIND_STICKY);
    queue.set_normal_name(info().task_queue());
  } else {
    queue.set_name(info().task_queue());
    queue.set_kind(enums::TASK_QUEUE_KIND_NORMAL);
  }
  return queue;
}

void Draft::AddTaskScheduledEvent(int32_t attempt, int64_t timeout_ns, int64_t time_ns) {
  HistoryEvent event = NewEvent(enums::EVENT_TYPE_WORKFLOW_TASK_SCHEDULED);
  SetTimestamp(event.mutable_event_time(), time_ns);
  auto* attributes = event.mutable_workflow_task_scheduled_event_attributes();
  *attributes->mutable_task_queue() = CurrentTaskQueue();
  SetDuration(attributes->mutable_start_to_close_timeout(), timeout_ns);
  attributes->set_attempt(attempt);
  AddWithId(std::move(event), /*was_buffered=*/false);
}

void Draft::ScheduleTask(pb::WorkflowTask::Type type, int64_t original_scheduled_ns) {
  PERDURE_CHECK(!state_.HasTask());
  int32_t attempt = std::max(1, info().workflow_task_attempt());
  bool has_events = attempt == 1 && type != pb::WorkflowTask::SPECULATIVE;
  if (!state_.buffered_events.empty()) {
    // New events came: the task can be neither transient nor speculative.
    FlushBuffer();
    attempt = 1;
    type = pb::WorkflowTask::NORMAL;
    has_events = true;
  }
  const int64_t timeout_ns = TaskTimeout(attempt);
  if (has_events) {
    AddTaskScheduledEvent(attempt, timeout_ns, now_ns());
    if (original_scheduled_ns == 0) return;
    pb::Change change;
    *change.mutable_workflow_task() = info().workflow_task();
    change.mutable_workflow_task()->set_original_scheduled_time_ns(original_scheduled_ns);
    Emit(std::move(change));
    return;
  }
  pb::Change change;
  pb::WorkflowTask& task = *change.mutable_workflow_task();
  task.set_type(type);
  task.set_scheduled_event_id(info().next_event_id());
  task.set_attempt(attempt);
  task.set_scheduled_time_ns(now_ns());
  task.set_original_scheduled_time_ns(original_scheduled_ns == 0 ? now_ns()
                                                                 : original_scheduled_ns);
  task.set_timeout_ns(timeout_ns);
  task.set_stamp(info().workflow_task_stamp() + 1);
  task.set_is_on_sticky_queue(state_.IsSticky());
  if (state_.IsSticky()) {
    task.set_schedule_to_start_timeout_ns(info().sticky().schedule_to_start_timeout_ns());
  }
  Emit(std::move(change));
}

void Draft::EnsureTask() {
  if (!state_.IsRunning() || state_.HasTask() || state_.WaitsForFirstTask()) return;
  // No task comes to give what is buffered its place: later events must not overtake it.
  if (state_.IsPaused()) return FlushBuffer();
  ScheduleTask(pb::WorkflowTask::NORMAL);
}

void Draft::AddTaskStartedEvent(const pb::WorkflowTask& task, const std::string& identity) {
  HistoryEvent event = NewEvent(enums::EVENT_TYPE_WORKFLOW_TASK_STARTED);
  SetTimestamp(event.mutable_event_time(), task.started_time_ns());
  auto* attributes = event.mutable_workflow_task_started_event_attributes();
  attributes->set_scheduled_event_id(info().workflow_task().scheduled_event_id());
  attributes->set_identity(identity);
  attributes->set_request_id(task.request_id());
  attributes->set_suggest_continue_as_new(task.suggest_continue_as_new());
  for (const int reason : task.suggest_reasons()) {
    attributes->add_suggest_continue_as_new_reasons(
        static_cast<enums::SuggestContinueAsNewReason>(reason));
  }
  attributes->set_history_size_bytes(task.history_size_bytes());
  AddWithId(std::move(event), /*was_buffered=*/false);
}

void Draft::StartTask(const TaskStart& start) {
  pb::WorkflowTask task = info().workflow_task();
  if (!task.has_events() && task.scheduled_event_id() != info().next_event_id()) {
    // Events came since it was scheduled: it becomes a normal task with events of its own.
    AddTaskScheduledEvent(1, task.timeout_ns(), now_ns());
    task = info().workflow_task();
  }
  task.set_started_time_ns(now_ns());
  task.set_request_id(start.request_id);
  task.set_identity(start.identity);
  task.set_started_task_queue(start.task_queue);
  task.set_history_size_bytes(info().history_size_bytes());
  if (info().history_size_bytes() >= limits().history_size_suggest_bytes) {
    task.add_suggest_reasons(enums::SUGGEST_CONTINUE_AS_NEW_REASON_HISTORY_SIZE_TOO_LARGE);
  }
  if (info().next_event_id() > limits().history_count_suggest) {
    task.add_suggest_reasons(enums::SUGGEST_CONTINUE_AS_NEW_REASON_TOO_MANY_HISTORY_EVENTS);
  }
  // Temporal: at 90 % of the updates a run may have.
  if (info().update_count() + state_.admitted_updates.size() >= limits().updates_total * 9 / 10) {
    task.add_suggest_reasons(enums::SUGGEST_CONTINUE_AS_NEW_REASON_TOO_MANY_UPDATES);
  }
  task.set_suggest_continue_as_new(task.suggest_reasons_size() > 0);
  if (task.has_events()) {
    AddTaskStartedEvent(task, start.identity);
    return;
  }
  task.set_started_event_id(task.scheduled_event_id() + 1);
  pb::Change change;
  *change.mutable_workflow_task() = std::move(task);
  Emit(std::move(change));
}

void Draft::WriteTransientTaskEvents(const std::string& identity) {
  const pb::WorkflowTask task = info().workflow_task();
  if (task.has_events()) return;
  AddTaskScheduledEvent(task.attempt(), task.timeout_ns(), task.scheduled_time_ns());
  if (task.started_event_id() == 0) return;
  AddTaskStartedEvent(task, identity.empty() ? task.identity() : identity);
}

void Draft::MaterializeTask(const std::string& identity) {
  const pb::WorkflowTask before = info().workflow_task();
  WriteTransientTaskEvents(identity);
  pb::Change change;
  *change.mutable_workflow_task() = info().workflow_task();
  pb::WorkflowTask& task = *change.mutable_workflow_task();
  // The task that is out with a worker or on a queue stays the same task.
  task.set_stamp(before.stamp());
  task.set_original_scheduled_time_ns(before.original_scheduled_time_ns());
  task.set_is_on_sticky_queue(before.is_on_sticky_queue());
  task.set_schedule_to_start_timeout_ns(before.schedule_to_start_timeout_ns());
  Emit(std::move(change));
}

void Draft::FailTask(enums::WorkflowTaskFailedCause cause,
                     const temporal::api::failure::v1::Failure* failure,
                     const std::string& identity, const std::string& binary_checksum) {
  if (info().workflow_task().type() == pb::WorkflowTask::SPECULATIVE) MaterializeTask(identity);
  const pb::WorkflowTask task = info().workflow_task();
  if (!task.has_events()) {
    // Temporal: only the first attempt's failure is written.
    pb::Change change;
    const bool counts = !state_.IsSticky();
    change.mutable_workflow_task()->set_attempt(counts ? task.attempt() + 1 : 1);
    Emit(std::move(change));
    EmitSticky("", 0);
    return;
  }
  HistoryEvent event = NewEvent(enums::EVENT_TYPE_WORKFLOW_TASK_FAILED);
  auto* attributes = event.mutable_workflow_task_failed_event_attributes();
  attributes->set_scheduled_event_id(task.scheduled_event_id());
  attributes->set_started_event_id(task.started_event_id());
  attributes->set_cause(cause);
  if (failure != nullptr) *attributes->mutable_failure() = *failure;
  attributes->set_identity(identity);
  attributes->set_binary_checksum(binary_checksum);
  AddWithId(std::move(event), /*was_buffered=*/false);
  if (cause == enums::WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND) {
    pb::Change change;
    change.mutable_close_attempted();
    Emit(std::move(change));
  }
}

void Draft::TimeOutTask(enums::TimeoutType type) {
  if (info().workflow_task().type() == pb::WorkflowTask::SPECULATIVE) MaterializeTask();
  const pb::WorkflowTask task = info().workflow_task();
  if (!task.has_events() && type != enums::TIMEOUT_TYPE_SCHEDULE_TO_START) {
    pb::Change change;
    const bool counts = !state_.IsSticky();
    change.mutable_workflow_task()->set_attempt(counts ? task.attempt() + 1 : 1);
    Emit(std::move(change));
    EmitSticky("", 0);
    return;
  }
  if (!task.has_events()) WriteTransientTaskEvents("");
  HistoryEvent event = NewEvent(enums::EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT);
  auto* attributes = event.mutable_workflow_task_timed_out_event_attributes();
  attributes->set_scheduled_event_id(info().workflow_task().scheduled_event_id());
  attributes->set_started_event_id(info().workflow_task().started_event_id());
  attributes->set_timeout_type(type);
  AddWithId(std::move(event), /*was_buffered=*/false);
}

temporal::api::failure::v1::Failure ServerFailure(const std::string& message) {
  temporal::api::failure::v1::Failure failure;
  failure.set_message(message);
  failure.set_source("Server");
  failure.mutable_server_failure_info()->set_non_retryable(false);
  return failure;
}

}  // namespace perdure::machines
