// History: everything that concerns one workflow execution. Implemented by history/ (and, over
// gRPC, by rpc/).
//
// Requests arrive validated for form by frontend (required fields, sizes, enum values, durations,
// registered search attributes, namespace resolved, empty request ids filled in); history checks
// what depends on state.
#pragma once

#include <string>
#include <utility>

#include "perdure/internal/v1/cluster.pb.h"
#include "services/call.h"
#include "services/namespaces.h"
#include "services/tasks.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"

namespace perdure::services {

namespace api = temporal::api::workflowservice::v1;

// Thread-safe.
class HistoryService {
 public:
  virtual ~HistoryService() = default;

  // --- From matching
  // -------------------------------------------------------------------------------------- Hands
  // the task to the poller: the reply is the whole poll answer but for backlog hint and poller
  // decision. NOT_FOUND: the task is stale, drop it. ALREADY_EXISTS: somebody else has it, drop it.
  // UNAVAILABLE: try again.
  virtual void RecordWorkflowTaskStarted(TaskKey task, Poller poller,
                                         Reply<api::PollWorkflowTaskQueueResponse> reply) = 0;
  // The reply comes after the attempt's start is committed: with one attempt allowed it never runs
  // twice.
  virtual void RecordActivityTaskStarted(TaskKey task, Poller poller,
                                         Reply<api::PollActivityTaskQueueResponse> reply) = 0;
  // The sticky queue of that task has no worker: history forgets the stickiness and pushes the task
  // again.
  virtual void StickyWorkerUnavailable(TaskKey task) = 0;
  // A queue has drained that had dropped tasks for want of room: history pushes its outstanding
  // tasks again.
  virtual void PushOutstandingTasks(NamespacePtr name_space, std::string task_queue,
                                    bool activities) = 0;

  // --- From another run's outbox
  // The reply comes after the receiver's commit. Repeats do no harm.
  virtual void Deliver(perdure::internal::v1::DeliverRequest request,
                       Reply<perdure::internal::v1::DeliverResponse> reply) = 0;

  // --- From frontend, one per RPC
  // -------------------------------------------------------------------------
  virtual void StartWorkflowExecution(CallContext context, NamespacePtr name_space,
                                      api::StartWorkflowExecutionRequest request,
                                      Reply<api::StartWorkflowExecutionResponse> reply) = 0;
  virtual void SignalWithStartWorkflowExecution(
      CallContext context, NamespacePtr name_space,
      api::SignalWithStartWorkflowExecutionRequest request,
      Reply<api::SignalWithStartWorkflowExecutionResponse> reply) = 0;
  virtual void ExecuteMultiOperation(CallContext context, NamespacePtr name_space,
                                     api::ExecuteMultiOperationRequest request,
                                     Reply<api::ExecuteMultiOperationResponse> reply) = 0;
  virtual void SignalWorkflowExecution(CallContext context, NamespacePtr name_space,
                                       api::SignalWorkflowExecutionRequest request,
                                       Reply<api::SignalWorkflowExecutionResponse> reply) = 0;
  virtual void RequestCancelWorkflowExecution(
      CallContext context, NamespacePtr name_space,
      api::RequestCancelWorkflowExecutionRequest request,
      Reply<api::RequestCancelWorkflowExecutionResponse> reply) = 0;
  virtual void TerminateWorkflowExecution(CallContext context, NamespacePtr name_space,
                                          api::TerminateWorkflowExecutionRequest request,
                                          Reply<api::TerminateWorkflowExecutionResponse> reply) = 0;
  virtual void ResetWorkflowExecution(CallContext context, NamespacePtr name_space,
                                      api::ResetWorkflowExecutionRequest request,
                                      Reply<api::ResetWorkflowExecutionResponse> reply) = 0;
  virtual void DeleteWorkflowExecution(CallContext context, NamespacePtr name_space,
                                       api::DeleteWorkflowExecutionRequest request,
                                       Reply<api::DeleteWorkflowExecutionResponse> reply) = 0;
  virtual void DescribeWorkflowExecution(CallContext context, NamespacePtr name_space,
                                         api::DescribeWorkflowExecutionRequest request,
                                         Reply<api::DescribeWorkflowExecutionResponse> reply) = 0;
  virtual void QueryWorkflow(CallContext context, NamespacePtr name_space,
                             api::QueryWorkflowRequest request,
                             Reply<api::QueryWorkflowResponse> reply) = 0;
  virtual void UpdateWorkflowExecution(CallContext context, NamespacePtr name_space,
                                       api::UpdateWorkflowExecutionRequest request,
                                       Reply<api::UpdateWorkflowExecutionResponse> reply) = 0;
  virtual void PollWorkflowExecutionUpdate(
      CallContext context, NamespacePtr name_space, api::PollWorkflowExecutionUpdateRequest request,
      Reply<api::PollWorkflowExecutionUpdateResponse> reply) = 0;
  virtual void UpdateWorkflowExecutionOptions(
      CallContext context, NamespacePtr name_space,
      api::UpdateWorkflowExecutionOptionsRequest request,
      Reply<api::UpdateWorkflowExecutionOptionsResponse> reply) = 0;
  virtual void PauseWorkflowExecution(CallContext context, NamespacePtr name_space,
                                      api::PauseWorkflowExecutionRequest request,
                                      Reply<api::PauseWorkflowExecutionResponse> reply) = 0;
  virtual void UnpauseWorkflowExecution(CallContext context, NamespacePtr name_space,
                                        api::UnpauseWorkflowExecutionRequest request,
                                        Reply<api::UnpauseWorkflowExecutionResponse> reply) = 0;
  virtual void GetWorkflowExecutionHistory(
      CallContext context, NamespacePtr name_space, api::GetWorkflowExecutionHistoryRequest request,
      Reply<api::GetWorkflowExecutionHistoryResponse> reply) = 0;
  virtual void GetWorkflowExecutionHistoryReverse(
      CallContext context, NamespacePtr name_space,
      api::GetWorkflowExecutionHistoryReverseRequest request,
      Reply<api::GetWorkflowExecutionHistoryReverseResponse> reply) = 0;
  virtual void RespondWorkflowTaskCompleted(
      CallContext context, NamespacePtr name_space,
      api::RespondWorkflowTaskCompletedRequest request,
      Reply<api::RespondWorkflowTaskCompletedResponse> reply) = 0;
  virtual void RespondWorkflowTaskFailed(CallContext context, NamespacePtr name_space,
                                         api::RespondWorkflowTaskFailedRequest request,
                                         Reply<api::RespondWorkflowTaskFailedResponse> reply) = 0;
  virtual void ResetStickyTaskQueue(CallContext context, NamespacePtr name_space,
                                    api::ResetStickyTaskQueueRequest request,
                                    Reply<api::ResetStickyTaskQueueResponse> reply) = 0;
  virtual void RespondActivityTaskCompleted(
      CallContext context, NamespacePtr name_space,
      api::RespondActivityTaskCompletedRequest request,
      Reply<api::RespondActivityTaskCompletedResponse> reply) = 0;
  virtual void RespondActivityTaskFailed(CallContext context, NamespacePtr name_space,
                                         api::RespondActivityTaskFailedRequest request,
                                         Reply<api::RespondActivityTaskFailedResponse> reply) = 0;
  virtual void RespondActivityTaskCanceled(
      CallContext context, NamespacePtr name_space, api::RespondActivityTaskCanceledRequest request,
      Reply<api::RespondActivityTaskCanceledResponse> reply) = 0;
  virtual void RecordActivityTaskHeartbeat(
      CallContext context, NamespacePtr name_space, api::RecordActivityTaskHeartbeatRequest request,
      Reply<api::RecordActivityTaskHeartbeatResponse> reply) = 0;
  virtual void RespondActivityTaskCompletedById(
      CallContext context, NamespacePtr name_space,
      api::RespondActivityTaskCompletedByIdRequest request,
      Reply<api::RespondActivityTaskCompletedByIdResponse> reply) = 0;
  virtual void RespondActivityTaskFailedById(
      CallContext context, NamespacePtr name_space,
      api::RespondActivityTaskFailedByIdRequest request,
      Reply<api::RespondActivityTaskFailedByIdResponse> reply) = 0;
  virtual void RespondActivityTaskCanceledById(
      CallContext context, NamespacePtr name_space,
      api::RespondActivityTaskCanceledByIdRequest request,
      Reply<api::RespondActivityTaskCanceledByIdResponse> reply) = 0;
  virtual void RecordActivityTaskHeartbeatById(
      CallContext context, NamespacePtr name_space,
      api::RecordActivityTaskHeartbeatByIdRequest request,
      Reply<api::RecordActivityTaskHeartbeatByIdResponse> reply) = 0;
  virtual void PauseActivity(CallContext context, NamespacePtr name_space,
                             api::PauseActivityRequest request,
                             Reply<api::PauseActivityResponse> reply) = 0;
  virtual void UnpauseActivity(CallContext context, NamespacePtr name_space,
                               api::UnpauseActivityRequest request,
                               Reply<api::UnpauseActivityResponse> reply) = 0;
  virtual void ResetActivity(CallContext context, NamespacePtr name_space,
                             api::ResetActivityRequest request,
                             Reply<api::ResetActivityResponse> reply) = 0;
  virtual void UpdateActivityOptions(CallContext context, NamespacePtr name_space,
                                     api::UpdateActivityOptionsRequest request,
                                     Reply<api::UpdateActivityOptionsResponse> reply) = 0;

  // Deletes all runs of a namespace that is marked deleted, then the namespace itself, in the
  // background.
  virtual void ReclaimNamespace(NamespacePtr name_space) = 0;

  // Ends long polls with what they have and finishes commits in flight; `done` runs when all is
  // quiet.
  virtual void Drain(absl::AnyInvocable<void() &&> done) = 0;
};

}  // namespace perdure::services
