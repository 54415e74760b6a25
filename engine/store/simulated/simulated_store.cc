#include "store/simulated/simulated_store.h"

#include <map>
#include <utility>
#include <vector>

#include "store/checks.h"
#include "store/simulated/simulated_state.h"

namespace perdure::store::simulated {
namespace {

// What the store shares with the tasks it has posted: those may run after it is gone.
struct Core {
  struct PendingCommit {
    CommitBatch batch;
    Done done;
  };
  using Call = absl::AnyInvocable<void(absl::Status) &&>;

  Core(SimulatedState& state_in, runtime::Loop& loop_in) : state(state_in), loop(loop_in) {}

  SimulatedState& state;
  runtime::Loop& loop;
  absl::Mutex mutex;
  SimulatedFaults faults ABSL_GUARDED_BY(mutex);
  std::vector<PendingCommit> queued ABSL_GUARDED_BY(mutex);
  std::vector<PendingCommit> in_flight ABSL_GUARDED_BY(mutex);
  std::map<int64_t, Call> calls ABSL_GUARDED_BY(mutex);
  int64_t last_call ABSL_GUARDED_BY(mutex) = 0;
  bool is_closed ABSL_GUARDED_BY(mutex) = false;
  std::vector<IncarnationId> registered ABSL_GUARDED_BY(mutex);
  // Callbacks being run by the loop: on a real loop, the store waits for them before it goes.
  int64_t running ABSL_GUARDED_BY(mutex) = 0;
  StoreStatistics statistics ABSL_GUARDED_BY(mutex);
};

// Shared by the store and its posted tasks.
using CorePtr = std::shared_ptr<Core>;
using Commits = std::vector<Core::PendingCommit>;

absl::Duration Between(base::Random& random, absl::Duration min, absl::Duration max) {
  if (max <= min) return min;
  const auto span = static_cast<uint64_t>(absl::ToInt64Microseconds(max - min));
  return min + absl::Microseconds(static_cast<int64_t>(random.Below(span + 1)));
}

void RunAfter(runtime::Loop& loop, absl::Duration delay, runtime::Task task) {
  if (delay <= absl::ZeroDuration()) {
    loop.Post(std::move(task));
  } else {
    loop.After(delay, std::move(task));
  }
}

// What happened to a group: the first `good` batches are done, the next `blamed` are told
// `failure`, and the rest that they followed a failure.
struct GroupOutcome {
  size_t good = 0;
  size_t blamed = 0;
  absl::Status failure;
};

GroupOutcome Apply(Core& core, const Commits& group, StoreStatistics& statistics) {
  GroupOutcome outcome;
  for (const auto& pending : group) {
    outcome.failure = core.state.Commit(pending.batch, statistics.rows_written);
    if (!outcome.failure.ok()) break;
    outcome.good += 1;
    statistics.statements += static_cast<int64_t>(pending.batch.executions.size());
  }
  outcome.blamed = outcome.failure.ok() ? 0 : 1;
  statistics.batches += static_cast<int64_t>(outcome.good);
  statistics.transactions += outcome.good > 0 ? 1 : 0;
  return outcome;
}

GroupOutcome ApplyWithFaults(Core& core, const Commits& group)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(core.mutex) {
  base::Random& random = core.loop.random();
  if (random.Chance(core.faults.commit_unavailable_chance)) {
    return {0, group.size(), absl::UnavailableError("simulated: the database is away")};
  }
  if (random.Chance(core.faults.unknown_chance)) {
    // What loses a commit is a connection that breaks.
    for (const auto& pending : group) core.state.EndSession(pending.batch.incarnation);
    if (random.Chance(0.5)) (void)Apply(core, group, core.statistics);
    return {0, group.size(), absl::UnknownError("simulated: the commit's outcome was lost")};
  }
  return Apply(core, group, core.statistics);
}

void FinishGroup(const CorePtr& core);

// Begins the next group if none is in flight.
void StartGroup(const CorePtr& core) ABSL_EXCLUSIVE_LOCKS_REQUIRED(core->mutex) {
  if (!core->in_flight.empty() || core->queued.empty()) return;
  core->in_flight.swap(core->queued);
}

void ScheduleGroup(const CorePtr& core) {
  // On the loop: only there may its random numbers be drawn.
  absl::Duration delay;
  {
    absl::MutexLock lock(&core->mutex);
    if (core->is_closed || !core->in_flight.empty() || core->queued.empty()) return;
    StartGroup(core);
    delay = Between(core->loop.random(), core->faults.commit_latency_min,
                    core->faults.commit_latency_max);
  }
  RunAfter(core->loop, delay, [core] { FinishGroup(core); });
}

void FinishGroup(const CorePtr& core) {
  Commits group;
  Commits followers;
  GroupOutcome outcome;
  {
    absl::MutexLock lock(&core->mutex);
    if (core->is_closed) return;
    outcome = ApplyWithFaults(*core, core->in_flight);
    core->running += 1;
    group.swap(core->in_flight);
    if (!outcome.failure.ok()) followers.swap(core->queued);
    core->statistics.failed_batches +=
        static_cast<int64_t>(group.size() - outcome.good + followers.size());
  }
  for (size_t i = 0; i < group.size(); ++i) {
    const bool is_good = i < outcome.good;
    const bool is_blamed = !is_good && i < outcome.good + outcome.blamed;
    std::move(group[i].done)(is_good     ? absl::OkStatus()
                             : is_blamed ? outcome.failure
                                         : FollowsFailureError());
  }
  for (auto& follower : followers) std::move(follower.done)(FollowsFailureError());
  {
    absl::MutexLock lock(&core->mutex);
    core->running -= 1;
  }
  ScheduleGroup(core);
}

class SimulatedStoreImplementation final : public SimulatedStore {
 public:
  SimulatedStoreImplementation(SimulatedState& state, runtime::Loop& loop, SimulatedFaults faults,
                               bool is_shared)
      : core_(std::make_shared<Core>(state, loop)), is_shared_(is_shared) {
    SetFaults(faults);
  }

  bool is_shared() const override { return is_shared_; }

  // A crash, seen from the database.
  ~SimulatedStoreImplementation() override {
    Commits commits;
    std::map<int64_t, Core::Call> calls;
    {
      absl::MutexLock lock(&core_->mutex);
      core_->is_closed = true;
      commits.swap(core_->in_flight);
      if (!commits.empty() && core_->loop.random().Chance(core_->faults.crash_commits_chance)) {
        (void)Apply(*core_, commits, core_->statistics);
      }
      for (auto& pending : core_->queued) commits.push_back(std::move(pending));
      core_->queued.clear();
      calls.swap(core_->calls);
      for (const IncarnationId id : core_->registered) core_->state.EndSession(id);
    }
    for (auto& pending : commits) std::move(pending.done)(ClosedError());
    for (auto& [id, call] : calls) std::move(call)(ClosedError());
    // On the loop itself nothing else can be running, but for a callback that ends this store.
    if (core_->loop.IsCurrent()) return;
    absl::MutexLock lock(&core_->mutex);
    core_->mutex.Await(
        absl::Condition(+[](int64_t* running) { return *running == 0; }, &core_->running));
  }

  void SetFaults(SimulatedFaults faults) override {
    absl::MutexLock lock(&core_->mutex);
    core_->faults = faults;
  }

  void Commit(CommitBatch batch, Done done) override {
    {
      absl::MutexLock lock(&core_->mutex);
      core_->queued.push_back({std::move(batch), std::move(done)});
    }
    core_->loop.Post([core = core_] { ScheduleGroup(core); });
  }

  void LoadExecution(NamespaceNumber namespace_number, WorkflowId workflow_id,
                     std::optional<RunId> run_id, Result<LoadedExecution> result) override {
    Ask(std::move(result), [namespace_number, workflow_id, run_id](Core& core) {
      return core.state.Load(namespace_number, workflow_id, run_id);
    });
  }
  void ReadJournal(JournalRange range, Result<std::vector<JournalEntry>> result) override {
    Ask(std::move(result), [range](Core& core) { return core.state.ReadJournal(range); });
  }
  void DueExecutions(std::vector<ShardId> shards, DueCursor after, absl::Time until, int64_t limit,
                     Result<std::vector<DueExecution>> result) override {
    Ask(std::move(result), [shards = std::move(shards), after, until, limit](Core& core) {
      return core.state.Due(shards, after, until, limit);
    });
  }
  void EarliestWake(std::vector<ShardId> shards, absl::Time after,
                    Result<std::optional<absl::Time>> result) override {
    Ask(std::move(result), [shards = std::move(shards), after](Core& core) {
      return core.state.EarliestWake(shards, after);
    });
  }
  void CurrentWorkflows(ShardRange shards, ExecutionKey after, int64_t limit,
                        Result<std::vector<CurrentWorkflow>> result) override {
    Ask(std::move(result), [shards, after, limit](Core& core) {
      return core.state.CurrentWorkflows(shards, after, limit);
    });
  }
  void RunsOfNamespace(NamespaceNumber number, int64_t limit,
                       Result<std::vector<DueExecution>> result) override {
    Ask(std::move(result),
        [number, limit](Core& core) { return core.state.RunsOfNamespace(number, limit); });
  }
  void List(ListQuery query, Result<ListPage> result) override {
    Ask(std::move(result),
        [query = std::move(query)](Core& core) { return core.state.List(query); });
  }
  void Count(CountQuery query, Result<CountResult> result) override {
    Ask(std::move(result),
        [query = std::move(query)](Core& core) { return core.state.Count(query); });
  }
  void ListNamespaces(Result<std::vector<NamespaceRow>> result) override {
    Ask(std::move(result), [](Core& core) { return core.state.ListNamespaces(); });
  }
  void CreateNamespace(NamespaceRow row, Result<NamespaceRow> result) override {
    Ask(std::move(result),
        [row = std::move(row)](Core& core) { return core.state.CreateNamespace(row); });
  }
  void UpdateNamespace(NamespaceRow row, Result<NamespaceRow> result) override {
    Ask(std::move(result),
        [row = std::move(row)](Core& core) { return core.state.UpdateNamespace(row); });
  }
  void DeleteNamespace(NamespaceNumber number, Done done) override {
    Ask(std::move(done), [number](Core& core) { return core.state.DeleteNamespace(number); });
  }
  void ListSearchAttributes(Result<std::vector<SearchAttributeRow>> result) override {
    Ask(std::move(result), [](Core& core) { return core.state.ListSearchAttributes(); });
  }
  void AddSearchAttribute(SearchAttributeRow row, Done done) override {
    Ask(std::move(done),
        [row = std::move(row)](Core& core) { return core.state.AddSearchAttribute(row); });
  }
  void RemoveSearchAttribute(SearchAttributeRow row, Done done) override {
    Ask(std::move(done),
        [row = std::move(row)](Core& core) { return core.state.RemoveSearchAttribute(row); });
  }
  void GetSetting(std::string key, Result<std::optional<std::string>> result) override {
    Ask(std::move(result),
        [key = std::move(key)](Core& core) { return core.state.GetSetting(key); });
  }
  void PutSettingIfAbsent(std::string key, std::string value, Result<std::string> result) override {
    Ask(std::move(result), [key = std::move(key), value = std::move(value)](Core& core) {
      return core.state.PutSettingIfAbsent(key, value);
    });
  }
  void RegisterIncarnation(NodeFacts node, Result<IncarnationId> result) override {
    Ask(std::move(result), [node = std::move(node)](Core& core) {
      const IncarnationId id = core.state.RegisterIncarnation(node, core.loop.Now());
      absl::MutexLock lock(&core.mutex);
      core.registered.push_back(id);
      return id;
    });
  }
  void Heartbeat(IncarnationId id, bool is_leaving, Result<ClusterState> result) override {
    Ask(std::move(result), [id, is_leaving](Core& core) {
      return core.state.Heartbeat(id, is_leaving, core.loop.Now());
    });
  }
  void ListIncarnations(Result<std::vector<Incarnation>> result) override {
    Ask(std::move(result), [](Core& core) { return core.state.ListIncarnations(core.loop.Now()); });
  }
  void Fence(IncarnationId id, Done done) override {
    Ask(std::move(done), [id](Core& core) { return core.state.Fence(id); });
  }
  void ClaimShards(IncarnationId claimant, std::vector<ShardId> shards,
                   Result<std::vector<ShardOwner>> result) override {
    Ask(std::move(result), [claimant, shards = std::move(shards)](Core& core) {
      return core.state.ClaimShards(claimant, shards);
    });
  }
  void HandOver(IncarnationId from, IncarnationId to, std::vector<ShardId> shards,
                Done done) override {
    Ask(std::move(done), [from, to, shards = std::move(shards)](Core& core) {
      return core.state.HandOver(from, to, shards);
    });
  }
  void ListShards(Result<std::vector<ShardOwner>> result) override {
    Ask(std::move(result), [](Core& core) { return core.state.ListShards(); });
  }
  void Ping(Done done) override {
    Ask(std::move(done), [](Core&) { return absl::OkStatus(); });
  }

  StoreStatistics statistics() const override {
    absl::MutexLock lock(&core_->mutex);
    return core_->statistics;
  }

 private:
  // Remembers the call, so that it is answered even if the store goes first; runs it on the loop.
  template <class Answer, class Body>
  void Ask(Answer answer, Body body) {
    const CorePtr core = core_;
    int64_t id = 0;
    {
      absl::MutexLock lock(&core->mutex);
      id = ++core->last_call;
      core->calls[id] = [core = core.get(), answer = std::move(answer),
                         body = std::move(body)](absl::Status status) mutable {
        if (!status.ok()) return std::move(answer)(status);
        std::move(answer)(body(*core));
      };
    }
    core->loop.Post([core, id] { Delay(core, id); });
  }

  static void Delay(const CorePtr& core, int64_t id) {
    absl::Duration delay;
    absl::Status status;
    {
      absl::MutexLock lock(&core->mutex);
      if (core->is_closed) return;
      base::Random& random = core->loop.random();
      delay = Between(random, core->faults.read_latency_min, core->faults.read_latency_max);
      if (random.Chance(core->faults.call_unavailable_chance)) {
        status = absl::UnavailableError("simulated: the database is away");
      }
    }
    if (delay <= absl::ZeroDuration()) return Finish(core, id, status);
    core->loop.After(delay, [core, id, status] { Finish(core, id, status); });
  }

  static void Finish(const CorePtr& core, int64_t id, const absl::Status& status) {
    Core::Call call;
    {
      absl::MutexLock lock(&core->mutex);
      const auto found = core->calls.find(id);
      if (found == core->calls.end()) return;
      call = std::move(found->second);
      core->calls.erase(found);
      core->statistics.reads += 1;
      core->running += 1;
    }
    std::move(call)(status);
    absl::MutexLock lock(&core->mutex);
    core->running -= 1;
  }

  const CorePtr core_;
  const bool is_shared_;
};

}  // namespace

SimulatedDatabase::SimulatedDatabase() : state_(std::make_unique<SimulatedState>()) {}
SimulatedDatabase::~SimulatedDatabase() = default;
uint64_t SimulatedDatabase::Fingerprint() const { return state_->Fingerprint(); }

std::unique_ptr<SimulatedStore> MakeSimulatedStore(SimulatedDatabase& database, runtime::Loop& loop,
                                                   SimulatedFaults faults, bool is_shared) {
  return std::make_unique<SimulatedStoreImplementation>(database.state(), loop, faults, is_shared);
}

}  // namespace perdure::store::simulated
