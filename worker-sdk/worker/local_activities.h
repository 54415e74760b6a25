// The local activities of one workflow loop (R38 to R45, the worker's part): slots, attempts, waits
// between them, timeouts, cancellation.
//
//             +----------- a wait below the threshold ------------+
//             v                                                    |
//   Start -> queued -> running (a thread of the transport) -> attempt over -> outcome to the run
//
// An outcome is kept until the server has taken the answer with its marker: a run that begins anew
// before that starts the activity again, and is given the outcome instead. Where the run leaves
// this loop's memory, what it had is kept for its next task: kLeftLimit long, and of the last
// kLeftRunsMax such runs.
//
// Loop-bound, on the loop of the runs. An outcome is given to `outcome` from inside a callback of
// the loop or of Start or Cancel themselves: the receiver must be ready for that.
#pragma once

#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "perdure/worker_options.h"
#include "worker-sdk/core/task.h"
#include "worker-sdk/worker/activity_attempt.h"
#include "worker-sdk/worker/registry.h"
#include "worker-sdk/worker/slot_pool.h"

namespace perdure::worker {

// A task that failed or timed out is repeated well within this, unless no worker takes it.
inline constexpr Nanos kLeftLimit = std::chrono::minutes(10);
inline constexpr std::size_t kLeftRunsMax = 1000;

// The run that a local activity belongs to.
struct LocalOwner {
  std::string run_id;
  std::string workflow_id;
  std::string workflow_type;
};

class LocalActivities {
 public:
  using OnOutcome = absl::AnyInvocable<void(const std::string& run_id, core::LocalActivityOutcome)>;

  LocalActivities(const Host* host, client::Executor* executor, const WorkerOptions* options,
                  const ActivityRegistry* registry, SlotPool* slots, OnOutcome outcome);
  LocalActivities(const LocalActivities&) = delete;
  ~LocalActivities();

  // One that is kept since StartOver and is the same goes on; if it is over, its outcome comes.
  void Start(const LocalOwner& owner, core::LocalActivityCall call);
  // Asks it to stop; one that does not run at this moment is canceled at once. Its outcome still
  // comes.
  void Cancel(const std::string& run_id, std::uint32_t seq);
  // The run was given the outcome, and tells it with its next answer.
  void Taken(const std::string& run_id, std::uint32_t seq);
  // That answer was accepted: history has the markers.
  void Told(const std::string& run_id);
  // The run begins anew, from history, and will start again what it still wants: its activities and
  // untold outcomes are kept, and not given to it, until Start or DropUnclaimed. Is there any?
  bool StartOver(const std::string& run_id);
  void DropUnclaimed(const std::string& run_id);
  // The run is not in memory any more, but is not known to be over: the same until StartOver. With
  // `stops_running` that is for outcomes alone: what runs is asked to stop and started again.
  void Leave(const std::string& run_id, bool stops_running);
  // No task will come to those that were left.
  void DropLeft();
  // The run is gone: its activities are asked to stop, and nobody hears of them.
  void Drop(const std::string& run_id);
  // The worker ends before they do.
  void DropAll(CancelReason reason);
  // None is queued, waits or has a function that still runs, dropped ones included.
  bool idle() const { return std::ssize(entries_) == over_ && leftover_ == 0; }
  void OnIdle(absl::AnyInvocable<void()> idle) { on_idle_ = std::move(idle); }

 private:
  using Key = std::pair<std::string, std::uint32_t>;
  struct Entry;
  using Entries = std::map<Key, std::unique_ptr<Entry>>;
  struct Left {
    std::string run_id;
    std::unique_ptr<client::Executor::Timer> limit;
  };

  void Enqueue(const Key& key);
  void Pump();
  // For suppliers whose slots come back without a release.
  void PumpLater();
  void Begin(const Key& key, Entry* entry, Slot slot);
  void WatchClose(const Key& key, Entry* entry);
  void AttemptDone(const Key& key, ActivityResult result);
  void AttemptFailed(const Key& key, Entry* entry, FailurePtr failure);
  void Resolve(const Key& key, detail::OperationResult result);
  // The entries of the run that `goes(entry)` names end.
  template <class Predicate>
  void DropIf(const std::string& run_id, Predicate goes);
  Entries::iterator Erase(Entries::iterator at);
  // Ends the attempt that runs, if one does, without waiting for it.
  void LetGo(Entry* entry, CancelReason reason);
  ActivityInfo InfoOf(const Entry& entry) const;
  void Measure(const Entry& entry, const core::LocalActivityOutcome& outcome) const;
  Entry* Find(const Key& key);
  // Is there an entry of this very call? Lets go of another one in its place.
  bool Claim(const Key& key, const core::LocalActivityCall& call);

  const Host& host_;
  client::Executor* const executor_;
  const WorkerOptions& options_;
  const ActivityRegistry& registry_;
  SlotPool* const slots_;
  OnOutcome outcome_;
  Entries entries_;
  std::int64_t over_ = 0;  // Entries that have an outcome.
  std::list<Left> left_;   // The first that was left first.
  std::deque<Key> queue_;
  std::unique_ptr<client::Executor::Timer> pump_timer_;
  // Attempts that nobody waits for and whose functions have not returned.
  std::int64_t leftover_ = 0;
  absl::AnyInvocable<void()> on_idle_;
  std::shared_ptr<LocalActivities*> alive_;
};

}  // namespace perdure::worker
