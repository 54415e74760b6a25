// One task queue in memory: polls that wait, tasks that wait, and the meeting of the two. It holds
// nothing that history could not push again (ARCHITECTURE.md, "Nothing hidden in a queue").
//
// Loop-bound; owned by Matching's engine, made by the first poll or task and forgotten when idle. A
// poll or a task costs a map node or a deque slot; tasks are bounded (`tasks_max`), polls by the
// clients' connections.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "matching/poll.h"
#include "matching/poller_history.h"
#include "matching/rate_limiter.h"
#include "matching/rate_meter.h"
#include "matching/traffic.h"

namespace perdure::matching {

using services::QueueKind;

class TaskQueue;

// What a queue asks of its owner. Before it returns it changes nothing in the queue, but for
// Dispatch of a query, which may end the query's poll.
class TaskQueueHost {
 public:
  virtual ~TaskQueueHost() = default;
  // A poll has met a task. `wants` is the scaling hint for the worker, 0 for none.
  virtual void Dispatch(TaskQueue& queue, std::unique_ptr<Poll> poll, Task task,
                        int32_t scaling_hint) = 0;
  // A task that met no poll at once waits here; it waits no more.
  virtual void OnHeld(TaskQueue& queue, const Task& task) = 0;
  virtual void OnTaken(TaskQueue& queue, const Task& task) = 0;
  // All held tasks are handed out, and some had been dropped for want of room.
  virtual void OnDrained(TaskQueue& queue) = 0;
  // The worker of this sticky queue is gone and these tasks are still here.
  virtual void OnStickyAbandoned(TaskQueue& queue, std::vector<Task> tasks) = 0;
  // Tasks of this sticky queue wait, though its worker was here a moment ago: it may have spent all
  // the polls it can make elsewhere.
  virtual void OnStickyStarved(TaskQueue& queue) = 0;
  // Its traffic has reached the busy rate: at most once a second.
  virtual void OnBusy(TaskQueue& queue) = 0;
};

class TaskQueue {
 public:
  struct Identity {
    services::NamespacePtr name_space;
    QueueKind kind = QueueKind::kWorkflow;
    std::string name;
    bool is_sticky = false;
  };
  // Temporal: matching.stickyPollerUnavailableWindow.
  static constexpr absl::Duration kStickyWindow = absl::Seconds(10);
  // After so long without a poll a sticky queue's tasks are starved.
  static constexpr absl::Duration kStickyStarved = absl::Milliseconds(100);
  static constexpr int kPriorities = 5;

  TaskQueue(Identity identity, int64_t tasks_max, runtime::Loop& loop, TaskQueueHost& host)
      : identity_(std::move(identity)), tasks_max_(tasks_max), loop_(loop), host_(host) {}
  // Answers every poll empty and stops the timers; before it is destroyed while the loop lives.
  void Close();

  const Identity& identity() const { return identity_; }
  void MarkSticky() { identity_.is_sticky = true; }

  // Matches at once or waits, and is answered empty at `until` or when its caller goes.
  void AddPoll(std::unique_ptr<Poll> poll);
  // A poll that met a stale task: waits again, in its old place.
  void ReturnPoll(std::unique_ptr<Poll> poll);
  void EndPoll(uint64_t sequence);
  // Those for which the predicate holds; returns how many.
  template <class Predicate>
  int64_t EndPollsIf(const Predicate& predicate);
  // A worker that has shut down is shown no more.
  void ForgetPoller(const std::string& identity) { history_.Remove(identity); }

  // Matches at once or is held. Beyond `tasks_max` it is dropped, to be pushed again when drained.
  void AddTask(Task task);
  // A task that was handed out in vain: first in its line again.
  void ReturnTask(Task task);
  void RemoveQuery(const std::string& id);
  std::vector<std::string> WaitingQueries() const;
  // Takes the held task of that priority and sequence out, for nobody.
  void RemoveTask(int priority, uint64_t sequence);
  // Retires a sticky queue: hands out all it holds, and says there is no worker until the next
  // poll.
  void AbandonSticky();
  // All that it holds, queries first.
  std::vector<Task> TakeAll();

  // As a partition, which holds no tasks. The poll that this task, which is not held, meets at
  // once, with its scaling hint; null if none waits.
  std::unique_ptr<Poll> MeetPoll(const Task& task, int32_t& scaling_hint);
  // Answers the oldest poll of one of these workers, if there is one.
  void EndPollOf(const std::vector<std::string>& identities);
  // Of those that wait, the oldest; at most so many.
  std::vector<std::unique_ptr<Poll>> TakePolls(int64_t count_max);
  // As the home of partitions: what goes on there counts here.
  void CountMatched(int priority, int64_t count);
  void SawPollElsewhere() { last_poll_ = loop_.Now(); }
  // As if a poll had been here, of a sticky queue's worker that is given until then to come back.
  void ExpectPollUntil(absl::Time when) { last_poll_ = std::max(last_poll_, when - kStickyWindow); }
  void SawPollerElsewhere(const temporal::api::taskqueue::v1::PollerInfo& info, absl::Time when) {
    history_.SawElsewhere(info, when);
  }
  // 0: it is never busy.
  void SetBusyRate(int64_t tasks_per_second) { traffic_.set_busy_rate(tasks_per_second); }

  // As configured in that version of the namespace's data.
  void SetApiRate(std::optional<double> rate, int64_t config_version);
  int64_t config_version() const { return config_version_; }

  // A poll waits, or was here within the window.
  bool HasRecentPoll(absl::Duration window) const;
  bool IsIdle() const;
  bool IsRateLimited() const { return rate_limiter_.source() != RateLimiter::Source::kSystem; }
  int64_t held_count() const { return held_count_; }
  int64_t poll_count() const { return static_cast<int64_t>(polls_.size()); }
  // Held tasks and queries.
  int64_t waiting_count() const { return held_count_ + static_cast<int64_t>(queries_.size()); }
  // All tasks that have ever come, those of partitions too.
  int64_t traffic() const { return traffic_.total(); }
  // With those that were dropped.
  int64_t backlog_count() const { return held_count_ + dropped_count_; }
  // The backlog as a poll's answer tells it. Of a sticky queue only what goes beyond a hundred: for
  // as long as a worker remembers that there is some it polls nothing else, and it may read this
  // answer after one that was given later, when the other poll has taken what was left.
  int64_t BacklogHint() const;
  absl::Duration backlog_age() const;
  const RateLimiter& rate_limiter() const { return rate_limiter_; }
  PollerHistory& poller_history() { return history_; }
  // Of what waits first; null if nothing does.
  const Task* FirstWaiting() const;

  // By priority; what has had neither tasks nor rates is left out, but for the default priority.
  std::map<int32_t, temporal::api::taskqueue::v1::TaskQueueStats> StatsByPriority();

 private:
  // A line of one priority; index 0 is priority 1.
  struct Line {
    std::deque<Task> tasks;
    RateMeter added;
    RateMeter dispatched;
  };

  void MatchPoll(std::unique_ptr<Poll> poll);
  std::unique_ptr<Poll> TakePoll(uint64_t sequence);
  void Match();
  std::optional<Task> TakeTask();
  void ArmRateTimer(absl::Time when);
  void ArmStickyTimers();
  int32_t ScalingHint(const Poll& poll, const Task& task);
  absl::Time OldestAdded() const;
  Line& LineOf(const Task& task) { return lines_[task.priority - 1]; }

  Identity identity_;
  const int64_t tasks_max_;
  runtime::Loop& loop_;
  TaskQueueHost& host_;

  std::map<uint64_t, std::unique_ptr<Poll>> polls_;  // by arrival
  std::deque<Task> queries_;
  std::array<Line, kPriorities> lines_;
  int64_t held_count_ = 0;
  int64_t dropped_count_ = 0;
  absl::Time last_poll_ = absl::InfinitePast();
  PollerHistory history_;
  Traffic traffic_;
  RateLimiter rate_limiter_;
  int64_t config_version_ = -1;  // none yet
  absl::Time rate_limited_at_ = absl::InfinitePast();
  absl::Time next_hint_ = absl::InfinitePast();
  runtime::TimerId rate_timer_ = 0;
  runtime::TimerId sticky_timer_ = 0;
  runtime::TimerId starved_timer_ = 0;
};

template <class Predicate>
int64_t TaskQueue::EndPollsIf(const Predicate& predicate) {
  std::vector<uint64_t> ended;
  for (const auto& [sequence, poll] : polls_) {
    if (predicate(*poll)) ended.push_back(sequence);
  }
  for (const uint64_t sequence : ended) EndPoll(sequence);
  return static_cast<int64_t>(ended.size());
}

}  // namespace perdure::matching
