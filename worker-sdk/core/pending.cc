#include "worker-sdk/core/pending.h"

namespace perdure::core {

namespace enums = temporal::api::enums::v1;

const CommandKindInfo& InfoOf(CommandKind kind) {
  static constexpr CommandKindInfo kInfos[] = {
      {CommandKind::kStartTimer, "StartTimer", enums::EVENT_TYPE_TIMER_STARTED},
      {CommandKind::kCancelTimer, "CancelTimer", enums::EVENT_TYPE_TIMER_CANCELED},
      {CommandKind::kScheduleActivity, "ScheduleActivityTask",
       enums::EVENT_TYPE_ACTIVITY_TASK_SCHEDULED},
      {CommandKind::kCancelActivity, "RequestCancelActivityTask",
       enums::EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED},
      {CommandKind::kStartChild, "StartChildWorkflowExecution",
       enums::EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED},
      {CommandKind::kSignalExternal, "SignalExternalWorkflowExecution",
       enums::EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED},
      {CommandKind::kCancelExternal, "RequestCancelExternalWorkflowExecution",
       enums::EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED},
      {CommandKind::kPatch, "RecordMarker", enums::EVENT_TYPE_MARKER_RECORDED},
      {CommandKind::kSideEffect, "RecordMarker", enums::EVENT_TYPE_MARKER_RECORDED},
      {CommandKind::kMutableSideEffect, "RecordMarker", enums::EVENT_TYPE_MARKER_RECORDED},
      {CommandKind::kLocalActivity, "RecordMarker", enums::EVENT_TYPE_MARKER_RECORDED},
      {CommandKind::kUpsertSearchAttributes, "UpsertWorkflowSearchAttributes",
       enums::EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES},
      {CommandKind::kModifyProperties, "ModifyWorkflowProperties",
       enums::EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED},
      {CommandKind::kAcceptUpdate, "ProtocolMessage",
       enums::EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED},
      {CommandKind::kCompleteUpdate, "ProtocolMessage",
       enums::EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED},
      {CommandKind::kCompleteRun, "CompleteWorkflowExecution",
       enums::EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED},
      {CommandKind::kFailRun, "FailWorkflowExecution", enums::EVENT_TYPE_WORKFLOW_EXECUTION_FAILED},
      {CommandKind::kCancelRun, "CancelWorkflowExecution",
       enums::EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED},
      {CommandKind::kContinueAsNew, "ContinueAsNewWorkflowExecution",
       enums::EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW},
  };
  static_assert(sizeof(kInfos) / sizeof(kInfos[0]) ==
                static_cast<int>(CommandKind::kContinueAsNew) + 1);
  return kInfos[static_cast<int>(kind)];
}

}  // namespace perdure::core
