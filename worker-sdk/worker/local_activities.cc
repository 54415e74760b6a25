#include "worker-sdk/worker/local_activities.h"

#include <algorithm>
#include <tuple>

#include "worker-sdk/worker/local_retry.h"

namespace perdure::worker {
namespace {

using client::Executor;
using detail::BackoffResult;
using detail::CanceledResult;
using detail::CompletedResult;
using detail::FailedResult;

FailurePtr TimeoutFailure(TimeoutType type, std::string_view name) {
  Failure failure;
  failure.message = "activity " + std::string(name) + " timeout";
  failure.source = "perdure-cpp";
  failure.info = TimeoutFailureInfo{.type = type};
  return std::make_shared<const Failure>(std::move(failure));
}

FailurePtr CanceledFailure() {
  Failure failure;
  failure.message = "activity canceled";
  failure.info = CanceledFailureInfo{};
  return std::make_shared<const Failure>(std::move(failure));
}

}  // namespace

struct LocalActivities::Entry {
  LocalOwner owner;
  core::LocalActivityCall call;
  std::int32_t attempt = 1;
  Nanos scheduled{};  // Since then the workflow task is held for it.
  Nanos queued{};     // Of this attempt.
  bool is_queued = false;
  bool is_cancel_requested = false;
  bool is_unclaimed = false;  // Since the run began anew, or left.
  // Once it is over.
  std::optional<core::LocalActivityOutcome> outcome;
  bool is_taken = false;
  // While the function runs.
  std::shared_ptr<ActivityAttempt> running;
  Slot slot;
  std::unique_ptr<Executor::Timer> start_to_close, schedule_to_close, backoff;
};

LocalActivities::LocalActivities(const Host* host, Executor* executor, const WorkerOptions* options,
                                 const ActivityRegistry* registry, SlotPool* slots,
                                 OnOutcome outcome)
    : host_(*host),
      executor_(executor),
      options_(*options),
      registry_(*registry),
      slots_(slots),
      outcome_(std::move(outcome)),
      alive_(std::make_shared<LocalActivities*>(this)) {}

LocalActivities::~LocalActivities() {
  *alive_ = nullptr;
  slots_->Forget(this);
  for (auto& [key, entry] : entries_) {
    if (entry->running) entry->running->Detach();
  }
}

void LocalActivities::Start(const LocalOwner& owner, core::LocalActivityCall call) {
  const Key key{owner.run_id, call.command.seq};
  if (Claim(key, call)) return;
  auto entry = std::make_unique<Entry>();
  entry->owner = owner;
  entry->attempt = std::max(1, call.command.attempt);
  entry->call = std::move(call);
  entry->scheduled = executor_->Monotonic();
  Entry* raw = (entries_[key] = std::move(entry)).get();
  WatchClose(key, raw);
  raw = Find(key);
  if (raw != nullptr && !raw->outcome) Enqueue(key);
}

bool LocalActivities::Claim(const Key& key, const core::LocalActivityCall& call) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return false;
  Entry* entry = found->second.get();
  const detail::ScheduleLocalActivityCommand& ours = entry->call.command;
  const bool is_same = ours.activity_type == call.command.activity_type &&
                       ours.activity_id == call.command.activity_id &&
                       ours.attempt == call.command.attempt && ours.input == call.command.input;
  // One that was asked to stop may end early, and the run may not ask for that again.
  if (entry->is_unclaimed && is_same && !entry->is_cancel_requested) {
    entry->is_unclaimed = false;
    if (entry->outcome) outcome_(key.first, *entry->outcome);
    return true;
  }
  LetGo(entry, CancelReason::not_found);
  Erase(found);
  return false;
}

template <class Predicate>
void LocalActivities::DropIf(const std::string& run_id, Predicate goes) {
  auto at = entries_.lower_bound(Key{run_id, 0});
  while (at != entries_.end() && at->first.first == run_id) {
    if (!goes(*at->second)) {
      ++at;
      continue;
    }
    LetGo(at->second.get(), CancelReason::not_found);
    at = Erase(at);
  }
}

void LocalActivities::Taken(const std::string& run_id, std::uint32_t seq) {
  if (Entry* entry = Find(Key{run_id, seq})) entry->is_taken = true;
}

void LocalActivities::Told(const std::string& run_id) {
  DropIf(run_id, [](const Entry& entry) { return entry.is_taken; });
}

bool LocalActivities::StartOver(const std::string& run_id) {
  bool has_any = false;
  for (auto at = entries_.lower_bound(Key{run_id, 0});
       at != entries_.end() && at->first.first == run_id; ++at) {
    has_any = at->second->is_unclaimed = true;
    at->second->is_taken = false;
  }
  if (has_any) left_.remove_if([&](const Left& left) { return left.run_id == run_id; });
  return has_any;
}

void LocalActivities::DropUnclaimed(const std::string& run_id) {
  DropIf(run_id, [](const Entry& entry) { return entry.is_unclaimed; });
}

void LocalActivities::Leave(const std::string& run_id, bool stops_running) {
  if (stops_running) {
    DropIf(run_id, [](const Entry& entry) { return !entry.outcome; });
  }
  if (!StartOver(run_id)) return;
  left_.push_back({run_id, executor_->PostAfter(kLeftLimit, [this, run_id] { Drop(run_id); })});
  if (left_.size() > kLeftRunsMax) Drop(std::string(left_.front().run_id));
}

void LocalActivities::DropLeft() {
  while (!left_.empty()) Drop(std::string(left_.front().run_id));
}

void LocalActivities::WatchClose(const Key& key, Entry* entry) {
  const auto& limit = entry->call.command.schedule_to_close;
  if (!limit) return;
  // Attempts before a backoff on the workflow's side count, too.
  const Nanos passed =
      std::max(Nanos(0), executor_->WallClock() - entry->call.original_schedule_time);
  auto expire = [this, key] {
    Entry* entry = Find(key);
    LetGo(entry, CancelReason::timed_out);
    Resolve(key, FailedResult{TimeoutFailure(TimeoutType::schedule_to_close, "ScheduleToClose")});
  };
  if (passed >= *limit) return expire();
  entry->schedule_to_close = executor_->PostAfter(*limit - passed, std::move(expire));
}

void LocalActivities::Enqueue(const Key& key) {
  Entry* entry = Find(key);
  entry->queued = executor_->Monotonic();
  entry->is_queued = true;
  queue_.push_back(key);
  Pump();
}

void LocalActivities::Pump() {
  while (!queue_.empty()) {
    const Key key = queue_.front();
    Entry* entry = Find(key);
    if (entry == nullptr || !entry->is_queued) {
      queue_.pop_front();
      continue;
    }
    Slot slot = slots_->TryReserve();
    if (!slot) {
      slots_->NotifyOnRelease(this, executor_, [alive = alive_] {
        if (*alive != nullptr) (*alive)->Pump();
      });
      // One that another thread released before we waited would not be told of.
      slot = slots_->TryReserve();
      if (!slot) return PumpLater();
      slots_->Forget(this);
    }
    queue_.pop_front();
    entry->is_queued = false;
    const auto& limit = entry->call.command.schedule_to_start;
    if (limit && executor_->Monotonic() - entry->queued > *limit) {
      Resolve(key, FailedResult{TimeoutFailure(TimeoutType::schedule_to_start, "ScheduleToStart")});
      continue;
    }
    Begin(key, entry, std::move(slot));
  }
}

void LocalActivities::PumpLater() {
  const Nanos wait = slots_->retry_interval();
  if (wait <= Nanos(0)) return;
  pump_timer_ = executor_->PostAfter(wait, [this] { Pump(); });
}

ActivityInfo LocalActivities::InfoOf(const Entry& entry) const {
  const detail::ScheduleLocalActivityCommand& command = entry.call.command;
  ActivityInfo info;
  info.is_local = true;
  info.activity_id = command.activity_id;
  info.activity_type = command.activity_type;
  info.task_queue = options_.task_queue;
  info.attempt = entry.attempt;
  info.namespace_ = host_.namespace_;
  info.workflow_id = entry.owner.workflow_id;
  info.workflow_run_id = entry.owner.run_id;
  info.workflow_type = entry.owner.workflow_type;
  info.scheduled_time = entry.call.original_schedule_time;
  info.current_attempt_scheduled_time = info.started_time = executor_->WallClock();
  info.schedule_to_close_timeout = command.schedule_to_close;
  info.start_to_close_timeout =
      command.start_to_close ? command.start_to_close : command.schedule_to_close;
  info.retry_policy = command.retry_policy;
  info.headers = command.headers;
  return info;
}

void LocalActivities::Begin(const Key& key, Entry* entry, Slot slot) {
  const detail::ActivityDefinition* definition = registry_.Find(entry->call.command.activity_type);
  host_.meter.Count("temporal_local_activity_total",
                    {"activity_type", entry->call.command.activity_type},
                    {"workflow_type", entry->owner.workflow_type});
  if (definition == nullptr) {
    FailurePtr failure = UnknownActivity(entry->call.command.activity_type, registry_);
    Log(host_, LogLevel::error, failure->message);
    // A later build of this worker may know it: it is tried again, as a remote one would be.
    return AttemptFailed(key, entry, std::move(failure));
  }
  entry->slot = std::move(slot);
  entry->running = std::make_shared<ActivityAttempt>(&host_, executor_, InfoOf(*entry),
                                                     entry->call.command.input);
  if (const auto& limit = entry->call.command.start_to_close) {
    entry->start_to_close = executor_->PostAfter(*limit, [this, key] {
      Entry* entry = Find(key);
      LetGo(entry, CancelReason::timed_out);
      AttemptFailed(key, entry, TimeoutFailure(TimeoutType::start_to_close, "StartToClose"));
    });
  }
  // A heartbeat of a local activity has nobody to hear it: the workflow task's own keep it alive.
  entry->running->Run(
      definition, &options_, [](Payloads) {},
      [this, key](ActivityResult result) { AttemptDone(key, std::move(result)); });
}

void LocalActivities::AttemptDone(const Key& key, ActivityResult result) {
  Entry* entry = Find(key);
  entry->running.reset();
  entry->start_to_close.reset();
  entry->slot.Release();
  switch (result.kind) {
    case ActivityResult::Kind::completed:
    case ActivityResult::Kind::later:
      return Resolve(key, CompletedResult{std::move(result.value)});
    case ActivityResult::Kind::canceled:
      return Resolve(key, CanceledResult{std::move(result.failure)});
    case ActivityResult::Kind::failed:
      return AttemptFailed(key, entry, std::move(result.failure));
  }
}

void LocalActivities::AttemptFailed(const Key& key, Entry* entry, FailurePtr failure) {
  host_.meter.Count("temporal_local_activity_execution_failed",
                    {"activity_type", entry->call.command.activity_type},
                    {"workflow_type", entry->owner.workflow_type});
  const detail::ScheduleLocalActivityCommand& command = entry->call.command;
  const std::optional<Nanos> wait = LocalRetryDelay(command.retry_policy, entry->attempt, *failure);
  const bool is_too_late = wait && command.schedule_to_close &&
                           executor_->WallClock() + *wait - entry->call.original_schedule_time >=
                               *command.schedule_to_close;
  if (!wait || is_too_late || entry->is_cancel_requested) {
    return Resolve(key, FailedResult{std::move(failure)});
  }
  if (*wait > command.local_retry_threshold) {
    // Too long to hold a workflow task for: the workflow waits on a timer of its own (R42).
    return Resolve(key,
                   BackoffResult{entry->attempt + 1, *wait, entry->call.original_schedule_time});
  }
  ++entry->attempt;
  entry->backoff = executor_->PostAfter(*wait, [this, key] {
    Find(key)->backoff.reset();
    Enqueue(key);
  });
}

void LocalActivities::Cancel(const std::string& run_id, std::uint32_t seq) {
  const Key key{run_id, seq};
  Entry* entry = Find(key);
  if (entry == nullptr || entry->outcome) return;
  entry->is_cancel_requested = true;
  if (entry->running) return entry->running->Cancel(CancelReason::cancel_requested);
  Resolve(key, CanceledResult{CanceledFailure()});
}

void LocalActivities::LetGo(Entry* entry, CancelReason reason) {
  entry->start_to_close.reset();
  if (!entry->running) return;
  entry->running->Cancel(reason);
  // The thread is busy until the function returns, and so is the slot; only the result is not
  // wanted.
  ++leftover_;
  auto slot = std::make_shared<Slot>(std::move(entry->slot));
  entry->running->Redirect([alive = alive_, slot](ActivityResult) {
    slot->Release();
    if (*alive == nullptr) return;
    --(*alive)->leftover_;
    if ((*alive)->idle() && (*alive)->on_idle_) (*alive)->on_idle_();
  });
  entry->running.reset();
}

void LocalActivities::Resolve(const Key& key, detail::OperationResult result) {
  Entry* entry = Find(key);
  // They end with this function: `key` may be that of the timer that called it.
  const auto timers =
      std::make_tuple(std::move(entry->start_to_close), std::move(entry->schedule_to_close),
                      std::move(entry->backoff));
  core::LocalActivityOutcome outcome;
  outcome.seq = key.second;
  outcome.result = std::move(result);
  outcome.attempt = entry->attempt;
  outcome.run_time = executor_->Monotonic() - entry->scheduled;
  Measure(*entry, outcome);
  entry->outcome = outcome;
  entry->is_queued = false;
  ++over_;
  // The receiver may start and cancel others, or drop the run: the entry may be gone behind this.
  if (!entry->is_unclaimed) outcome_(key.first, std::move(outcome));
  if (idle() && on_idle_) on_idle_();
}

void LocalActivities::Measure(const Entry& entry, const core::LocalActivityOutcome& outcome) const {
  const Meter::Label activity{"activity_type", entry.call.command.activity_type};
  const Meter::Label workflow{"workflow_type", entry.owner.workflow_type};
  const Meter& meter = host_.meter;
  meter.Latency("temporal_local_activity_execution_latency", outcome.run_time, activity, workflow);
  if (std::holds_alternative<CompletedResult>(outcome.result)) {
    meter.Latency("temporal_local_activity_succeed_endtoend_latency",
                  executor_->WallClock() - entry.call.original_schedule_time, activity, workflow);
  }
  if (std::holds_alternative<CanceledResult>(outcome.result)) {
    meter.Count("temporal_local_activity_execution_cancelled", activity, workflow);
  }
}

LocalActivities::Entries::iterator LocalActivities::Erase(Entries::iterator at) {
  if (at->second->outcome) --over_;
  return entries_.erase(at);
}

void LocalActivities::Drop(const std::string& run_id) {
  DropIf(run_id, [](const Entry&) { return true; });
  left_.remove_if([&](const Left& left) { return left.run_id == run_id; });
}

void LocalActivities::DropAll(CancelReason reason) {
  for (auto& [key, entry] : entries_) LetGo(entry.get(), reason);
  entries_.clear();
  over_ = 0;
  left_.clear();
  if (idle() && on_idle_) on_idle_();
}

LocalActivities::Entry* LocalActivities::Find(const Key& key) {
  const auto found = entries_.find(key);
  return found == entries_.end() ? nullptr : found->second.get();
}

}  // namespace perdure::worker
