// What history measures, under Temporal's names where dashboards know them.
//
// Loop-bound. Owned by Core, which outlives all who use it. Handles are looked up once for each
// namespace or queue; queues beyond a thousand share one series, so that names made up by clients
// cannot fill the memory.
#pragma once

#include <cstdint>
#include <string>
#include <tuple>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "base/metrics.h"
#include "services/namespaces.h"

namespace perdure::history {

class Meters {
 public:
  // `metrics` may be null: nothing is measured then.
  explicit Meters(base::Metrics* metrics);

  void Committed(int64_t runs, absl::Duration took);
  void CommitFailed(int64_t runs);
  void RunLoaded();
  void RunsCached(int64_t count);
  void TimerRan(absl::Duration late);
  // A run that has ended, as temporal.api.enums.v1.WorkflowExecutionStatus.
  void RunClosed(const services::Namespace& name_space, int status, absl::Duration took);
  void RunErased();
  // A worker has a task: `task_queue` is the normal one, also for a sticky task.
  void TaskStarted(const services::Namespace& name_space, const std::string& task_queue,
                   bool is_activity, bool is_sticky, absl::Duration waited);
  // A run's history has passed a warning limit ("size" or "count") or its end ("limit").
  void HistoryGrew(const services::Namespace& name_space, const char* what);

 private:
  using QueueKey = std::tuple<int32_t, std::string, bool, bool>;

  base::Metrics* const metrics_;
  // Null without metrics.
  base::Histogram* commit_latency_ = nullptr;
  base::Histogram* commit_runs_ = nullptr;
  base::Counter* commits_failed_ = nullptr;
  base::Counter* runs_loaded_ = nullptr;
  base::Counter* runs_erased_ = nullptr;
  base::Gauge* runs_cached_ = nullptr;
  base::Histogram* timer_lateness_ = nullptr;
  absl::flat_hash_map<QueueKey, base::Histogram*> waited_;
  absl::flat_hash_map<std::pair<int32_t, int>, base::Counter*> closed_;
  absl::flat_hash_map<int32_t, base::Histogram*> run_latency_;
};

}  // namespace perdure::history
