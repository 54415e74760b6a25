#include "history/core.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/errors.h"
#include "base/log.h"
#include "history/revive.h"
#include "machines/workflow/decide/delivery.h"
#include "machines/workflow/decide/overgrown.h"
#include "machines/workflow/decide/task.h"
#include "machines/workflow/load.h"
#include "query/attributes.h"
#include "query/filter.h"

namespace perdure::history {
namespace {

// How long to wait before reading a run's rows again while they are being erased.
constexpr absl::Duration kEraseLook = absl::Milliseconds(5);

absl::Status NotServing() {
  return base::Unavailable(
      "this server does not serve now: it is starting, on standby, or stopping");
}

// What is stored of the run cannot be what was written: it is left as it is, and nothing is done
// on it.
absl::Status Unreadable(const Execution& execution, const absl::Status& status) {
  base::LogError("the stored state of a run is damaged", {{"namespace", execution.name_space->name},
                                                          {"workflow_id", execution.workflow_id},
                                                          {"run_id", execution.run_id},
                                                          {"error", status}});
  return base::Internal("the stored state of the workflow execution is unreadable");
}

absl::Status RunNotFound(const std::string& workflow_id, const std::string& run_id) {
  if (run_id.empty()) {
    return base::NotFound(absl::StrCat("workflow not found for ID: ", workflow_id));
  }
  return base::NotFound(absl::StrCat("workflow execution not found for workflow ID \"", workflow_id,
                                     "\" and run ID \"", run_id, "\""));
}

}  // namespace

Core::Core(runtime::Loop& loop, store::Store& store, services::Namespaces& namespaces,
           CoreOptions options)
    : loop_(loop),
      store_(store),
      namespaces_(namespaces),
      options_(options),
      meters_(options.metrics),
      shard_states_(base::kShardCount, ShardState::kElsewhere),
      shard_lives_(base::kShardCount, 0),
      served_since_(base::kShardCount, absl::InfinitePast()),
      id_ranges_(base::kShardCount, 0) {
  Committer::Hooks hooks;
  hooks.drop = [this](const std::vector<ExecutionPtr>& executions) {
    for (const ExecutionPtr& execution : executions) Drop(execution);
  };
  hooks.fenced = [this](const absl::Status&) {
    StopServing();
    if (on_fenced_) on_fenced_();
  };
  hooks.committed = [this](const ExecutionPtr& execution) { Committed(execution); };
  committer_ = std::make_unique<Committer>(loop_, store_, meters_, CommitPace(options_.gather_max),
                                           std::move(hooks));
}

Core::~Core() {
  // Those who wait hold the run that they wait for.
  for (const auto& [key, execution] : by_run_) {
    const auto history_waiters = std::move(execution->history_waiters);
    const auto update_waiters = std::move(execution->update_waiters);
    const auto queries = std::move(execution->queries);
  }
}

machines::Context Core::ContextFor(const services::NamespacePtr& name_space) {
  auto& types = attribute_types_[name_space->number.value()];
  if (types.first != name_space) {
    types.first = name_space;
    types.second.clear();
    for (const auto& [name, type] : name_space->search_attributes) types.second[name] = type;
    for (const auto& [name, type] : query::PredefinedAttributes()) {
      types.second[name] = query::TypeToWire(type);
    }
  }
  machines::Context context;
  context.now_ns = absl::ToUnixNanos(loop_.Now());
  context.random = &loop_.random();
  context.limits = &name_space->limits;
  context.name_space = {name_space->number.value(), name_space->id, name_space->name};
  context.search_attributes = &types.second;
  context.find_namespace =
      [this](absl::string_view name) -> std::optional<machines::NamespaceFacts> {
    const auto found = namespaces_.Find(name);
    if (!found.ok()) return std::nullopt;
    return machines::NamespaceFacts{(*found)->number.value(), (*found)->id, (*found)->name};
  };
  return context;
}

// --- Loading
// ------------------------------------------------------------------------------------------

void Core::With(const services::NamespacePtr& name_space, const std::string& workflow_id,
                const std::string& run_id, WithRun callback) {
  if (!is_serving_) return std::move(callback)(NotServing());
  const base::ShardId shard = base::ShardOf(name_space->number, workflow_id);
  if (!Serves(shard)) return std::move(callback)(base::ShardMoved());
  const int32_t number = name_space->number.value();
  const auto& index = run_id.empty() ? current_ : by_run_;
  const auto found = index.find(RunKey(number, run_id.empty() ? workflow_id : run_id));
  if (found != index.end()) {
    const ExecutionPtr execution = found->second;
    if (execution->workflow_id != workflow_id) {
      return std::move(callback)(RunNotFound(workflow_id, run_id));
    }
    execution->name_space = name_space;
    Touch(execution);
    return std::move(callback)(execution);
  }
  const bool is_known_shard = id_ranges_[shard.value()] == 0 && !has_too_many_ids_;
  if (run_id.empty() && is_known_shard && !known_ids_.MayHold(name_space->number, workflow_id)) {
    // Another may have taken over, and a run may have begun there.
    return std::move(callback)(Vouched(RunNotFound(workflow_id, run_id)));
  }
  auto& waiting = loading_[std::tuple(number, workflow_id, run_id)];
  waiting.push_back(std::move(callback));
  if (waiting.size() == 1) Load(name_space, workflow_id, run_id);
}

absl::Status Core::Vouched(absl::Status refusal) const {
  return CanVouch() ? std::move(refusal) : NotServing();
}

void Core::Show(const services::NamespacePtr& name_space, const std::string& workflow_id,
                const std::string& run_id, WithRun callback) {
  if (!CanVouch()) return std::move(callback)(NotServing());
  With(name_space, workflow_id, run_id, std::move(callback));
}

void Core::Load(const services::NamespacePtr& name_space, const std::string& workflow_id,
                const std::string& run_id) {
  if (committer_->IsInDoubt()) {
    // What is under way may land yet, and a read be faster.
    return committer_->AfterAll(
        [this, name_space, workflow_id, run_id] { Load(name_space, workflow_id, run_id); });
  }
  std::optional<base::RunId> wanted;
  if (!run_id.empty()) wanted = base::RunId(run_id);
  meters_.RunLoaded();
  const auto shard = static_cast<size_t>(base::ShardOf(name_space->number, workflow_id).value());
  store_.LoadExecution(name_space->number, base::WorkflowId(workflow_id), wanted,
                       [this, name_space, workflow_id, run_id, shard,
                        life = shard_lives_[shard]](absl::StatusOr<store::LoadedExecution> loaded) {
                         loop_.Post([this, name_space, workflow_id, run_id, shard, life,
                                     loaded = std::move(loaded)]() mutable {
                           if (life != shard_lives_[shard]) {
                             // The shard was away meanwhile; those who ask since it is back wait
                             // for this, too.
                             if (Serves(base::ShardId(static_cast<int32_t>(shard)))) {
                               return Load(name_space, workflow_id, run_id);
                             }
                             loaded = base::ShardMoved();
                           }
                           Loaded(name_space, workflow_id, run_id, std::move(loaded));
                         });
                       });
}

void Core::Loaded(const services::NamespacePtr& name_space, const std::string& workflow_id,
                  const std::string& run_id, absl::StatusOr<store::LoadedExecution> loaded) {
  if (is_serving_ && loaded.ok() &&
      erasing_.contains(RunKey(name_space->number.value(), loaded->run_id.value()))) {
    // Read before its rows went. Those who wait are told what there is afterwards.
    loop_.After(kEraseLook,
                [this, name_space, workflow_id, run_id] { Load(name_space, workflow_id, run_id); });
    return;
  }
  const auto waiting = loading_.find(std::tuple(name_space->number.value(), workflow_id, run_id));
  std::vector<WithRun> callbacks = std::move(waiting->second);
  loading_.erase(waiting);
  absl::StatusOr<ExecutionPtr> execution = absl::UnknownError("");
  // Meanwhile it may have come into the cache: created, or loaded under its other name.
  const auto& index = run_id.empty() ? current_ : by_run_;
  const auto found =
      index.find(RunKey(name_space->number.value(), run_id.empty() ? workflow_id : run_id));
  bool is_new = false;
  if (!is_serving_) {
    execution = NotServing();
  } else if (!Serves(base::ShardOf(name_space->number, workflow_id))) {
    execution = base::ShardMoved();
  } else if (found != index.end()) {
    execution = found->second;
  } else if (!loaded.ok()) {
    execution = loaded.status().code() == absl::StatusCode::kNotFound
                    ? RunNotFound(workflow_id, run_id)
                    : loaded.status();
  } else {
    const auto by_run = by_run_.find(RunKey(name_space->number.value(), loaded->run_id.value()));
    if (by_run != by_run_.end()) {
      execution = by_run->second;
    } else {
      execution = Rebuild(name_space, *std::move(loaded));
      is_new = execution.ok();
    }
  }
  if (is_new) {
    const ExecutionPtr& run = *execution;
    Adopt(run);
    machines::Decision recovery = machines::DecideRecovery(run->state, ContextFor(run->name_space));
    if (recovery.record.changes_size() > 0) {
      Apply(run, std::move(recovery), [](absl::Status) {});
    }
    PushTasks(run);
    SendOutbox(run);
    ArmTimer(run);
  }
  Answer(name_space, workflow_id, run_id, std::move(callbacks), std::move(execution));
}

// What one of them does the next one finds: two starts of an id do not begin two runs.
void Core::Answer(const services::NamespacePtr& name_space, const std::string& workflow_id,
                  const std::string& run_id, std::vector<WithRun> callbacks,
                  absl::StatusOr<ExecutionPtr> execution) {
  const auto& index = run_id.empty() ? current_ : by_run_;
  const auto key = RunKey(name_space->number.value(), run_id.empty() ? workflow_id : run_id);
  const base::ShardId shard = base::ShardOf(name_space->number, workflow_id);
  bool is_first = true;
  for (WithRun& callback : callbacks) {
    if (!std::exchange(is_first, false) && Serves(shard)) {
      const auto found = index.find(key);
      if (found != index.end()) {
        execution = found->second;
      } else if (execution.ok()) {
        With(name_space, workflow_id, run_id, std::move(callback));
        continue;
      }
    }
    std::move(callback)(execution);
  }
}

absl::StatusOr<ExecutionPtr> Core::Rebuild(const services::NamespacePtr& name_space,
                                           store::LoadedExecution loaded) {
  auto execution = std::make_shared<Execution>();
  execution->key = loaded.key;
  execution->workflow_id = loaded.workflow_id.value();
  execution->run_id = loaded.run_id.value();
  execution->name_space = name_space;
  execution->is_current = loaded.is_current;
  execution->row_wake_at = loaded.wake_at;
  execution->last_used = loop_.Now();
  if (loaded.snapshot.has_value()) {
    auto state = machines::LoadSnapshot(loaded.snapshot->bytes);
    if (!state.ok()) return Unreadable(*execution, state.status());
    execution->state = *std::move(state);
    execution->snapshot_sequence = loaded.snapshot->sequence;
    execution->last_sequence = loaded.snapshot->sequence;
    execution->snapshot_bytes = static_cast<int64_t>(loaded.snapshot->bytes.size());
  }
  for (const store::JournalEntry& entry : loaded.tail) {
    if (entry.sequence != execution->last_sequence + 1) {
      return Unreadable(*execution, absl::DataLossError("a journal has a gap"));
    }
    const auto record = machines::LoadRecord(execution->state, entry.record);
    if (!record.ok()) return Unreadable(*execution, record.status());
    for (const pb::Change& change : record->changes()) {
      if (change.has_event()) KeepEvent(*execution, change.event());
    }
    execution->last_sequence = entry.sequence;
    execution->journal_bytes_since_snapshot += static_cast<int64_t>(entry.record.size());
  }
  execution->state_bytes_max = execution->snapshot_bytes + execution->journal_bytes_since_snapshot;
  execution->committed_next_event_id = execution->state.info.next_event_id();
  for (const uint64_t id : execution->state.outbox.Keys()) {
    execution->outbox_inherited = std::max(execution->outbox_inherited, id);
  }
  execution->outbox_durable = execution->outbox_inherited;
  return execution;
}

void Core::Adopt(const ExecutionPtr& execution) {
  const int32_t number = execution->name_space->number.value();
  by_run_[RunKey(number, execution->run_id)] = execution;
  if (execution->is_current) current_[RunKey(number, execution->workflow_id)] = execution;
  Touch(execution);
}

void Core::Touch(const ExecutionPtr& execution) {
  execution->last_used = loop_.Now();
  std::list<ExecutionPtr>& line = execution->state.IsRunning() ? running_line_ : closed_line_;
  if (execution->line != nullptr) {
    line.splice(line.end(), *execution->line, execution->place);
  } else {
    execution->place = line.insert(line.end(), execution);
  }
  execution->line = &line;
}

void Core::Drop(const ExecutionPtr& execution) {
  const int32_t number = execution->name_space->number.value();
  const auto by_run = by_run_.find(RunKey(number, execution->run_id));
  if (by_run != by_run_.end() && by_run->second == execution) by_run_.erase(by_run);
  const auto current = current_.find(RunKey(number, execution->workflow_id));
  if (current != current_.end() && current->second == execution) current_.erase(current);
  if (execution->line != nullptr) execution->line->erase(execution->place);
  execution->line = nullptr;
  if (execution->timer != 0) loop_.Cancel(execution->timer);
  execution->timer = 0;
  auto history_waiters = std::move(execution->history_waiters);
  execution->history_waiters.clear();
  for (auto& waiter : history_waiters) std::move(waiter.wake)();
  auto update_waiters = std::move(execution->update_waiters);
  execution->update_waiters.clear();
  for (auto& waiter : update_waiters) {
    machines::UpdateNotice notice;
    notice.update_id = waiter.update_id;
    notice.aborted = base::Unavailable("workflow update was aborted, try again");
    waiter.notify(notice);
  }
  auto queries = std::move(execution->queries);
  execution->queries.clear();
  for (auto& [id, query] : queries) {
    std::move(query.reply)(base::Unavailable("the workflow execution was unloaded, try again"));
  }
  // Whatever was durable and unfinished is seen to again.
  if (IsServed(*execution) && execution->is_dropped) {
    loop_.Post([this, name_space = execution->name_space, workflow_id = execution->workflow_id,
                run_id = execution->run_id] {
      if (is_serving_) Revive(*this, name_space, workflow_id, run_id);
    });
  }
}

// --- Transitions
// --------------------------------------------------------------------------------------

void Core::KeepEvents(Execution& execution, pb::JournalRecord record) {
  for (pb::Change& change : *record.mutable_changes()) {
    if (change.has_event()) KeepEvent(execution, std::move(*change.mutable_event()));
  }
}

void Core::KeepEvent(Execution& execution, HistoryEvent event) {
  execution.recent_bytes += static_cast<int64_t>(event.ByteSizeLong());
  execution.recent_events.push_back(std::make_shared<const HistoryEvent>(std::move(event)));
  // Events not yet committed are nowhere else.
  while (execution.recent_bytes > options_.recent_bytes_max && execution.recent_events.size() > 1 &&
         execution.recent_events.front()->event_id() < execution.committed_next_event_id &&
         execution.recent_events.front()->event_id() <
             execution.state.info.last_task_started_event_id()) {
    execution.recent_bytes -= static_cast<int64_t>(execution.recent_events.front()->ByteSizeLong());
    execution.recent_events.pop_front();
  }
}

void Core::ApplyChanges(const ExecutionPtr& execution, const pb::JournalRecord& record) {
  if (execution->unflushed.empty()) {
    execution->unflushed_first_event_id = execution->state.info.next_event_id();
  }
  for (const pb::Change& change : record.changes()) {
    execution->state.Apply(change);
    if (!machines::IsVolatile(change)) machines::AppendChange(change, execution->unflushed);
  }
}

void Core::QueueCommit(const ExecutionPtr& execution) {
  Execution& run = *execution;
  Committer::Entry& entry = committer_->Queue(execution);
  std::string bytes = std::exchange(run.unflushed, std::string());
  run.journal_bytes_since_snapshot += static_cast<int64_t>(bytes.size());
  if (entry.commit.journal_record.empty()) {
    run.state.EndRecord(run.unflushed_first_event_id);
    entry.commit.journal_sequence = ++run.last_sequence;
    entry.commit.journal_record = std::move(bytes);
  } else {
    // The record that waits takes these changes along: serialized messages concatenate.
    entry.commit.journal_record += bytes;
  }
  entry.next_event_id = run.state.info.next_event_id();
  const bool is_closed = !run.state.IsRunning();
  // Held in memory with work to do: found again by whoever takes over.
  std::optional<absl::Time> wake_at = absl::UnixEpoch();
  if (is_closed) {
    wake_at = absl::FromUnixNanos(run.state.info.close_time_ns()) + run.name_space->retention;
    if (!run.state.outbox.empty()) wake_at = absl::UnixEpoch();
  }
  const bool is_due_already = run.row_wake_at.has_value() && *run.row_wake_at <= absl::UnixEpoch();
  if (is_closed ? run.row_wake_at != wake_at : !is_due_already) {
    entry.commit.wake_at = wake_at;
    run.row_wake_at = wake_at;
  }
  if (is_closed) entry.commit.is_closed = true;
  FillSnapshot(execution, entry.commit);
  if (is_closed && wake_at.has_value() && *wake_at > absl::UnixEpoch()) ScheduleDueCheck(*wake_at);
  if (is_closed && run.line == &running_line_) Touch(execution);
}

Core::Effects Core::EffectsOf(const ExecutionPtr& execution, const machines::Decision& decision) {
  Execution& run = *execution;
  Effects effects;
  const int64_t now_ns = absl::ToUnixNanos(loop_.Now());
  std::vector<EventId> touched;
  for (const pb::Change& change : decision.record.changes()) {
    switch (change.kind_case()) {
      case pb::Change::kEvent:
        switch (change.event().event_type()) {
          case machines::enums::EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            touched.push_back(change.event().event_id());
            break;
          case machines::enums::EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
            effects.gone.push_back(
                change.event().activity_task_timed_out_event_attributes().scheduled_event_id());
            break;
          case machines::enums::EVENT_TYPE_ACTIVITY_TASK_CANCELED:
            effects.gone.push_back(
                change.event().activity_task_canceled_event_attributes().scheduled_event_id());
            break;
          case machines::enums::EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
          case machines::enums::EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
          case machines::enums::EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED:
          case machines::enums::EVENT_TYPE_WORKFLOW_EXECUTION_PAUSED:
          case machines::enums::EVENT_TYPE_WORKFLOW_EXECUTION_UNPAUSED:
            effects.changes_row = true;
            break;
          default:
            effects.changes_row |= !run.state.IsRunning();
            break;
        }
        break;
      case pb::Change::kActivity:
        touched.push_back(change.activity().scheduled_event_id());
        break;
      case pb::Change::kActivityDue:
        touched.push_back(change.activity_due());
        break;
      case pb::Change::kOutboxAdded:
        effects.last_message = std::max(effects.last_message, change.outbox_added().id());
        break;
      default:
        break;
    }
  }
  for (const EventId id : touched) {
    const machines::Activity* activity = run.state.activities.Find(id);
    if (activity == nullptr || activity->info.started_time_ns() != 0) continue;
    if (activity->info.has_pause() || run.state.IsPaused()) continue;
    if (!activity->is_due) {
      if (activity->info.scheduled_time_ns() > now_ns) continue;
      pb::Change due;
      due.set_activity_due(id);
      run.state.Apply(due);
    }
    effects.activities.push_back(id);
  }
  const pb::WorkflowTask& task = run.state.info.workflow_task();
  if (run.state.HasUnstartedTask() && !run.state.IsPaused() &&
      task.stamp() != run.dispatched_task_stamp) {
    run.dispatched_task_stamp = task.stamp();
    effects.has_task = true;
  }
  return effects;
}

void Core::AnswerMoved(After after) {
  loop_.Post([after = std::move(after)]() mutable { std::move(after)(base::ShardMoved()); });
}

void Core::Apply(const ExecutionPtr& execution, machines::Decision decision, After after) {
  // On its way to another owner, which would not know of it.
  if (!IsServed(*execution)) return AnswerMoved(std::move(after));
  if (decision.record.changes_size() == 0) {
    // A repeat: true once what it repeats is durable.
    return committer_->AfterCommits(execution, std::move(after));
  }
  const int64_t state_bytes = StateBytesAfter(*execution, decision);
  auto overgrown = machines::DecideOvergrown(execution->state, decision, state_bytes,
                                             ContextFor(execution->name_space));
  if (overgrown.has_value()) {
    meters_.HistoryGrew(*execution->name_space, "limit");
    base::LogWarning("a run was terminated: it has outgrown a limit",
                     {{"namespace", execution->name_space->name},
                      {"workflow_id", execution->workflow_id},
                      {"run_id", execution->run_id},
                      {"reason", overgrown->answer}});
    return Apply(execution, std::move(overgrown->termination),
                 [answer = std::move(overgrown->answer),
                  after = std::move(after)](absl::Status status) mutable {
                   std::move(after)(status.ok() ? std::move(answer) : std::move(status));
                 });
  }
  const bool is_durable = !decision.is_lazy && decision.HasDurableChanges();
  const bool was_running = execution->state.IsRunning();
  // May be on a task queue; not worth a look at each.
  const bool had_tasks =
      execution->state.HasUnstartedTask() || !execution->state.activities.empty();
  const EventId events_before = execution->state.info.next_event_id() - 1;
  const int64_t bytes_before = execution->state.info.history_size_bytes();
  ApplyChanges(execution, decision.record);
  NoteGrowth(*execution, events_before, bytes_before);
  NoteState(*execution, state_bytes);
  std::vector<machines::NewRun> new_runs = std::move(decision.new_runs);
  Effects effects = EffectsOf(execution, decision);
  effects.closes = was_running && !execution->state.IsRunning();
  effects.leaves_tasks = effects.closes && had_tasks;
  KeepEvents(*execution, std::move(decision.record));
  if (is_durable) {
    QueueCommit(execution);
    if (effects.changes_row) FillVisibility(execution, committer_->Queue(execution).commit);
  }
  for (machines::NewRun& run : new_runs) {
    Create(execution->name_space, execution->workflow_id, std::move(run), execution,
           [](absl::Status) {});
  }
  ArmTimer(execution);
  committer_->AfterCommits(execution,
                           [this, execution, effects, notices = std::move(decision.update_notices),
                            after = std::move(after)](absl::Status status) mutable {
                             if (status.ok() && !execution->is_dropped) {
                               CarryOut(execution, effects, std::move(notices));
                             }
                             std::move(after)(std::move(status));
                           });
}

void Core::Flush(const ExecutionPtr& execution, After after) {
  if (!execution->unflushed.empty()) QueueCommit(execution);
  committer_->AfterCommits(execution, std::move(after));
}

ExecutionPtr Core::Create(const services::NamespacePtr& name_space, const std::string& workflow_id,
                          machines::NewRun run, const ExecutionPtr& current, After after) {
  const base::ShardId shard = base::ShardOf(name_space->number, workflow_id);
  auto execution = std::make_shared<Execution>();
  execution->key = {shard, base::ExecutionNumber(++last_number_)};
  execution->workflow_id = workflow_id;
  execution->run_id = run.run_id;
  execution->name_space = name_space;
  execution->is_current = true;
  KnowId(name_space->number, workflow_id);
  if (current != nullptr && current->is_current) {
    current->is_current = false;
    // Ahead of the new run in the batch, so that there is never more than one current run.
    committer_->Queue(current).commit.stop_being_current = true;
  }
  Adopt(execution);
  Committer::Entry& entry = committer_->Queue(execution);
  entry.commit.create = store::ExecutionCommit::Create{
      name_space->number, base::WorkflowId(workflow_id), base::RunId(run.run_id), true};
  machines::Decision decision;
  decision.record = std::move(run.record);
  Apply(execution, std::move(decision), std::move(after));
  return execution;
}

void Core::CarryOut(const ExecutionPtr& execution, const Effects& effects,
                    std::vector<machines::UpdateNotice> notices) {
  if (!is_serving_) return;
  for (const EventId id : effects.gone) {
    matching_->ForgetTasks(execution->name_space, execution->run_id, id);
  }
  if (effects.closes) {
    const pb::ExecutionInfo& info = execution->state.info;
    if (effects.leaves_tasks) {
      matching_->ForgetTasks(execution->name_space, execution->run_id, 0);
    }
    meters_.RunClosed(*execution->name_space, info.status(),
                      absl::Nanoseconds(info.close_time_ns() - info.start_time_ns()));
  }
  if (effects.has_task) PushWorkflowTask(execution);
  for (const EventId id : effects.activities) PushActivity(execution, id);
  if (effects.last_message > 0) {
    execution->outbox_durable = std::max(execution->outbox_durable, effects.last_message);
    SendOutbox(execution);
  }
  for (const machines::UpdateNotice& notice : notices) {
    auto waiters = std::move(execution->update_waiters);
    execution->update_waiters.clear();
    for (auto& waiter : waiters) {
      if (waiter.update_id == notice.update_id && waiter.notify(notice)) continue;
      execution->update_waiters.push_back(std::move(waiter));
    }
  }
}

}  // namespace perdure::history
