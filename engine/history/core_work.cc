// What a Core does by itself: tasks to matching, messages to other runs, deadlines, waking and
// evicting runs.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/errors.h"
#include "history/core.h"
#include "history/deliveries.h"
#include "history/revive.h"
#include "machines/workflow/decide/delivery.h"
#include "machines/workflow/decide/task.h"

namespace perdure::history {
namespace {

// When a closed run that somebody looks at is tried again.
constexpr absl::Duration kBusyLook = absl::Seconds(5);
// Longer than a router looks for the owner of a message's target (cluster/routing.h).
constexpr absl::Duration kCopiesLive = absl::Seconds(10);
// So many runs leave memory at a time, for requests wait meanwhile.
constexpr int64_t kEvictAtOnce = 100;
constexpr absl::Duration kEvictPause = absl::Milliseconds(1);
constexpr absl::Duration kEvictInterval = absl::Seconds(2);

}  // namespace

// --- Tasks
// --------------------------------------------------------------------------------------------

void Core::PushWorkflowTask(const ExecutionPtr& execution) {
  const State& state = execution->state;
  const pb::WorkflowTask& task = state.info.workflow_task();
  if (!state.HasUnstartedTask() || state.IsPaused()) return;
  services::WorkflowTask out;
  out.key.name_space = execution->name_space;
  out.key.workflow_id = execution->workflow_id;
  out.key.run_id = execution->run_id;
  out.key.scheduled_event_id = task.scheduled_event_id();
  out.key.attempt = task.attempt();
  out.key.stamp = task.stamp();
  out.is_sticky = task.is_on_sticky_queue() && state.IsSticky();
  out.task_queue = out.is_sticky ? state.info.sticky().task_queue() : state.info.task_queue();
  out.normal_task_queue = state.info.task_queue();
  out.priority = state.info.priority();
  out.scheduled_time = absl::FromUnixNanos(task.scheduled_time_ns());
  matching_->AddWorkflowTask(std::move(out));
}

void Core::PushActivity(const ExecutionPtr& execution, EventId scheduled_event_id) {
  const machines::Activity* activity = execution->state.activities.Find(scheduled_event_id);
  if (activity == nullptr || activity->info.started_time_ns() != 0) return;
  services::ActivityTask out;
  out.key.name_space = execution->name_space;
  out.key.workflow_id = execution->workflow_id;
  out.key.run_id = execution->run_id;
  out.key.scheduled_event_id = scheduled_event_id;
  out.key.attempt = activity->info.attempt();
  out.key.stamp = activity->info.stamp();
  out.task_queue = activity->info.task_queue();
  // Temporal: an activity's priority lies over its workflow's.
  out.priority = execution->state.info.priority();
  out.priority.MergeFrom(activity->info.priority());
  out.scheduled_time = absl::FromUnixNanos(activity->info.scheduled_time_ns());
  matching_->AddActivityTask(std::move(out));
}

void Core::PushTasks(const ExecutionPtr& execution) {
  State& state = execution->state;
  if (!state.IsRunning() || state.IsPaused()) return;
  if (state.HasUnstartedTask()) {
    execution->dispatched_task_stamp = state.info.workflow_task().stamp();
    PushWorkflowTask(execution);
  }
  const int64_t now_ns = absl::ToUnixNanos(loop_.Now());
  for (const EventId id : state.activities.Keys()) {
    const machines::Activity& activity = *state.activities.Find(id);
    if (activity.info.started_time_ns() != 0 || activity.info.has_pause()) continue;
    if (activity.info.scheduled_time_ns() > now_ns) continue;
    pb::Change due;
    due.set_activity_due(id);
    state.Apply(due);
    PushActivity(execution, id);
  }
}

void Core::PushAll(const std::string& task_queue, bool activities) {
  std::vector<ExecutionPtr> runs;
  for (const auto& [key, execution] : by_run_) {
    const State& state = execution->state;
    if (!state.IsRunning()) continue;
    const bool has_task = state.HasUnstartedTask() && state.info.task_queue() == task_queue;
    if (activities ? !state.activities.empty() : has_task) runs.push_back(execution);
  }
  std::sort(runs.begin(), runs.end(),
            [](const ExecutionPtr& a, const ExecutionPtr& b) { return a->key < b->key; });
  for (const ExecutionPtr& execution : runs) PushTasks(execution);
}

void Core::PushMoved(const services::QueueFilter& moved) {
  std::vector<ExecutionPtr> runs;
  for (const auto& [key, execution] : by_run_) {
    const State& state = execution->state;
    if (!state.IsRunning() || !IsServed(*execution)) continue;
    const base::NamespaceNumber number = execution->name_space->number;
    bool has_moved = state.HasUnstartedTask() &&
                     (moved(number, state.info.task_queue(), services::QueueKind::kWorkflow) ||
                      (state.IsSticky() && moved(number, state.info.sticky().task_queue(),
                                                 services::QueueKind::kWorkflow)));
    for (const EventId id : state.activities.Keys()) {
      if (has_moved) break;
      has_moved = moved(number, state.activities.Find(id)->info.task_queue(),
                        services::QueueKind::kActivity);
    }
    if (has_moved) runs.push_back(execution);
  }
  std::sort(runs.begin(), runs.end(),
            [](const ExecutionPtr& a, const ExecutionPtr& b) { return a->key < b->key; });
  for (const ExecutionPtr& execution : runs) PushTasks(execution);
}

// --- Messages
// -----------------------------------------------------------------------------------------

void Core::SendOutbox(const ExecutionPtr& execution) {
  if (execution->state.outbox.empty()) return;
  for (const uint64_t id : execution->state.outbox.Keys()) {
    if (id > execution->outbox_durable || execution->outbox_in_flight.contains(id)) continue;
    // One that goes to nobody is through at once, and then others may have been sent or be through.
    const pb::OutboxMessage* found = execution->state.outbox.Find(id);
    if (found == nullptr) continue;
    const pb::OutboxMessage message = *found;
    // In order to each target: a child is not closed before it is started.
    bool waits = false;
    for (const auto& [other, unused] : execution->outbox_in_flight) {
      const pb::OutboxMessage* before = execution->state.outbox.Find(other);
      waits |= before != nullptr && other < id &&
               before->target_workflow_id() == message.target_workflow_id();
    }
    if (waits) continue;
    execution->outbox_in_flight[id] = true;
    Deliver(execution, message);
  }
}

void Core::Deliver(const ExecutionPtr& execution, const pb::OutboxMessage& message) {
  machines::Delivery delivery;
  delivery.message = message;
  const services::NamespacePtr& own = execution->name_space;
  delivery.sender_namespace = {own->number.value(), own->id, own->name};
  delivery.sender_workflow_id = execution->workflow_id;
  delivery.sender_run_id = execution->run_id;
  delivery.sender_root_workflow_id = execution->state.info.root_workflow_id();
  delivery.sender_root_run_id = execution->state.info.root_run_id();
  delivery.sender_priority = execution->state.info.priority();
  switch (message.message_case()) {
    case pb::OutboxMessage::kStartChild: {
      const machines::Child* child =
          execution->state.children.Find(message.start_child().initiated_event_id());
      // The parent has closed: nobody asks for the child any more.
      if (child == nullptr) return Delivered(execution, message.id(), absl::OkStatus(), "");
      delivery.initiated = *child->initiated;
      break;
    }
    case pb::OutboxMessage::kSignalExternal: {
      const auto* event =
          execution->state.pending_signals.Find(message.signal_external().initiated_event_id());
      if (event == nullptr) return Delivered(execution, message.id(), absl::OkStatus(), "");
      delivery.initiated = **event;
      break;
    }
    case pb::OutboxMessage::kCancelExternal: {
      const auto* event =
          execution->state.pending_cancels.Find(message.cancel_external().initiated_event_id());
      if (event == nullptr) return Delivered(execution, message.id(), absl::OkStatus(), "");
      delivery.initiated = **event;
      break;
    }
    default:
      break;
  }
  // One copy at a time: of two that are under way the first could arrive last, and land after the
  // other was refused. A run that was loaded anew takes the answer to what it had sent before.
  const auto key = std::pair(execution->run_id, message.id());
  const auto [under_way, is_first] = deliveries_.insert_or_assign(key, execution);
  if (!is_first) return;
  auto answered = [this, key](const absl::Status& status, const std::string& run_id) {
    const ExecutionPtr sender = deliveries_.extract(key).mapped();
    if (!sender->outbox_in_flight.contains(key.second)) return;
    Delivered(sender, key.second, status, run_id);
  };
  const base::NamespaceNumber target(message.target_namespace_number());
  if (others_ == nullptr || Serves(base::ShardOf(target, message.target_workflow_id()))) {
    return DeliverMessage(*this, std::move(delivery), std::move(answered));
  }
  others_->Deliver(ToWire(delivery),
                   [this, answered = std::move(answered)](
                       absl::StatusOr<perdure::internal::v1::DeliverResponse> reply) mutable {
                     loop_.Post([answered = std::move(answered), reply = std::move(reply)] {
                       answered(reply.status(), reply.ok() ? reply->run_id() : "");
                     });
                   });
}

void Core::Delivered(const ExecutionPtr& execution, uint64_t message_id, const absl::Status& status,
                     const std::string& run_id) {
  if (execution->is_dropped || !IsServed(*execution)) return;
  // What an owner before sent may still be on its way, and land after all.
  const auto shard = static_cast<size_t>(execution->key.shard.value());
  const bool is_doubtful = !status.ok() && message_id <= execution->outbox_inherited &&
                           loop_.Now() < served_since_[shard] + kCopiesLive;
  const bool is_passing = is_doubtful || status.code() == absl::StatusCode::kUnavailable ||
                          status.code() == absl::StatusCode::kUnknown ||
                          status.code() == absl::StatusCode::kResourceExhausted;
  if (is_passing) {
    // Stays in flight until it is tried again.
    loop_.After(absl::Milliseconds(200 + loop_.random().Below(300)), [this, execution, message_id] {
      if (execution->is_dropped || !IsServed(*execution)) return;
      execution->outbox_in_flight.erase(message_id);
      SendOutbox(execution);
    });
    return;
  }
  machines::Decision decision = machines::DecideDelivered(
      execution->state, message_id, status, run_id, ContextFor(execution->name_space));
  // A closed run goes to its rest only when nothing is left to send.
  if (!execution->state.IsRunning()) decision.is_lazy = false;
  execution->outbox_in_flight.erase(message_id);
  Apply(execution, std::move(decision), [](absl::Status) {});
  SendOutbox(execution);
}

// --- Time
// ---------------------------------------------------------------------------------------------

void Core::ArmTimer(const ExecutionPtr& execution) {
  if (!IsServed(*execution)) return;
  const auto next = execution->state.NextDeadline();
  if (!next.has_value()) return;
  const absl::Time when = absl::FromUnixNanos(next->time_ns);
  // A timer that is early sets itself anew; one that would be late is moved.
  if (execution->timer != 0 && execution->timer_time <= when) return;
  if (execution->timer != 0) loop_.Cancel(execution->timer);
  execution->timer_time = when;
  execution->timer = loop_.At(when, [this, weak = std::weak_ptr<Execution>(execution)] {
    const ExecutionPtr run = weak.lock();
    if (run == nullptr || run->is_dropped || !IsServed(*run)) return;
    run->timer = 0;
    run->timer_time = absl::InfiniteFuture();
    RunDeadlines(run);
  });
}

void Core::RunDeadlines(const ExecutionPtr& execution) {
  const auto next = execution->state.NextDeadline();
  const absl::Time now = loop_.Now();
  if (next.has_value() && absl::FromUnixNanos(next->time_ns) <= now) {
    meters_.TimerRan(now - absl::FromUnixNanos(next->time_ns));
    machines::Decision decision =
        machines::DecideDeadlines(execution->state, ContextFor(execution->name_space));
    if (decision.record.changes_size() > 0) {
      Apply(execution, std::move(decision), [](absl::Status) {});
    } else {
      PERDURE_BUG("a deadline that has passed changes nothing");
      return;
    }
  }
  ArmTimer(execution);
}

// --- Waking and evicting
// ------------------------------------------------------------------------------

void Core::ScheduleDueCheck(absl::Time when) {
  if (when >= next_due_check_) return;
  if (due_timer_ != 0) loop_.Cancel(due_timer_);
  next_due_check_ = when;
  due_timer_ = loop_.At(when, [this] {
    due_timer_ = 0;
    next_due_check_ = absl::InfiniteFuture();
    if (is_serving_) CheckDue();
  });
}

void Core::CatchUp(std::vector<base::ShardId> shards, store::DueCursor after, absl::Time until) {
  constexpr int64_t kRowsMax = 1000;
  std::vector<base::ShardId> asked = shards;
  store_.DueExecutions(
      std::move(asked), after, until, kRowsMax,
      [this, shards = std::move(shards), after, until,
       life = life_](absl::StatusOr<std::vector<store::DueExecution>> rows) mutable {
        loop_.Post([this, shards = std::move(shards), after, until, life,
                    rows = std::move(rows)]() mutable {
          if (!is_serving_ || life != life_) return;
          absl::Duration pause = absl::Milliseconds(1);
          if (!rows.ok()) {
            pause = absl::Seconds(1);
          } else {
            for (const store::DueExecution& row : *rows) Due(row);
            if (static_cast<int64_t>(rows->size()) < kRowsMax) return NextWake(shards, until);
            after = {rows->back().wake_at, rows->back().key};
            // More rows than can leave are not read yet.
            if (static_cast<int64_t>(to_erase_.size()) > kRowsMax) pause = absl::Milliseconds(50);
          }
          loop_.After(pause, [this, shards = std::move(shards), after, until, life]() mutable {
            if (is_serving_ && life == life_) CatchUp(std::move(shards), after, until);
          });
        });
      });
}

void Core::NextWake(const std::vector<base::ShardId>& shards, absl::Time after) {
  store_.EarliestWake(shards, after,
                      [this, life = life_](absl::StatusOr<std::optional<absl::Time>> earliest) {
                        loop_.Post([this, life, earliest = std::move(earliest)] {
                          if (!is_serving_ || life != life_) return;
                          if (!earliest.ok())
                            return ScheduleDueCheck(loop_.Now() + absl::Seconds(1));
                          if (earliest->has_value()) ScheduleDueCheck(**earliest);
                        });
                      });
}

void Core::CheckDue() {
  const absl::Time until = loop_.Now();
  constexpr int64_t kRowsMax = 1000;
  store_.DueExecutions(
      shards_, due_checked_, until, kRowsMax,
      [this, until, life = life_](absl::StatusOr<std::vector<store::DueExecution>> rows) {
        loop_.Post([this, until, life, rows = std::move(rows)] {
          if (!is_serving_ || life != life_) return;
          if (!rows.ok()) return ScheduleDueCheck(loop_.Now() + absl::Seconds(1));
          for (const store::DueExecution& row : *rows) Due(row);
          if (static_cast<int64_t>(rows->size()) == kRowsMax) {
            due_checked_ = {rows->back().wake_at, rows->back().key};
            // More rows than can leave are not read yet.
            const bool is_ahead = static_cast<int64_t>(to_erase_.size()) > kRowsMax;
            return ScheduleDueCheck(loop_.Now() + absl::Milliseconds(is_ahead ? 50 : 1));
          }
          due_checked_ = store::DueCursor::EndOf(until);
          NextWake(shards_, until);
        });
      });
}

void Core::Due(const store::DueExecution& row) {
  if (!Serves(row.key.shard)) return;
  const services::NamespacePtr name_space = namespaces_.FindByNumber(row.namespace_number);
  const auto cached = by_run_.find(RunKey(row.namespace_number.value(), row.run_id.value()));
  if (row.is_closed && row.wake_at > absl::UnixEpoch()) {
    // Its retention is over.
    // Temporal: what counts is the retention that the namespace had when the run closed.
    if (cached != by_run_.end() && !IsEvictable(*cached->second)) {
      // Somebody is looking at it, or its last commit is under way.
      loop_.After(kBusyLook, [this, row] {
        if (is_serving_) Due(row);
      });
      return;
    }
    return EraseRow(row);
  }
  if (name_space == nullptr) return EraseIfOrphan(row);
  if (cached != by_run_.end()) return;
  Revive(*this, name_space, row.workflow_id.value(), row.run_id.value());
}

bool Core::IsEvictable(const Execution& execution) const {
  if (!IsServed(execution)) return false;
  const State& state = execution.state;
  if (execution.commits_in_flight > 0 || !execution.unflushed.empty()) return false;
  if (!execution.history_waiters.empty() || !execution.update_waiters.empty()) return false;
  if (!execution.queries.empty() || !execution.outbox_in_flight.empty()) return false;
  if (!state.IsRunning()) return state.outbox.empty();
  if (state.HasTask() || !state.admitted_updates.empty() || !state.outbox.empty()) return false;
  // Activities that wait for a worker are on a queue.
  for (const EventId id : state.activities.Keys()) {
    const machines::Activity& activity = *state.activities.Find(id);
    if (activity.info.started_time_ns() == 0 && activity.is_due) return false;
  }
  return true;
}

void Core::EvictIdle() {
  meters_.RunsCached(cached_runs());
  bool is_done = true;
  if (is_serving_) {
    is_done = EvictIdle(closed_line_, options_.closed_idle_max);
    if (!EvictIdle(running_line_, options_.idle_max)) is_done = false;
  }
  evict_timer_ = loop_.AtLeisure(is_done ? kEvictInterval : kEvictPause, [this] { EvictIdle(); });
}

bool Core::EvictIdle(std::list<ExecutionPtr>& line, absl::Duration idle_max) {
  const absl::Time now = loop_.Now();
  int64_t excess = cached_runs() - options_.cached_runs_max;
  for (int64_t looked = 0; !line.empty(); ++looked) {
    const ExecutionPtr execution = line.front();
    const bool is_idle = execution->last_used + idle_max < now;
    const bool is_in_excess = excess > 0 && execution->last_used + absl::Seconds(1) < now;
    if (!is_idle && !is_in_excess) return true;
    if (looked == kEvictAtOnce) return false;
    // Evicting a run may take a commit first; and one that must stay is asked again in its turn.
    Touch(execution);
    if (!IsEvictable(*execution)) continue;
    Evict(execution);
    --excess;
  }
  return true;
}

void Core::Evict(const ExecutionPtr& execution) {
  if (!execution->state.IsRunning()) return Drop(execution);
  const auto next = execution->state.NextDeadline();
  std::optional<absl::Time> wake_at;
  if (next.has_value()) wake_at = absl::FromUnixNanos(next->time_ns);
  if (execution->row_wake_at == wake_at) return Drop(execution);
  execution->row_wake_at = wake_at;
  committer_->Queue(execution).commit.wake_at = wake_at;
  committer_->AfterCommits(execution, [this, execution, wake_at](absl::Status status) {
    if (!status.ok() || execution->is_dropped) return;
    // Something may have come in between.
    if (execution->row_wake_at != wake_at || !IsEvictable(*execution)) return;
    // The due check may have passed its time before the row said so.
    if (wake_at.has_value() && *wake_at <= due_checked_.wake_at) return ArmTimer(execution);
    Drop(execution);
    if (wake_at.has_value()) ScheduleDueCheck(*wake_at);
  });
}

void Core::Committed(const ExecutionPtr& execution) {
  if (!execution->state.IsRunning()) EraseIfOverdue(*execution);
  if (execution->history_waiters.empty()) return;
  const bool is_closed = !execution->state.IsRunning();
  std::vector<Execution::HistoryWaiter> woken;
  std::vector<Execution::HistoryWaiter> waiting;
  for (auto& waiter : execution->history_waiters) {
    const bool wakes = is_closed || execution->committed_next_event_id > waiter.beyond;
    (wakes ? woken : waiting).push_back(std::move(waiter));
  }
  execution->history_waiters = std::move(waiting);
  for (auto& waiter : woken) std::move(waiter.wake)();
}

void Core::WakeAllWaiters() {
  std::vector<ExecutionPtr> all;
  for (const auto& [key, execution] : by_run_) {
    if (!execution->history_waiters.empty() || !execution->update_waiters.empty()) {
      all.push_back(execution);
    }
  }
  std::sort(all.begin(), all.end(),
            [](const ExecutionPtr& a, const ExecutionPtr& b) { return a->key < b->key; });
  for (const ExecutionPtr& execution : all) {
    auto waiters = std::move(execution->history_waiters);
    execution->history_waiters.clear();
    for (auto& waiter : waiters) std::move(waiter.wake)();
    auto updates = std::move(execution->update_waiters);
    execution->update_waiters.clear();
    for (auto& waiter : updates) {
      machines::UpdateNotice notice;
      notice.update_id = waiter.update_id;
      notice.aborted = base::Unavailable("the server is stopping, try again");
      waiter.notify(notice);
    }
  }
}

}  // namespace perdure::history
