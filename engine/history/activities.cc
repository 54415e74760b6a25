// Answers of activity workers, by token and by id.
#include <utility>

#include "history/polls.h"
#include "history/requests.h"
#include "machines/workflow/decide/activity.h"

namespace perdure::history {
namespace {

using machines::ActivityAnswer;
using perdure::internal::v1::TaskToken;

// The by-id requests address the run instead of carrying a token; an empty run id means the current
// run.
template <class Request>
ActivityAnswer AnswerById(const Request& request) {
  ActivityAnswer answer;
  answer.token.set_workflow_id(request.workflow_id());
  answer.token.set_run_id(request.run_id());
  answer.token.set_activity_id(request.activity_id());
  answer.identity = request.identity();
  return answer;
}

template <class Request>
absl::StatusOr<ActivityAnswer> AnswerByToken(const Request& request) {
  auto token = ParseTaskToken(request.task_token());
  if (!token.ok()) return token.status();
  return ActivityAnswer{*std::move(token), request.identity()};
}

template <class Response>
void Respond(Core& core, const NamespacePtr& name_space, const ActivityAnswer& answer,
             DecideOn decide, Reply<Response> reply) {
  UpdateRun(core, name_space, answer.token.workflow_id(), answer.token.run_id(), std::move(decide),
            [reply = std::move(reply)](absl::Status status, const ExecutionPtr&) mutable {
              if (!status.ok()) return std::move(reply)(std::move(status));
              std::move(reply)(Response());
            });
}

template <class Request, class Response>
void Complete(Core& core, const NamespacePtr& name_space, const ActivityAnswer& answer,
              Request request, Reply<Response> reply) {
  Respond<Response>(
      core, name_space, answer,
      [answer, request = std::move(request)](const State& state, const machines::Context& context) {
        return machines::DecideActivityCompleted(
            state, answer, request.has_result() ? &request.result() : nullptr, context);
      },
      std::move(reply));
}

template <class Request, class Response>
void Fail(Core& core, const NamespacePtr& name_space, const ActivityAnswer& answer, Request request,
          Reply<Response> reply) {
  Respond<Response>(
      core, name_space, answer,
      [answer, request = std::move(request)](const State& state, const machines::Context& context) {
        return machines::DecideActivityFailed(
            state, answer, request.failure(),
            request.has_last_heartbeat_details() ? &request.last_heartbeat_details() : nullptr,
            context);
      },
      std::move(reply));
}

template <class Request, class Response>
void Cancel(Core& core, const NamespacePtr& name_space, const ActivityAnswer& answer,
            Request request, Reply<Response> reply) {
  Respond<Response>(
      core, name_space, answer,
      [answer, request = std::move(request)](const State& state, const machines::Context& context) {
        return machines::DecideActivityCanceled(
            state, answer, request.has_details() ? &request.details() : nullptr, context);
      },
      std::move(reply));
}

template <class Request, class Response>
void Beat(Core& core, const NamespacePtr& name_space, const ActivityAnswer& answer, Request request,
          Reply<Response> reply) {
  core.With(name_space, answer.token.workflow_id(), answer.token.run_id(),
            [&core, name_space, answer, request = std::move(request),
             reply = std::move(reply)](absl::StatusOr<ExecutionPtr> found) mutable {
              if (!found.ok()) return std::move(reply)(found.status());
              const ExecutionPtr run = *found;
              auto beat = machines::DecideHeartbeat(
                  run->state, answer, request.has_details() ? &request.details() : nullptr,
                  core.ContextFor(name_space));
              if (!beat.ok()) return Refuse(core, run, beat.status(), std::move(reply));
              Response response;
              response.set_cancel_requested(beat->cancel_requested);
              response.set_activity_paused(beat->is_paused);
              response.set_activity_reset(beat->is_reset);
              core.Apply(run, std::move(beat->decision),
                         [response = std::move(response),
                          reply = std::move(reply)](absl::Status status) mutable {
                           if (!status.ok()) return std::move(reply)(std::move(status));
                           std::move(reply)(std::move(response));
                         });
            });
}

}  // namespace

void ActivityCompleted(Core& core, CallContext, NamespacePtr name_space,
                       api::RespondActivityTaskCompletedRequest request,
                       Reply<api::RespondActivityTaskCompletedResponse> reply) {
  const auto answer = AnswerByToken(request);
  if (!answer.ok()) return std::move(reply)(answer.status());
  Complete(core, name_space, *answer, std::move(request), std::move(reply));
}

void ActivityFailed(Core& core, CallContext, NamespacePtr name_space,
                    api::RespondActivityTaskFailedRequest request,
                    Reply<api::RespondActivityTaskFailedResponse> reply) {
  const auto answer = AnswerByToken(request);
  if (!answer.ok()) return std::move(reply)(answer.status());
  Fail(core, name_space, *answer, std::move(request), std::move(reply));
}

void ActivityCanceled(Core& core, CallContext, NamespacePtr name_space,
                      api::RespondActivityTaskCanceledRequest request,
                      Reply<api::RespondActivityTaskCanceledResponse> reply) {
  const auto answer = AnswerByToken(request);
  if (!answer.ok()) return std::move(reply)(answer.status());
  Cancel(core, name_space, *answer, std::move(request), std::move(reply));
}

void ActivityHeartbeat(Core& core, CallContext, NamespacePtr name_space,
                       api::RecordActivityTaskHeartbeatRequest request,
                       Reply<api::RecordActivityTaskHeartbeatResponse> reply) {
  const auto answer = AnswerByToken(request);
  if (!answer.ok()) return std::move(reply)(answer.status());
  Beat(core, name_space, *answer, std::move(request), std::move(reply));
}

void ActivityCompletedById(Core& core, CallContext, NamespacePtr name_space,
                           api::RespondActivityTaskCompletedByIdRequest request,
                           Reply<api::RespondActivityTaskCompletedByIdResponse> reply) {
  const ActivityAnswer answer = AnswerById(request);
  Complete(core, name_space, answer, std::move(request), std::move(reply));
}

void ActivityFailedById(Core& core, CallContext, NamespacePtr name_space,
                        api::RespondActivityTaskFailedByIdRequest request,
                        Reply<api::RespondActivityTaskFailedByIdResponse> reply) {
  const ActivityAnswer answer = AnswerById(request);
  Fail(core, name_space, answer, std::move(request), std::move(reply));
}

void ActivityCanceledById(Core& core, CallContext, NamespacePtr name_space,
                          api::RespondActivityTaskCanceledByIdRequest request,
                          Reply<api::RespondActivityTaskCanceledByIdResponse> reply) {
  const ActivityAnswer answer = AnswerById(request);
  Cancel(core, name_space, answer, std::move(request), std::move(reply));
}

void ActivityHeartbeatById(Core& core, CallContext, NamespacePtr name_space,
                           api::RecordActivityTaskHeartbeatByIdRequest request,
                           Reply<api::RecordActivityTaskHeartbeatByIdResponse> reply) {
  const ActivityAnswer answer = AnswerById(request);
  Beat(core, name_space, answer, std::move(request), std::move(reply));
}

}  // namespace perdure::history
