// What the handlers of a workflow task's commands share. One handler, one file.
#pragma once

#include <string>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "machines/workflow/draft.h"
#include "temporal/api/command/v1/message.pb.h"
#include "temporal/api/protocol/v1/message.pb.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"

namespace perdure::machines {

using temporal::api::command::v1::Command;

// How a command spoils its workflow task.
struct TaskFailure {
  enums::WorkflowTaskFailedCause cause = enums::WORKFLOW_TASK_FAILED_CAUSE_UNSPECIFIED;
  std::string message;  // "<Cause>: <what>"
  bool terminates_workflow = false;
};

// The completion of one workflow task while its commands are carried out.
class Completion {
 public:
  Completion(Draft& draft,
             const temporal::api::workflowservice::v1::RespondWorkflowTaskCompletedRequest& request,
             EventId completed_id)
      : draft(draft), request(request), completed_id(completed_id) {}

  // Records the failure; handlers return false with it.
  bool Fail(enums::WorkflowTaskFailedCause cause, absl::string_view text);
  bool Terminate(enums::WorkflowTaskFailedCause cause, absl::string_view text);
  // An event of a command carries the command's metadata.
  HistoryEvent EventOf(const Command& command, enums::EventType type) const;
  // False (and failed) if the close command must wait for buffered events.
  bool MayClose();

  Draft& draft;
  const temporal::api::workflowservice::v1::RespondWorkflowTaskCompletedRequest& request;
  const EventId completed_id;
  bool has_buffered_events = false;
  bool cancelled_unstarted_activity = false;
  std::vector<EventId> eager_activities;
  absl::btree_set<std::string> children_initiated;
  absl::btree_set<std::string> messages_taken;
  std::optional<TaskFailure> failure;
};

std::string CauseName(enums::WorkflowTaskFailedCause cause);
// "Invalid …" if negative; the engine caps absurd ones at 100 years.
absl::Status CheckDuration(const google::protobuf::Duration& duration);
int64_t CappedNs(const google::protobuf::Duration& duration);
absl::Status CheckSearchAttributes(const Context& context,
                                   const temporal::api::common::v1::SearchAttributes& attributes);
int64_t PayloadMapSize(
    const google::protobuf::Map<std::string, temporal::api::common::v1::Payload>& map);

// Each returns false after completion.Fail or completion.Terminate.
bool HandleScheduleActivity(Completion& completion, const Command& command);
bool HandleCancelActivity(Completion& completion, const Command& command);
bool HandleStartTimer(Completion& completion, const Command& command);
bool HandleCancelTimer(Completion& completion, const Command& command);
bool HandleCompleteWorkflow(Completion& completion, const Command& command);
bool HandleFailWorkflow(Completion& completion, const Command& command);
bool HandleCancelWorkflow(Completion& completion, const Command& command);
bool HandleContinueAsNew(Completion& completion, const Command& command);
bool HandleStartChild(Completion& completion, const Command& command);
bool HandleCancelExternal(Completion& completion, const Command& command);
bool HandleSignalExternal(Completion& completion, const Command& command);
bool HandleRecordMarker(Completion& completion, const Command& command);
bool HandleUpsertSearchAttributes(Completion& completion, const Command& command);
bool HandleModifyProperties(Completion& completion, const Command& command);
bool HandleProtocolMessage(Completion& completion, const Command& command);
bool HandleMessage(Completion& completion, const temporal::api::protocol::v1::Message& message);
// The messages that no command named.
bool HandleRemainingMessages(Completion& completion);

}  // namespace perdure::machines
