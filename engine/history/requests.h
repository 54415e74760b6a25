// What history does for each RPC. Free functions over a Core, all loop-bound; history.cc posts to
// them.
#pragma once

#include <string>

#include "absl/functional/any_invocable.h"
#include "history/core.h"
#include "services/call.h"
#include "services/history_service.h"
#include "temporal/api/common/v1/message.pb.h"

namespace perdure::history {

using services::CallContext;
using services::NamespacePtr;
using services::Reply;

// Decides on the run's state, applies, and calls `done` when it is durable. The shape of most
// requests.
using DecideOn =
    absl::AnyInvocable<absl::StatusOr<machines::Decision>(const State&, const machines::Context&)>;
using DoneWith = absl::AnyInvocable<void(absl::Status, const ExecutionPtr&) &&>;
void UpdateRun(Core& core, const NamespacePtr& name_space, const std::string& workflow_id,
               const std::string& run_id, DecideOn decide, DoneWith done);

// A refusal says what the run is, so it too waits until that is durable: `done` gets `refusal`, or
// UNAVAILABLE if what it rests on was not committed. `run` may be null (nothing it rests on).
void Refuse(Core& core, const ExecutionPtr& run, absl::Status refusal, Core::After done);

// start.cc
void Start(Core&, CallContext, NamespacePtr, api::StartWorkflowExecutionRequest,
           Reply<api::StartWorkflowExecutionResponse>);
void SignalWithStart(Core&, CallContext, NamespacePtr, api::SignalWithStartWorkflowExecutionRequest,
                     Reply<api::SignalWithStartWorkflowExecutionResponse>);
void ExecuteMultiOperation(Core&, CallContext, NamespacePtr, api::ExecuteMultiOperationRequest,
                           Reply<api::ExecuteMultiOperationResponse>);

// control.cc
void Delete(Core&, CallContext, NamespacePtr, api::DeleteWorkflowExecutionRequest,
            Reply<api::DeleteWorkflowExecutionResponse>);
void Options(Core&, CallContext, NamespacePtr, api::UpdateWorkflowExecutionOptionsRequest,
             Reply<api::UpdateWorkflowExecutionOptionsResponse>);
void Reset(Core&, CallContext, NamespacePtr, api::ResetWorkflowExecutionRequest,
           Reply<api::ResetWorkflowExecutionResponse>);

// read.cc
void GetHistory(Core&, CallContext, NamespacePtr, api::GetWorkflowExecutionHistoryRequest,
                Reply<api::GetWorkflowExecutionHistoryResponse>);
void GetHistoryReverse(Core&, CallContext, NamespacePtr,
                       api::GetWorkflowExecutionHistoryReverseRequest,
                       Reply<api::GetWorkflowExecutionHistoryReverseResponse>);

// describe.cc
void Describe(Core&, CallContext, NamespacePtr, api::DescribeWorkflowExecutionRequest,
              Reply<api::DescribeWorkflowExecutionResponse>);

// query.cc
void Query(Core&, CallContext, NamespacePtr, api::QueryWorkflowRequest,
           Reply<api::QueryWorkflowResponse>);
using QueryResults =
    google::protobuf::Map<std::string, temporal::api::query::v1::WorkflowQueryResult>;
// The answers that came with a completed workflow task. They show what it did: only once that is
// durable.
void AnswerQueries(const ExecutionPtr& execution, const QueryResults& results);
// Queries that no coming task will carry go out alone.
void ReleaseQueries(Core& core, const ExecutionPtr& execution);

// update.cc
void Update(Core&, CallContext, NamespacePtr, api::UpdateWorkflowExecutionRequest,
            Reply<api::UpdateWorkflowExecutionResponse>);
void PollUpdate(Core&, CallContext, NamespacePtr, api::PollWorkflowExecutionUpdateRequest,
                Reply<api::PollWorkflowExecutionUpdateResponse>);
// Follows an update that the run knows until `stage` or the time is over.
struct UpdateFate {
  int stage = 0;  // temporal.api.enums.v1.UpdateWorkflowExecutionLifecycleStage
  std::optional<temporal::api::update::v1::Outcome> outcome;
};
void FollowUpdate(Core& core, const ExecutionPtr& execution, const std::string& update_id,
                  int stage, absl::Time deadline,
                  absl::AnyInvocable<void(absl::StatusOr<UpdateFate>) &&> done);

// tasks.cc
void TaskStarted(Core&, services::TaskKey, services::Poller,
                 Reply<api::PollWorkflowTaskQueueResponse>);
void ActivityStarted(Core&, services::TaskKey, services::Poller,
                     Reply<api::PollActivityTaskQueueResponse>);
void StickyUnavailable(Core&, services::TaskKey);
void TaskCompleted(Core&, CallContext, NamespacePtr, api::RespondWorkflowTaskCompletedRequest,
                   Reply<api::RespondWorkflowTaskCompletedResponse>);
void TaskFailed(Core&, CallContext, NamespacePtr, api::RespondWorkflowTaskFailedRequest,
                Reply<api::RespondWorkflowTaskFailedResponse>);

// activities.cc
void ActivityCompleted(Core&, CallContext, NamespacePtr, api::RespondActivityTaskCompletedRequest,
                       Reply<api::RespondActivityTaskCompletedResponse>);
void ActivityFailed(Core&, CallContext, NamespacePtr, api::RespondActivityTaskFailedRequest,
                    Reply<api::RespondActivityTaskFailedResponse>);
void ActivityCanceled(Core&, CallContext, NamespacePtr, api::RespondActivityTaskCanceledRequest,
                      Reply<api::RespondActivityTaskCanceledResponse>);
void ActivityHeartbeat(Core&, CallContext, NamespacePtr, api::RecordActivityTaskHeartbeatRequest,
                       Reply<api::RecordActivityTaskHeartbeatResponse>);
void ActivityCompletedById(Core&, CallContext, NamespacePtr,
                           api::RespondActivityTaskCompletedByIdRequest,
                           Reply<api::RespondActivityTaskCompletedByIdResponse>);
void ActivityFailedById(Core&, CallContext, NamespacePtr, api::RespondActivityTaskFailedByIdRequest,
                        Reply<api::RespondActivityTaskFailedByIdResponse>);
void ActivityCanceledById(Core&, CallContext, NamespacePtr,
                          api::RespondActivityTaskCanceledByIdRequest,
                          Reply<api::RespondActivityTaskCanceledByIdResponse>);
void ActivityHeartbeatById(Core&, CallContext, NamespacePtr,
                           api::RecordActivityTaskHeartbeatByIdRequest,
                           Reply<api::RecordActivityTaskHeartbeatByIdResponse>);

}  // namespace perdure::history
