#include "matching/task_queue.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "google/protobuf/util/time_util.h"

namespace perdure::matching {
namespace {

using google::protobuf::util::TimeUtil;
using temporal::api::taskqueue::v1::TaskQueueStats;

// Temporal: matching.pollerScaling*.
constexpr absl::Duration kIdlePollScalesDown = absl::Seconds(1);
constexpr absl::Duration kBacklogAgeScalesUp = absl::Milliseconds(200);
constexpr double kAddToDispatchScalesUp = 1.2;
constexpr double kHintsPerSecond = 10;  // per poller
constexpr int64_t kStickyBacklogUntold = 100;
constexpr int kDefaultPriority = 3;
constexpr absl::Duration kRateLimitShown = absl::Seconds(30);

}  // namespace

void TaskQueue::Close() {
  loop_.Cancel(rate_timer_);
  while (!polls_.empty()) EndPoll(polls_.begin()->first);
  loop_.Cancel(sticky_timer_);
  loop_.Cancel(starved_timer_);
}

void TaskQueue::AddPoll(std::unique_ptr<Poll> poll) {
  const absl::Time now = loop_.Now();
  last_poll_ = now;
  history_.Saw(*poll, now);
  if (identity_.kind == QueueKind::kActivity) {
    rate_limiter_.SetWorkerRate(poll->tasks_per_second_max, now);
  }
  MatchPoll(std::move(poll));
}

void TaskQueue::ReturnPoll(std::unique_ptr<Poll> poll) { MatchPoll(std::move(poll)); }

// A poll that meets a task at once costs no timer.
void TaskQueue::MatchPoll(std::unique_ptr<Poll> poll) {
  const uint64_t sequence = poll->sequence;
  const absl::Time until = poll->until;
  polls_.emplace(sequence, std::move(poll));
  Match();
  const auto waiting = polls_.find(sequence);
  if (waiting == polls_.end()) return;
  waiting->second->timer = loop_.At(until, [this, sequence] { EndPoll(sequence); });
}

std::unique_ptr<Poll> TaskQueue::TakePoll(uint64_t sequence) {
  const auto found = polls_.find(sequence);
  if (found == polls_.end()) return nullptr;
  std::unique_ptr<Poll> poll = std::move(found->second);
  polls_.erase(found);
  if (poll->timer != 0) loop_.Cancel(std::exchange(poll->timer, 0));
  last_poll_ = loop_.Now();
  if (polls_.empty()) ArmStickyTimers();
  return poll;
}

void TaskQueue::EndPoll(uint64_t sequence) {
  if (auto poll = TakePoll(sequence); poll != nullptr) poll->AnswerEmpty();
}

void TaskQueue::AddTask(Task task) {
  task.added = loop_.Now();
  if (task.IsQuery()) {
    queries_.push_back(std::move(task));
    Match();
    return ArmStickyTimers();
  }
  Line& line = LineOf(task);
  line.added.Add(task.added);
  if (traffic_.Add(task.added)) host_.OnBusy(*this);
  if (held_count_ >= tasks_max_) {
    ++dropped_count_;
    return;
  }
  const uint64_t sequence = task.sequence;
  line.tasks.push_back(std::move(task));
  ++held_count_;
  Match();
  // Most tasks meet a poll at once, and nobody need hear of them.
  const bool waits = !line.tasks.empty() && line.tasks.back().sequence == sequence;
  if (waits) {
    line.tasks.back().is_held = true;
    host_.OnHeld(*this, line.tasks.back());
  }
  ArmStickyTimers();
}

void TaskQueue::RemoveTask(int priority, uint64_t sequence) {
  std::deque<Task>& tasks = lines_[priority - 1].tasks;
  // By arrival, but for those that were returned; these are few and first.
  const auto found = std::find_if(tasks.begin(), tasks.end(), [sequence](const Task& task) {
    return task.sequence == sequence;
  });
  if (found == tasks.end()) return;
  tasks.erase(found);
  --held_count_;
  if (held_count_ == 0 && dropped_count_ > 0) {
    dropped_count_ = 0;
    host_.OnDrained(*this);
  }
}

absl::Duration TaskQueue::backlog_age() const {
  return held_count_ == 0 ? absl::ZeroDuration() : loop_.Now() - OldestAdded();
}

void TaskQueue::ReturnTask(Task task) {
  if (task.IsQuery()) {
    queries_.push_front(std::move(task));
  } else {
    LineOf(task).tasks.push_front(std::move(task));
    ++held_count_;
  }
  Match();
  ArmStickyTimers();
}

void TaskQueue::RemoveQuery(const std::string& id) {
  std::erase_if(queries_,
                [&id](const Task& task) { return std::get<QueryReference>(task.work).id == id; });
}

std::vector<std::string> TaskQueue::WaitingQueries() const {
  std::vector<std::string> ids;
  for (const Task& query : queries_) ids.push_back(std::get<QueryReference>(query.work).id);
  return ids;
}

void TaskQueue::AbandonSticky() {
  if (sticky_timer_ != 0) loop_.Cancel(std::exchange(sticky_timer_, 0));
  if (starved_timer_ != 0) loop_.Cancel(std::exchange(starved_timer_, 0));
  last_poll_ = absl::InfinitePast();
  std::vector<Task> tasks = TakeAll();
  if (!tasks.empty()) host_.OnStickyAbandoned(*this, std::move(tasks));
}

std::vector<Task> TaskQueue::TakeAll() {
  std::vector<Task> tasks;
  for (Task& query : std::exchange(queries_, {})) tasks.push_back(std::move(query));
  while (auto task = TakeTask()) tasks.push_back(*std::move(task));
  return tasks;
}

std::unique_ptr<Poll> TaskQueue::MeetPoll(const Task& task, int32_t& scaling_hint) {
  while (!polls_.empty() && polls_.begin()->second->IsCancelled()) EndPoll(polls_.begin()->first);
  if (polls_.empty()) return nullptr;
  CountMatched(task.priority, 1);
  auto poll = TakePoll(polls_.begin()->first);
  scaling_hint = ScalingHint(*poll, task);
  return poll;
}

std::vector<std::unique_ptr<Poll>> TaskQueue::TakePolls(int64_t count_max) {
  std::vector<std::unique_ptr<Poll>> polls;
  while (!polls_.empty() && static_cast<int64_t>(polls.size()) < count_max) {
    polls.push_back(TakePoll(polls_.begin()->first));
  }
  return polls;
}

void TaskQueue::CountMatched(int priority, int64_t count) {
  Line& line = lines_[static_cast<size_t>(priority - 1)];
  line.added.Add(loop_.Now(), count);
  line.dispatched.Add(loop_.Now(), count);
  traffic_.AddElsewhere(count);
}

void TaskQueue::SetApiRate(std::optional<double> rate, int64_t config_version) {
  config_version_ = config_version;
  rate_limiter_.SetApiRate(rate, loop_.Now());
  Match();
}

// The oldest poll takes the oldest task of the highest priority; queries go first and are not rate
// limited, for somebody waits for them.
void TaskQueue::Match() {
  while (!polls_.empty()) {
    if (polls_.begin()->second->IsCancelled()) {
      EndPoll(polls_.begin()->first);
      continue;
    }
    std::optional<Task> task;
    if (!queries_.empty()) {
      task = std::move(queries_.front());
      queries_.pop_front();
    } else if (held_count_ > 0) {
      const absl::Time now = loop_.Now();
      const absl::Time ready = rate_limiter_.ReadyAt();
      if (ready > now) {
        rate_limited_at_ = now;
        ArmRateTimer(ready);
        break;
      }
      rate_limiter_.Take(now);
      task = TakeTask();
      LineOf(*task).dispatched.Add(now);
    } else {
      break;
    }
    auto poll = TakePoll(polls_.begin()->first);
    const int32_t hint = ScalingHint(*poll, *task);
    host_.Dispatch(*this, std::move(poll), *std::move(task), hint);
  }
  if (held_count_ == 0 && dropped_count_ > 0) {
    dropped_count_ = 0;
    host_.OnDrained(*this);
  }
}

std::optional<Task> TaskQueue::TakeTask() {
  for (Line& line : lines_) {
    if (line.tasks.empty()) continue;
    Task task = std::move(line.tasks.front());
    line.tasks.pop_front();
    --held_count_;
    if (task.is_held) host_.OnTaken(*this, task);
    task.is_held = false;
    return task;
  }
  return std::nullopt;
}

void TaskQueue::ArmRateTimer(absl::Time when) {
  if (rate_timer_ != 0) loop_.Cancel(std::exchange(rate_timer_, 0));
  if (when == absl::InfiniteFuture()) return;
  rate_timer_ = loop_.At(when, [this] {
    rate_timer_ = 0;
    Match();
  });
}

// While a sticky queue holds tasks and no poll, somebody must notice that the worker asks
// elsewhere, or is gone.
void TaskQueue::ArmStickyTimers() {
  if (!identity_.is_sticky || !polls_.empty() || FirstWaiting() == nullptr) return;
  if (starved_timer_ == 0) {
    starved_timer_ = loop_.After(kStickyStarved, [this] {
      starved_timer_ = 0;
      if (polls_.empty() && FirstWaiting() != nullptr) host_.OnStickyStarved(*this);
      ArmStickyTimers();
    });
  }
  if (sticky_timer_ != 0) return;
  const absl::Time when = std::max(last_poll_ + kStickyWindow, loop_.Now());
  sticky_timer_ = loop_.At(when, [this] {
    sticky_timer_ = 0;
    if (HasRecentPoll(kStickyWindow)) return ArmStickyTimers();
    AbandonSticky();
  });
}

const Task* TaskQueue::FirstWaiting() const {
  if (!queries_.empty()) return &queries_.front();
  for (const Line& line : lines_) {
    if (!line.tasks.empty()) return &line.tasks.front();
  }
  return nullptr;
}

void TaskQueue::EndPollOf(const std::vector<std::string>& identities) {
  for (const auto& [sequence, poll] : polls_) {
    const auto found = std::find(identities.begin(), identities.end(), poll->poller.identity);
    if (found != identities.end()) return EndPoll(sequence);
  }
}

bool TaskQueue::HasRecentPoll(absl::Duration window) const {
  return !polls_.empty() || loop_.Now() - last_poll_ < window;
}

int64_t TaskQueue::BacklogHint() const {
  return identity_.is_sticky ? std::max<int64_t>(0, backlog_count() - kStickyBacklogUntold)
                             : backlog_count();
}

bool TaskQueue::IsIdle() const {
  return polls_.empty() && queries_.empty() && backlog_count() == 0 && history_.count() == 0;
}

// Temporal: makePollerScalingDecision.
int32_t TaskQueue::ScalingHint(const Poll& poll, const Task& task) {
  const absl::Time now = loop_.Now();
  const bool was_held = task.sequence < poll.sequence;
  if (!was_held && now - poll.since >= kIdlePollScalesDown) return -1;
  if (now < next_hint_) return 0;
  if (held_count_ > 0 && rate_limiter_.ReadyAt() > now) return 0;
  const bool backlog_is_old = held_count_ > 0 && now - OldestAdded() > kBacklogAgeScalesUp;
  double added = 0;
  double dispatched = 0;
  for (Line& line : lines_) {
    added += line.added.PerSecond(now);
    dispatched += line.dispatched.PerSecond(now);
  }
  if (!backlog_is_old && added <= dispatched * kAddToDispatchScalesUp) return 0;
  const double pollers = static_cast<double>(std::max<int64_t>(1, history_.count()));
  next_hint_ = now + absl::Seconds(1 / (kHintsPerSecond * pollers));
  return 1;
}

absl::Time TaskQueue::OldestAdded() const {
  absl::Time oldest = absl::InfiniteFuture();
  for (const Line& line : lines_) {
    if (!line.tasks.empty()) oldest = std::min(oldest, line.tasks.front().added);
  }
  return oldest;
}

std::map<int32_t, TaskQueueStats> TaskQueue::StatsByPriority() {
  const absl::Time now = loop_.Now();
  std::map<int32_t, TaskQueueStats> result;
  for (int priority = 1; priority <= kPriorities; ++priority) {
    Line& line = lines_[priority - 1];
    TaskQueueStats stats;
    stats.set_approximate_backlog_count(static_cast<int64_t>(line.tasks.size()));
    if (priority == kDefaultPriority) {
      stats.set_approximate_backlog_count(stats.approximate_backlog_count() + dropped_count_);
    }
    const absl::Duration age =
        line.tasks.empty() ? absl::ZeroDuration() : now - line.tasks.front().added;
    *stats.mutable_approximate_backlog_age() =
        TimeUtil::NanosecondsToDuration(absl::ToInt64Nanoseconds(age));
    stats.set_tasks_add_rate(static_cast<float>(line.added.PerSecond(now)));
    stats.set_tasks_dispatch_rate(static_cast<float>(line.dispatched.PerSecond(now)));
    stats.set_rate_limiting_active(now - rate_limited_at_ < kRateLimitShown);
    const bool is_used = !line.tasks.empty() || stats.tasks_add_rate() > 0;
    if (is_used || priority == kDefaultPriority) result.emplace(priority, std::move(stats));
  }
  return result;
}

}  // namespace perdure::matching
