// What task queues say of themselves and are told: all answered by matching.
#include "frontend/call_table.h"
#include "frontend/checks.h"

namespace perdure::frontend {
namespace {

namespace enums = temporal::api::enums::v1;
using base::InvalidArgument;
using services::MatchingService;

constexpr int64_t kReasonMax = 1000;
constexpr int64_t kWeightOverridesMax = 1000;
constexpr size_t kFairnessKeyMax = 64;

absl::Status CheckDescribe(const RequestScope& scope, api::DescribeTaskQueueRequest& request) {
  PERDURE_RETURN_IF_ERROR(CheckTaskQueueOf(request, scope.limits()));
  PERDURE_RETURN_IF_ERROR(
      CheckEnum(request.task_queue_type(), enums::TaskQueueType_IsValid, "task_queue_type"));
  PERDURE_RETURN_IF_ERROR(
      CheckEnum(request.api_mode(), enums::DescribeTaskQueueMode_IsValid, "api_mode"));
  const bool is_enhanced = request.api_mode() == enums::DESCRIBE_TASK_QUEUE_MODE_ENHANCED;
  if (is_enhanced && request.task_queue().kind() == enums::TASK_QUEUE_KIND_STICKY) {
    return InvalidArgument(
        "Enhanced DescribeTaskQueue is not valid for a sticky queue, use api_mode=UNSPECIFIED or "
        "a normal queue.");
  }
  if (request.task_queue_type() == enums::TASK_QUEUE_TYPE_UNSPECIFIED || is_enhanced) {
    request.set_task_queue_type(enums::TASK_QUEUE_TYPE_WORKFLOW);
  }
  if (request.task_queue_types().empty()) {
    request.add_task_queue_types(enums::TASK_QUEUE_TYPE_WORKFLOW);
    request.add_task_queue_types(enums::TASK_QUEUE_TYPE_ACTIVITY);
  }
  return absl::OkStatus();
}

absl::Status CheckListPartitions(const RequestScope& scope,
                                 api::ListTaskQueuePartitionsRequest& request) {
  return CheckTaskQueueOf(request, scope.limits());
}

absl::Status CheckRate(const api::UpdateTaskQueueConfigRequest& request,
                       const api::UpdateTaskQueueConfigRequest::RateLimitUpdate& update,
                       absl::string_view label, absl::string_view what) {
  if (!update.has_rate_limit()) return absl::OkStatus();
  if (request.task_queue_type() == enums::TASK_QUEUE_TYPE_WORKFLOW) {
    return InvalidArgument(
        absl::StrCat("Setting ", what, " on workflow task queues is not allowed."));
  }
  if (!(update.rate_limit().requests_per_second() >= 0)) {
    return InvalidArgument(
        absl::StrCat("RequestsPerSecond for ", label, " rate limit must be non-negative."));
  }
  if (static_cast<int64_t>(update.reason().size()) > kReasonMax) {
    return InvalidArgument(
        absl::StrCat(label, ".Reason field too long (max ", kReasonMax, " characters)."));
  }
  return absl::OkStatus();
}

absl::Status CheckFairnessKey(absl::string_view key) {
  if (key.empty()) return InvalidArgument("fairness weight override key must not be empty");
  if (key.size() > kFairnessKeyMax) return InvalidArgument("fairness key length exceeds limit");
  return absl::OkStatus();
}

absl::Status CheckWeights(const api::UpdateTaskQueueConfigRequest& request) {
  const auto& set = request.set_fairness_weight_overrides();
  const auto& unset = request.unset_fairness_weight_overrides();
  const auto total = static_cast<int64_t>(set.size()) + unset.size();
  if (total > kWeightOverridesMax) {
    return InvalidArgument(absl::StrCat("too many fairness weight overrides in request: got ",
                                        total, ", maximum ", kWeightOverridesMax));
  }
  for (const auto& [key, weight] : set) {
    PERDURE_RETURN_IF_ERROR(CheckFairnessKey(key));
    if (!(weight > 0)) {
      return InvalidArgument(absl::StrCat("invalid fairness weight weight for key \"", key,
                                          "\": must be greater than zero"));
    }
  }
  for (const std::string& key : unset) {
    PERDURE_RETURN_IF_ERROR(CheckFairnessKey(key));
    if (set.find(key) != set.end()) {
      return InvalidArgument(absl::StrCat("fairness weight override key \"", key,
                                          "\" present in both set and unset lists"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckUpdateConfig(const RequestScope& scope,
                               api::UpdateTaskQueueConfigRequest& request) {
  temporal::api::taskqueue::v1::TaskQueue task_queue;
  task_queue.set_name(request.task_queue());
  PERDURE_RETURN_IF_ERROR(CheckTaskQueue(&task_queue, scope.limits()));
  PERDURE_RETURN_IF_ERROR(
      CheckEnum(request.task_queue_type(), enums::TaskQueueType_IsValid, "task_queue_type"));
  PERDURE_RETURN_IF_ERROR(
      CheckRate(request, request.update_queue_rate_limit(), "UpdateQueueRateLimit", "rate limit"));
  PERDURE_RETURN_IF_ERROR(CheckRate(request, request.update_fairness_key_rate_limit_default(),
                                    "UpdateFairnessKeyRateLimitDefault",
                                    "fairness key rate limit"));
  PERDURE_RETURN_IF_ERROR(CheckIdentity(request.identity(), scope.limits()));
  return CheckWeights(request);
}

absl::Status CheckShutdown(const RequestScope& scope, api::ShutdownWorkerRequest& request) {
  PERDURE_RETURN_IF_ERROR(CheckIdentity(request.identity(), scope.limits()));
  PERDURE_RETURN_IF_ERROR(
      CheckLength(request.sticky_task_queue(), "StickyTaskQueue", scope.limits()));
  return CheckLength(request.worker_instance_key(), "WorkerInstanceKey", scope.limits());
}

}  // namespace

void AddTaskQueueCalls(CallTable& calls, const Dependencies& dependencies) {
  MatchingService& matching = dependencies.matching;
  AddForward(calls, dependencies, "DescribeTaskQueue", matching,
             &MatchingService::DescribeTaskQueue, &CheckDescribe);
  AddForward(calls, dependencies, "ListTaskQueuePartitions", matching,
             &MatchingService::ListTaskQueuePartitions, &CheckListPartitions);
  AddForward(calls, dependencies, "UpdateTaskQueueConfig", matching,
             &MatchingService::UpdateTaskQueueConfig, &CheckUpdateConfig);
  AddForward(calls, dependencies, "ShutdownWorker", matching, &MatchingService::ShutdownWorker,
             &CheckShutdown);
}

}  // namespace perdure::frontend
