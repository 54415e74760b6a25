#include "worker-sdk/core/events.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "worker-sdk/core/markers.h"

namespace perdure::core {

namespace enums = temporal::api::enums::v1;

bool IsCommandEvent(EventType type) {
  switch (type) {
    case enums::EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
    case enums::EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED:
    case enums::EVENT_TYPE_MARKER_RECORDED:
    case enums::EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED:
    case enums::EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED:
    case enums::EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
    case enums::EVENT_TYPE_TIMER_STARTED:
    case enums::EVENT_TYPE_TIMER_CANCELED:
    case enums::EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
    case enums::EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED:
    case enums::EVENT_TYPE_NEXUS_OPERATION_SCHEDULED:
    case enums::EVENT_TYPE_NEXUS_OPERATION_CANCEL_REQUESTED:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_FAILED:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_REJECTED:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED:
      return true;
    default:
      return false;
  }
}

bool EndsRun(EventType type) {
  switch (type) {
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_FAILED:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
      return true;
    default:
      return false;
  }
}

bool IsWithoutEffect(EventType type) {
  switch (type) {
    case enums::EVENT_TYPE_WORKFLOW_TASK_SCHEDULED:
    case enums::EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT:
    case enums::EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED_EXTERNALLY:
    case enums::EVENT_TYPE_ACTIVITY_PROPERTIES_MODIFIED_EXTERNALLY:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_PAUSED:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_UNPAUSED:
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_TIME_SKIPPING_TRANSITIONED:
      return true;
    default:
      return false;
  }
}

std::int64_t InitiatingEventId(const Event& event) {
  switch (event.attributes_case()) {
    case Event::kActivityTaskStartedEventAttributes:
      return event.activity_task_started_event_attributes().scheduled_event_id();
    case Event::kActivityTaskCompletedEventAttributes:
      return event.activity_task_completed_event_attributes().scheduled_event_id();
    case Event::kActivityTaskFailedEventAttributes:
      return event.activity_task_failed_event_attributes().scheduled_event_id();
    case Event::kActivityTaskTimedOutEventAttributes:
      return event.activity_task_timed_out_event_attributes().scheduled_event_id();
    case Event::kActivityTaskCanceledEventAttributes:
      return event.activity_task_canceled_event_attributes().scheduled_event_id();
    case Event::kTimerFiredEventAttributes:
      return event.timer_fired_event_attributes().started_event_id();
    case Event::kRequestCancelExternalWorkflowExecutionFailedEventAttributes:
      return event.request_cancel_external_workflow_execution_failed_event_attributes()
          .initiated_event_id();
    case Event::kExternalWorkflowExecutionCancelRequestedEventAttributes:
      return event.external_workflow_execution_cancel_requested_event_attributes()
          .initiated_event_id();
    case Event::kSignalExternalWorkflowExecutionFailedEventAttributes:
      return event.signal_external_workflow_execution_failed_event_attributes()
          .initiated_event_id();
    case Event::kExternalWorkflowExecutionSignaledEventAttributes:
      return event.external_workflow_execution_signaled_event_attributes().initiated_event_id();
    case Event::kStartChildWorkflowExecutionFailedEventAttributes:
      return event.start_child_workflow_execution_failed_event_attributes().initiated_event_id();
    case Event::kChildWorkflowExecutionStartedEventAttributes:
      return event.child_workflow_execution_started_event_attributes().initiated_event_id();
    case Event::kChildWorkflowExecutionCompletedEventAttributes:
      return event.child_workflow_execution_completed_event_attributes().initiated_event_id();
    case Event::kChildWorkflowExecutionFailedEventAttributes:
      return event.child_workflow_execution_failed_event_attributes().initiated_event_id();
    case Event::kChildWorkflowExecutionCanceledEventAttributes:
      return event.child_workflow_execution_canceled_event_attributes().initiated_event_id();
    case Event::kChildWorkflowExecutionTimedOutEventAttributes:
      return event.child_workflow_execution_timed_out_event_attributes().initiated_event_id();
    case Event::kChildWorkflowExecutionTerminatedEventAttributes:
      return event.child_workflow_execution_terminated_event_attributes().initiated_event_id();
    default:
      return 0;
  }
}

std::string EventTypeName(int type) {
  if (!enums::EventType_IsValid(type)) return absl::StrCat("event of unknown type ", type);
  std::string name;
  for (absl::string_view word : absl::StrSplit(
           absl::string_view(enums::EventType_Name(type)).substr(sizeof("EVENT_TYPE_") - 1), '_')) {
    absl::StrAppend(&name, word.substr(0, 1), absl::AsciiStrToLower(word.substr(1)));
  }
  return name;
}

namespace {

std::string Identity(const Event& event) {
  switch (event.attributes_case()) {
    case Event::kTimerStartedEventAttributes:
      return absl::StrCat("timer_id ", event.timer_started_event_attributes().timer_id());
    case Event::kTimerFiredEventAttributes:
      return absl::StrCat("timer_id ", event.timer_fired_event_attributes().timer_id());
    case Event::kTimerCanceledEventAttributes:
      return absl::StrCat("timer_id ", event.timer_canceled_event_attributes().timer_id());
    case Event::kActivityTaskScheduledEventAttributes: {
      const auto& attributes = event.activity_task_scheduled_event_attributes();
      return absl::StrCat("activity_id ", attributes.activity_id(), ", type ",
                          attributes.activity_type().name());
    }
    case Event::kActivityTaskCancelRequestedEventAttributes:
      return absl::StrCat(
          "scheduled by event ",
          event.activity_task_cancel_requested_event_attributes().scheduled_event_id());
    case Event::kStartChildWorkflowExecutionInitiatedEventAttributes: {
      const auto& attributes = event.start_child_workflow_execution_initiated_event_attributes();
      return absl::StrCat("workflow_id ", attributes.workflow_id(), ", type ",
                          attributes.workflow_type().name());
    }
    case Event::kSignalExternalWorkflowExecutionInitiatedEventAttributes: {
      const auto& attributes =
          event.signal_external_workflow_execution_initiated_event_attributes();
      return absl::StrCat("workflow_id ", attributes.workflow_execution().workflow_id(),
                          ", signal ", attributes.signal_name());
    }
    case Event::kRequestCancelExternalWorkflowExecutionInitiatedEventAttributes:
      return absl::StrCat(
          "workflow_id ",
          event.request_cancel_external_workflow_execution_initiated_event_attributes()
              .workflow_execution()
              .workflow_id());
    case Event::kWorkflowExecutionSignaledEventAttributes:
      return absl::StrCat("signal ",
                          event.workflow_execution_signaled_event_attributes().signal_name());
    case Event::kMarkerRecordedEventAttributes:
      return DescribeMarker(event.marker_recorded_event_attributes());
    case Event::kUpsertWorkflowSearchAttributesEventAttributes:
      return absl::StrCat(
          "keys ",
          Keys(event.upsert_workflow_search_attributes_event_attributes().search_attributes()));
    case Event::kWorkflowExecutionUpdateAcceptedEventAttributes:
      return absl::StrCat(
          "update ",
          event.workflow_execution_update_accepted_event_attributes().protocol_instance_id());
    case Event::kWorkflowExecutionUpdateCompletedEventAttributes:
      return absl::StrCat(
          "update ",
          event.workflow_execution_update_completed_event_attributes().meta().update_id());
    default:
      return {};
  }
}

}  // namespace

std::string Describe(const Event& event) {
  const std::string identity = Identity(event);
  return absl::StrCat(event.event_id(), " ", EventTypeName(event.event_type()),
                      identity.empty() ? "" : absl::StrCat(" (", identity, ")"));
}

}  // namespace perdure::core
