// Activity tasks: polling for them, and answering them by token or by id.
//
// What a worker sends that is too large to keep is not refused but turned into a failure of the
// activity that says so, as Temporal does: refused, the worker would only send it again.
#include "frontend/call_table.h"
#include "frontend/checks.h"
#include "frontend/worker_checks.h"

namespace perdure::frontend {
namespace {

using base::InvalidArgument;
using services::CallContext;
using services::HistoryService;
using services::MatchingService;
using services::NamespacePtr;
using services::Reply;

constexpr char kResultTooLarge[] = "Complete result exceeds size limit.";
constexpr char kFailureTooLarge[] = "Failure exceeds size limit.";
constexpr char kDetailsTooLarge[] = "Cancel details exceed size limit.";
constexpr char kHeartbeatTooLarge[] = "Heartbeat details exceed size limit.";

absl::Status CheckPoll(const RequestScope& scope, api::PollActivityTaskQueueRequest& request) {
  return CheckPollOf(scope, request);
}

// By token, or by workflow and activity id: how the request says which activity it means.
template <class Request>
absl::Status CheckTarget(const RequestScope& scope, const Request& request) {
  PERDURE_RETURN_IF_ERROR(CheckIdentity(request.identity(), scope.limits()));
  if constexpr (requires { request.task_token(); }) {
    return CheckTaskToken(request.task_token());
  } else {
    if (request.activity_id().empty()) {
      return InvalidArgument("ActivityId is not set on request.");
    }
    if (request.workflow_id().empty()) {
      return InvalidArgument("WorkflowId is not set on request.");
    }
    if (!request.run_id().empty() && !base::IsUuid(request.run_id())) {
      return InvalidArgument("Invalid RunId.");
    }
    return absl::OkStatus();
  }
}

absl::Status CheckRetryDelays(const temporal::api::failure::v1::Failure& failure) {
  for (const auto* current = &failure;; current = &current->cause()) {
    google::protobuf::Duration delay = current->application_failure_info().next_retry_delay();
    PERDURE_RETURN_IF_ERROR(CheckDuration(&delay, "NextRetryDelay is not a valid duration: "));
    if (!current->has_cause()) return absl::OkStatus();
  }
}

template <class Request>
absl::Status CheckFailed(const RequestScope& scope, Request& request) {
  PERDURE_RETURN_IF_ERROR(CheckTarget(scope, request));
  if (request.has_failure() && !request.failure().has_application_failure_info()) {
    return InvalidArgument("Failure must have ApplicationFailureInfo.");
  }
  return CheckRetryDelays(request.failure());
}

// The same activity, failed.
template <class Failed, class Request>
Failed FailedInstead(const Request& request, absl::string_view text) {
  Failed failed;
  failed.set_namespace_(request.namespace_());
  failed.set_identity(request.identity());
  if constexpr (requires { request.task_token(); }) {
    failed.set_task_token(request.task_token());
  } else {
    failed.set_workflow_id(request.workflow_id());
    failed.set_run_id(request.run_id());
    failed.set_activity_id(request.activity_id());
  }
  *failed.mutable_failure() = ServerFailureFor(text);
  return failed;
}

// Replies with `response` once the failure that was recorded instead is done.
template <class FailedResponse, class Response>
Reply<FailedResponse> ThenReply(Reply<Response> reply, Response response) {
  return [reply = std::move(reply),
          response = std::move(response)](absl::StatusOr<FailedResponse> failed) mutable {
    if (!failed.ok()) {
      std::move(reply)(failed.status());
      return;
    }
    std::move(reply)(std::move(response));
  };
}

// What one way of naming the activity (by token, by id) has for messages and methods.
template <class FailedRequest, class FailedResponse>
struct Failing {
  void (HistoryService::*method)(CallContext, NamespacePtr, FailedRequest, Reply<FailedResponse>);
};

// Registers an RPC whose payload may turn out too large: `size` measures it, `text` is the failure
// recorded instead, `response` what the worker then hears.
template <class Request, class Response, class FailedRequest, class FailedResponse>
void AddOrFail(CallTable& calls, const Dependencies& dependencies, absl::string_view method,
               void (HistoryService::*target)(CallContext, NamespacePtr, Request, Reply<Response>),
               Failing<FailedRequest, FailedResponse> failing, size_t (*size)(const Request&),
               absl::string_view text, Response response) {
  calls.Add<Request, Response>(method, [&dependencies, target, failing, size,
                                        text = std::string(text), response = std::move(response)](
                                           CallContext context, Request request,
                                           Reply<Response> reply) {
    absl::StatusOr<NamespacePtr> name_space =
        ResolveNamespace(dependencies.namespaces, request.namespace_(), NamespaceUse::kAny);
    if (!name_space.ok()) {
      std::move(reply)(name_space.status());
      return;
    }
    const RequestScope scope{context, **name_space, dependencies.loop.Now(), dependencies.uuids};
    if (absl::Status status = CheckTarget(scope, request); !status.ok()) {
      std::move(reply)(std::move(status));
      return;
    }
    HistoryService& history = dependencies.history;
    if (CheckBlob(static_cast<int64_t>(size(request)), scope.limits()).ok()) {
      (history.*target)(std::move(context), *std::move(name_space), std::move(request),
                        std::move(reply));
      return;
    }
    (history.*failing.method)(std::move(context), *std::move(name_space),
                              FailedInstead<FailedRequest>(request, text),
                              ThenReply<FailedResponse>(std::move(reply), response));
  });
}

// A failure too large is cut to what can be kept, and the worker hears what was recorded.
template <class Request, class Response>
void AddFailed(CallTable& calls, const Dependencies& dependencies, absl::string_view method,
               void (HistoryService::*target)(CallContext, NamespacePtr, Request,
                                              Reply<Response>)) {
  calls.Add<Request, Response>(method, [&dependencies, target](CallContext context, Request request,
                                                               Reply<Response> reply) {
    absl::StatusOr<NamespacePtr> name_space =
        ResolveNamespace(dependencies.namespaces, request.namespace_(), NamespaceUse::kAny);
    if (!name_space.ok()) {
      std::move(reply)(name_space.status());
      return;
    }
    const RequestScope scope{context, **name_space, dependencies.loop.Now(), dependencies.uuids};
    if (absl::Status status = CheckFailed(scope, request); !status.ok()) {
      std::move(reply)(std::move(status));
      return;
    }
    Response response;
    if (!CheckPayloads(request.last_heartbeat_details(), scope.limits()).ok()) {
      *response.add_failures() = ServerFailureFor(kHeartbeatTooLarge);
      request.clear_last_heartbeat_details();
    }
    if (!CheckPayloads(request.failure(), scope.limits()).ok()) {
      *request.mutable_failure() =
          ServerFailureFor(kFailureTooLarge, std::move(*request.mutable_failure()));
      *response.add_failures() = request.failure();
    }
    (dependencies.history.*target)(std::move(context), *std::move(name_space), std::move(request),
                                   ThenReply<Response>(std::move(reply), std::move(response)));
  });
}

api::RecordActivityTaskHeartbeatResponse CancelledHeartbeat() {
  api::RecordActivityTaskHeartbeatResponse response;
  response.set_cancel_requested(true);
  return response;
}

api::RecordActivityTaskHeartbeatByIdResponse CancelledHeartbeatById() {
  api::RecordActivityTaskHeartbeatByIdResponse response;
  response.set_cancel_requested(true);
  return response;
}

template <class Request>
size_t ResultSize(const Request& request) {
  return request.result().ByteSizeLong();
}
template <class Request>
size_t DetailsSize(const Request& request) {
  return request.details().ByteSizeLong();
}

void AddAnswersByToken(CallTable& calls, const Dependencies& dependencies) {
  const Failing<api::RespondActivityTaskFailedRequest, api::RespondActivityTaskFailedResponse>
      failing{&HistoryService::RespondActivityTaskFailed};
  AddOrFail(calls, dependencies, "RespondActivityTaskCompleted",
            &HistoryService::RespondActivityTaskCompleted, failing,
            &ResultSize<api::RespondActivityTaskCompletedRequest>, kResultTooLarge, {});
  AddOrFail(calls, dependencies, "RespondActivityTaskCanceled",
            &HistoryService::RespondActivityTaskCanceled, failing,
            &DetailsSize<api::RespondActivityTaskCanceledRequest>, kDetailsTooLarge, {});
  AddOrFail(calls, dependencies, "RecordActivityTaskHeartbeat",
            &HistoryService::RecordActivityTaskHeartbeat, failing,
            &DetailsSize<api::RecordActivityTaskHeartbeatRequest>, kHeartbeatTooLarge,
            CancelledHeartbeat());
  AddFailed(calls, dependencies, "RespondActivityTaskFailed",
            &HistoryService::RespondActivityTaskFailed);
}

void AddAnswersById(CallTable& calls, const Dependencies& dependencies) {
  const Failing<api::RespondActivityTaskFailedByIdRequest,
                api::RespondActivityTaskFailedByIdResponse>
      failing{&HistoryService::RespondActivityTaskFailedById};
  AddOrFail(calls, dependencies, "RespondActivityTaskCompletedById",
            &HistoryService::RespondActivityTaskCompletedById, failing,
            &ResultSize<api::RespondActivityTaskCompletedByIdRequest>, kResultTooLarge, {});
  AddOrFail(calls, dependencies, "RespondActivityTaskCanceledById",
            &HistoryService::RespondActivityTaskCanceledById, failing,
            &DetailsSize<api::RespondActivityTaskCanceledByIdRequest>, kDetailsTooLarge, {});
  AddOrFail(calls, dependencies, "RecordActivityTaskHeartbeatById",
            &HistoryService::RecordActivityTaskHeartbeatById, failing,
            &DetailsSize<api::RecordActivityTaskHeartbeatByIdRequest>, kHeartbeatTooLarge,
            CancelledHeartbeatById());
  AddFailed(calls, dependencies, "RespondActivityTaskFailedById",
            &HistoryService::RespondActivityTaskFailedById);
}

}  // namespace

void AddActivityCalls(CallTable& calls, const Dependencies& dependencies) {
  AddForward(calls, dependencies, "PollActivityTaskQueue", dependencies.matching,
             &MatchingService::PollActivityTaskQueue, &CheckPoll);
  AddAnswersByToken(calls, dependencies);
  AddAnswersById(calls, dependencies);
}

}  // namespace perdure::frontend
