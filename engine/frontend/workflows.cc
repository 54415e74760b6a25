// Starting, signalling, cancelling, terminating, resetting, deleting, describing, querying,
// pausing: RPCs about one execution, checked here and answered by history.
#include "frontend/call_table.h"
#include "frontend/checks.h"
#include "frontend/search_attributes.h"
#include "frontend/workflow_checks.h"
#include "google/protobuf/util/field_mask_util.h"

namespace perdure::frontend {
namespace {

namespace enums = temporal::api::enums::v1;
using base::InvalidArgument;
using services::HistoryService;

absl::Status CheckTimeSkipping(bool is_set) {
  if (!is_set) return absl::OkStatus();
  return base::Unimplemented("The Time-Skipping feature is not enabled for namespace.");
}

absl::Status CheckVersioningOverride(bool is_set) {
  if (!is_set) return absl::OkStatus();
  return base::Unimplemented("versioning_override: worker versioning is not supported.");
}

template <class Request>
absl::Status CheckTimeouts(Request& request) {
  if (request.has_workflow_execution_timeout()) {
    PERDURE_RETURN_IF_ERROR(
        CheckDuration(request.mutable_workflow_execution_timeout(),
                      "An invalid WorkflowExecutionTimeoutSeconds is set on request. cause: "));
  }
  if (request.has_workflow_run_timeout()) {
    PERDURE_RETURN_IF_ERROR(
        CheckDuration(request.mutable_workflow_run_timeout(),
                      "An invalid WorkflowRunTimeoutSeconds is set on request. cause: "));
  }
  if (request.has_workflow_task_timeout()) {
    PERDURE_RETURN_IF_ERROR(
        CheckDuration(request.mutable_workflow_task_timeout(),
                      "An invalid WorkflowTaskTimeoutSeconds is set on request. cause: "));
  }
  return absl::OkStatus();
}

// What a start request and a signal-with-start have in common.
template <class Request>
absl::Status CheckStartCommon(const RequestScope& scope, Request& request) {
  const services::Limits& limits = scope.limits();
  PERDURE_RETURN_IF_ERROR(CheckWorkflowId(request.workflow_id(), limits));
  if (request.has_retry_policy()) {
    PERDURE_RETURN_IF_ERROR(CheckRetryPolicy(request.mutable_retry_policy()));
  }
  if (!request.cron_schedule().empty() && request.has_workflow_start_delay()) {
    return InvalidArgument("CronSchedule and WorkflowStartDelay may not be used together.");
  }
  PERDURE_RETURN_IF_ERROR(CheckLength(request.cron_schedule(), "CronSchedule", limits));
  if (request.has_workflow_start_delay()) {
    PERDURE_RETURN_IF_ERROR(
        CheckDuration(request.mutable_workflow_start_delay(),
                      "An invalid WorkflowStartDelaySeconds is set on request. cause: "));
  }
  PERDURE_RETURN_IF_ERROR(CheckTaskQueueOf(request, limits));
  PERDURE_RETURN_IF_ERROR(CheckTimeouts(request));
  PERDURE_RETURN_IF_ERROR(CheckRequestId(request.mutable_request_id(), limits, scope.uuids));
  PERDURE_RETURN_IF_ERROR(CheckIdentity(request.identity(), limits));
  if (request.has_search_attributes()) {
    PERDURE_RETURN_IF_ERROR(
        CheckSearchAttributes(request.mutable_search_attributes(), scope.name_space));
  }
  PERDURE_RETURN_IF_ERROR(CheckPriority(request.priority()));
  PERDURE_RETURN_IF_ERROR(CheckLinks(request.links(), limits));
  PERDURE_RETURN_IF_ERROR(CheckTimeSkipping(request.has_time_skipping_config()));
  PERDURE_RETURN_IF_ERROR(CheckVersioningOverride(request.has_versioning_override()));
  PERDURE_RETURN_IF_ERROR(CheckPayloads(request.input(), limits));
  PERDURE_RETURN_IF_ERROR(CheckPayloads(request.header(), limits));
  PERDURE_RETURN_IF_ERROR(CheckPayloads(request.user_metadata(), limits));
  return CheckMemo(request.memo(), limits);
}

absl::Status CheckSignalWithStart(const RequestScope& scope,
                                  api::SignalWithStartWorkflowExecutionRequest& request) {
  const services::Limits& limits = scope.limits();
  PERDURE_RETURN_IF_ERROR(CheckWorkflowId(request.workflow_id(), limits));
  if (request.signal_name().empty()) return InvalidArgument("signal not set");
  PERDURE_RETURN_IF_ERROR(CheckLength(request.signal_name(), "SignalName", limits));
  if (request.workflow_type().name().empty()) return InvalidArgument("workflow type not set");
  PERDURE_RETURN_IF_ERROR(CheckLength(request.workflow_type().name(), "WorkflowType", limits));
  PERDURE_RETURN_IF_ERROR(CheckStartCommon(scope, request));
  if (request.workflow_id_conflict_policy() == enums::WORKFLOW_ID_CONFLICT_POLICY_FAIL) {
    return InvalidArgument(
        "Invalid WorkflowIDConflictPolicy: WORKFLOW_ID_CONFLICT_POLICY_FAIL is not supported for "
        "this operation.");
  }
  enums::WorkflowIdReusePolicy reuse = request.workflow_id_reuse_policy();
  enums::WorkflowIdConflictPolicy conflict = request.workflow_id_conflict_policy();
  PERDURE_RETURN_IF_ERROR(
      CheckIdPolicies(&reuse, &conflict, enums::WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING));
  request.set_workflow_id_reuse_policy(reuse);
  request.set_workflow_id_conflict_policy(conflict);
  return CheckPayloads(request.signal_input(), limits);
}

absl::Status CheckSignal(const RequestScope& scope, api::SignalWorkflowExecutionRequest& request) {
  const services::Limits& limits = scope.limits();
  PERDURE_RETURN_IF_ERROR(
      CheckExecution(request.has_workflow_execution(), request.workflow_execution()));
  if (request.signal_name().empty()) return InvalidArgument("SignalName is not set on request.");
  PERDURE_RETURN_IF_ERROR(CheckLength(request.signal_name(), "SignalName", limits));
  PERDURE_RETURN_IF_ERROR(CheckLength(request.request_id(), "RequestId", limits));
  PERDURE_RETURN_IF_ERROR(CheckIdentity(request.identity(), limits));
  PERDURE_RETURN_IF_ERROR(CheckLinks(request.links(), limits));
  PERDURE_RETURN_IF_ERROR(CheckPayloads(request.header(), limits));
  return CheckPayloads(request.input(), limits);
}

absl::Status CheckRequestCancel(const RequestScope& scope,
                                api::RequestCancelWorkflowExecutionRequest& request) {
  const services::Limits& limits = scope.limits();
  PERDURE_RETURN_IF_ERROR(
      CheckExecution(request.has_workflow_execution(), request.workflow_execution()));
  PERDURE_RETURN_IF_ERROR(CheckLength(request.request_id(), "RequestId", limits));
  PERDURE_RETURN_IF_ERROR(CheckIdentity(request.identity(), limits));
  PERDURE_RETURN_IF_ERROR(CheckLength(request.reason(), "Reason", limits));
  return CheckLinks(request.links(), limits);
}

absl::Status CheckTerminate(const RequestScope& scope,
                            api::TerminateWorkflowExecutionRequest& request) {
  const services::Limits& limits = scope.limits();
  PERDURE_RETURN_IF_ERROR(
      CheckExecution(request.has_workflow_execution(), request.workflow_execution()));
  PERDURE_RETURN_IF_ERROR(CheckLinks(request.links(), limits));
  PERDURE_RETURN_IF_ERROR(CheckIdentity(request.identity(), limits));
  // Temporal: tells a user's termination from one that the server decided.
  if (request.reason().empty()) request.set_reason("terminated by user via frontend");
  if (request.identity().empty()) request.set_identity("frontend-service");
  return CheckPayloads(request.details(), limits);
}

absl::Status CheckReset(const RequestScope& scope, api::ResetWorkflowExecutionRequest& request) {
  const services::Limits& limits = scope.limits();
  if (request.request_id().empty()) return InvalidArgument("RequestId is not set on request.");
  PERDURE_RETURN_IF_ERROR(CheckLength(request.request_id(), "RequestId", limits));
  PERDURE_RETURN_IF_ERROR(
      CheckExecution(request.has_workflow_execution(), request.workflow_execution()));
  if (!enums::ResetReapplyType_IsValid(request.reset_reapply_type())) {
    return base::Internal(absl::StrCat("unknown reset reapply type: ",
                                       static_cast<int>(request.reset_reapply_type())));
  }
  if (request.reset_reapply_type() == enums::RESET_REAPPLY_TYPE_UNSPECIFIED) {
    request.set_reset_reapply_type(enums::RESET_REAPPLY_TYPE_ALL_ELIGIBLE);
  }
  for (const int exclusion : request.reset_reapply_exclude_types()) {
    PERDURE_RETURN_IF_ERROR(CheckEnum(exclusion, enums::ResetReapplyExcludeType_IsValid,
                                      "reset_reapply_exclude_types"));
  }
  PERDURE_RETURN_IF_ERROR(CheckIdentity(request.identity(), limits));
  for (const auto& operation : request.post_reset_operations()) {
    if (!operation.has_update_workflow_options()) continue;
    const auto& options = operation.update_workflow_options().workflow_execution_options();
    PERDURE_RETURN_IF_ERROR(CheckTimeSkipping(options.has_time_skipping_config()));
    PERDURE_RETURN_IF_ERROR(CheckVersioningOverride(options.has_versioning_override()));
  }
  return absl::OkStatus();
}

absl::Status CheckDelete(const RequestScope& scope, api::DeleteWorkflowExecutionRequest& request) {
  return CheckExecution(request.has_workflow_execution(), request.workflow_execution());
}

absl::Status CheckDescribe(const RequestScope& scope,
                           api::DescribeWorkflowExecutionRequest& request) {
  return CheckExecution(request.has_execution(), request.execution());
}

absl::Status CheckQuery(const RequestScope& scope, api::QueryWorkflowRequest& request) {
  PERDURE_RETURN_IF_ERROR(CheckExecution(request.has_execution(), request.execution()));
  if (!request.has_query()) return InvalidArgument("WorkflowQuery is not set on request.");
  if (request.query().query_type().empty()) {
    return InvalidArgument("QueryType is not set on request.");
  }
  PERDURE_RETURN_IF_ERROR(CheckEnum(request.query_reject_condition(),
                                    enums::QueryRejectCondition_IsValid, "query_reject_condition"));
  if (request.query_reject_condition() == enums::QUERY_REJECT_CONDITION_UNSPECIFIED) {
    request.set_query_reject_condition(enums::QUERY_REJECT_CONDITION_NONE);
  }
  PERDURE_RETURN_IF_ERROR(CheckPayloads(request.query().header(), scope.limits()));
  return CheckPayloads(request.query().query_args(), scope.limits());
}

absl::Status CheckUpdateOptions(const RequestScope& scope,
                                api::UpdateWorkflowExecutionOptionsRequest& request) {
  PERDURE_RETURN_IF_ERROR(
      CheckExecution(request.has_workflow_execution(), request.workflow_execution()));
  if (!request.has_update_mask()) return InvalidArgument("UpdateMask is required");
  if (!request.has_workflow_execution_options()) {
    return InvalidArgument("WorkflowExecutionOptions is required");
  }
  using Options = temporal::api::workflow::v1::WorkflowExecutionOptions;
  for (const std::string& path : request.update_mask().paths()) {
    if (!google::protobuf::util::FieldMaskUtil::IsValidPath<Options>(path)) {
      return InvalidArgument(absl::StrCat("error parsing UpdateMask: unknown path \"", path, "\""));
    }
  }
  const Options& options = request.workflow_execution_options();
  PERDURE_RETURN_IF_ERROR(CheckTimeSkipping(options.has_time_skipping_config()));
  PERDURE_RETURN_IF_ERROR(CheckVersioningOverride(options.has_versioning_override()));
  return CheckPriority(options.priority());
}

// Pausing names its execution by two strings.
absl::Status CheckPausedExecution(absl::string_view workflow_id, absl::string_view run_id,
                                  const services::Limits& limits) {
  PERDURE_RETURN_IF_ERROR(CheckWorkflowId(workflow_id, limits));
  if (!run_id.empty() && !base::IsUuid(run_id)) return InvalidArgument("Invalid RunId.");
  return absl::OkStatus();
}

template <class Request>
absl::Status CheckPause(const RequestScope& scope, Request& request) {
  const services::Limits& limits = scope.limits();
  PERDURE_RETURN_IF_ERROR(CheckPausedExecution(request.workflow_id(), request.run_id(), limits));
  const auto check_length = [&limits](absl::string_view text, absl::string_view field) {
    return static_cast<int64_t>(text.size()) <= limits.id_length
               ? absl::OkStatus()
               : InvalidArgument(absl::StrCat(field, " is too long."));
  };
  PERDURE_RETURN_IF_ERROR(check_length(request.reason(), "reason"));
  PERDURE_RETURN_IF_ERROR(check_length(request.request_id(), "request id"));
  PERDURE_RETURN_IF_ERROR(check_length(request.identity(), "identity"));
  if (request.request_id().empty()) request.set_request_id(scope.uuids.Next());
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckStartWorkflow(const RequestScope& scope,
                                api::StartWorkflowExecutionRequest& request) {
  const services::Limits& limits = scope.limits();
  PERDURE_RETURN_IF_ERROR(CheckWorkflowId(request.workflow_id(), limits));
  PERDURE_RETURN_IF_ERROR(
      CheckWorkflowType(request.has_workflow_type(), request.workflow_type(), limits));
  PERDURE_RETURN_IF_ERROR(CheckStartCommon(scope, request));
  enums::WorkflowIdReusePolicy reuse = request.workflow_id_reuse_policy();
  enums::WorkflowIdConflictPolicy conflict = request.workflow_id_conflict_policy();
  PERDURE_RETURN_IF_ERROR(
      CheckIdPolicies(&reuse, &conflict, enums::WORKFLOW_ID_CONFLICT_POLICY_FAIL));
  request.set_workflow_id_reuse_policy(reuse);
  request.set_workflow_id_conflict_policy(conflict);
  const auto& on_conflict = request.on_conflict_options();
  if (on_conflict.attach_completion_callbacks() && !on_conflict.attach_request_id()) {
    return InvalidArgument("attaching request ID is required for attaching completion callbacks");
  }
  PERDURE_RETURN_IF_ERROR(CheckCallbacks(request.completion_callbacks(), limits));
  PERDURE_RETURN_IF_ERROR(CheckPayloads(request.continued_failure(), limits));
  return CheckPayloads(request.last_completion_result(), limits);
}

void AddWorkflowCalls(CallTable& calls, const Dependencies& dependencies) {
  HistoryService& history = dependencies.history;
  const auto add = [&](absl::string_view method, auto target, auto check,
                       NamespaceUse use = NamespaceUse::kAny) {
    AddForward(calls, dependencies, method, history, target, check, use);
  };
  add("StartWorkflowExecution", &HistoryService::StartWorkflowExecution, &CheckStartWorkflow,
      NamespaceUse::kStart);
  add("SignalWithStartWorkflowExecution", &HistoryService::SignalWithStartWorkflowExecution,
      &CheckSignalWithStart, NamespaceUse::kStart);
  add("SignalWorkflowExecution", &HistoryService::SignalWorkflowExecution, &CheckSignal);
  add("RequestCancelWorkflowExecution", &HistoryService::RequestCancelWorkflowExecution,
      &CheckRequestCancel);
  add("TerminateWorkflowExecution", &HistoryService::TerminateWorkflowExecution, &CheckTerminate);
  add("ResetWorkflowExecution", &HistoryService::ResetWorkflowExecution, &CheckReset);
  add("DeleteWorkflowExecution", &HistoryService::DeleteWorkflowExecution, &CheckDelete);
  add("DescribeWorkflowExecution", &HistoryService::DescribeWorkflowExecution, &CheckDescribe);
  add("QueryWorkflow", &HistoryService::QueryWorkflow, &CheckQuery);
  add("UpdateWorkflowExecutionOptions", &HistoryService::UpdateWorkflowExecutionOptions,
      &CheckUpdateOptions);
  add("PauseWorkflowExecution", &HistoryService::PauseWorkflowExecution,
      &CheckPause<api::PauseWorkflowExecutionRequest>);
  add("UnpauseWorkflowExecution", &HistoryService::UnpauseWorkflowExecution,
      &CheckPause<api::UnpauseWorkflowExecutionRequest>);
}

}  // namespace perdure::frontend
