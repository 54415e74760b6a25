// Matching in this process: the thread-safe front of the task queues, which live on one loop.
#pragma once

#include <memory>
#include <string>

#include "base/metrics.h"
#include "runtime/runtime.h"
#include "services/history_service.h"
#include "services/matching_service.h"
#include "services/partitions.h"

namespace perdure::matching {

// When a task queue is split over several nodes.
struct SpreadOptions {
  // Tasks a second from which a queue is split; 0: never.
  int64_t split_rate = 300;
  // A second of such traffic without a lasting backlog, so many times in a row, splits it.
  int busy_seconds = 3;
  // So many times in a row less than half of that traffic joins it.
  int calm_seconds = 5;
  // A backlog that lasts so long joins it: tasks of several priorities have one order only at home.
  absl::Duration backlog_max = absl::Milliseconds(100);
  // How long it stays joined then, at least.
  absl::Duration pause_after_join = absl::Seconds(10);
  // So many seconds in a row in which more polls were called home than tasks met one elsewhere join
  // it too, for longer: the workers are not where the tasks come from, and a split costs more than
  // it saves.
  int vain_seconds = 3;
  absl::Duration pause_after_vain = absl::Minutes(1);
};

struct Options {
  // Tasks one queue holds; beyond it they are dropped and asked for again once it has drained.
  int64_t tasks_per_queue_max = 10'000;
  absl::Duration long_poll_max = absl::Seconds(60);
  // A poll is answered that long before its caller's deadline.
  absl::Duration long_poll_margin = absl::Seconds(1);
  std::string host_name = "perdure";  // who owns the partitions, in ListTaskQueuePartitions
  base::Metrics* metrics = nullptr;   // borrowed; null: nothing is measured
  SpreadOptions spread;
};

// Thread-safe. Calls are posted to the loop; replies come from the loop, or from history's threads
// when a task is handed out.
class Matching : public services::MatchingService, public services::Partitions {
 public:
  // Before any other call: history and matching need each other.
  virtual void SetHistory(services::HistoryService* history) = 0;
  // Before any other call, where other nodes can take part of this one's queues.
  virtual void SetPartitionPeers(services::PartitionPeers* peers) = 0;
  // Whether this process's history serves (so from the first). While it does not, no task can come:
  // polls are answered UNAVAILABLE, so that their workers go where tasks are.
  virtual void SetServing(bool is_serving) = 0;
  // Only these task queues are this process's from now on, until then all are: polls of others end
  // empty, later ones are answered base::ShardMoved, and what others hold is forgotten. History
  // pushes it again (History::PushMoved).
  virtual void SetOwned(services::QueueFilter owned) = 0;
  // Sets the gauges of the backlogs, then calls back from the loop.
  virtual void MeasureBacklogs(absl::AnyInvocable<void() &&> done) = 0;
};

// `loop` must outlive it and run on until it has been destroyed; polls still open then are answered
// empty.
std::unique_ptr<Matching> MakeMatching(runtime::Loop& loop, Options options);

}  // namespace perdure::matching
