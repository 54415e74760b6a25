// What task queues say of themselves and are told: answered by matching, but for what is kept of
// their configuration.
#include "frontend/call_table.h"
#include "frontend/checks.h"
#include "frontend/wire_time.h"
#include "services/queue_config.h"

namespace perdure::frontend {
namespace {

namespace enums = temporal::api::enums::v1;
using base::InvalidArgument;
using perdure::store::v1::NamespaceData;
using services::CallContext;
using services::MatchingService;
using services::NamespacePtr;
using services::Reply;
using temporal::api::taskqueue::v1::RateLimitConfig;
using temporal::api::taskqueue::v1::TaskQueueConfig;

constexpr int64_t kReasonMax = 1000;
constexpr int64_t kWeightOverridesMax = 1000;
constexpr size_t kFairnessKeyMax = 64;
// Of all task queues' configurations in a namespace together: they are part of its record, which
// every node reads whole.
constexpr size_t kConfigsBytesMax = 1 << 20;

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
  if (request.task_queue_type() == enums::TASK_QUEUE_TYPE_UNSPECIFIED) {
    request.set_task_queue_type(enums::TASK_QUEUE_TYPE_WORKFLOW);
  }
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

// An update without a rate removes the limit.
void SetRateLimit(const api::UpdateTaskQueueConfigRequest::RateLimitUpdate& update,
                  const std::string& identity, absl::Time now, RateLimitConfig& config) {
  config.Clear();
  if (update.has_rate_limit()) *config.mutable_rate_limit() = update.rate_limit();
  config.mutable_metadata()->set_reason(update.reason());
  config.mutable_metadata()->set_update_identity(identity);
  *config.mutable_metadata()->mutable_update_time() = ToProto(now);
}

absl::Status Configure(const api::UpdateTaskQueueConfigRequest& request, absl::Time now,
                       NamespaceData& data) {
  auto& configs = request.task_queue_type() == enums::TASK_QUEUE_TYPE_ACTIVITY
                      ? *data.mutable_activity_task_queue_configs()
                      : *data.mutable_workflow_task_queue_configs();
  TaskQueueConfig& config = configs[request.task_queue()];
  if (request.has_update_queue_rate_limit()) {
    SetRateLimit(request.update_queue_rate_limit(), request.identity(), now,
                 *config.mutable_queue_rate_limit());
  }
  if (request.has_update_fairness_key_rate_limit_default()) {
    SetRateLimit(request.update_fairness_key_rate_limit_default(), request.identity(), now,
                 *config.mutable_fairness_keys_rate_limit_default());
  }
  auto& weights = *config.mutable_fairness_weight_overrides();
  for (const std::string& key : request.unset_fairness_weight_overrides()) weights.erase(key);
  for (const auto& [key, weight] : request.set_fairness_weight_overrides()) weights[key] = weight;
  if (static_cast<int64_t>(weights.size()) > kWeightOverridesMax) {
    return InvalidArgument(absl::StrCat("Too many fairness weight overrides: at most ",
                                        kWeightOverridesMax, " per task queue."));
  }
  size_t bytes = 0;
  for (const auto* map :
       {&data.workflow_task_queue_configs(), &data.activity_task_queue_configs()}) {
    for (const auto& [name, one] : *map) bytes += name.size() + one.ByteSizeLong();
  }
  if (bytes > kConfigsBytesMax) {
    return InvalidArgument(
        absl::StrCat("The configurations of this namespace's task queues would take ", bytes,
                     " bytes together; at most ", kConfigsBytesMax, " are kept."));
  }
  return absl::OkStatus();
}

// Kept first, then told to the queue's owner. One that cannot be reached learns it with the next
// poll or task, which brings the namespace.
void UpdateConfig(const Dependencies& dependencies, CallContext context,
                  api::UpdateTaskQueueConfigRequest request,
                  Reply<api::UpdateTaskQueueConfigResponse> reply) {
  absl::StatusOr<NamespacePtr> found =
      ResolveNamespace(dependencies.namespaces, request.namespace_(), NamespaceUse::kAny);
  if (!found.ok()) return std::move(reply)(found.status());
  const absl::Time now = dependencies.loop.Now();
  const RequestScope scope{context, **found, now, dependencies.uuids};
  NamespaceData data = (*found)->data;
  absl::Status status = CheckUpdateConfig(scope, request);
  if (status.ok()) status = Configure(request, now, data);
  if (!status.ok()) return std::move(reply)(std::move(status));
  const std::string name = (*found)->name;
  dependencies.namespaces.Update(
      *std::move(found), name, std::move(data),
      [&matching = dependencies.matching, context = std::move(context),
       request = std::move(request),
       reply = std::move(reply)](absl::StatusOr<NamespacePtr> updated) mutable {
        if (!updated.ok()) return std::move(reply)(updated.status());
        const bool is_activity = request.task_queue_type() == enums::TASK_QUEUE_TYPE_ACTIVITY;
        const auto kind =
            is_activity ? services::QueueKind::kActivity : services::QueueKind::kWorkflow;
        api::UpdateTaskQueueConfigResponse response;
        if (const auto* config = services::ConfigOf(**updated, kind, request.task_queue())) {
          *response.mutable_config() = *config;
        }
        matching.UpdateTaskQueueConfig(
            std::move(context), *std::move(updated), std::move(request),
            [response = std::move(response), reply = std::move(reply)](auto told) mutable {
              std::move(reply)(std::move(response));
            });
      });
}

}  // namespace

void AddTaskQueueCalls(CallTable& calls, const Dependencies& dependencies) {
  MatchingService& matching = dependencies.matching;
  AddForward(calls, dependencies, "DescribeTaskQueue", matching,
             &MatchingService::DescribeTaskQueue, &CheckDescribe);
  AddForward(calls, dependencies, "ListTaskQueuePartitions", matching,
             &MatchingService::ListTaskQueuePartitions, &CheckListPartitions);
  calls.Add<api::UpdateTaskQueueConfigRequest, api::UpdateTaskQueueConfigResponse>(
      "UpdateTaskQueueConfig", [&dependencies](CallContext context, auto request, auto reply) {
        UpdateConfig(dependencies, std::move(context), std::move(request), std::move(reply));
      });
  AddForward(calls, dependencies, "ShutdownWorker", matching, &MatchingService::ShutdownWorker,
             &CheckShutdown);
}

}  // namespace perdure::frontend
