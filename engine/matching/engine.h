// The task queues of this process and the queries under way: what Matching does on its loop.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "matching/matching.h"
#include "matching/partition_table.h"
#include "matching/spread.h"
#include "matching/task_queue.h"

namespace perdure::matching {

// Loop-bound, but for its construction. Shared by the front and by the replies under way from
// history, so that a late one finds it.
class Engine final : public TaskQueueHost, public std::enable_shared_from_this<Engine> {
 public:
  Engine(runtime::Loop& loop, Options options)
      : loop_(loop),
        options_(std::move(options)),
        spread_metrics_(MakeSpreadMetrics(options_.metrics)) {}

  void SetHistory(services::HistoryService* history) { history_ = history; }
  void SetPartitionPeers(services::PartitionPeers* peers) { peers_ = peers; }

  void AddWorkflowTask(services::WorkflowTask task);
  void AddActivityTask(services::ActivityTask task);
  void ForgetTasks(base::NamespaceNumber number, const std::string& run_id,
                   base::EventId scheduled_event_id);
  void MeasureBacklogs();

  void Query(services::CallContext context, services::QueryTask task,
             services::Reply<api::QueryWorkflowResponse> reply);
  void RespondQueryTaskCompleted(const services::NamespacePtr& name_space,
                                 api::RespondQueryTaskCompletedRequest request,
                                 services::Reply<api::RespondQueryTaskCompletedResponse> reply);

  // `poll` comes with all that the request said; the engine sets its place and its times.
  void AddPoll(TaskQueue::Identity identity, std::unique_ptr<Poll> poll, absl::Time deadline);

  // Thread-safe.
  const PartitionTable& partition_table() const { return table_; }
  void TryWorkflowTask(services::WorkflowTask task,
                       services::Untaken<services::WorkflowTask> untaken);
  void TryActivityTask(services::ActivityTask task,
                       services::Untaken<services::ActivityTask> untaken);
  void HoldPartition(services::NamespacePtr name_space,
                     const perdure::internal::v1::HoldPartitionRequest& request,
                     services::Reply<perdure::internal::v1::HoldPartitionResponse> reply);

  api::DescribeTaskQueueResponse Describe(const services::NamespacePtr& name_space,
                                          const api::DescribeTaskQueueRequest& request);
  api::ListTaskQueuePartitionsResponse ListPartitions(
      const services::NamespacePtr& name_space,
      const api::ListTaskQueuePartitionsRequest& request) const;
  api::UpdateTaskQueueConfigResponse UpdateConfig(const services::NamespacePtr& name_space,
                                                  const api::UpdateTaskQueueConfigRequest& request);
  void ShutdownWorker(const services::NamespacePtr& name_space,
                      const api::ShutdownWorkerRequest& request);
  void SetServing(bool is_serving);
  // Forgets the queues that are not in `owned`, their polls ending empty.
  void SetOwned(services::QueueFilter owned);
  // Ends all polls and queries, and takes no more.
  void Drain();
  // Drains and forgets everything: before the end.
  void Close();

  // TaskQueueHost:
  void OnHeld(TaskQueue& queue, const Task& task) override;
  void OnTaken(TaskQueue& queue, const Task& task) override;
  void Dispatch(TaskQueue& queue, std::unique_ptr<Poll> poll, Task task,
                int32_t scaling_hint) override;
  void OnDrained(TaskQueue& queue) override;
  void OnStickyAbandoned(TaskQueue& queue, std::vector<Task> tasks) override;
  void OnStickyStarved(TaskQueue& queue) override;
  void OnBusy(TaskQueue& queue) override;

 private:
  using Key = std::tuple<int32_t, QueueKind, std::string>;
  using GoHome = absl::AnyInvocable<void(Task) &&>;

  // A task on its way to a worker, while history decides.
  struct HandOut {
    TaskQueue::Identity queue;
    std::unique_ptr<Poll> poll;
    Task task;
    int32_t scaling_hint = 0;
    int64_t backlog_count = 0;
    int attempts = 0;
    GoHome go_home;  // set in a partition
  };
  struct Partition {
    uint64_t id = 0;
    std::unique_ptr<TaskQueue> queue;  // of polls alone
    absl::Time lease_until;
    runtime::TimerId lease_timer = 0;
    std::array<int64_t, TaskQueue::kPriorities> matched_counts{};
  };
  struct PendingQuery {
    services::QueryTask task;
    services::Reply<api::QueryWorkflowResponse> reply;
    bool is_dispatched = false;
    runtime::TimerId deadline_timer = 0;
    runtime::TimerId no_poller_timer = 0;
  };

  static int PriorityOf(const temporal::api::common::v1::Priority& priority);
  static Key KeyOf(const TaskQueue::Identity& identity);
  TaskQueue& Queue(const TaskQueue::Identity& identity);
  TaskQueue* FindQueue(const TaskQueue::Identity& identity);
  void ScheduleSweep();
  void Sweep();
  bool IsOwned(const TaskQueue::Identity& identity) const;
  bool MayWait(const Poll& poll) const;

  void HandOutTask(std::unique_ptr<HandOut> hand_out);
  template <class Response>
  services::Reply<Response> OnRecorded(std::unique_ptr<HandOut> hand_out);
  void OnRefused(std::unique_ptr<HandOut> hand_out, const absl::Status& status);
  void RetryHandOut(std::unique_ptr<HandOut> hand_out);

  Partition* FindPartition(const TaskQueue::Identity& identity);
  Partition& MakePartition(const TaskQueue::Identity& identity);
  void ArmLeaseTimer(const Key& key, Partition& partition);
  void EndPartition(const Key& key);
  void EndPartitions();
  void EndPolls();
  void SendHome(std::vector<std::unique_ptr<Poll>> polls);
  perdure::internal::v1::HoldPartitionResponse ReportOf(Partition& partition) const;
  void TryTask(const TaskQueue::Identity& identity, Task task, GoHome go_home);
  void OnRefusedInPartition(std::unique_ptr<HandOut> hand_out, bool is_retriable);
  Spread* FindSpread(const TaskQueue::Identity& identity) const;
  // A task or a query waits.
  void OnLack(const TaskQueue::Identity& identity);
  void OnRateChanged(const TaskQueue& queue);
  // Takes the queue's configuration from the namespace's data, unless it has seen newer ones.
  void ApplyConfig(TaskQueue& queue, const services::Namespace& name_space);
  void ForgetSpread(const Key& key);

  void TakeQueriesBack(const TaskQueue::Identity& identity, const services::TaskKey& task);
  void DispatchQuery(TaskQueue& queue, std::unique_ptr<Poll> poll, const std::string& id,
                     int32_t scaling_hint);
  void EndQuery(const std::string& id, absl::StatusOr<api::QueryWorkflowResponse> result);
  void CheckQueryPollers(const std::string& id);
  bool IsStickyAlive(const TaskQueue::Identity& identity);
  void MoveStickyTask(const services::WorkflowTask& task);
  static TaskQueue::Identity QueueOf(const services::QueryTask& task);

  void DescribeVersions(const services::NamespacePtr& name_space,
                        const api::DescribeTaskQueueRequest& request,
                        api::DescribeTaskQueueResponse& response);

  runtime::Loop& loop_;
  const Options options_;
  const SpreadMetrics spread_metrics_;
  services::HistoryService* history_ = nullptr;
  services::PartitionPeers* peers_ = nullptr;  // null: no queue is ever split
  uint64_t last_sequence_ = 0;
  services::QueueFilter owned_;  // empty: all
  struct FormerlyOwned {
    services::QueueFilter owned;
    absl::Time until;
  };
  std::vector<FormerlyOwned> formerly_owned_;  // lately
  bool is_serving_ = true;
  bool is_draining_ = false;
  runtime::TimerId sweep_timer_ = 0;
  std::map<Key, std::unique_ptr<TaskQueue>> queues_;
  std::map<Key, Partition> partitions_;  // of queues that are not owned
  PartitionTable table_;                 // the same
  // Of owned queues that have been busy. Shared with the answers under way from the partitions.
  std::map<Key, std::shared_ptr<Spread>> spreads_;
  std::map<std::string, PendingQuery> queries_;
  // Where the held tasks of a run are: only those that met no poll at once.
  struct Held {
    Key queue;
    int priority = 0;
    uint64_t sequence = 0;
    base::EventId scheduled_event_id = 0;
    base::Attempt attempt = 0;
    int64_t stamp = 0;
  };
  absl::flat_hash_map<std::pair<int32_t, std::string>, std::vector<Held>> held_;
  struct BacklogGauges {
    base::Gauge* count = nullptr;
    base::Gauge* age = nullptr;
  };
  std::map<Key, BacklogGauges> backlog_gauges_;
  // Worker instance keys that have shut down, with the time: polls that come late are ended at
  // once.
  std::map<std::string, absl::Time> shut_down_workers_;
};

}  // namespace perdure::matching
