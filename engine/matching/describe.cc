// What task queues tell of themselves, and how their configuration reaches them.
#include "absl/strings/str_cat.h"
#include "google/protobuf/util/time_util.h"
#include "matching/engine.h"
#include "services/queue_config.h"

namespace perdure::matching {
namespace {

namespace enums = temporal::api::enums::v1;
namespace taskqueue = temporal::api::taskqueue::v1;

constexpr int kDefaultPriority = 3;

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

std::optional<double> ApiRateOf(const taskqueue::TaskQueueConfig* config) {
  if (config == nullptr || !config->queue_rate_limit().has_rate_limit()) return std::nullopt;
  return config->queue_rate_limit().rate_limit().requests_per_second();
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
  const auto* config = services::ConfigOf(*name_space, identity.kind, identity.name);
  RateLimiter unused;  // what a queue would have that nobody has used yet
  unused.SetApiRate(ApiRateOf(config), loop_.Now());
  const RateLimiter& limiter = queue == nullptr ? unused : queue->rate_limiter();
  if (queue != nullptr) {
    ApplyConfig(*queue, *name_space);
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
  if (request.report_config() && config != nullptr) *response.mutable_config() = *config;
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

void Engine::ApplyConfig(TaskQueue& queue, const services::Namespace& name_space) {
  if (name_space.version <= queue.config_version()) return;
  queue.SetApiRate(
      ApiRateOf(services::ConfigOf(name_space, queue.identity().kind, queue.identity().name)),
      name_space.version);
  OnRateChanged(queue);
}

api::UpdateTaskQueueConfigResponse Engine::UpdateConfig(
    const services::NamespacePtr& name_space, const api::UpdateTaskQueueConfigRequest& request) {
  const QueueKind kind = KindOf(request.task_queue_type());
  TaskQueue* queue = FindQueue({name_space, kind, request.task_queue(), false});
  if (queue != nullptr) ApplyConfig(*queue, *name_space);
  api::UpdateTaskQueueConfigResponse response;
  const auto* config = services::ConfigOf(*name_space, kind, request.task_queue());
  if (config != nullptr) *response.mutable_config() = *config;
  return response;
}

}  // namespace perdure::matching
