// Matching in this process: the thread-safe front of the task queues, which live on one loop.
#pragma once

#include <memory>
#include <string>

#include "base/metrics.h"
#include "runtime/runtime.h"
#include "services/history_service.h"
#include "services/matching_service.h"

namespace perdure::matching {

struct Options {
  // Tasks one queue holds; beyond it they are dropped and asked for again once it has drained.
  int64_t tasks_per_queue_max = 10'000;
  absl::Duration long_poll_max = absl::Seconds(60);
  // A poll is answered that long before its caller's deadline.
  absl::Duration long_poll_margin = absl::Seconds(1);
  std::string host_name = "perdure";  // who owns the partitions, in ListTaskQueuePartitions
  base::Metrics* metrics = nullptr;   // borrowed; null: nothing is measured
};

// Thread-safe. Calls are posted to the loop; replies come from the loop, or from history's threads
// when a task is handed out.
class Matching : public services::MatchingService {
 public:
  // Before any other call: history and matching need each other.
  virtual void SetHistory(services::HistoryService* history) = 0;
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
