// Updates, waiting for their outcome, and update-with-start.
#include "frontend/call_table.h"
#include "frontend/checks.h"
#include "frontend/workflow_checks.h"

namespace perdure::frontend {
namespace {

namespace enums = temporal::api::enums::v1;
using base::InvalidArgument;
using services::HistoryService;

absl::Status CheckPollUpdate(const RequestScope& scope,
                             api::PollWorkflowExecutionUpdateRequest& request) {
  if (!request.has_update_ref()) return InvalidArgument("UpdateRef is not set on request.");
  const auto& reference = request.update_ref();
  PERDURE_RETURN_IF_ERROR(
      CheckExecution(reference.has_workflow_execution(), reference.workflow_execution()));
  PERDURE_RETURN_IF_ERROR(CheckLength(reference.update_id(), "UpdateId", scope.limits()));
  PERDURE_RETURN_IF_ERROR(CheckIdentity(request.identity(), scope.limits()));
  return CheckEnum(request.wait_policy().lifecycle_stage(),
                   enums::UpdateWorkflowExecutionLifecycleStage_IsValid,
                   "wait_policy.lifecycle_stage");
}

absl::Status CheckStartOperation(const RequestScope& scope,
                                 api::StartWorkflowExecutionRequest& request) {
  if (!request.namespace_().empty() && request.namespace_() != scope.name_space.name) {
    return InvalidArgument("Operation namespace did not match request's namespace.");
  }
  request.set_namespace_(scope.name_space.name);
  PERDURE_RETURN_IF_ERROR(CheckStartWorkflow(scope, request));
  if (!request.cron_schedule().empty()) return InvalidArgument("CronSchedule is not allowed.");
  if (request.request_eager_execution()) {
    return InvalidArgument("RequestEagerExecution is not supported.");
  }
  const auto& delay = request.workflow_start_delay();
  if (delay.seconds() > 0 || delay.nanos() > 0) {
    return InvalidArgument("WorkflowStartDelay is not supported.");
  }
  return absl::OkStatus();
}

absl::Status CheckUpdateOperation(const RequestScope& scope, absl::string_view workflow_id,
                                  api::UpdateWorkflowExecutionRequest& request) {
  if (!request.namespace_().empty() && request.namespace_() != scope.name_space.name) {
    return InvalidArgument("Operation namespace did not match request's namespace.");
  }
  request.set_namespace_(scope.name_space.name);
  PERDURE_RETURN_IF_ERROR(CheckUpdateWorkflow(scope, request));
  if (!request.first_execution_run_id().empty()) {
    return InvalidArgument("FirstExecutionRunId is not allowed.");
  }
  if (!request.workflow_execution().run_id().empty()) {
    return InvalidArgument("RunId is not allowed.");
  }
  if (request.workflow_execution().workflow_id() != workflow_id) {
    return InvalidArgument("WorkflowId is not consistent with previous operation(s).");
  }
  return absl::OkStatus();
}

absl::Status CheckMultiOperation(const RequestScope& scope,
                                 api::ExecuteMultiOperationRequest& request) {
  const bool is_start_and_update = request.operations_size() == 2 &&
                                   request.operations(0).has_start_workflow() &&
                                   request.operations(1).has_update_workflow();
  if (!is_start_and_update) {
    return InvalidArgument("Operations have to be exactly [Start, Update].");
  }
  api::StartWorkflowExecutionRequest& start =
      *request.mutable_operations(0)->mutable_start_workflow();
  api::UpdateWorkflowExecutionRequest& update =
      *request.mutable_operations(1)->mutable_update_workflow();
  absl::Status start_status = CheckStartOperation(scope, start);
  absl::Status update_status = CheckUpdateOperation(
      scope, start_status.ok() ? start.workflow_id() : update.workflow_execution().workflow_id(),
      update);
  if (start_status.ok() && update_status.ok()) return absl::OkStatus();
  return base::MultiOperationFailed({std::move(start_status), std::move(update_status)});
}

}  // namespace

absl::Status CheckUpdateWorkflow(const RequestScope& scope,
                                 api::UpdateWorkflowExecutionRequest& request) {
  const services::Limits& limits = scope.limits();
  PERDURE_RETURN_IF_ERROR(
      CheckExecution(request.has_workflow_execution(), request.workflow_execution()));
  if (!request.request().has_meta()) {
    return InvalidArgument("Update meta is not set on request.");
  }
  auto& meta = *request.mutable_request()->mutable_meta();
  PERDURE_RETURN_IF_ERROR(CheckLength(meta.update_id(), "UpdateId", limits));
  PERDURE_RETURN_IF_ERROR(CheckIdentity(meta.identity(), limits));
  if (meta.update_id().empty()) meta.set_update_id(scope.uuids.Next());
  if (!request.request().has_input()) {
    return InvalidArgument("Update input is not set on request.");
  }
  const auto& input = request.request().input();
  if (input.name().empty()) return InvalidArgument("Update name is not set on request.");
  PERDURE_RETURN_IF_ERROR(CheckLength(input.name(), "UpdateName", limits));
  PERDURE_RETURN_IF_ERROR(CheckPayloads(input.args(), limits));
  PERDURE_RETURN_IF_ERROR(CheckPayloads(input.header(), limits));

  const auto stage = request.wait_policy().lifecycle_stage();
  PERDURE_RETURN_IF_ERROR(CheckEnum(stage, enums::UpdateWorkflowExecutionLifecycleStage_IsValid,
                                    "wait_policy.lifecycle_stage"));
  if (stage == enums::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_UNSPECIFIED) {
    request.mutable_wait_policy()->set_lifecycle_stage(
        enums::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED);
  }
  if (stage == enums::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ADMITTED) {
    return base::PermissionDenied(
        "UpdateWorkflowExecution issued asynchronously and waiting on update admitted is not "
        "supported.",
        "");
  }
  PERDURE_RETURN_IF_ERROR(CheckCallbacks(request.request().completion_callbacks(), limits));
  return CheckLinks(request.request().links(), limits);
}

void AddUpdateCalls(CallTable& calls, const Dependencies& dependencies) {
  HistoryService& history = dependencies.history;
  AddForward(calls, dependencies, "UpdateWorkflowExecution", history,
             &HistoryService::UpdateWorkflowExecution, &CheckUpdateWorkflow);
  AddForward(calls, dependencies, "PollWorkflowExecutionUpdate", history,
             &HistoryService::PollWorkflowExecutionUpdate, &CheckPollUpdate);
  AddForward(calls, dependencies, "ExecuteMultiOperation", history,
             &HistoryService::ExecuteMultiOperation, &CheckMultiOperation, NamespaceUse::kStart);
}

}  // namespace perdure::frontend
