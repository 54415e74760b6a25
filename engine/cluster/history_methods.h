// The RPCs of history that concern one workflow: their names between nodes, and whose they are.
// Internal to cluster/.
#pragma once

#include <string>

#include "perdure/internal/v1/task_token.pb.h"
#include "services/history_service.h"

namespace perdure::cluster {

using services::HistoryService;

// Calls `visit.template operator()<&HistoryService::Method>("history.Method")` for each.
template <class Visit>
void ForEachHistoryMethod(Visit&& visit) {
#define PERDURE_METHOD(name) visit.template operator()<&HistoryService::name>("history." #name)
  PERDURE_METHOD(StartWorkflowExecution);
  PERDURE_METHOD(SignalWithStartWorkflowExecution);
  PERDURE_METHOD(ExecuteMultiOperation);
  PERDURE_METHOD(SignalWorkflowExecution);
  PERDURE_METHOD(RequestCancelWorkflowExecution);
  PERDURE_METHOD(TerminateWorkflowExecution);
  PERDURE_METHOD(ResetWorkflowExecution);
  PERDURE_METHOD(DeleteWorkflowExecution);
  PERDURE_METHOD(DescribeWorkflowExecution);
  PERDURE_METHOD(QueryWorkflow);
  PERDURE_METHOD(UpdateWorkflowExecution);
  PERDURE_METHOD(PollWorkflowExecutionUpdate);
  PERDURE_METHOD(UpdateWorkflowExecutionOptions);
  PERDURE_METHOD(PauseWorkflowExecution);
  PERDURE_METHOD(UnpauseWorkflowExecution);
  PERDURE_METHOD(GetWorkflowExecutionHistory);
  PERDURE_METHOD(GetWorkflowExecutionHistoryReverse);
  PERDURE_METHOD(RespondWorkflowTaskCompleted);
  PERDURE_METHOD(RespondWorkflowTaskFailed);
  PERDURE_METHOD(ResetStickyTaskQueue);
  PERDURE_METHOD(RespondActivityTaskCompleted);
  PERDURE_METHOD(RespondActivityTaskFailed);
  PERDURE_METHOD(RespondActivityTaskCanceled);
  PERDURE_METHOD(RecordActivityTaskHeartbeat);
  PERDURE_METHOD(RespondActivityTaskCompletedById);
  PERDURE_METHOD(RespondActivityTaskFailedById);
  PERDURE_METHOD(RespondActivityTaskCanceledById);
  PERDURE_METHOD(RecordActivityTaskHeartbeatById);
  PERDURE_METHOD(PauseActivity);
  PERDURE_METHOD(UnpauseActivity);
  PERDURE_METHOD(ResetActivity);
  PERDURE_METHOD(UpdateActivityOptions);
#undef PERDURE_METHOD
}

// The types in a method's signature.
template <class Method>
struct SignatureOf;
template <class Service, class Request, class Response>
struct SignatureOf<void (Service::*)(services::CallContext, services::NamespacePtr, Request,
                                     services::Reply<Response>)> {
  using ServiceType = Service;
  using RequestType = Request;
  using ResponseType = Response;
};

// The id of the workflow that a request is about, wherever it stands. A token that cannot be read
// is about none: whoever gets it refuses it.
template <class Request>
std::string WorkflowIdOf(const Request& request) {
  if constexpr (requires { request.task_token(); }) {
    perdure::internal::v1::TaskToken token;
    return token.ParseFromString(request.task_token()) ? token.workflow_id() : std::string();
  } else if constexpr (requires { request.operations(); }) {
    return request.operations().empty() ? std::string()
                                        : request.operations(0).start_workflow().workflow_id();
  } else if constexpr (requires { request.update_ref(); }) {
    return request.update_ref().workflow_execution().workflow_id();
  } else if constexpr (requires { request.workflow_execution(); }) {
    return request.workflow_execution().workflow_id();
  } else if constexpr (requires { request.execution(); }) {
    return request.execution().workflow_id();
  } else {
    return request.workflow_id();
  }
}

}  // namespace perdure::cluster
