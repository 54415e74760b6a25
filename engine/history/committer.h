// Pipelined group commit: takes all that is queued, over many runs and shards, writes it as one
// batch, then releases what was held back for it, in order; when a batch leaves, commit_pace.h
// says. ARCHITECTURE.md, "Commit path".
//
// Loop-bound. When a commit fails, the runs it touched are dropped from the cache, and everything
// queued or in flight for them is answered UNAVAILABLE: nobody has seen anything of it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "history/commit_pace.h"
#include "history/execution.h"
#include "history/meters.h"
#include "runtime/runtime.h"
#include "store/store.h"

namespace perdure::history {

class Committer {
 public:
  using After = absl::AnyInvocable<void(absl::Status) &&>;

  struct Hooks {
    // A commit failed: forget these runs.
    absl::AnyInvocable<void(const std::vector<ExecutionPtr>&)> drop;
    // This process is fenced: it must stop serving.
    absl::AnyInvocable<void(absl::Status)> fenced;
    // A run's commit is through.
    absl::AnyInvocable<void(const ExecutionPtr&)> committed;
  };

  // All borrowed but the hooks.
  Committer(runtime::Loop& loop, store::Store& store, Meters& meters, CommitPace pace, Hooks hooks)
      : loop_(loop), store_(store), meters_(meters), hooks_(std::move(hooks)), pace_(pace) {}

  void set_incarnation(base::IncarnationId incarnation) { incarnation_ = incarnation; }

  // The run's queued commit, to be filled; made if there is none yet. Valid until the next loop
  // task.
  struct Entry {
    ExecutionPtr execution;
    store::ExecutionCommit commit;
    EventId next_event_id = 0;
    std::vector<After> after;
  };
  Entry& Queue(const ExecutionPtr& execution);
  // Runs that must be committed together with one that is queued are queued before the loop goes
  // on: one batch takes the whole queue.

  // Runs after everything queued so far for the run is committed; at once (posted) if nothing is.
  void AfterCommits(const ExecutionPtr& execution, After after);

  // Runs when everything queued so far, of whatever run, is through or has failed.
  void AfterAll(absl::AnyInvocable<void() &&> callback);

  // Whether runs that a failed commit took along may have another under way, which may be through
  // all the same.
  bool IsInDoubt() const { return !flights_.empty() && flights_.front()->is_in_doubt; }
  bool IsIdle() const { return queue_.empty() && in_flight_ == 0; }
  // Runs when nothing is queued or in flight.
  void WhenIdle(absl::AnyInvocable<void() &&> callback);

  int64_t batches() const { return batches_; }
  int64_t committed_runs() const { return committed_runs_; }

 private:
  struct Batch {
    std::vector<std::unique_ptr<Entry>> entries;
    // Left before the failure of one ahead of it was known here: it may build on what never was.
    bool is_in_doubt = false;
  };

  void ScheduleFlush();
  void Flush();
  void Done(std::shared_ptr<Batch> batch, absl::Status status);
  void Fail(Batch& batch, const absl::Status& status);
  void CheckIdle();
  void Forget(const Entry& entry);

  runtime::Loop& loop_;
  store::Store& store_;
  Meters& meters_;
  Hooks hooks_;
  base::IncarnationId incarnation_;
  std::vector<std::unique_ptr<Entry>> queue_;
  absl::flat_hash_map<const Execution*, Entry*> queued_;
  std::deque<std::shared_ptr<Batch>> flights_;
  // The newest entry of a run, queued or in flight: what followers wait for.
  absl::flat_hash_map<const Execution*, Entry*> newest_;
  int64_t in_flight_ = 0;
  CommitPace pace_;
  bool flush_scheduled_ = false;
  std::vector<absl::AnyInvocable<void() &&>> when_idle_;
  int64_t batches_ = 0;
  int64_t committed_runs_ = 0;
};

}  // namespace perdure::history
