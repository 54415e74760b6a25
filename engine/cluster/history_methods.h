// The RPCs of history that concern one workflow: their names between nodes, and whose they are.
// Internal to cluster/.
#pragma once

#include <string>

#include "perdure/internal/v1/task_token.pb.h"
#include "services/history_service.h"

namespace perdure::cluster {

using services::HistoryService;

// One line a method: what else is made of each is made from this list.
#define PERDURE_HISTORY_METHODS(X)      \
  X(StartWorkflowExecution)             \
  X(SignalWithStartWorkflowExecution)   \
  X(ExecuteMultiOperation)              \
  X(SignalWorkflowExecution)            \
  X(RequestCancelWorkflowExecution)     \
  X(TerminateWorkflowExecution)         \
  X(ResetWorkflowExecution)             \
  X(DeleteWorkflowExecution)            \
  X(DescribeWorkflowExecution)          \
  X(QueryWorkflow)                      \
  X(UpdateWorkflowExecution)            \
  X(PollWorkflowExecutionUpdate)        \
  X(UpdateWorkflowExecutionOptions)     \
  X(PauseWorkflowExecution)             \
  X(UnpauseWorkflowExecution)           \
  X(GetWorkflowExecutionHistory)        \
  X(GetWorkflowExecutionHistoryReverse) \
  X(RespondWorkflowTaskCompleted)       \
  X(RespondWorkflowTaskFailed)          \
  X(ResetStickyTaskQueue)               \
  X(RespondActivityTaskCompleted)       \
  X(RespondActivityTaskFailed)          \
  X(RespondActivityTaskCanceled)        \
  X(RecordActivityTaskHeartbeat)        \
  X(RespondActivityTaskCompletedById)   \
  X(RespondActivityTaskFailedById)      \
  X(RespondActivityTaskCanceledById)    \
  X(RecordActivityTaskHeartbeatById)    \
  X(PauseActivity)                      \
  X(UnpauseActivity)                    \
  X(ResetActivity)                      \
  X(UpdateActivityOptions)

// Calls `visit.template operator()<&HistoryService::Method>("history.Method")` for each.
template <class Visit>
void ForEachHistoryMethod(Visit&& visit) {
#define PERDURE_VISIT(name) visit.template operator()<&HistoryService::name>("history." #name);
  PERDURE_HISTORY_METHODS(PERDURE_VISIT)
#undef PERDURE_VISIT
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
