// The local activities of one workflow loop (R38 to R45, the worker's part): slots, attempts, waits
// between them, timeouts, cancellation.
//
//             +----------- a wait below the threshold ------------+
//             v                                                    |
//   Start -> queued -> running (a thread of the transport) -> attempt over -> outcome to the run
//
// Loop-bound, on the loop of the runs. An outcome is given to `outcome` from inside a callback of
// the loop or of Start or Cancel themselves: the receiver must be ready for that.
#pragma once

#include <deque>
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

  // One that is kept since StartOver and is the same goes on.
  void Start(const LocalOwner& owner, core::LocalActivityCall call);
  // Asks it to stop; one that does not run at this moment is canceled at once. Its outcome still
  // comes.
  void Cancel(const std::string& run_id, std::uint32_t seq);
  // The run begins anew, from history, and will start again what it still wants: its activities are
  // kept, without an outcome, until Start or DropUnclaimed. Is there any?
  bool StartOver(const std::string& run_id);
  void DropUnclaimed(const std::string& run_id);
  // The run is gone: its activities are asked to stop, and nobody hears of them.
  void Drop(const std::string& run_id);
  // The worker ends before they do.
  void DropAll(CancelReason reason);
  // None is queued, waits or has a function that still runs, dropped ones included.
  bool idle() const { return entries_.empty() && leftover_ == 0; }
  void OnIdle(absl::AnyInvocable<void()> idle) { on_idle_ = std::move(idle); }

 private:
  using Key = std::pair<std::string, std::uint32_t>;
  struct Entry;

  void Enqueue(const Key& key);
  void Pump();
  // For suppliers whose slots come back without a release.
  void PumpLater();
  void Begin(const Key& key, Entry* entry, Slot slot);
  void WatchClose(const Key& key, Entry* entry);
  void AttemptDone(const Key& key, ActivityResult result);
  void AttemptFailed(const Key& key, Entry* entry, FailurePtr failure);
  void Resolve(const Key& key, detail::OperationResult result);
  // Ends the attempt that runs, if one does, without waiting for it.
  void LetGo(Entry* entry, CancelReason reason);
  ActivityInfo InfoOf(const Entry& entry) const;
  Entry* Find(const Key& key);
  // The entry of a call that runs already; lets go of another one in its place.
  bool Claim(const Key& key, const core::LocalActivityCall& call);

  const Host& host_;
  client::Executor* const executor_;
  const WorkerOptions& options_;
  const ActivityRegistry& registry_;
  SlotPool* const slots_;
  OnOutcome outcome_;
  std::map<Key, std::unique_ptr<Entry>> entries_;
  std::deque<Key> queue_;
  std::unique_ptr<client::Executor::Timer> pump_timer_;
  // Attempts that nobody waits for and whose functions have not returned.
  std::int64_t leftover_ = 0;
  absl::AnyInvocable<void()> on_idle_;
  std::shared_ptr<LocalActivities*> alive_;
};

}  // namespace perdure::worker
