// The runs of one workflow loop that are in memory, and which of them leaves first (R56).
//
// Loop-bound. Only runs without a task in hand are put out. Grows to what CacheOptions allow; runs
// with a task in hand count, too, so that a full cache makes new runs wait.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "perdure/worker_options.h"
#include "worker-sdk/client/transport.h"
#include "worker-sdk/worker/local_activities.h"
#include "worker-sdk/worker/run_port.h"
#include "worker-sdk/worker/slot_pool.h"

namespace perdure::worker {

struct WorkflowTask {
  temporal::api::workflowservice::v1::PollWorkflowTaskQueueResponse response;
  Slot slot;
};

struct CachedRun {
  //   idle --StartTask--> history <--> starting --> local --> answering --> idle
  enum class Phase {
    idle,       // No task in hand.
    history,    // A page of history is on its way.
    starting,   // Its local activities are being started: outcomes wait.
    local,      // Local activities run, the task is held open.
    answering,  // The answer is on its way.
  };
  LocalOwner owner;
  std::unique_ptr<RunPort> run;
  Phase phase = Phase::idle;

  // The task in hand.
  Slot slot;
  std::string task_token;
  std::int32_t attempt = 0;
  bool is_legacy_query = false;
  Nanos task_timeout = std::chrono::seconds(10);
  Nanos task_received{};
  std::unique_ptr<client::Executor::Timer> heartbeat;

  // Tasks that came while one was in hand (R55): of tasks that are more than a query only the
  // newest counts. These and the outcomes are few, and most runs never have any: no deques, which
  // hold a block each even when they are empty.
  std::unique_ptr<WorkflowTask> next;
  std::vector<WorkflowTask> queries;
  // Outcomes that came while the run could not take them.
  std::vector<core::LocalActivityOutcome> outcomes;
  // It began anew, and has local activities from before that it has not started again yet.
  bool has_unclaimed = false;

  // The cache's own.
  std::list<CachedRun*>::iterator place;
  Nanos last_used{};
  std::int64_t bytes = 0;
};

class RunCache {
 public:
  explicit RunCache(const CacheOptions& options) : options_(options) {}

  CachedRun* Find(const std::string& run_id);
  // The caller made sure that there is room.
  CachedRun* Insert(std::unique_ptr<CachedRun> run, Nanos now);
  std::unique_ptr<CachedRun> Remove(CachedRun* run);
  // Its task is over: it is the one used last, and has this size now.
  void Used(CachedRun* run, Nanos now);
  bool is_full() const { return options_.runs > 0 && size() >= options_.runs; }
  bool is_over_bytes() const { return bytes_ > options_.bytes; }
  // The idle run that was used longest ago; null where each has a task in hand.
  CachedRun* Oldest();
  // The same, if it was not used for options.idle.
  CachedRun* Expired(Nanos now);

  std::int64_t size() const { return static_cast<std::int64_t>(runs_.size()); }
  std::int64_t bytes() const { return bytes_; }
  template <class Function>
  void ForEach(Function function) {
    for (auto at = order_.begin(); at != order_.end();) function(*at++);
  }

 private:
  const CacheOptions options_;
  // By run id; the key is the run's own.
  absl::flat_hash_map<absl::string_view, std::unique_ptr<CachedRun>> runs_;
  std::list<CachedRun*> order_;  // Used longest ago first.
  std::int64_t bytes_ = 0;
};

}  // namespace perdure::worker
