// A HistoryService that answers UNIMPLEMENTED to everything: a base for tests' fakes, which
// override what they need.
#pragma once

#include "base/errors.h"
#include "services/history_service.h"

namespace perdure::services {

class UnimplementedHistory : public HistoryService {
 public:
  void RecordWorkflowTaskStarted(TaskKey task, Poller poller,
                                 Reply<api::PollWorkflowTaskQueueResponse> reply) override {
    std::move(reply)(base::Unimplemented("RecordWorkflowTaskStarted"));
  }
  void RecordActivityTaskStarted(TaskKey task, Poller poller,
                                 Reply<api::PollActivityTaskQueueResponse> reply) override {
    std::move(reply)(base::Unimplemented("RecordActivityTaskStarted"));
  }
  void StickyWorkerUnavailable(TaskKey task) override {}
  void PushOutstandingTasks(NamespacePtr name_space, std::string task_queue,
                            bool activities) override {}
  void Deliver(perdure::internal::v1::DeliverRequest request,
               Reply<perdure::internal::v1::DeliverResponse> reply) override {
    std::move(reply)(base::Unimplemented("Deliver"));
  }
  void StartWorkflowExecution(CallContext context, NamespacePtr name_space,
                              api::StartWorkflowExecutionRequest request,
                              Reply<api::StartWorkflowExecutionResponse> reply) override {
    std::move(reply)(base::Unimplemented("StartWorkflowExecution"));
  }
  void SignalWithStartWorkflowExecution(
      CallContext context, NamespacePtr name_space,
      api::SignalWithStartWorkflowExecutionRequest request,
      Reply<api::SignalWithStartWorkflowExecutionResponse> reply) override {
    std::move(reply)(base::Unimplemented("SignalWithStartWorkflowExecution"));
  }
  void ExecuteMultiOperation(CallContext context, NamespacePtr name_space,
                             api::ExecuteMultiOperationRequest request,
                             Reply<api::ExecuteMultiOperationResponse> reply) override {
    std::move(reply)(base::Unimplemented("ExecuteMultiOperation"));
  }
  void SignalWorkflowExecution(CallContext context, NamespacePtr name_space,
                               api::SignalWorkflowExecutionRequest request,
                               Reply<api::SignalWorkflowExecutionResponse> reply) override {
    std::move(reply)(base::Unimplemented("SignalWorkflowExecution"));
  }
  void RequestCancelWorkflowExecution(
      CallContext context, NamespacePtr name_space,
      api::RequestCancelWorkflowExecutionRequest request,
      Reply<api::RequestCancelWorkflowExecutionResponse> reply) override {
    std::move(reply)(base::Unimplemented("RequestCancelWorkflowExecution"));
  }
  void TerminateWorkflowExecution(CallContext context, NamespacePtr name_space,
                                  api::TerminateWorkflowExecutionRequest request,
                                  Reply<api::TerminateWorkflowExecutionResponse> reply) override {
    std::move(reply)(base::Unimplemented("TerminateWorkflowExecution"));
  }
  void ResetWorkflowExecution(CallContext context, NamespacePtr name_space,
                              api::ResetWorkflowExecutionRequest request,
                              Reply<api::ResetWorkflowExecutionResponse> reply) override {
    std::move(reply)(base::Unimplemented("ResetWorkflowExecution"));
  }
  void DeleteWorkflowExecution(CallContext context, NamespacePtr name_space,
                               api::DeleteWorkflowExecutionRequest request,
                               Reply<api::DeleteWorkflowExecutionResponse> reply) override {
    std::move(reply)(base::Unimplemented("DeleteWorkflowExecution"));
  }
  void DescribeWorkflowExecution(CallContext context, NamespacePtr name_space,
                                 api::DescribeWorkflowExecutionRequest request,
                                 Reply<api::DescribeWorkflowExecutionResponse> reply) override {
    std::move(reply)(base::Unimplemented("DescribeWorkflowExecution"));
  }
  void QueryWorkflow(CallContext context, NamespacePtr name_space,
                     api::QueryWorkflowRequest request,
                     Reply<api::QueryWorkflowResponse> reply) override {
    std::move(reply)(base::Unimplemented("QueryWorkflow"));
  }
  void UpdateWorkflowExecution(CallContext context, NamespacePtr name_space,
                               api::UpdateWorkflowExecutionRequest request,
                               Reply<api::UpdateWorkflowExecutionResponse> reply) override {
    std::move(reply)(base::Unimplemented("UpdateWorkflowExecution"));
  }
  void PollWorkflowExecutionUpdate(CallContext context, NamespacePtr name_space,
                                   api::PollWorkflowExecutionUpdateRequest request,
                                   Reply<api::PollWorkflowExecutionUpdateResponse> reply) override {
    std::move(reply)(base::Unimplemented("PollWorkflowExecutionUpdate"));
  }
  void UpdateWorkflowExecutionOptions(
      CallContext context, NamespacePtr name_space,
      api::UpdateWorkflowExecutionOptionsRequest request,
      Reply<api::UpdateWorkflowExecutionOptionsResponse> reply) override {
    std::move(reply)(base::Unimplemented("UpdateWorkflowExecutionOptions"));
  }
  void PauseWorkflowExecution(CallContext context, NamespacePtr name_space,
                              api::PauseWorkflowExecutionRequest request,
                              Reply<api::PauseWorkflowExecutionResponse> reply) override {
    std::move(reply)(base::Unimplemented("PauseWorkflowExecution"));
  }
  void UnpauseWorkflowExecution(CallContext context, NamespacePtr name_space,
                                api::UnpauseWorkflowExecutionRequest request,
                                Reply<api::UnpauseWorkflowExecutionResponse> reply) override {
    std::move(reply)(base::Unimplemented("UnpauseWorkflowExecution"));
  }
  void GetWorkflowExecutionHistory(CallContext context, NamespacePtr name_space,
                                   api::GetWorkflowExecutionHistoryRequest request,
                                   Reply<api::GetWorkflowExecutionHistoryResponse> reply) override {
    std::move(reply)(base::Unimplemented("GetWorkflowExecutionHistory"));
  }
  void GetWorkflowExecutionHistoryReverse(
      CallContext context, NamespacePtr name_space,
      api::GetWorkflowExecutionHistoryReverseRequest request,
      Reply<api::GetWorkflowExecutionHistoryReverseResponse> reply) override {
    std::move(reply)(base::Unimplemented("GetWorkflowExecutionHistoryReverse"));
  }
  void RespondWorkflowTaskCompleted(
      CallContext context, NamespacePtr name_space,
      api::RespondWorkflowTaskCompletedRequest request,
      Reply<api::RespondWorkflowTaskCompletedResponse> reply) override {
    std::move(reply)(base::Unimplemented("RespondWorkflowTaskCompleted"));
  }
  void RespondWorkflowTaskFailed(CallContext context, NamespacePtr name_space,
                                 api::RespondWorkflowTaskFailedRequest request,
                                 Reply<api::RespondWorkflowTaskFailedResponse> reply) override {
    std::move(reply)(base::Unimplemented("RespondWorkflowTaskFailed"));
  }
  void ResetStickyTaskQueue(CallContext context, NamespacePtr name_space,
                            api::ResetStickyTaskQueueRequest request,
                            Reply<api::ResetStickyTaskQueueResponse> reply) override {
    std::move(reply)(base::Unimplemented("ResetStickyTaskQueue"));
  }
  void RespondActivityTaskCompleted(
      CallContext context, NamespacePtr name_space,
      api::RespondActivityTaskCompletedRequest request,
      Reply<api::RespondActivityTaskCompletedResponse> reply) override {
    std::move(reply)(base::Unimplemented("RespondActivityTaskCompleted"));
  }
  void RespondActivityTaskFailed(CallContext context, NamespacePtr name_space,
                                 api::RespondActivityTaskFailedRequest request,
                                 Reply<api::RespondActivityTaskFailedResponse> reply) override {
    std::move(reply)(base::Unimplemented("RespondActivityTaskFailed"));
  }
  void RespondActivityTaskCanceled(CallContext context, NamespacePtr name_space,
                                   api::RespondActivityTaskCanceledRequest request,
                                   Reply<api::RespondActivityTaskCanceledResponse> reply) override {
    std::move(reply)(base::Unimplemented("RespondActivityTaskCanceled"));
  }
  void RecordActivityTaskHeartbeat(CallContext context, NamespacePtr name_space,
                                   api::RecordActivityTaskHeartbeatRequest request,
                                   Reply<api::RecordActivityTaskHeartbeatResponse> reply) override {
    std::move(reply)(base::Unimplemented("RecordActivityTaskHeartbeat"));
  }
  void RespondActivityTaskCompletedById(
      CallContext context, NamespacePtr name_space,
      api::RespondActivityTaskCompletedByIdRequest request,
      Reply<api::RespondActivityTaskCompletedByIdResponse> reply) override {
    std::move(reply)(base::Unimplemented("RespondActivityTaskCompletedById"));
  }
  void RespondActivityTaskFailedById(
      CallContext context, NamespacePtr name_space,
      api::RespondActivityTaskFailedByIdRequest request,
      Reply<api::RespondActivityTaskFailedByIdResponse> reply) override {
    std::move(reply)(base::Unimplemented("RespondActivityTaskFailedById"));
  }
  void RespondActivityTaskCanceledById(
      CallContext context, NamespacePtr name_space,
      api::RespondActivityTaskCanceledByIdRequest request,
      Reply<api::RespondActivityTaskCanceledByIdResponse> reply) override {
    std::move(reply)(base::Unimplemented("RespondActivityTaskCanceledById"));
  }
  void RecordActivityTaskHeartbeatById(
      CallContext context, NamespacePtr name_space,
      api::RecordActivityTaskHeartbeatByIdRequest request,
      Reply<api::RecordActivityTaskHeartbeatByIdResponse> reply) override {
    std::move(reply)(base::Unimplemented("RecordActivityTaskHeartbeatById"));
  }
  void PauseActivity(CallContext context, NamespacePtr name_space,
                     api::PauseActivityRequest request,
                     Reply<api::PauseActivityResponse> reply) override {
    std::move(reply)(base::Unimplemented("PauseActivity"));
  }
  void UnpauseActivity(CallContext context, NamespacePtr name_space,
                       api::UnpauseActivityRequest request,
                       Reply<api::UnpauseActivityResponse> reply) override {
    std::move(reply)(base::Unimplemented("UnpauseActivity"));
  }
  void ResetActivity(CallContext context, NamespacePtr name_space,
                     api::ResetActivityRequest request,
                     Reply<api::ResetActivityResponse> reply) override {
    std::move(reply)(base::Unimplemented("ResetActivity"));
  }
  void UpdateActivityOptions(CallContext context, NamespacePtr name_space,
                             api::UpdateActivityOptionsRequest request,
                             Reply<api::UpdateActivityOptionsResponse> reply) override {
    std::move(reply)(base::Unimplemented("UpdateActivityOptions"));
  }
  void ReclaimNamespace(NamespacePtr name_space) override {}
  void Drain(absl::AnyInvocable<void() &&> done) override { std::move(done)(); }
};

}  // namespace perdure::services
