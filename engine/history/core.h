// The heart of history: cached runs, transitions on them, and what follows from a transition once
// it is committed.
//
// Loop-bound: every member is called on the loop. One Core serves all shards that its process owns.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "history/committer.h"
#include "history/execution.h"
#include "history/known_ids.h"
#include "history/meters.h"
#include "machines/workflow/decision.h"
#include "runtime/runtime.h"
#include "services/history_service.h"
#include "services/matching_service.h"
#include "services/namespaces.h"
#include "store/store.h"

namespace perdure::history {

struct CoreOptions {
  // Runs kept in memory at most, idle ones evicted first.
  int64_t cached_runs_max = 10000;
  // A run idle for that long leaves memory (and costs a row and nothing else until its time comes).
  absl::Duration idle_max = absl::Minutes(10);
  // The same for a run that has ended.
  absl::Duration closed_idle_max = absl::Seconds(3);
  // The journal behind a snapshot may grow to this many bytes, or to that many times the snapshot.
  int64_t journal_bytes_min = 64 << 10;
  int64_t journal_growth_max = 4;
  // Newest events of a run kept in memory.
  int64_t recent_bytes_max = 256 << 10;
  // How long a commit may wait for those of other runs (commit_pace.h).
  absl::Duration gather_max;
  // Borrowed; null: nothing is measured.
  base::Metrics* metrics = nullptr;
};

class Core {
 public:
  Core(runtime::Loop& loop, store::Store& store, services::Namespaces& namespaces,
       CoreOptions options);
  ~Core();

  void set_matching(services::MatchingService* matching) { matching_ = matching; }
  // Begins a life, which owns no shard yet.
  void Serve(base::IncarnationId incarnation);
  // These shards are ours from now on: reads what is due and pushes outstanding work. Those of
  // other owners, and those that are served already, are passed over.
  void AddShards(const std::vector<store::ShardOwner>& shards);
  // Takes no more requests for these shards, makes all that their runs hold durable and forgets
  // them. After `done` nothing of this process is under way for them.
  void ReleaseShards(const std::vector<base::ShardId>& shards, absl::AnyInvocable<void() &&> done);
  bool Serves(base::ShardId shard) const {
    return is_serving_ && shard_states_[shard.value()] == ShardState::kServed;
  }
  absl::Time served_since(base::ShardId shard) const { return served_since_[shard.value()]; }
  const std::vector<base::ShardId>& shards() const { return shards_; }
  // Where messages to runs of other shards go; null: all shards are here.
  void set_others(services::HistoryService* others) { others_ = others; }
  // Fenced, or shutting down: everything is forgotten, requests are answered UNAVAILABLE.
  void StopServing();
  bool is_serving() const { return is_serving_; }
  // From then on another may have taken over without this process knowing (it was frozen, or the
  // database out of reach): what is cached is not shown until a heartbeat has moved the time.
  void set_owned_until(absl::Time time) { owned_until_ = time; }
  bool CanVouch() const { return loop_.Now() <= owned_until_; }
  // A refusal that rests on what is cached, or UNAVAILABLE if nobody can vouch for that.
  absl::Status Vouched(absl::Status refusal) const;
  void set_on_fenced(absl::AnyInvocable<void()> callback) { on_fenced_ = std::move(callback); }

  runtime::Loop& loop() { return loop_; }
  store::Store& store() { return store_; }
  services::Namespaces& namespaces() { return namespaces_; }
  services::MatchingService& matching() { return *matching_; }
  Committer& committer() { return *committer_; }
  Meters& meters() { return meters_; }
  std::string NewRunId() { return loop_.random().TimeUuid(absl::ToUnixMillis(loop_.Now())); }

  // --- Runs
  // -----------------------------------------------------------------------------------------------
  using WithRun = absl::AnyInvocable<void(absl::StatusOr<ExecutionPtr>) &&>;
  // Calls back with the run, loaded if need be: at once if it is cached. Empty run id: the current
  // run. NOT_FOUND with Temporal's text if there is none.
  void With(const services::NamespacePtr& name_space, const std::string& workflow_id,
            const std::string& run_id, WithRun callback);
  // The same for what only shows the run: no commit tells whether another has taken over, so the
  // last heartbeat must.
  void Show(const services::NamespacePtr& name_space, const std::string& workflow_id,
            const std::string& run_id, WithRun callback);

  machines::Context ContextFor(const services::NamespacePtr& name_space);

  // Applies the decision to the run's state at once, queues its commit, and answers when all of it
  // is durable (a lazy one: when what came before it is). The decision's new runs are created in
  // the same commit.
  using After = Committer::After;
  void Apply(const ExecutionPtr& execution, machines::Decision decision, After after);
  // Makes everything applied so far durable, lazy changes too.
  void Flush(const ExecutionPtr& execution, After after);
  // Creates a run beside (or without) a transition of the current one: same commit. `current` may
  // be null; `decision` is its transition.
  ExecutionPtr Create(const services::NamespacePtr& name_space, const std::string& workflow_id,
                      machines::NewRun run, const ExecutionPtr& current, After after);

  // Removes the run and all its rows. Its state must be closed.
  void Erase(const ExecutionPtr& execution, After after);
  // The same by its row alone. In its turn: only so many leave at once that the load does not
  // notice; one whose commit fails is tried again.
  void EraseRow(const store::DueExecution& row);

  // Pushes the task (again) that the run has for a queue of matching's.
  void PushTasks(const ExecutionPtr& execution);
  void PushAll(const std::string& task_queue, bool activities);
  // The same for all queues of which `moved` is true: their owner has changed.
  void PushMoved(const services::QueueFilter& moved);
  void SendOutbox(const ExecutionPtr& execution);
  // Deadlines that have passed are acted on; the timer is set for the next.
  void RunDeadlines(const ExecutionPtr& execution);
  void ArmTimer(const ExecutionPtr& execution);

  void WhenIdle(absl::AnyInvocable<void() &&> callback) {
    committer_->WhenIdle(std::move(callback));
  }
  uint64_t NextWaiterId() { return ++last_waiter_id_; }
  // Wakes every long poll.
  void WakeAllWaiters();
  bool is_draining() const { return is_draining_; }
  void set_draining() { is_draining_ = true; }

  // Whoever held a run while it waited must ask: one that was unloaded meanwhile is another object
  // when it is loaded again.
  static bool IsCached(const Execution& execution) { return execution.line != nullptr; }
  int64_t cached_runs() const { return static_cast<int64_t>(by_run_.size()); }

 private:
  using RunKey = std::pair<int32_t, std::string>;  // namespace number, run id or workflow id

  void Load(const services::NamespacePtr& name_space, const std::string& workflow_id,
            const std::string& run_id);
  void Loaded(const services::NamespacePtr& name_space, const std::string& workflow_id,
              const std::string& run_id, absl::StatusOr<store::LoadedExecution> loaded);
  void Answer(const services::NamespacePtr& name_space, const std::string& workflow_id,
              const std::string& run_id, std::vector<WithRun> callbacks,
              absl::StatusOr<ExecutionPtr> execution);
  absl::StatusOr<ExecutionPtr> Rebuild(const services::NamespacePtr& name_space,
                                       store::LoadedExecution loaded);
  void Adopt(const ExecutionPtr& execution);
  // It was used: last in its line to be evicted.
  void Touch(const ExecutionPtr& execution);
  void Drop(const ExecutionPtr& execution);
  void KeepSpeculativeTask(const ExecutionPtr& run);

  void ApplyChanges(const ExecutionPtr& execution, const pb::JournalRecord& record);
  void KeepEvents(Execution& execution, pb::JournalRecord record);
  void QueueCommit(const ExecutionPtr& execution);
  void FillVisibility(const ExecutionPtr& execution, store::ExecutionCommit& commit);
  void FillSnapshot(const ExecutionPtr& execution, store::ExecutionCommit& commit);
  void KeepEvent(Execution& execution, HistoryEvent event);
  // What the changes ask for once they are durable.
  struct Effects {
    bool has_task = false;
    std::vector<EventId> activities;
    uint64_t last_message = 0;  // of those it adds to the outbox
    bool changes_row = false;
    bool closes = false;
    bool leaves_tasks = false;  // it closes while some of its tasks may be on queues
    // Activities that no worker need take any more.
    std::vector<EventId> gone;
  };
  Effects EffectsOf(const ExecutionPtr& execution, const machines::Decision& decision);
  void CarryOut(const ExecutionPtr& execution, const Effects& effects,
                std::vector<machines::UpdateNotice> notices);
  void Committed(const ExecutionPtr& execution);
  void PushWorkflowTask(const ExecutionPtr& execution);
  void PushActivity(const ExecutionPtr& execution, EventId scheduled_event_id);
  void Deliver(const ExecutionPtr& execution, const pb::OutboxMessage& message);
  void Delivered(const ExecutionPtr& execution, uint64_t message_id, const absl::Status& status,
                 const std::string& run_id);

  void EraseSome();
  // A closed run whose end of retention the check of due rows passed before its row had it.
  void EraseIfOverdue(const Execution& execution);
  // Of a namespace that is not known: if it is gone, and not only new.
  void EraseIfOrphan(const store::DueExecution& row);
  // After a failure: if the run is still there.
  void EraseAgain(const store::DueExecution& row);
  void EraseNow(const store::DueExecution& row, After after);
  void NoteGrowth(const Execution& execution, EventId events_before, int64_t bytes_before);
  // The size of the run's state after `decision`, or a bound of it that is within all limits.
  int64_t StateBytesAfter(Execution& execution, const machines::Decision& decision);
  void NoteState(Execution& execution, int64_t state_bytes);

  // Learns which workflow ids are in use in these shards, page by page, while it serves them
  // already; and of all of them anew when many may have gone since.
  void LearnIdsOf(const std::vector<base::ShardId>& shards);
  void LearnIds();
  void LearnIdsAnew();
  void KnowId(base::NamespaceNumber namespace_number, const std::string& workflow_id);
  void CheckDue();
  // What became due in these shards before they were ours, from `after` on.
  void CatchUp(std::vector<base::ShardId> shards, store::DueCursor after, absl::Time until);
  // The due check comes at the earliest time after that one.
  void NextWake(const std::vector<base::ShardId>& shards, absl::Time after);
  bool IsServed(const Execution& execution) const { return Serves(execution.key.shard); }
  void AnswerMoved(After after);
  void ScheduleDueCheck(absl::Time when);
  void Due(const store::DueExecution& row);
  void EvictIdle();
  bool EvictIdle(std::list<ExecutionPtr>& line, absl::Duration idle_max);  // false: there are more
  void Evict(const ExecutionPtr& execution);
  bool IsEvictable(const Execution& execution) const;

  runtime::Loop& loop_;
  store::Store& store_;
  services::Namespaces& namespaces_;
  const CoreOptions options_;
  Meters meters_;
  services::MatchingService* matching_ = nullptr;
  std::unique_ptr<Committer> committer_;
  absl::AnyInvocable<void()> on_fenced_;
  bool is_serving_ = false;
  services::HistoryService* others_ = nullptr;
  int64_t life_ = 0;  // rises with each Serve: what was read in an earlier one is not taken
  bool is_draining_ = false;
  absl::Time owned_until_ = absl::InfiniteFuture();
  base::IncarnationId incarnation_;
  enum class ShardState : uint8_t { kElsewhere, kServed, kLeaving };
  std::vector<ShardState> shard_states_;
  // Rises whenever a shard comes: what was read of it before it went away is not taken.
  std::vector<int64_t> shard_lives_;
  std::vector<absl::Time> served_since_;  // by shard
  std::vector<base::ShardId> shards_;     // those served
  // Rises over all shards, so that runs of one time have numbers of one neighbourhood: that is
  // where a store may keep their rows. At least the last one of each shard that was ever served.
  int64_t last_number_ = 0;
  uint64_t last_waiter_id_ = 0;

  // Looked up only, never iterated where order shows.
  absl::flat_hash_map<RunKey, ExecutionPtr> by_run_;
  absl::flat_hash_map<RunKey, ExecutionPtr> current_;
  // All of by_run_, the longest unused first: running ones, and those that have ended.
  std::list<ExecutionPtr> running_line_;
  std::list<ExecutionPtr> closed_line_;
  std::map<std::tuple<int32_t, std::string, std::string>, std::vector<WithRun>> loading_;
  // Runs whose rows are going or just went: what a read still finds of them is not taken.
  absl::flat_hash_set<RunKey> erasing_;
  // Rows that wait for their turn to go, and how many are going.
  std::deque<store::DueExecution> to_erase_;
  // Gone for certain: numbers are not used again.
  std::set<base::NamespaceNumber> gone_namespaces_;
  int64_t erasures_in_flight_ = 0;
  // Search attribute types of a namespace snapshot, predefined ones included.
  std::map<int32_t, std::pair<services::NamespacePtr, std::map<std::string, int>>> attribute_types_;

  // Messages to other runs that are not answered yet, by run and message, and who sent them: the
  // newest life of the run.
  absl::flat_hash_map<std::pair<std::string, uint64_t>, ExecutionPtr> deliveries_;

  // Once all of a shard are known: an id that is not among them has no run, and no read is needed
  // to say so.
  KnownIds known_ids_;
  struct IdRange {
    store::ShardRange shards;
    int64_t number = 0;
    base::ExecutionKey after;
  };
  std::deque<IdRange> ids_to_learn_;  // the first is being read
  std::vector<int64_t> id_ranges_;    // by shard: the range that it is learned with, 0 once it is
  int64_t last_id_range_ = 0;
  int64_t ids_until_anew_ = 0;  // at so many they are learned anew
  bool has_too_many_ids_ = false;

  store::DueCursor due_checked_;
  absl::Time next_due_check_ = absl::InfiniteFuture();
  runtime::TimerId due_timer_ = 0;
  runtime::TimerId evict_timer_ = 0;
};

}  // namespace perdure::history
