// Activities that are completed from outside their worker.
#include <utility>

#include "worker-sdk/client/rpc_error.h"
#include "worker-sdk/client/server_calls.h"
#include "worker-sdk/core/convert.h"

namespace perdure::client {
namespace {

CallSubject SubjectOf(const ActivityTarget& target) {
  return {.workflow_id = target.workflow_id, .run_id = target.run_id, .workflow_type = {}};
}

// The calls exist twice, by token and by ids, with the same fields otherwise.
template <class ByToken, class ById, class Response, class Fill>
Response Call(Connection* connection, const std::stop_token& stop, const ActivityTarget& target,
              std::string_view by_token, std::string_view by_id, Fill fill) {
  Response response;
  if (target.task_token.empty()) {
    ById request;
    request.set_namespace_(connection->namespace_());
    request.set_identity(connection->identity());
    request.set_workflow_id(target.workflow_id);
    request.set_run_id(target.run_id);
    request.set_activity_id(target.activity_id);
    fill(&request);
    ThrowUnlessOk(connection->Call(CallKind::kUnary, by_id, &request, &response, {.stop = stop}),
                  SubjectOf(target));
  } else {
    ByToken request;
    request.set_namespace_(connection->namespace_());
    request.set_identity(connection->identity());
    request.set_task_token(target.task_token);
    fill(&request);
    ThrowUnlessOk(connection->Call(CallKind::kUnary, by_token, &request, &response, {.stop = stop}),
                  SubjectOf(target));
  }
  return response;
}

}  // namespace

void ServerCalls::complete_activity(ActivityTarget& target, Payloads& result) {
  const auto fill = [&](auto* request) {
    core::SetIf(result, [&] { return request->mutable_result(); });
  };
  // Both answers are empty messages.
  Call<api::RespondActivityTaskCompletedRequest, api::RespondActivityTaskCompletedByIdRequest,
       api::RespondActivityTaskCompletedResponse>(
      connection_.get(), stop_, target, PERDURE_WORKFLOW_METHOD("RespondActivityTaskCompleted"),
      PERDURE_WORKFLOW_METHOD("RespondActivityTaskCompletedById"), fill);
}

void ServerCalls::fail_activity(ActivityTarget& target, FailurePtr failure,
                                Payloads& last_details) {
  const auto fill = [&](auto* request) {
    if (failure) *request->mutable_failure() = core::ToApi(*failure);
    core::SetIf(last_details, [&] { return request->mutable_last_heartbeat_details(); });
  };
  Call<api::RespondActivityTaskFailedRequest, api::RespondActivityTaskFailedByIdRequest,
       api::RespondActivityTaskFailedResponse>(
      connection_.get(), stop_, target, PERDURE_WORKFLOW_METHOD("RespondActivityTaskFailed"),
      PERDURE_WORKFLOW_METHOD("RespondActivityTaskFailedById"), fill);
}

void ServerCalls::report_activity_canceled(ActivityTarget& target, Payloads& details) {
  const auto fill = [&](auto* request) {
    core::SetIf(details, [&] { return request->mutable_details(); });
  };
  Call<api::RespondActivityTaskCanceledRequest, api::RespondActivityTaskCanceledByIdRequest,
       api::RespondActivityTaskCanceledResponse>(
      connection_.get(), stop_, target, PERDURE_WORKFLOW_METHOD("RespondActivityTaskCanceled"),
      PERDURE_WORKFLOW_METHOD("RespondActivityTaskCanceledById"), fill);
}

ActivityHeartbeatOutput ServerCalls::heartbeat_activity(ActivityTarget& target, Payloads& details) {
  const auto fill = [&](auto* request) {
    core::SetIf(details, [&] { return request->mutable_details(); });
  };
  // The two answers have the same fields under the same numbers.
  const auto response =
      Call<api::RecordActivityTaskHeartbeatRequest, api::RecordActivityTaskHeartbeatByIdRequest,
           api::RecordActivityTaskHeartbeatResponse>(
          connection_.get(), stop_, target, PERDURE_WORKFLOW_METHOD("RecordActivityTaskHeartbeat"),
          PERDURE_WORKFLOW_METHOD("RecordActivityTaskHeartbeatById"), fill);
  return {.cancel_requested = response.cancel_requested(),
          .is_paused = response.activity_paused(),
          .was_reset = response.activity_reset()};
}

}  // namespace perdure::client
