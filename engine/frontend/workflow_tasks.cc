// Workflow tasks: polling for them, answering them, and answering queries that came as tasks.
#include "frontend/call_table.h"
#include "frontend/checks.h"
#include "frontend/worker_checks.h"

namespace perdure::frontend {
namespace {

namespace enums = temporal::api::enums::v1;
using base::InvalidArgument;
using services::HistoryService;
using services::MatchingService;

absl::Status CheckPoll(const RequestScope& scope, api::PollWorkflowTaskQueueRequest& request) {
  PERDURE_RETURN_IF_ERROR(CheckPollOf(scope, request));
  const auto& bad = scope.name_space.data.bad_binaries().binaries();
  if (bad.find(request.binary_checksum()) != bad.end()) {
    return InvalidArgument(
        absl::StrCat("Binary ", request.binary_checksum(), " already marked as bad deployment."));
  }
  return absl::OkStatus();
}

absl::Status CheckCompleted(const RequestScope& scope,
                            api::RespondWorkflowTaskCompletedRequest& request) {
  PERDURE_RETURN_IF_ERROR(CheckTaskToken(request.task_token()));
  PERDURE_RETURN_IF_ERROR(CheckIdentity(request.identity(), scope.limits()));
  PERDURE_RETURN_IF_ERROR(CheckVersioning(request.worker_version_stamp().use_versioning(),
                                          request.deployment_options()));
  if (!request.sticky_attributes().worker_task_queue().name().empty()) {
    auto& sticky = *request.mutable_sticky_attributes();
    PERDURE_RETURN_IF_ERROR(CheckTaskQueue(sticky.mutable_worker_task_queue(), scope.limits()));
    if (sticky.has_schedule_to_start_timeout()) {
      PERDURE_RETURN_IF_ERROR(CheckDuration(sticky.mutable_schedule_to_start_timeout(),
                                            "invalid sticky ScheduleToStartTimeout: "));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckFailed(const RequestScope& scope,
                         api::RespondWorkflowTaskFailedRequest& request) {
  PERDURE_RETURN_IF_ERROR(CheckTaskToken(request.task_token()));
  PERDURE_RETURN_IF_ERROR(CheckIdentity(request.identity(), scope.limits()));
  if (!CheckPayloads(request.failure(), scope.limits()).ok()) {
    *request.mutable_failure() =
        ServerFailureFor("Failure exceeds size limit.", std::move(*request.mutable_failure()));
  }
  return absl::OkStatus();
}

absl::Status CheckQueryCompleted(const RequestScope& scope,
                                 api::RespondQueryTaskCompletedRequest& request) {
  PERDURE_RETURN_IF_ERROR(CheckTaskToken(request.task_token()));
  if (!CheckPayloads(request.query_result(), scope.limits()).ok()) {
    // Temporal: the querying client is told, the worker is not.
    request.set_completed_type(enums::QUERY_RESULT_TYPE_FAILED);
    request.clear_query_result();
    request.set_error_message("Blob data size exceeds limit.");
  }
  return absl::OkStatus();
}

absl::Status CheckResetSticky(const RequestScope& scope,
                              api::ResetStickyTaskQueueRequest& request) {
  return CheckExecution(request.has_execution(), request.execution());
}

}  // namespace

void AddWorkflowTaskCalls(CallTable& calls, const Dependencies& dependencies) {
  HistoryService& history = dependencies.history;
  MatchingService& matching = dependencies.matching;
  AddForward(calls, dependencies, "PollWorkflowTaskQueue", matching,
             &MatchingService::PollWorkflowTaskQueue, &CheckPoll);
  AddForward(calls, dependencies, "RespondWorkflowTaskCompleted", history,
             &HistoryService::RespondWorkflowTaskCompleted, &CheckCompleted);
  AddForward(calls, dependencies, "RespondWorkflowTaskFailed", history,
             &HistoryService::RespondWorkflowTaskFailed, &CheckFailed);
  AddForward(calls, dependencies, "RespondQueryTaskCompleted", matching,
             &MatchingService::RespondQueryTaskCompleted, &CheckQueryCompleted);
  AddForward(calls, dependencies, "ResetStickyTaskQueue", history,
             &HistoryService::ResetStickyTaskQueue, &CheckResetSticky);
}

}  // namespace perdure::frontend
