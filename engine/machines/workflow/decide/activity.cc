#include "machines/workflow/decide/activity.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "machines/workflow/policy/retry.h"

namespace perdure::machines {
namespace {

using temporal::api::common::v1::Payloads;
using temporal::api::failure::v1::Failure;

absl::Status ActivityNotFound() {
  return base::NotFound(
      "invalid activityID or activity already timed out or invoking workflow is completed");
}

// Failures kept with a pending activity are cut: they are for looking at.
constexpr size_t kKeptFailureBytesMax = 4096;
Failure Shortened(const Failure& failure) {
  if (failure.ByteSizeLong() <= kKeptFailureBytesMax) return failure;
  Failure kept;
  kept.set_source(failure.source());
  kept.set_message(failure.message().substr(0, kKeptFailureBytesMax / 2));
  if (failure.has_application_failure_info()) {
    auto* info = kept.mutable_application_failure_info();
    info->set_type(failure.application_failure_info().type());
    info->set_non_retryable(failure.application_failure_info().non_retryable());
  }
  return kept;
}

// The Started event that was held back until now; 0 if it was buffered.
EventId AddStartedEvent(Draft& draft, const Activity& activity, const std::string& identity) {
  const pb::PendingActivity& info = activity.info;
  HistoryEvent event = draft.NewEvent(enums::EVENT_TYPE_ACTIVITY_TASK_STARTED);
  if (info.started_time_ns() != 0) SetTimestamp(event.mutable_event_time(), info.started_time_ns());
  auto* out = event.mutable_activity_task_started_event_attributes();
  out->set_scheduled_event_id(info.scheduled_event_id());
  out->set_identity(info.started_time_ns() != 0 ? info.started_identity() : identity);
  out->set_request_id(info.request_id());
  out->set_attempt(info.attempt());
  if (info.has_last_failure()) *out->mutable_last_failure() = info.last_failure();
  return draft.Add(std::move(event));
}

pb::PendingActivity Started(const Activity& activity, const TaskStart& start, int64_t now_ns) {
  pb::PendingActivity info = activity.info;
  info.set_started_time_ns(now_ns);
  info.set_request_id(start.request_id);
  info.set_started_identity(start.identity);
  if (info.reset_heartbeats()) {
    info.clear_heartbeat_details();
    info.set_last_heartbeat_time_ns(0);
  }
  info.set_reset_requested(false);
  info.set_reset_heartbeats(false);
  return info;
}

// Tries again if the policy allows it; else the state says why not.
enums::RetryState Retry(Draft& draft, const Activity& activity, const Failure& failure) {
  pb::PendingActivity info = activity.info;
  if (!info.has_retry_policy()) return enums::RETRY_STATE_RETRY_POLICY_NOT_SET;
  if (info.cancel_requested()) return enums::RETRY_STATE_CANCEL_REQUESTED;
  RetryQuestion question;
  question.now_ns = draft.now_ns();
  question.attempt = info.attempt();
  question.expiration_ns = info.schedule_to_close_deadline_ns();
  question.policy = &info.retry_policy();
  question.failure = &failure;
  // Temporal: a reset while an attempt runs makes that one the first, so the next is the second.
  if (info.reset_requested()) question.attempt = 1;
  const RetryAnswer answer = DecideRetry(question);
  if (answer.state != enums::RETRY_STATE_IN_PROGRESS) return answer.state;
  info.set_attempt(question.attempt + 1);
  info.set_scheduled_time_ns(draft.now_ns() + answer.interval_ns);
  info.set_current_retry_interval_ns(answer.interval_ns);
  info.set_last_attempt_completed_time_ns(draft.now_ns());
  info.set_last_worker_identity(info.started_identity());
  info.set_started_time_ns(0);
  info.clear_request_id();
  info.clear_started_identity();
  if (info.reset_heartbeats()) {
    info.clear_heartbeat_details();
    info.set_last_heartbeat_time_ns(0);
  }
  info.set_reset_requested(false);
  info.set_reset_heartbeats(false);
  info.set_stamp(info.stamp() + 1);
  *info.mutable_last_failure() = Shortened(failure);
  draft.EmitActivity(std::move(info));
  return enums::RETRY_STATE_IN_PROGRESS;
}

void TimeOutActivity(Draft& draft, const Activity& activity, enums::TimeoutType type) {
  Failure failure;
  failure.set_message(absl::StrCat("activity ", TimeoutName(type), " timeout"));
  failure.set_source("Server");
  failure.mutable_timeout_failure_info()->set_timeout_type(type);
  const enums::RetryState retry = Retry(draft, activity, failure);
  if (retry == enums::RETRY_STATE_IN_PROGRESS) return;
  const pb::PendingActivity& info = activity.info;
  if (retry == enums::RETRY_STATE_TIMEOUT && type != enums::TIMEOUT_TYPE_SCHEDULE_TO_START) {
    failure.set_message(
        "Not enough time to schedule next retry before activity ScheduleToClose timeout, giving up "
        "retrying");
    failure.mutable_timeout_failure_info()->set_timeout_type(enums::TIMEOUT_TYPE_SCHEDULE_TO_CLOSE);
  }
  if (info.has_heartbeat_details()) {
    *failure.mutable_timeout_failure_info()->mutable_last_heartbeat_details() =
        info.heartbeat_details();
  }
  if (info.has_last_failure()) *failure.mutable_cause() = info.last_failure();
  const EventId started_id = info.started_time_ns() != 0 ? AddStartedEvent(draft, activity, "") : 0;
  HistoryEvent event = draft.NewEvent(enums::EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT);
  auto* out = event.mutable_activity_task_timed_out_event_attributes();
  *out->mutable_failure() = std::move(failure);
  out->set_scheduled_event_id(info.scheduled_event_id());
  out->set_started_event_id(started_id);
  out->set_retry_state(retry);
  draft.Add(std::move(event));
  draft.EnsureTask();
}

}  // namespace

absl::StatusOr<const Activity*> FindActivity(const State& state, const TaskToken& token) {
  if (!state.IsRunning()) return base::NotFound("workflow execution already completed");
  EventId scheduled_id = token.scheduled_event_id();
  const bool is_by_id = scheduled_id == 0;
  if (is_by_id) {
    const EventId* found = state.activity_ids.Find(token.activity_id());
    if (found == nullptr) {
      return base::NotFound(absl::StrCat("cannot find pending activity with ActivityID ",
                                         token.activity_id(),
                                         ", check workflow execution history for more details"));
    }
    scheduled_id = *found;
  }
  const Activity* activity = state.activities.Find(scheduled_id);
  if (activity == nullptr) return ActivityNotFound();
  if (is_by_id) return activity;
  const bool matches = activity->info.started_time_ns() != 0 &&
                       token.attempt() == activity->info.attempt() &&
                       token.started_time_ns() == activity->info.started_time_ns();
  if (!matches) return ActivityNotFound();
  return activity;
}

TaskToken ActivityTokenOf(const State& state, const Activity& activity) {
  TaskToken token;
  token.set_namespace_number(state.info.namespace_number());
  token.set_workflow_id(state.info.workflow_id());
  token.set_run_id(state.info.run_id());
  token.set_scheduled_event_id(activity.info.scheduled_event_id());
  token.set_attempt(activity.info.attempt());
  token.set_started_time_ns(activity.info.started_time_ns());
  token.set_activity_id(
      activity.scheduled->activity_task_scheduled_event_attributes().activity_id());
  return token;
}

absl::StatusOr<Decision> DecideActivityStarted(const State& state, EventId scheduled_event_id,
                                               base::Attempt attempt, int64_t stamp,
                                               const TaskStart& start, const Context& context) {
  if (!state.IsRunning()) return base::NotFound("workflow execution already completed");
  const Activity* activity = state.activities.Find(scheduled_event_id);
  if (activity == nullptr || activity->info.attempt() != attempt ||
      activity->info.stamp() != stamp) {
    return ActivityNotFound();
  }
  if (activity->info.started_time_ns() != 0) {
    if (activity->info.request_id() == start.request_id) return Decision();
    return absl::AlreadyExistsError("Activity task already started.");
  }
  if (activity->info.has_pause() || state.IsPaused()) return ActivityNotFound();
  Draft draft(state, context);
  draft.EmitActivity(Started(*activity, start, draft.now_ns()));
  Decision decision = draft.Finish();
  decision.started_activities.push_back(scheduled_event_id);
  return decision;
}

void StartEagerActivities(Draft& draft, const std::vector<EventId>& scheduled_event_ids,
                          const std::string& identity) {
  if (!draft.state().IsRunning()) return;
  for (const EventId id : scheduled_event_ids) {
    const Activity* activity = draft.state().activities.Find(id);
    if (activity == nullptr) continue;
    TaskStart start;
    start.identity = identity;
    start.request_id = draft.NewUuid();
    draft.EmitActivity(Started(*activity, start, draft.now_ns()));
    draft.decision().started_activities.push_back(id);
  }
}

absl::StatusOr<Decision> DecideActivityCompleted(const State& state, const ActivityAnswer& answer,
                                                 const Payloads* result, const Context& context) {
  const auto found = FindActivity(state, answer.token);
  if (!found.ok()) return found.status();
  Draft draft(state, context);
  const Activity& activity = **found;
  const EventId started_id = AddStartedEvent(draft, activity, answer.identity);
  HistoryEvent event = draft.NewEvent(enums::EVENT_TYPE_ACTIVITY_TASK_COMPLETED);
  auto* out = event.mutable_activity_task_completed_event_attributes();
  if (result != nullptr) *out->mutable_result() = *result;
  out->set_scheduled_event_id(activity.info.scheduled_event_id());
  out->set_started_event_id(started_id);
  out->set_identity(answer.identity);
  draft.Add(std::move(event));
  draft.EnsureTask();
  return draft.Finish();
}

absl::StatusOr<Decision> DecideActivityFailed(const State& state, const ActivityAnswer& answer,
                                              const Failure& failure,
                                              const Payloads* last_heartbeat_details,
                                              const Context& context) {
  const auto found = FindActivity(state, answer.token);
  if (!found.ok()) return found.status();
  // Temporal: what never started cannot fail.
  if ((*found)->info.started_time_ns() == 0) return ActivityNotFound();
  Draft draft(state, context);
  Activity activity = **found;
  if (last_heartbeat_details != nullptr && last_heartbeat_details->payloads_size() > 0) {
    *activity.info.mutable_heartbeat_details() = *last_heartbeat_details;
    activity.info.set_last_heartbeat_time_ns(draft.now_ns());
  }
  const enums::RetryState retry = Retry(draft, activity, failure);
  if (retry == enums::RETRY_STATE_IN_PROGRESS) return draft.Finish();
  const EventId started_id = AddStartedEvent(draft, activity, answer.identity);
  HistoryEvent event = draft.NewEvent(enums::EVENT_TYPE_ACTIVITY_TASK_FAILED);
  auto* out = event.mutable_activity_task_failed_event_attributes();
  *out->mutable_failure() = failure;
  out->set_scheduled_event_id(activity.info.scheduled_event_id());
  out->set_started_event_id(started_id);
  out->set_identity(answer.identity);
  out->set_retry_state(retry);
  draft.Add(std::move(event));
  draft.EnsureTask();
  return draft.Finish();
}

absl::StatusOr<Decision> DecideActivityCanceled(const State& state, const ActivityAnswer& answer,
                                                const Payloads* details, const Context& context) {
  const auto found = FindActivity(state, answer.token);
  if (!found.ok()) return found.status();
  const Activity& activity = **found;
  if (!activity.info.cancel_requested()) {
    return base::InvalidArgument(
        "unable to mark activity as canceled without activity being request canceled first");
  }
  Draft draft(state, context);
  const EventId started_id = AddStartedEvent(draft, activity, answer.identity);
  HistoryEvent event = draft.NewEvent(enums::EVENT_TYPE_ACTIVITY_TASK_CANCELED);
  auto* out = event.mutable_activity_task_canceled_event_attributes();
  if (details != nullptr) *out->mutable_details() = *details;
  out->set_latest_cancel_requested_event_id(activity.info.cancel_requested_event_id());
  out->set_scheduled_event_id(activity.info.scheduled_event_id());
  out->set_started_event_id(started_id);
  out->set_identity(answer.identity);
  draft.Add(std::move(event));
  draft.EnsureTask();
  return draft.Finish();
}

absl::StatusOr<Heartbeat> DecideHeartbeat(const State& state, const ActivityAnswer& answer,
                                          const Payloads* details, const Context& context) {
  const auto found = FindActivity(state, answer.token);
  if (!found.ok()) return found.status();
  const Activity& activity = **found;
  if (activity.info.started_time_ns() == 0) return ActivityNotFound();
  Draft draft(state, context);
  pb::PendingActivity info = activity.info;
  if (details != nullptr) {
    *info.mutable_heartbeat_details() = *details;
  } else {
    info.clear_heartbeat_details();
  }
  info.set_last_heartbeat_time_ns(draft.now_ns());
  draft.EmitActivity(info);
  Heartbeat heartbeat;
  heartbeat.cancel_requested = info.cancel_requested();
  heartbeat.is_paused = info.has_pause();
  heartbeat.is_reset = info.reset_requested();
  heartbeat.decision = draft.Finish();
  return heartbeat;
}

void ActivityDeadlinePassed(Draft& draft, EventId scheduled_event_id) {
  const Activity* found = draft.state().activities.Find(scheduled_event_id);
  if (found == nullptr) return;
  const Activity activity = *found;
  const ActivityDeadline deadline = EarliestDeadline(activity);
  if (deadline.time_ns == 0 || deadline.time_ns > draft.now_ns()) return;
  switch (deadline.kind) {
    case ActivityDeadlineKind::kNone:
      return;
    case ActivityDeadlineKind::kDispatch: {
      pb::Change change;
      change.set_activity_due(scheduled_event_id);
      draft.Emit(std::move(change));
      return;
    }
    case ActivityDeadlineKind::kScheduleToClose:
      return TimeOutActivity(draft, activity, enums::TIMEOUT_TYPE_SCHEDULE_TO_CLOSE);
    case ActivityDeadlineKind::kScheduleToStart:
      return TimeOutActivity(draft, activity, enums::TIMEOUT_TYPE_SCHEDULE_TO_START);
    case ActivityDeadlineKind::kStartToClose:
      return TimeOutActivity(draft, activity, enums::TIMEOUT_TYPE_START_TO_CLOSE);
    case ActivityDeadlineKind::kHeartbeat:
      return TimeOutActivity(draft, activity, enums::TIMEOUT_TYPE_HEARTBEAT);
  }
}

}  // namespace perdure::machines
