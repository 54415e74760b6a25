// Pausing, unpausing, resetting activities and changing their options, from outside the workflow.
#include "frontend/call_table.h"
#include "frontend/checks.h"
#include "google/protobuf/util/field_mask_util.h"
#include "temporal/api/activity/v1/message.pb.h"

namespace perdure::frontend {
namespace {

using base::InvalidArgument;
using services::HistoryService;

template <class Request>
absl::Status CheckTarget(const RequestScope& scope, const Request& request) {
  PERDURE_RETURN_IF_ERROR(CheckExecution(request.has_execution(), request.execution()));
  if (request.activity_case() == Request::ACTIVITY_NOT_SET) {
    return InvalidArgument("Either Activity.Id or Activity.Type should be set on request.");
  }
  return CheckIdentity(request.identity(), scope.limits());
}

template <class Request>
absl::Status CheckJitter(const RequestScope& scope, Request& request) {
  PERDURE_RETURN_IF_ERROR(CheckTarget(scope, request));
  if (!request.has_jitter()) return absl::OkStatus();
  return CheckDuration(request.mutable_jitter(), "invalid jitter: ");
}

absl::Status CheckPause(const RequestScope& scope, api::PauseActivityRequest& request) {
  PERDURE_RETURN_IF_ERROR(CheckTarget(scope, request));
  PERDURE_RETURN_IF_ERROR(
      CheckRequestId(request.mutable_request_id(), scope.limits(), scope.uuids));
  return CheckLength(request.reason(), "Reason", scope.limits());
}

absl::Status CheckOptions(const services::Limits& limits,
                          temporal::api::activity::v1::ActivityOptions* options) {
  if (!options->task_queue().name().empty()) {
    PERDURE_RETURN_IF_ERROR(CheckTaskQueue(options->mutable_task_queue(), limits));
  }
  PERDURE_RETURN_IF_ERROR(CheckDuration(options->mutable_schedule_to_close_timeout(),
                                        "invalid ScheduleToCloseTimeout: "));
  PERDURE_RETURN_IF_ERROR(CheckDuration(options->mutable_schedule_to_start_timeout(),
                                        "invalid ScheduleToStartTimeout: "));
  PERDURE_RETURN_IF_ERROR(
      CheckDuration(options->mutable_start_to_close_timeout(), "invalid StartToCloseTimeout: "));
  PERDURE_RETURN_IF_ERROR(
      CheckDuration(options->mutable_heartbeat_timeout(), "invalid HeartbeatTimeout: "));
  return CheckPriority(options->priority());
}

absl::Status CheckUpdateOptions(const RequestScope& scope,
                                api::UpdateActivityOptionsRequest& request) {
  PERDURE_RETURN_IF_ERROR(CheckTarget(scope, request));
  using Options = temporal::api::activity::v1::ActivityOptions;
  for (const std::string& path : request.update_mask().paths()) {
    if (!google::protobuf::util::FieldMaskUtil::IsValidPath<Options>(path)) {
      return InvalidArgument(absl::StrCat("error parsing UpdateMask: unknown path \"", path, "\""));
    }
  }
  if (request.restore_original()) {
    if (request.has_activity_options() || request.has_update_mask()) {
      return InvalidArgument(
          "ActivityOptions and UpdateMask can't be set together with "
          "RestoreOriginal.");
    }
    return absl::OkStatus();
  }
  if (!request.has_activity_options()) {
    return InvalidArgument("ActivityOptions are not provided");
  }
  if (!request.has_update_mask()) return InvalidArgument("UpdateMask is not provided");
  return CheckOptions(scope.limits(), request.mutable_activity_options());
}

}  // namespace

void AddActivityOperatorCalls(CallTable& calls, const Dependencies& dependencies) {
  HistoryService& history = dependencies.history;
  AddForward(calls, dependencies, "PauseActivity", history, &HistoryService::PauseActivity,
             &CheckPause);
  AddForward(calls, dependencies, "UnpauseActivity", history, &HistoryService::UnpauseActivity,
             &CheckJitter<api::UnpauseActivityRequest>);
  AddForward(calls, dependencies, "ResetActivity", history, &HistoryService::ResetActivity,
             &CheckJitter<api::ResetActivityRequest>);
  AddForward(calls, dependencies, "UpdateActivityOptions", history,
             &HistoryService::UpdateActivityOptions, &CheckUpdateOptions);
}

}  // namespace perdure::frontend
