// What task queues tell of themselves, and their configuration.
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "google/protobuf/util/time_util.h"
#include "matching/engine.h"

namespace perdure::matching {
namespace {

namespace enums = temporal::api::enums::v1;
namespace taskqueue = temporal::api::taskqueue::v1;
using google::protobuf::util::TimeUtil;

constexpr int kDefaultPriority = 3;
constexpr int64_t kFairnessOverridesMax = 1000;

QueueKind KindOf(enums::TaskQueueType type) {
  return type == enums::TASK_QUEUE_TYPE_ACTIVITY ? QueueKind::kActivity : QueueKind::kWorkflow;
}

enums::RateLimitSource SourceOf(RateLimiter::Source source) {
  switch (source) {
    case RateLimiter::Source::kSystem:
      return enums::RATE_LIMIT_SOURCE_SYSTEM;
    case RateLimiter::Source::kWorker:
      return enums::RATE_LIMIT_SOURCE_WORKER;
    case RateLimiter::Source::kApi:
      return enums::RATE_LIMIT_SOURCE_API;
  }
  return enums::RATE_LIMIT_SOURCE_UNSPECIFIED;
}

void AddStats(const taskqueue::TaskQueueStats& part, taskqueue::TaskQueueStats& sum) {
  sum.set_approximate_backlog_count(sum.approximate_backlog_count() +
                                    part.approximate_backlog_count());
  if (!sum.has_approximate_backlog_age() ||
      sum.approximate_backlog_age() < part.approximate_backlog_age()) {
    *sum.mutable_approximate_backlog_age() = part.approximate_backlog_age();
  }
  sum.set_tasks_add_rate(sum.tasks_add_rate() + part.tasks_add_rate());
  sum.set_tasks_dispatch_rate(sum.tasks_dispatch_rate() + part.tasks_dispatch_rate());
  sum.set_rate_limiting_active(sum.rate_limiting_active() || part.rate_limiting_active());
}

std::map<int32_t, taskqueue::TaskQueueStats> StatsOf(TaskQueue* queue) {
  if (queue != nullptr) return queue->StatsByPriority();
  taskqueue::TaskQueueStats none;
  none.mutable_approximate_backlog_age();
  return {{kDefaultPriority, none}};
}

taskqueue::TaskQueueStats SumOf(const std::map<int32_t, taskqueue::TaskQueueStats>& parts) {
  taskqueue::TaskQueueStats sum;
  for (const auto& [priority, part] : parts) AddStats(part, sum);
  return sum;
}

// An update without a rate removes the limit.
void SetRateLimit(const api::UpdateTaskQueueConfigRequest::RateLimitUpdate& update,
                  const std::string& identity, absl::Time now, taskqueue::RateLimitConfig& config) {
  config.Clear();
  if (update.has_rate_limit()) *config.mutable_rate_limit() = update.rate_limit();
  config.mutable_metadata()->set_reason(update.reason());
  config.mutable_metadata()->set_update_identity(identity);
  *config.mutable_metadata()->mutable_update_time() =
      TimeUtil::NanosecondsToTimestamp(absl::ToUnixNanos(now));
}

}  // namespace

api::DescribeTaskQueueResponse Engine::Describe(const services::NamespacePtr& name_space,
                                                const api::DescribeTaskQueueRequest& request) {
  api::DescribeTaskQueueResponse response;
  if (request.api_mode() == enums::DESCRIBE_TASK_QUEUE_MODE_ENHANCED) {
    DescribeVersions(name_space, request, response);
    return response;
  }
  const TaskQueue::Identity identity{name_space, KindOf(request.task_queue_type()),
                                     request.task_queue().name(), false};
  TaskQueue* queue = FindQueue(identity);
  const RateLimiter unlimited;
  const RateLimiter& limiter = queue == nullptr ? unlimited : queue->rate_limiter();
  if (queue != nullptr) {
    for (auto& poller : queue->poller_history().Describe(loop_.Now())) {
      *response.add_pollers() = std::move(poller);
    }
  }
  if (request.report_stats()) {
    const auto stats = StatsOf(queue);
    *response.mutable_stats() = SumOf(stats);
    for (const auto& [priority, part] : stats) {
      (*response.mutable_stats_by_priority_key())[priority] = part;
    }
  }
  if (request.include_task_queue_status()) {
    auto* status = response.mutable_task_queue_status();
    status->set_backlog_count_hint(queue == nullptr ? 0 : queue->backlog_count());
    status->set_rate_per_second(limiter.rate());
    status->mutable_task_id_block();
  }
  if (request.report_config()) {
    const auto config = configs_.find(KeyOf(identity));
    if (config != configs_.end()) *response.mutable_config() = config->second;
  }
  response.mutable_effective_rate_limit()->set_requests_per_second(
      static_cast<float>(limiter.rate()));
  response.mutable_effective_rate_limit()->set_rate_limit_source(SourceOf(limiter.source()));
  return response;
}

// The deprecated enhanced form: by build id, of which there is only the unversioned "".
void Engine::DescribeVersions(const services::NamespacePtr& name_space,
                              const api::DescribeTaskQueueRequest& request,
                              api::DescribeTaskQueueResponse& response) {
  std::vector<enums::TaskQueueType> types;
  for (const int type : request.task_queue_types()) {
    types.push_back(static_cast<enums::TaskQueueType>(type));
  }
  if (types.empty()) types = {enums::TASK_QUEUE_TYPE_WORKFLOW, enums::TASK_QUEUE_TYPE_ACTIVITY};
  auto& version = (*response.mutable_versions_info())[""];
  for (const enums::TaskQueueType type : types) {
    TaskQueue* queue = FindQueue({name_space, KindOf(type), request.task_queue().name(), false});
    auto& info = (*version.mutable_types_info())[type];
    if (request.report_pollers() && queue != nullptr) {
      for (auto& poller : queue->poller_history().Describe(loop_.Now())) {
        *info.add_pollers() = std::move(poller);
      }
    }
    if (request.report_stats()) *info.mutable_stats() = SumOf(StatsOf(queue));
  }
  if (request.report_task_reachability()) {
    version.set_task_reachability(enums::BUILD_ID_TASK_REACHABILITY_REACHABLE);
  }
}

api::ListTaskQueuePartitionsResponse Engine::ListPartitions(
    const services::NamespacePtr& name_space,
    const api::ListTaskQueuePartitionsRequest& request) const {
  api::ListTaskQueuePartitionsResponse response;
  const std::string& name = request.task_queue().name();
  const auto list = [&](QueueKind kind, auto add) {
    add(name, options_.host_name);
    const Spread* spread = FindSpread({name_space, kind, name, false});
    if (spread == nullptr) return;
    int number = 0;
    for (const std::string& holder : spread->PartitionHolders()) {
      add(absl::StrCat("/_sys/", name, "/", ++number), holder);  // Temporal's names for them.
    }
  };
  const auto set = [](taskqueue::TaskQueuePartitionMetadata* partition, const std::string& key,
                      const std::string& host_name) {
    partition->set_key(key);
    partition->set_owner_host_name(host_name);
  };
  list(QueueKind::kActivity, [&](const std::string& key, const std::string& host_name) {
    set(response.add_activity_task_queue_partitions(), key, host_name);
  });
  list(QueueKind::kWorkflow, [&](const std::string& key, const std::string& host_name) {
    set(response.add_workflow_task_queue_partitions(), key, host_name);
  });
  return response;
}

absl::StatusOr<api::UpdateTaskQueueConfigResponse> Engine::UpdateConfig(
    const services::NamespacePtr& name_space, const api::UpdateTaskQueueConfigRequest& request) {
  if (request.has_update_queue_rate_limit() &&
      KindOf(request.task_queue_type()) == QueueKind::kWorkflow) {
    return base::InvalidArgument("Setting rate limit on workflow task queues is not allowed.");
  }
  const TaskQueue::Identity identity{name_space, KindOf(request.task_queue_type()),
                                     request.task_queue(), false};
  taskqueue::TaskQueueConfig config;
  const auto existing = configs_.find(KeyOf(identity));
  if (existing != configs_.end()) config = existing->second;
  const absl::Time now = loop_.Now();
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
  if (static_cast<int64_t>(weights.size()) > kFairnessOverridesMax) {
    return base::InvalidArgument(
        "Too many fairness weight overrides: at most 1000 per task queue.");
  }
  configs_[KeyOf(identity)] = config;
  if (TaskQueue* queue = FindQueue(identity)) {
    const auto& limit = config.queue_rate_limit();
    queue->SetApiRate(limit.has_rate_limit()
                          ? std::optional<double>(limit.rate_limit().requests_per_second())
                          : std::nullopt);
    OnRateChanged(*queue);
  }
  api::UpdateTaskQueueConfigResponse response;
  *response.mutable_config() = std::move(config);
  return response;
}

}  // namespace perdure::matching
