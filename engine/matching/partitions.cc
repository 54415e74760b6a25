// Split queues: the partitions that this process has of others' queues, and the spreads of its own.
#include <algorithm>
#include <utility>

#include "base/errors.h"
#include "matching/engine.h"

namespace perdure::matching {
namespace {

namespace wire = perdure::internal::v1;

constexpr absl::Duration kLeaseMax = absl::Seconds(10);
constexpr absl::Duration kPollersTold = absl::Seconds(6);  // some lost reports long
// Beyond them queues stay whole.
constexpr size_t kPartitionsMax = 1000;
constexpr size_t kSpreadsMax = 1000;

}  // namespace

// --- As a partition

Engine::Partition* Engine::FindPartition(const TaskQueue::Identity& identity) {
  if (identity.is_sticky) return nullptr;
  const auto found = partitions_.find(KeyOf(identity));
  if (found == partitions_.end()) return nullptr;
  if (loop_.Now() < found->second.lease_until) return &found->second;
  EndPartition(found->first);
  return nullptr;
}

void Engine::HoldPartition(services::NamespacePtr name_space,
                           const wire::HoldPartitionRequest& request,
                           services::Reply<wire::HoldPartitionResponse> reply) {
  if (is_draining_ || !is_serving_) {
    return std::move(reply)(base::Unavailable("this server takes no polls now"));
  }
  const TaskQueue::Identity identity{std::move(name_space),
                                     static_cast<QueueKind>(request.task_queue_type()),
                                     request.task_queue(), false};
  if (IsOwned(identity)) return std::move(reply)(base::ShardMoved());
  const absl::Duration lease = std::min(absl::Microseconds(request.lease_us()), kLeaseMax);
  Partition* partition = FindPartition(identity);
  if (lease <= absl::ZeroDuration()) {
    wire::HoldPartitionResponse report;
    if (partition != nullptr) report = ReportOf(*partition);
    EndPartition(KeyOf(identity));
    return std::move(reply)(std::move(report));
  }
  if (partition == nullptr && partitions_.size() >= kPartitionsMax) {
    return std::move(reply)(absl::ResourceExhaustedError("too many partitions on this server"));
  }
  if (partition == nullptr) partition = &MakePartition(identity);
  partition->lease_until = loop_.Now() + lease;
  partition->queue->poller_history().Forget(loop_.Now());
  ArmLeaseTimer(KeyOf(identity), *partition);
  auto polls = partition->queue->TakePolls(request.polls_wanted());
  wire::HoldPartitionResponse report = ReportOf(*partition);
  report.set_polls_sent(static_cast<int64_t>(polls.size()));
  SendHome(std::move(polls));
  std::move(reply)(std::move(report));
}

Engine::Partition& Engine::MakePartition(const TaskQueue::Identity& identity) {
  Partition& partition = partitions_[KeyOf(identity)];
  partition.id = ++last_sequence_;
  partition.queue = std::make_unique<TaskQueue>(identity, 0, loop_, *this);
  table_.Set(identity.name_space->number, identity.name, identity.kind, true);
  return partition;
}

// A renewal moves the end, not the timer.
void Engine::ArmLeaseTimer(const Key& key, Partition& partition) {
  if (partition.lease_timer != 0) return;
  partition.lease_timer = loop_.At(partition.lease_until, [this, key] {
    const auto found = partitions_.find(key);
    if (found == partitions_.end()) return;
    found->second.lease_timer = 0;
    if (loop_.Now() >= found->second.lease_until) return EndPartition(key);
    ArmLeaseTimer(key, found->second);
  });
}

void Engine::EndPartition(const Key& key) {
  auto node = partitions_.extract(key);
  if (node.empty()) return;
  Partition& partition = node.mapped();
  const TaskQueue::Identity& identity = partition.queue->identity();
  table_.Set(identity.name_space->number, identity.name, identity.kind, false);
  loop_.Cancel(partition.lease_timer);
  SendHome(partition.queue->TakePolls(partition.queue->poll_count()));
  partition.queue->Close();
}

void Engine::EndPartitions() {
  while (!partitions_.empty()) EndPartition(Key(partitions_.begin()->first));
}

void Engine::SendHome(std::vector<std::unique_ptr<Poll>> polls) {
  Count(spread_metrics_.polls_sent_home, static_cast<int64_t>(polls.size()));
  for (auto& poll : polls) poll->Refuse(base::ShardMoved());
}

wire::HoldPartitionResponse Engine::ReportOf(Partition& partition) const {
  wire::HoldPartitionResponse report;
  report.set_partition_id(partition.id);
  for (const int64_t count : partition.matched_counts) report.add_matched_counts(count);
  report.set_polls_waiting(partition.queue->poll_count());
  for (auto& [info, age] :
       partition.queue->poller_history().SeenWithin(kPollersTold, loop_.Now())) {
    auto& poller = *report.add_pollers();
    *poller.mutable_info() = std::move(info);
    poller.set_age_us(absl::ToInt64Microseconds(age));
  }
  return report;
}

void Engine::TryWorkflowTask(services::WorkflowTask task,
                             services::Untaken<services::WorkflowTask> untaken) {
  const TaskQueue::Identity identity{task.key.name_space, QueueKind::kWorkflow, task.task_queue,
                                     false};
  const int priority = PriorityOf(task.priority);
  TryTask(identity, {++last_sequence_, priority, absl::Time(), std::move(task)},
          [untaken = std::move(untaken)](Task task) mutable {
            std::move(untaken)(std::get<services::WorkflowTask>(std::move(task.work)));
          });
}

void Engine::TryActivityTask(services::ActivityTask task,
                             services::Untaken<services::ActivityTask> untaken) {
  const TaskQueue::Identity identity{task.key.name_space, QueueKind::kActivity, task.task_queue,
                                     false};
  const int priority = PriorityOf(task.priority);
  TryTask(identity, {++last_sequence_, priority, absl::Time(), std::move(task)},
          [untaken = std::move(untaken)](Task task) mutable {
            std::move(untaken)(std::get<services::ActivityTask>(std::move(task.work)));
          });
}

void Engine::TryTask(const TaskQueue::Identity& identity, Task task, GoHome go_home) {
  Partition* partition = FindPartition(identity);
  int32_t scaling_hint = 0;
  auto poll = partition == nullptr ? nullptr : partition->queue->MeetPoll(task, scaling_hint);
  if (poll == nullptr) return std::move(go_home)(std::move(task));
  ++partition->matched_counts[static_cast<size_t>(task.priority - 1)];
  Count(spread_metrics_.matched);
  auto hand_out = std::make_unique<HandOut>();
  hand_out->queue = partition->queue->identity();
  hand_out->poll = std::move(poll);
  hand_out->poll->poller.request_id = loop_.random().Uuid();
  hand_out->task = std::move(task);
  hand_out->scaling_hint = scaling_hint;
  hand_out->go_home = std::move(go_home);
  HandOutTask(std::move(hand_out));
}

// A task that history could not start stays with its poll, which asks again, for as long as that
// may wait: under another request id it might count as started already.
void Engine::OnRefusedInPartition(std::unique_ptr<HandOut> hand_out, bool is_retriable) {
  if (is_retriable) {
    if (MayWait(*hand_out->poll)) return RetryHandOut(std::move(hand_out));
    std::move(hand_out->go_home)(std::move(hand_out->task));
    return hand_out->poll->AnswerEmpty();
  }
  if (!MayWait(*hand_out->poll)) return hand_out->poll->AnswerEmpty();
  if (Partition* partition = FindPartition(hand_out->queue)) {
    return partition->queue->ReturnPoll(std::move(hand_out->poll));
  }
  hand_out->poll->Refuse(base::ShardMoved());
}

// --- As the home

Spread* Engine::FindSpread(const TaskQueue::Identity& identity) const {
  if (spreads_.empty()) return nullptr;
  const auto found = spreads_.find(KeyOf(identity));
  return found == spreads_.end() ? nullptr : found->second.get();
}

void Engine::OnBusy(TaskQueue& queue) {
  Spread* spread = FindSpread(queue.identity());
  if (spread == nullptr) {
    if (peers_->others().empty() || spreads_.size() >= kSpreadsMax) return;
    auto& made = spreads_[KeyOf(queue.identity())];
    made = std::make_shared<Spread>(queue, *peers_, loop_, options_.spread, spread_metrics_);
    spread = made.get();
  }
  spread->OnBusy();
}

void Engine::OnLack(const TaskQueue::Identity& identity) {
  if (Spread* spread = FindSpread(identity)) spread->OnLack();
}

void Engine::OnRateChanged(const TaskQueue& queue) {
  if (!queue.IsRateLimited()) return;
  if (Spread* spread = FindSpread(queue.identity())) spread->OnRateLimit();
}

void Engine::ForgetSpread(const Key& key) {
  const auto found = spreads_.find(key);
  if (found == spreads_.end()) return;
  found->second->Close();
  spreads_.erase(found);
}

}  // namespace perdure::matching
