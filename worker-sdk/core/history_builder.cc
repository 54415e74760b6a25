#include "worker-sdk/core/history_builder.h"

#include <vector>

#include "worker-sdk/core/convert.h"
#include "worker-sdk/core/markers.h"

namespace perdure::core {

namespace enums = temporal::api::enums::v1;
using Id = HistoryBuilder::Id;
using Event = HistoryBuilder::Event;

namespace {

api_common::Payloads Json(const std::string& json) { return ToApi(Payloads{{"json/plain", json}}); }

}  // namespace

Event& HistoryBuilder::Add(enums::EventType type) {
  Event& event = *history_.add_events();
  event.set_event_id(history_.events_size());
  event.set_event_type(type);
  event.mutable_event_time()->set_seconds(1'700'000'000 + history_.events_size());
  return event;
}

Id HistoryBuilder::Start(const std::string& type) {
  auto& event = Add(enums::EVENT_TYPE_WORKFLOW_EXECUTION_STARTED);
  auto& attributes = *event.mutable_workflow_execution_started_event_attributes();
  attributes.mutable_workflow_type()->set_name(type);
  attributes.set_workflow_id("workflow");
  attributes.mutable_task_queue()->set_name("queue");
  attributes.set_original_execution_run_id("run");
  attributes.set_first_execution_run_id("run");
  attributes.mutable_workflow_task_timeout()->set_seconds(10);
  attributes.set_attempt(1);
  return event.event_id();
}

Id HistoryBuilder::TaskScheduled() {
  auto& event = Add(enums::EVENT_TYPE_WORKFLOW_TASK_SCHEDULED);
  event.mutable_workflow_task_scheduled_event_attributes()->set_attempt(1);
  return scheduled_ = event.event_id();
}
Id HistoryBuilder::TaskStarted() {
  auto& event = Add(enums::EVENT_TYPE_WORKFLOW_TASK_STARTED);
  auto& attributes = *event.mutable_workflow_task_started_event_attributes();
  attributes.set_scheduled_event_id(scheduled_);
  attributes.set_history_size_bytes(100 * event.event_id());
  return started_ = event.event_id();
}
Id HistoryBuilder::TaskCompleted() {
  auto& event = Add(enums::EVENT_TYPE_WORKFLOW_TASK_COMPLETED);
  auto& attributes = *event.mutable_workflow_task_completed_event_attributes();
  attributes.set_scheduled_event_id(scheduled_);
  attributes.set_started_event_id(started_);
  if (!named_flags_) {
    for (const std::uint32_t flag : {1, 2, 3})
      attributes.mutable_sdk_metadata()->add_core_used_flags(flag);
    named_flags_ = true;
  }
  return completed_ = event.event_id();
}
Id HistoryBuilder::TaskFailed(enums::WorkflowTaskFailedCause cause) {
  auto& event = Add(enums::EVENT_TYPE_WORKFLOW_TASK_FAILED);
  auto& attributes = *event.mutable_workflow_task_failed_event_attributes();
  attributes.set_scheduled_event_id(scheduled_);
  attributes.set_started_event_id(started_);
  attributes.set_cause(cause);
  attributes.set_new_run_id("run-after-reset");
  return event.event_id();
}
Id HistoryBuilder::TaskTimedOut() {
  auto& event = Add(enums::EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT);
  event.mutable_workflow_task_timed_out_event_attributes()->set_scheduled_event_id(scheduled_);
  return event.event_id();
}
Id HistoryBuilder::OpenTask() {
  TaskScheduled();
  return TaskStarted();
}
Id HistoryBuilder::Task() {
  OpenTask();
  return TaskCompleted();
}

Id HistoryBuilder::TimerStarted(std::uint32_t seq) {
  auto& event = Add(enums::EVENT_TYPE_TIMER_STARTED);
  event.mutable_timer_started_event_attributes()->set_timer_id(std::to_string(seq));
  event.mutable_timer_started_event_attributes()->set_workflow_task_completed_event_id(completed_);
  return event.event_id();
}
Id HistoryBuilder::TimerFired(Id started) {
  auto& event = Add(enums::EVENT_TYPE_TIMER_FIRED);
  event.mutable_timer_fired_event_attributes()->set_started_event_id(started);
  return event.event_id();
}
Id HistoryBuilder::TimerCanceled(Id started) {
  auto& event = Add(enums::EVENT_TYPE_TIMER_CANCELED);
  event.mutable_timer_canceled_event_attributes()->set_started_event_id(started);
  return event.event_id();
}

Id HistoryBuilder::ActivityScheduled(const std::string& activity_id, const std::string& type) {
  auto& event = Add(enums::EVENT_TYPE_ACTIVITY_TASK_SCHEDULED);
  event.mutable_activity_task_scheduled_event_attributes()->set_activity_id(activity_id);
  event.mutable_activity_task_scheduled_event_attributes()->mutable_activity_type()->set_name(type);
  return event.event_id();
}
Id HistoryBuilder::ActivityStarted(Id scheduled) {
  auto& event = Add(enums::EVENT_TYPE_ACTIVITY_TASK_STARTED);
  event.mutable_activity_task_started_event_attributes()->set_scheduled_event_id(scheduled);
  return event.event_id();
}
Id HistoryBuilder::ActivityCompleted(Id scheduled, const std::string& json) {
  auto& event = Add(enums::EVENT_TYPE_ACTIVITY_TASK_COMPLETED);
  event.mutable_activity_task_completed_event_attributes()->set_scheduled_event_id(scheduled);
  *event.mutable_activity_task_completed_event_attributes()->mutable_result() = Json(json);
  return event.event_id();
}
Id HistoryBuilder::ActivityFailed(Id scheduled, const std::string& message) {
  auto& event = Add(enums::EVENT_TYPE_ACTIVITY_TASK_FAILED);
  auto& attributes = *event.mutable_activity_task_failed_event_attributes();
  attributes.set_scheduled_event_id(scheduled);
  attributes.set_retry_state(enums::RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED);
  attributes.mutable_failure()->set_message(message);
  attributes.mutable_failure()->mutable_application_failure_info()->set_type("Broken");
  return event.event_id();
}
Id HistoryBuilder::ActivityTimedOut(Id scheduled) {
  auto& event = Add(enums::EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT);
  auto& attributes = *event.mutable_activity_task_timed_out_event_attributes();
  attributes.set_scheduled_event_id(scheduled);
  attributes.set_retry_state(enums::RETRY_STATE_TIMEOUT);
  attributes.mutable_failure()->mutable_timeout_failure_info()->set_timeout_type(
      enums::TIMEOUT_TYPE_SCHEDULE_TO_START);
  return event.event_id();
}
Id HistoryBuilder::ActivityCancelRequested(Id scheduled) {
  auto& event = Add(enums::EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED);
  event.mutable_activity_task_cancel_requested_event_attributes()->set_scheduled_event_id(
      scheduled);
  return event.event_id();
}
Id HistoryBuilder::ActivityCanceled(Id scheduled) {
  auto& event = Add(enums::EVENT_TYPE_ACTIVITY_TASK_CANCELED);
  event.mutable_activity_task_canceled_event_attributes()->set_scheduled_event_id(scheduled);
  return event.event_id();
}

Id HistoryBuilder::Signaled(const std::string& name, const std::string& json) {
  auto& event = Add(enums::EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED);
  event.mutable_workflow_execution_signaled_event_attributes()->set_signal_name(name);
  *event.mutable_workflow_execution_signaled_event_attributes()->mutable_input() = Json(json);
  return event.event_id();
}
Id HistoryBuilder::CancelRequested() {
  auto& event = Add(enums::EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED);
  event.mutable_workflow_execution_cancel_requested_event_attributes()->set_cause("enough");
  return event.event_id();
}

Id HistoryBuilder::ChildInitiated(const std::string& workflow_id, const std::string& type) {
  auto& event = Add(enums::EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED);
  auto& attributes = *event.mutable_start_child_workflow_execution_initiated_event_attributes();
  attributes.set_workflow_id(workflow_id);
  attributes.mutable_workflow_type()->set_name(type);
  return event.event_id();
}
Id HistoryBuilder::ChildStarted(Id initiated) {
  auto& event = Add(enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED);
  auto& attributes = *event.mutable_child_workflow_execution_started_event_attributes();
  attributes.set_initiated_event_id(initiated);
  attributes.mutable_workflow_execution()->set_run_id("child-run");
  return event.event_id();
}
Id HistoryBuilder::ChildStartFailed(Id initiated) {
  auto& event = Add(enums::EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_FAILED);
  auto& attributes = *event.mutable_start_child_workflow_execution_failed_event_attributes();
  attributes.set_initiated_event_id(initiated);
  attributes.set_cause(enums::START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_WORKFLOW_ALREADY_EXISTS);
  return event.event_id();
}
Id HistoryBuilder::ChildCompleted(Id initiated, const std::string& json) {
  auto& event = Add(enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED);
  event.mutable_child_workflow_execution_completed_event_attributes()->set_initiated_event_id(
      initiated);
  *event.mutable_child_workflow_execution_completed_event_attributes()->mutable_result() =
      Json(json);
  return event.event_id();
}
Id HistoryBuilder::ChildFailed(Id initiated, const std::string& message) {
  auto& event = Add(enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_FAILED);
  event.mutable_child_workflow_execution_failed_event_attributes()->set_initiated_event_id(
      initiated);
  event.mutable_child_workflow_execution_failed_event_attributes()->mutable_failure()->set_message(
      message);
  return event.event_id();
}
Id HistoryBuilder::ChildCanceled(Id initiated) {
  auto& event = Add(enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_CANCELED);
  event.mutable_child_workflow_execution_canceled_event_attributes()->set_initiated_event_id(
      initiated);
  return event.event_id();
}
Id HistoryBuilder::ChildTimedOut(Id initiated) {
  auto& event = Add(enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TIMED_OUT);
  event.mutable_child_workflow_execution_timed_out_event_attributes()->set_initiated_event_id(
      initiated);
  return event.event_id();
}
Id HistoryBuilder::ChildTerminated(Id initiated) {
  auto& event = Add(enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TERMINATED);
  event.mutable_child_workflow_execution_terminated_event_attributes()->set_initiated_event_id(
      initiated);
  return event.event_id();
}

Id HistoryBuilder::SignalInitiated(const std::string& workflow_id, const std::string& name) {
  auto& event = Add(enums::EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED);
  auto& attributes = *event.mutable_signal_external_workflow_execution_initiated_event_attributes();
  attributes.mutable_workflow_execution()->set_workflow_id(workflow_id);
  attributes.set_signal_name(name);
  return event.event_id();
}
Id HistoryBuilder::SignalDelivered(Id initiated) {
  auto& event = Add(enums::EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_SIGNALED);
  event.mutable_external_workflow_execution_signaled_event_attributes()->set_initiated_event_id(
      initiated);
  return event.event_id();
}
Id HistoryBuilder::SignalFailed(Id initiated) {
  auto& event = Add(enums::EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED);
  event.mutable_signal_external_workflow_execution_failed_event_attributes()
      ->set_initiated_event_id(initiated);
  return event.event_id();
}
Id HistoryBuilder::CancelInitiated(const std::string& workflow_id, bool child_only) {
  auto& event = Add(enums::EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED);
  auto& attributes =
      *event.mutable_request_cancel_external_workflow_execution_initiated_event_attributes();
  attributes.mutable_workflow_execution()->set_workflow_id(workflow_id);
  attributes.set_child_workflow_only(child_only);
  return event.event_id();
}
Id HistoryBuilder::CancelDelivered(Id initiated) {
  auto& event = Add(enums::EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED);
  event.mutable_external_workflow_execution_cancel_requested_event_attributes()
      ->set_initiated_event_id(initiated);
  return event.event_id();
}
Id HistoryBuilder::CancelFailed(Id initiated) {
  auto& event = Add(enums::EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED);
  event.mutable_request_cancel_external_workflow_execution_failed_event_attributes()
      ->set_initiated_event_id(initiated);
  return event.event_id();
}

namespace {

template <class Marker>
Id AddMarker(HistoryBuilder* builder, Marker marker) {
  MarkerCommand command;
  Write(std::move(marker), &command);
  auto& event = builder->Add(enums::EVENT_TYPE_MARKER_RECORDED);
  auto& attributes = *event.mutable_marker_recorded_event_attributes();
  attributes.set_marker_name(command.marker_name());
  *attributes.mutable_details() = command.details();
  if (command.has_failure()) *attributes.mutable_failure() = command.failure();
  return event.event_id();
}

}  // namespace

Id HistoryBuilder::Patch(const std::string& id, bool deprecated) {
  return AddMarker(this, PatchMarker{id, deprecated});
}
Id HistoryBuilder::Versions(std::initializer_list<std::string> sorted_patches) {
  auto& event = Add(enums::EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES);
  (*event.mutable_upsert_workflow_search_attributes_event_attributes()
        ->mutable_search_attributes()
        ->mutable_indexed_fields())[kVersionAttribute] =
      ToApi(KeywordList(std::vector<std::string>(sorted_patches)));
  return event.event_id();
}
Id HistoryBuilder::SearchAttributesUpserted(const std::string& key) {
  auto& event = Add(enums::EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES);
  (*event.mutable_upsert_workflow_search_attributes_event_attributes()
        ->mutable_search_attributes()
        ->mutable_indexed_fields())[key] = ToApi(Payload{"json/plain", "1"});
  return event.event_id();
}
Id HistoryBuilder::MemoUpserted(const std::string& key) {
  auto& event = Add(enums::EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED);
  (*event.mutable_workflow_properties_modified_event_attributes()
        ->mutable_upserted_memo()
        ->mutable_fields())[key] = ToApi(Payload{"json/plain", "1"});
  return event.event_id();
}
Id HistoryBuilder::SideEffect(std::int64_t id, const std::string& json) {
  return AddMarker(this, SideEffectMarker{id, {{"json/plain", json}}});
}
Id HistoryBuilder::MutableSideEffect(const std::string& id, std::int64_t call,
                                     const std::string& json) {
  return AddMarker(this, MutableSideEffectMarker{id, call, {{"json/plain", json}}});
}
Id HistoryBuilder::LocalActivity(std::uint32_t seq, const std::string& type,
                                 const std::string& json, const std::string& failure,
                                 int backoff_seconds, int run_seconds) {
  LocalActivityMarker marker;
  marker.seq = seq;
  marker.activity_id = std::to_string(seq);
  marker.activity_type = type;
  marker.complete_time = FromApi(history_.events(static_cast<int>(started_) - 1).event_time()) +
                         std::chrono::seconds(run_seconds);
  marker.original_schedule_time =
      FromApi(history_.events(static_cast<int>(started_) - 1).event_time());
  if (!json.empty()) marker.result = Payload{"json/plain", json};
  if (backoff_seconds != 0) marker.backoff = std::chrono::seconds(backoff_seconds);
  if (!failure.empty()) {
    Failure why;
    why.message = failure;
    marker.failure = std::make_shared<const perdure::Failure>(why);
  }
  return AddMarker(this, std::move(marker));
}

Id HistoryBuilder::UpdateAdmitted(const std::string& id, const std::string& name) {
  auto& event = Add(enums::EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED);
  auto& request =
      *event.mutable_workflow_execution_update_admitted_event_attributes()->mutable_request();
  request.mutable_meta()->set_update_id(id);
  request.mutable_input()->set_name(name);
  return event.event_id();
}
Id HistoryBuilder::UpdateAccepted(const std::string& id, const std::string& name,
                                  Id sequencing_event_id) {
  auto& event = Add(enums::EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED);
  auto& attributes = *event.mutable_workflow_execution_update_accepted_event_attributes();
  attributes.set_protocol_instance_id(id);
  attributes.set_accepted_request_message_id(id + "/request");
  attributes.set_accepted_request_sequencing_event_id(sequencing_event_id);
  if (!name.empty()) {
    attributes.mutable_accepted_request()->mutable_meta()->set_update_id(id);
    attributes.mutable_accepted_request()->mutable_input()->set_name(name);
  }
  return event.event_id();
}
Id HistoryBuilder::UpdateCompleted(const std::string& id, Id accepted) {
  auto& event = Add(enums::EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED);
  auto& attributes = *event.mutable_workflow_execution_update_completed_event_attributes();
  attributes.mutable_meta()->set_update_id(id);
  attributes.set_accepted_event_id(accepted);
  return event.event_id();
}

Id HistoryBuilder::Completed() {
  auto& event = Add(enums::EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED);
  event.mutable_workflow_execution_completed_event_attributes();
  return event.event_id();
}
Id HistoryBuilder::Failed() {
  auto& event = Add(enums::EVENT_TYPE_WORKFLOW_EXECUTION_FAILED);
  event.mutable_workflow_execution_failed_event_attributes();
  return event.event_id();
}
Id HistoryBuilder::Canceled() {
  auto& event = Add(enums::EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED);
  event.mutable_workflow_execution_canceled_event_attributes();
  return event.event_id();
}
Id HistoryBuilder::ContinuedAsNew() {
  auto& event = Add(enums::EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW);
  event.mutable_workflow_execution_continued_as_new_event_attributes();
  return event.event_id();
}
Id HistoryBuilder::Terminated() {
  auto& event = Add(enums::EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED);
  event.mutable_workflow_execution_terminated_event_attributes();
  return event.event_id();
}
Id HistoryBuilder::TimedOut() {
  auto& event = Add(enums::EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT);
  event.mutable_workflow_execution_timed_out_event_attributes();
  return event.event_id();
}

}  // namespace perdure::core
