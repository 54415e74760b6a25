// SCHEDULE_ACTIVITY_TASK and REQUEST_CANCEL_ACTIVITY_TASK.
#include "absl/strings/str_cat.h"
#include "machines/workflow/command/handler.h"
#include "machines/workflow/policy/retry.h"

namespace perdure::machines {
namespace {

constexpr auto kBadSchedule = enums::WORKFLOW_TASK_FAILED_CAUSE_BAD_SCHEDULE_ACTIVITY_ATTRIBUTES;
constexpr auto kBadCancel =
    enums::WORKFLOW_TASK_FAILED_CAUSE_BAD_REQUEST_CANCEL_ACTIVITY_ATTRIBUTES;

struct Timeouts {
  int64_t schedule_to_close_ns;
  int64_t schedule_to_start_ns;
  int64_t start_to_close_ns;
  int64_t heartbeat_ns;
};

// Temporal: each timeout is cut by the wider one; without a schedule-to-close the run's own timeout
// stands in.
void Fit(Timeouts& t, int64_t run_ns) {
  if (t.schedule_to_close_ns > 0) {
    t.schedule_to_start_ns = t.schedule_to_start_ns > 0
                                 ? std::min(t.schedule_to_start_ns, t.schedule_to_close_ns)
                                 : t.schedule_to_close_ns;
    t.start_to_close_ns = t.start_to_close_ns > 0
                              ? std::min(t.start_to_close_ns, t.schedule_to_close_ns)
                              : t.schedule_to_close_ns;
  } else {
    t.schedule_to_close_ns = run_ns;
    if (t.schedule_to_start_ns == 0) t.schedule_to_start_ns = run_ns;
  }
  if (run_ns > 0) {
    t.schedule_to_close_ns = std::min(t.schedule_to_close_ns, run_ns);
    t.schedule_to_start_ns = std::min(t.schedule_to_start_ns, run_ns);
    t.start_to_close_ns = std::min(t.start_to_close_ns, run_ns);
    t.heartbeat_ns = std::min(t.heartbeat_ns, run_ns);
  }
  t.heartbeat_ns = std::min(t.heartbeat_ns, t.start_to_close_ns);
}

}  // namespace

bool HandleScheduleActivity(Completion& completion, const Command& command) {
  Draft& draft = completion.draft;
  if (!command.has_schedule_activity_task_command_attributes()) {
    return completion.Fail(
        kBadSchedule,
        "ScheduleActivityTaskCommandAttributes is not set on ScheduleActivityTaskCommand.");
  }
  const auto& attributes = command.schedule_activity_task_command_attributes();
  const std::string& id = attributes.activity_id();
  const std::string& type = attributes.activity_type().name();
  const auto id_limit = static_cast<size_t>(draft.limits().id_length);
  const std::string where = absl::StrCat(" ActivityId=", id, " ActivityType=", type);
  if (id.empty()) {
    return completion.Fail(kBadSchedule,
                           absl::StrCat("activityId is not set. ActivityType=", type));
  }
  if (type.empty()) {
    return completion.Fail(kBadSchedule, absl::StrCat("activityType is not set. ActivityID=", id));
  }
  if (id.size() > id_limit || type.size() > id_limit) {
    return completion.Fail(kBadSchedule, "activityId or activityType exceeds length limit.");
  }
  for (const auto* duration :
       {&attributes.schedule_to_close_timeout(), &attributes.schedule_to_start_timeout(),
        &attributes.start_to_close_timeout(), &attributes.heartbeat_timeout()}) {
    const absl::Status status = CheckDuration(*duration);
    if (!status.ok()) {
      return completion.Fail(kBadSchedule,
                             absl::StrCat("invalid timeout: ", status.message(), where));
    }
  }
  Timeouts timeouts{CappedNs(attributes.schedule_to_close_timeout()),
                    CappedNs(attributes.schedule_to_start_timeout()),
                    CappedNs(attributes.start_to_close_timeout()),
                    CappedNs(attributes.heartbeat_timeout())};
  if (timeouts.schedule_to_close_ns == 0 && timeouts.start_to_close_ns == 0) {
    return completion.Fail(
        kBadSchedule, absl::StrCat("a valid StartToClose or ScheduleToCloseTimeout is not set on "
                                   "ScheduleActivityTaskCommand.",
                                   where));
  }
  temporal::api::common::v1::RetryPolicy policy = attributes.retry_policy();
  FillRetryDefaults(policy);
  if (const absl::Status status = CheckRetryPolicy(policy); !status.ok()) {
    return completion.Fail(
        kBadSchedule, absl::StrCat("invalid ActivityRetryPolicy on SchedulActivityTaskCommand: ",
                                   status.message(), ".", where));
  }
  if (static_cast<int64_t>(attributes.input().ByteSizeLong()) > draft.limits().blob_size_bytes) {
    return completion.Terminate(kBadSchedule,
                                "ScheduleActivityTaskCommandAttributes.Input exceeds size limit.");
  }
  if (draft.state().activities.size() >= draft.limits().pending_activities) {
    return completion.Fail(
        enums::WORKFLOW_TASK_FAILED_CAUSE_PENDING_ACTIVITIES_LIMIT_EXCEEDED,
        absl::StrCat("the number of pending activities, ", draft.state().activities.size(),
                     ", has reached the per-workflow limit of ",
                     draft.limits().pending_activities));
  }
  if (draft.state().activity_ids.Contains(id)) {
    return completion.Fail(enums::WORKFLOW_TASK_FAILED_CAUSE_SCHEDULE_ACTIVITY_DUPLICATE_ID,
                           absl::StrCat("activityId ", id, " already exists."));
  }
  Fit(timeouts, draft.info().run_timeout_ns());

  HistoryEvent event = completion.EventOf(command, enums::EVENT_TYPE_ACTIVITY_TASK_SCHEDULED);
  auto* out = event.mutable_activity_task_scheduled_event_attributes();
  out->set_activity_id(id);
  *out->mutable_activity_type() = attributes.activity_type();
  *out->mutable_task_queue() = attributes.task_queue();
  if (out->task_queue().name().empty()) {
    out->mutable_task_queue()->set_name(draft.info().task_queue());
  }
  if (out->task_queue().kind() == enums::TASK_QUEUE_KIND_UNSPECIFIED) {
    out->mutable_task_queue()->set_kind(enums::TASK_QUEUE_KIND_NORMAL);
  }
  if (attributes.has_header()) *out->mutable_header() = attributes.header();
  if (attributes.has_input()) *out->mutable_input() = attributes.input();
  SetDuration(out->mutable_schedule_to_close_timeout(), timeouts.schedule_to_close_ns);
  SetDuration(out->mutable_schedule_to_start_timeout(), timeouts.schedule_to_start_ns);
  SetDuration(out->mutable_start_to_close_timeout(), timeouts.start_to_close_ns);
  SetDuration(out->mutable_heartbeat_timeout(), timeouts.heartbeat_ns);
  out->set_workflow_task_completed_event_id(completion.completed_id);
  *out->mutable_retry_policy() = policy;
  if (attributes.has_priority()) *out->mutable_priority() = attributes.priority();
  const EventId scheduled_id = draft.Add(std::move(event));
  if (attributes.request_eager_execution() && !draft.state().IsPaused()) {
    completion.eager_activities.push_back(scheduled_id);
  }
  return true;
}

bool HandleCancelActivity(Completion& completion, const Command& command) {
  Draft& draft = completion.draft;
  const EventId scheduled_id =
      command.request_cancel_activity_task_command_attributes().scheduled_event_id();
  if (scheduled_id <= 0) {
    return completion.Fail(kBadCancel,
                           "ScheduledEventId is not set on RequestCancelActivityTaskCommand.");
  }
  if (scheduled_id >= draft.info().next_event_id()) {
    return completion.Fail(kBadCancel,
                           "invalid history builder state for action: "
                           "add-activitytask-cancel-requested-event");
  }
  const Activity* found = draft.state().activities.Find(scheduled_id);
  if (found != nullptr && found->info.cancel_requested()) {
    return completion.Fail(kBadCancel, "activity cancellation is already requested");
  }
  HistoryEvent event =
      completion.EventOf(command, enums::EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED);
  auto* attributes = event.mutable_activity_task_cancel_requested_event_attributes();
  attributes->set_scheduled_event_id(scheduled_id);
  attributes->set_workflow_task_completed_event_id(completion.completed_id);
  const EventId requested_id = draft.Add(std::move(event));
  found = draft.state().activities.Find(scheduled_id);
  if (found == nullptr || found->info.started_time_ns() != 0) return true;

  HistoryEvent canceled = draft.NewEvent(enums::EVENT_TYPE_ACTIVITY_TASK_CANCELED);
  auto* out = canceled.mutable_activity_task_canceled_event_attributes();
  auto* payload = out->mutable_details()->add_payloads();
  (*payload->mutable_metadata())["encoding"] = "json/plain";
  payload->set_data("\"ACTIVITY_ID_NOT_STARTED\"");
  out->set_latest_cancel_requested_event_id(requested_id);
  out->set_scheduled_event_id(scheduled_id);
  out->set_identity(completion.request.identity());
  // Temporal: it follows the events of all commands; workers count on that.
  draft.Buffer(std::move(canceled));
  completion.cancelled_unstarted_activity = true;
  return true;
}

}  // namespace perdure::machines
