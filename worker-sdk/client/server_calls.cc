#include "worker-sdk/client/server_calls.h"

#include <random>

#include "absl/strings/str_format.h"
#include "temporal/api/update/v1/message.pb.h"
#include "worker-sdk/client/rpc_error.h"
#include "worker-sdk/client/start_request.h"
#include "worker-sdk/core/convert.h"

namespace perdure::client {
namespace {

namespace enums = temporal::api::enums::v1;

CallSubject SubjectOf(const RunTarget& target) {
  return {.workflow_id = target.workflow_id, .run_id = target.run_id, .workflow_type = {}};
}
CallSubject SubjectOf(const StartInput& input) {
  return {.workflow_id = input.workflow_id, .run_id = {}, .workflow_type = input.workflow_type};
}

void SetExecution(const RunTarget& target,
                  temporal::api::common::v1::WorkflowExecution* execution) {
  execution->set_workflow_id(target.workflow_id);
  execution->set_run_id(target.run_id);
}

enums::UpdateWorkflowExecutionLifecycleStage ToApi(update_stage stage) {
  // The server takes no less than "accepted".
  return static_cast<enums::UpdateWorkflowExecutionLifecycleStage>(
      std::max(stage, update_stage::accepted));
}

UpdateOutput ToOutput(const temporal::api::update::v1::UpdateRef& ref,
                      temporal::api::update::v1::Outcome* outcome, const RunTarget& target,
                      const std::string& update_id) {
  UpdateOutput output;
  output.update_id = ref.update_id().empty() ? update_id : ref.update_id();
  output.run_id =
      ref.workflow_execution().run_id().empty() ? target.run_id : ref.workflow_execution().run_id();
  if (outcome->has_success()) {
    output.result = core::FromApi(std::move(*outcome->mutable_success()));
  } else if (outcome->has_failure()) {
    DecodeFailureChain(outcome->mutable_failure());
    output.failure = core::SharedFailure(std::move(*outcome->mutable_failure()));
  }
  return output;
}

void FillUpdate(const UpdateInput& input, const Connection& connection,
                api::UpdateWorkflowExecutionRequest* request) {
  request->set_namespace_(connection.namespace_());
  SetExecution(input.target, request->mutable_workflow_execution());
  request->set_first_execution_run_id(input.target.first_run_id);
  request->mutable_wait_policy()->set_lifecycle_stage(ToApi(input.wait_for));
  auto* update = request->mutable_request();
  update->mutable_meta()->set_update_id(input.update_id);
  update->mutable_meta()->set_identity(connection.identity());
  update->mutable_input()->set_name(input.name);
  core::SetIf(input.args, [&] { return update->mutable_input()->mutable_args(); });
  core::SetHeaderIf(input.headers, [&] { return update->mutable_input()->mutable_header(); });
}

// The server answers a wait that took too long with an earlier stage; the same request is sent
// again then.
bool IsFarEnough(enums::UpdateWorkflowExecutionLifecycleStage stage, update_stage wanted) {
  return stage >= ToApi(wanted);
}

}  // namespace

std::string RandomId() {
  // Ids need to differ, not to be secret.
  thread_local std::mt19937_64 generator{std::random_device{}() ^
                                         (std::uint64_t{std::random_device{}()} << 32)};
  const std::uint64_t high = generator(), low = generator();
  return absl::StrFormat("%08x-%04x-4%03x-%04x-%012x", high >> 32, (high >> 16) & 0xffff,
                         high & 0xfff, 0x8000 | ((low >> 48) & 0x3fff), low & 0xffffffffffff);
}

std::shared_ptr<ClientCalls> ServerCalls::with_stop(std::stop_token stop) const {
  return std::make_shared<ServerCalls>(connection_, std::move(stop));
}

StartOutput ServerCalls::start_workflow(StartInput& input) {
  const CallSubject subject = SubjectOf(input);
  api::StartWorkflowExecutionRequest request;
  api::StartWorkflowExecutionResponse response;
  EagerStarter* starter = input.eager_start ? connection_->ReserveEager(input.task_queue) : nullptr;
  request.set_request_eager_execution(starter != nullptr);
  FillStart(input, *connection_, &request);
  // The answer's only payloads are those of the eager task, which its worker decodes, as it does
  // all tasks.
  const absl::Status status = connection_->CallUndecoded(
      CallKind::kUnary, PERDURE_WORKFLOW_METHOD("StartWorkflowExecution"), &request, &response,
      {.stop = stop_});
  if (starter != nullptr) {
    if (status.ok() && response.has_eager_workflow_task()) {
      starter->Dispatch(std::move(*response.mutable_eager_workflow_task()));
    } else {
      starter->Release();
    }
  }
  ThrowUnlessOk(status, subject);
  return {.run_id = response.run_id(), .is_new = response.started()};
}

StartOutput ServerCalls::signal_with_start(SignalWithStartInput& input) {
  api::SignalWithStartWorkflowExecutionRequest request;
  api::SignalWithStartWorkflowExecutionResponse response;
  FillStart(input.start, *connection_, &request);
  request.set_signal_name(input.signal_name);
  core::SetIf(input.signal_args, [&] { return request.mutable_signal_input(); });
  ThrowUnlessOk(Send(CallKind::kUnary, PERDURE_WORKFLOW_METHOD("SignalWithStartWorkflowExecution"),
                     &request, &response),
                SubjectOf(input.start));
  return {.run_id = response.run_id(), .is_new = response.started()};
}

UpdateWithStartOutput ServerCalls::update_with_start(UpdateWithStartInput& input) {
  api::ExecuteMultiOperationRequest request;
  request.set_namespace_(connection_->namespace_());
  FillStart(input.start, *connection_, request.add_operations()->mutable_start_workflow());
  input.update.target = {.workflow_id = input.start.workflow_id, .run_id = {}, .first_run_id = {}};
  FillUpdate(input.update, *connection_, request.add_operations()->mutable_update_workflow());
  for (;;) {
    // Codecs work in place: what was encoded once is not encoded again.
    api::ExecuteMultiOperationRequest attempt = request;
    api::ExecuteMultiOperationResponse response;
    ThrowUnlessOk(Send(CallKind::kLongPoll, PERDURE_WORKFLOW_METHOD("ExecuteMultiOperation"),
                       &attempt, &response),
                  SubjectOf(input.start));
    if (response.responses_size() != 2) {
      throw RpcError(RpcCode::internal, "a start with an update was not answered twice");
    }
    const auto& start = response.responses(0).start_workflow();
    auto* update = response.mutable_responses(1)->mutable_update_workflow();
    if (!IsFarEnough(update->stage(), input.update.wait_for)) continue;
    UpdateWithStartOutput output;
    output.start = {.run_id = start.run_id(), .is_new = start.started()};
    output.update = ToOutput(update->update_ref(), update->mutable_outcome(), input.update.target,
                             input.update.update_id);
    return output;
  }
}

void ServerCalls::signal_workflow(SignalInput& input) {
  api::SignalWorkflowExecutionRequest request;
  api::SignalWorkflowExecutionResponse response;
  request.set_namespace_(connection_->namespace_());
  request.set_identity(connection_->identity());
  SetExecution(input.target, request.mutable_workflow_execution());
  request.set_signal_name(input.name);
  request.set_request_id(input.request_id.empty() ? RandomId() : input.request_id);
  core::SetIf(input.args, [&] { return request.mutable_input(); });
  core::SetHeaderIf(input.headers, [&] { return request.mutable_header(); });
  ThrowUnlessOk(Send(CallKind::kUnary, PERDURE_WORKFLOW_METHOD("SignalWorkflowExecution"), &request,
                     &response),
                SubjectOf(input.target));
}

Payloads ServerCalls::query_workflow(QueryInput& input) {
  api::QueryWorkflowRequest request;
  api::QueryWorkflowResponse response;
  request.set_namespace_(connection_->namespace_());
  SetExecution(input.target, request.mutable_execution());
  request.mutable_query()->set_query_type(input.name);
  request.set_query_reject_condition(static_cast<enums::QueryRejectCondition>(input.reject));
  core::SetIf(input.args, [&] { return request.mutable_query()->mutable_query_args(); });
  core::SetHeaderIf(input.headers, [&] { return request.mutable_query()->mutable_header(); });
  try {
    ThrowUnlessOk(
        Send(CallKind::kUnary, PERDURE_WORKFLOW_METHOD("QueryWorkflow"), &request, &response),
        SubjectOf(input.target));
  } catch (QueryFailedError& error) {
    error.convert_causes_with(failure_converter());
    throw;
  }
  if (response.has_query_rejected()) {
    throw QueryRejectedError(static_cast<WorkflowStatus>(response.query_rejected().status()));
  }
  return core::FromApi(std::move(*response.mutable_query_result()));
}

UpdateOutput ServerCalls::start_update(UpdateInput& input) {
  if (input.update_id.empty()) input.update_id = RandomId();
  api::UpdateWorkflowExecutionRequest request;
  FillUpdate(input, *connection_, &request);
  for (;;) {
    api::UpdateWorkflowExecutionRequest attempt = request;
    api::UpdateWorkflowExecutionResponse response;
    ThrowUnlessOk(Send(CallKind::kLongPoll, PERDURE_WORKFLOW_METHOD("UpdateWorkflowExecution"),
                       &attempt, &response),
                  SubjectOf(input.target));
    if (!IsFarEnough(response.stage(), input.wait_for)) continue;
    return ToOutput(response.update_ref(), response.mutable_outcome(), input.target,
                    input.update_id);
  }
}

UpdateOutput ServerCalls::poll_update(PollUpdateInput& input) {
  for (;;) {
    api::PollWorkflowExecutionUpdateRequest request;
    api::PollWorkflowExecutionUpdateResponse response;
    request.set_namespace_(connection_->namespace_());
    request.set_identity(connection_->identity());
    SetExecution(input.target, request.mutable_update_ref()->mutable_workflow_execution());
    request.mutable_update_ref()->set_update_id(input.update_id);
    request.mutable_wait_policy()->set_lifecycle_stage(ToApi(update_stage::completed));
    ThrowUnlessOk(Send(CallKind::kLongPoll, PERDURE_WORKFLOW_METHOD("PollWorkflowExecutionUpdate"),
                       &request, &response),
                  SubjectOf(input.target));
    UpdateOutput output =
        ToOutput(response.update_ref(), response.mutable_outcome(), input.target, input.update_id);
    if (output.is_done()) return output;
  }
}

void ServerCalls::cancel_workflow(CancelInput& input) {
  api::RequestCancelWorkflowExecutionRequest request;
  api::RequestCancelWorkflowExecutionResponse response;
  request.set_namespace_(connection_->namespace_());
  request.set_identity(connection_->identity());
  SetExecution(input.target, request.mutable_workflow_execution());
  request.set_first_execution_run_id(input.target.first_run_id);
  request.set_reason(input.reason);
  request.set_request_id(input.request_id.empty() ? RandomId() : input.request_id);
  ThrowUnlessOk(Send(CallKind::kUnary, PERDURE_WORKFLOW_METHOD("RequestCancelWorkflowExecution"),
                     &request, &response),
                SubjectOf(input.target));
}

void ServerCalls::terminate_workflow(TerminateInput& input) {
  api::TerminateWorkflowExecutionRequest request;
  api::TerminateWorkflowExecutionResponse response;
  request.set_namespace_(connection_->namespace_());
  request.set_identity(connection_->identity());
  SetExecution(input.target, request.mutable_workflow_execution());
  request.set_first_execution_run_id(input.target.first_run_id);
  request.set_reason(input.reason);
  core::SetIf(input.details, [&] { return request.mutable_details(); });
  ThrowUnlessOk(Send(CallKind::kUnary, PERDURE_WORKFLOW_METHOD("TerminateWorkflowExecution"),
                     &request, &response),
                SubjectOf(input.target));
}

}  // namespace perdure::client
