#include "machines/workflow/decide/activity_options.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "machines/workflow/draft.h"
#include "machines/workflow/policy/retry.h"

namespace perdure::machines {
namespace {

absl::Status ActivityNotFound() {
  return base::NotFound(
      "Can't find pending activity with such ID. Invalid activityID or activity already completed");
}

// The activities a request names: by id, by type, or all of them.
template <class Request>
std::vector<EventId> Named(const State& state, const Request& request, bool all) {
  std::vector<EventId> ids;
  if (request.activity_case() == Request::kId) {
    const EventId* found = state.activity_ids.Find(request.id());
    if (found != nullptr) ids.push_back(*found);
    return ids;
  }
  for (const EventId id : state.activities.Keys()) {
    const auto& scheduled =
        state.activities.Find(id)->scheduled->activity_task_scheduled_event_attributes();
    if (all || scheduled.activity_type().name() == request.type()) ids.push_back(id);
  }
  return ids;
}

// A waiting attempt is put on its queue now, or a little later.
void RestartNow(Draft& draft, pb::PendingActivity& info, const google::protobuf::Duration& jitter) {
  const int64_t jitter_ns = ToNs(jitter);
  const int64_t offset_ns =
      jitter_ns > 0 ? static_cast<int64_t>(draft.context().random->Below(jitter_ns)) : 0;
  info.set_scheduled_time_ns(draft.now_ns() + offset_ns);
  info.set_stamp(info.stamp() + 1);
}

void ClearHeartbeat(pb::PendingActivity& info) {
  info.clear_heartbeat_details();
  info.set_last_heartbeat_time_ns(0);
}

void RestoreOptions(const Activity& activity, pb::PendingActivity& info) {
  const auto& scheduled = activity.scheduled->activity_task_scheduled_event_attributes();
  info.set_task_queue(scheduled.task_queue().name());
  info.set_schedule_to_close_ns(ToNs(scheduled.schedule_to_close_timeout()));
  info.set_schedule_to_start_ns(ToNs(scheduled.schedule_to_start_timeout()));
  info.set_start_to_close_ns(ToNs(scheduled.start_to_close_timeout()));
  info.set_heartbeat_ns(ToNs(scheduled.heartbeat_timeout()));
  *info.mutable_retry_policy() = scheduled.retry_policy();
  if (scheduled.has_priority()) {
    *info.mutable_priority() = scheduled.priority();
  } else {
    info.clear_priority();
  }
}

void UpdateDeadline(pb::PendingActivity& info) {
  info.set_schedule_to_close_deadline_ns(
      info.schedule_to_close_ns() > 0 ? info.first_scheduled_time_ns() + info.schedule_to_close_ns()
                                      : 0);
}

bool SetOption(const temporal::api::activity::v1::ActivityOptions& options, const std::string& path,
               pb::PendingActivity& info) {
  auto* policy = info.mutable_retry_policy();
  if (path == "task_queue" || path == "task_queue.name" || path == "taskQueue.name") {
    info.set_task_queue(options.task_queue().name());
  } else if (path == "schedule_to_close_timeout" || path == "scheduleToCloseTimeout") {
    info.set_schedule_to_close_ns(ToNs(options.schedule_to_close_timeout()));
  } else if (path == "schedule_to_start_timeout" || path == "scheduleToStartTimeout") {
    info.set_schedule_to_start_ns(ToNs(options.schedule_to_start_timeout()));
  } else if (path == "start_to_close_timeout" || path == "startToCloseTimeout") {
    info.set_start_to_close_ns(ToNs(options.start_to_close_timeout()));
  } else if (path == "heartbeat_timeout" || path == "heartbeatTimeout") {
    info.set_heartbeat_ns(ToNs(options.heartbeat_timeout()));
  } else if (path == "retry_policy" || path == "retryPolicy") {
    *policy = options.retry_policy();
    FillRetryDefaults(*policy);
  } else if (path == "retry_policy.initial_interval" || path == "retryPolicy.initialInterval") {
    *policy->mutable_initial_interval() = options.retry_policy().initial_interval();
  } else if (path == "retry_policy.backoff_coefficient" ||
             path == "retryPolicy.backoffCoefficient") {
    policy->set_backoff_coefficient(options.retry_policy().backoff_coefficient());
  } else if (path == "retry_policy.maximum_interval" || path == "retryPolicy.maximumInterval") {
    *policy->mutable_maximum_interval() = options.retry_policy().maximum_interval();
  } else if (path == "retry_policy.maximum_attempts" || path == "retryPolicy.maximumAttempts") {
    policy->set_maximum_attempts(options.retry_policy().maximum_attempts());
  } else if (path == "priority") {
    *info.mutable_priority() = options.priority();
  } else {
    return false;
  }
  return true;
}

void Describe(const pb::PendingActivity& info, temporal::api::activity::v1::ActivityOptions& out) {
  out.mutable_task_queue()->set_name(info.task_queue());
  SetDuration(out.mutable_schedule_to_close_timeout(), info.schedule_to_close_ns());
  SetDuration(out.mutable_schedule_to_start_timeout(), info.schedule_to_start_ns());
  SetDuration(out.mutable_start_to_close_timeout(), info.start_to_close_ns());
  SetDuration(out.mutable_heartbeat_timeout(), info.heartbeat_ns());
  *out.mutable_retry_policy() = info.retry_policy();
  if (info.has_priority()) *out.mutable_priority() = info.priority();
}

}  // namespace

absl::StatusOr<Decision> DecidePauseActivity(const State& state,
                                             const api::PauseActivityRequest& request,
                                             const Context& context) {
  if (!state.IsRunning()) return base::NotFound("workflow execution already completed");
  const std::vector<EventId> ids = Named(state, request, false);
  if (ids.empty()) return ActivityNotFound();
  Draft draft(state, context);
  for (const EventId id : ids) {
    pb::PendingActivity info = state.activities.Find(id)->info;
    if (info.has_pause()) {
      if (!request.request_id().empty() && info.pause().request_id() == request.request_id()) {
        continue;
      }
      return base::FailedPrecondition("activity is already paused");
    }
    // One that runs may finish; one that waits is taken off its queue.
    if (info.started_time_ns() == 0) info.set_stamp(info.stamp() + 1);
    info.mutable_pause()->set_identity(request.identity());
    info.mutable_pause()->set_reason(request.reason());
    info.mutable_pause()->set_request_id(request.request_id());
    info.mutable_pause()->set_time_ns(draft.now_ns());
    draft.EmitActivity(std::move(info));
  }
  return draft.Finish();
}

absl::StatusOr<Decision> DecideUnpauseActivity(const State& state,
                                               const api::UnpauseActivityRequest& request,
                                               const Context& context) {
  if (!state.IsRunning()) return base::NotFound("workflow execution already completed");
  const std::vector<EventId> ids = Named(state, request, request.unpause_all());
  if (ids.empty()) return ActivityNotFound();
  Draft draft(state, context);
  for (const EventId id : ids) {
    pb::PendingActivity info = state.activities.Find(id)->info;
    if (!info.has_pause()) continue;
    info.clear_pause();
    if (request.reset_attempts()) info.set_attempt(1);
    if (request.reset_heartbeat()) ClearHeartbeat(info);
    if (info.started_time_ns() == 0) RestartNow(draft, info, request.jitter());
    draft.EmitActivity(std::move(info));
  }
  return draft.Finish();
}

absl::StatusOr<Decision> DecideResetActivity(const State& state,
                                             const api::ResetActivityRequest& request,
                                             const Context& context) {
  if (!state.IsRunning()) return base::NotFound("workflow execution already completed");
  const std::vector<EventId> ids = Named(state, request, request.match_all());
  if (ids.empty()) return ActivityNotFound();
  Draft draft(state, context);
  for (const EventId id : ids) {
    const Activity& activity = *state.activities.Find(id);
    pb::PendingActivity info = activity.info;
    const bool is_running = info.started_time_ns() != 0;
    if (!request.keep_paused()) info.clear_pause();
    if (request.restore_original_options()) {
      RestoreOptions(activity, info);
      UpdateDeadline(info);
    }
    if (is_running) {
      // The attempt that runs is told by its heartbeat; the next one is the first again.
      info.set_reset_requested(true);
      info.set_reset_heartbeats(request.reset_heartbeat());
    } else {
      info.set_attempt(1);
      if (request.reset_heartbeat()) ClearHeartbeat(info);
      if (!info.has_pause()) RestartNow(draft, info, request.jitter());
    }
    draft.EmitActivity(std::move(info));
  }
  return draft.Finish();
}

absl::StatusOr<Decision> DecideUpdateActivityOptions(
    const State& state, const api::UpdateActivityOptionsRequest& request, const Context& context,
    api::UpdateActivityOptionsResponse& response) {
  if (!state.IsRunning()) return base::NotFound("workflow execution already completed");
  const std::vector<EventId> ids = Named(state, request, request.match_all());
  if (ids.empty()) return ActivityNotFound();
  Draft draft(state, context);
  for (const EventId id : ids) {
    const Activity& activity = *state.activities.Find(id);
    pb::PendingActivity info = activity.info;
    if (request.restore_original()) RestoreOptions(activity, info);
    for (const std::string& path : request.update_mask().paths()) {
      if (!SetOption(request.activity_options(), path, info)) {
        return base::InvalidArgument(absl::StrCat("unsupported field in update_mask: ", path));
      }
    }
    if (absl::Status status = CheckRetryPolicy(info.retry_policy()); !status.ok()) return status;
    UpdateDeadline(info);
    if (info.started_time_ns() == 0) {
      info.set_stamp(info.stamp() + 1);
      if (info.attempt() > 1 && info.last_attempt_completed_time_ns() != 0) {
        // The wait for the next attempt follows the new policy.
        const int64_t interval_ns = RetryInterval(info.retry_policy(), info.attempt() - 1);
        info.set_scheduled_time_ns(info.last_attempt_completed_time_ns() + interval_ns);
        info.set_current_retry_interval_ns(interval_ns);
      }
    }
    Describe(info, *response.mutable_activity_options());
    draft.EmitActivity(std::move(info));
  }
  return draft.Finish();
}

}  // namespace perdure::machines
