#include "matching/spread.h"

#include <algorithm>
#include <utility>

namespace perdure::matching {
namespace {

namespace wire = perdure::internal::v1;

// Polls that were sent home have arrived by then; and those that came to a partition meanwhile may
// be asked for.
constexpr absl::Duration kAskInterval = absl::Milliseconds(20);
constexpr double kJoinFraction = 0.5;

}  // namespace

SpreadMetrics MakeSpreadMetrics(base::Metrics* metrics) {
  if (metrics == nullptr) return {};
  const auto counter = [metrics](const char* name, const char* help) {
    return &metrics->CounterOf(name, help);
  };
  return {counter("task_queue_splits", "Busy task queues that this node split."),
          counter("task_queue_joins", "Split task queues that this node joined again."),
          counter("task_queue_polls_sent_home",
                  "Polls that waited in a partition and went to the queue's home after all."),
          counter("task_queue_partition_matches", "Tasks that met a poll in a partition.")};
}

void Spread::Close() {
  loop_.Cancel(std::exchange(renew_timer_, 0));
  loop_.Cancel(std::exchange(ask_timer_, 0));
  is_split_ = false;
}

void Spread::OnBusy() {
  const absl::Time now = loop_.Now();
  // Told at most once a second: after a longer silence, a second without the traffic lies between.
  if (now - last_busy_ > 2 * Traffic::kWindow) busy_seconds_ = 0;
  last_busy_ = now;
  if (is_split_) return;
  const bool is_fit = queue_.backlog_age() < options_.backlog_max && !queue_.IsRateLimited();
  busy_seconds_ = is_fit ? busy_seconds_ + 1 : 0;
  if (busy_seconds_ < options_.busy_seconds || now < pause_until_) return;
  busy_seconds_ = 0;
  Split();
}

void Spread::Split() {
  FindHolders();
  if (holders_.empty()) return;
  is_split_ = true;
  calm_seconds_ = 0;
  vain_seconds_ = 0;
  traffic_seen_ = queue_.traffic();
  Count(metrics_.splits);
  Renew();
  if (queue_.waiting_count() > 0) OnLack();
}

void Spread::Join(absl::Duration pause) {
  if (!is_split_) return;
  is_split_ = false;
  Count(metrics_.joins);
  pause_until_ = loop_.Now() + pause;
  for (auto& [id, holder] : holders_) Tell(holder, absl::ZeroDuration(), 0);
  loop_.Cancel(std::exchange(renew_timer_, 0));
  loop_.Cancel(std::exchange(ask_timer_, 0));
}

void Spread::OnRateLimit() { Join(options_.pause_after_join); }

// Nodes come and go; a partition of one that has gone is nobody's.
void Spread::FindHolders() {
  std::map<base::IncarnationId, Holder> found;
  for (services::Member& member : peers_.others()) {
    const base::IncarnationId id = member.id;
    const auto known = holders_.find(id);
    if (known != holders_.end()) found[id] = std::move(known->second);
    found[id].member = std::move(member);
  }
  holders_ = std::move(found);
}

void Spread::Renew() {
  FindHolders();
  if (holders_.empty()) return Join(options_.pause_after_join);
  for (auto& [id, holder] : holders_) Tell(holder, kLease, 0);
  renew_timer_ = loop_.After(kRenewInterval, [this] {
    renew_timer_ = 0;
    OnSecond();
  });
}

void Spread::OnSecond() {
  const auto traffic =
      static_cast<double>(queue_.traffic() - std::exchange(traffic_seen_, queue_.traffic()));
  const double least = static_cast<double>(options_.split_rate) * kJoinFraction *
                       absl::ToDoubleSeconds(kRenewInterval);
  calm_seconds_ = traffic < least ? calm_seconds_ + 1 : 0;
  const bool is_vain = std::exchange(polls_called_, 0) > std::exchange(matched_elsewhere_, 0);
  vain_seconds_ = is_vain ? vain_seconds_ + 1 : 0;
  if (vain_seconds_ >= options_.vain_seconds) return Join(options_.pause_after_vain);
  if (calm_seconds_ >= options_.calm_seconds || queue_.IsRateLimited()) {
    return Join(options_.pause_after_join);
  }
  Renew();
}

void Spread::Tell(Holder& holder, absl::Duration lease, int64_t polls_wanted) {
  wire::HoldPartitionRequest request;
  request.set_task_queue(queue_.identity().name);
  request.set_task_queue_type(static_cast<int32_t>(queue_.identity().kind));
  request.set_lease_us(absl::ToInt64Microseconds(lease));
  request.set_polls_wanted(polls_wanted);
  holder.polls_asked += polls_wanted;
  peers_.HoldPartition(holder.member, queue_.identity().name_space, std::move(request),
                       [weak = weak_from_this(), &loop = loop_, id = holder.member.id,
                        polls_wanted](absl::StatusOr<Report> report) {
                         loop.Post([weak, id, polls_wanted, report = std::move(report)]() mutable {
                           const auto self = weak.lock();
                           if (self != nullptr) self->OnReport(id, polls_wanted, std::move(report));
                         });
                       });
}

void Spread::OnReport(base::IncarnationId id, int64_t asked, absl::StatusOr<Report> report) {
  const auto found = holders_.find(id);
  if (found == holders_.end()) return;
  Holder& holder = found->second;
  holder.polls_asked -= asked;
  if (!report.ok()) {
    // It may be gone, or of an older version. The next renewal asks again.
    holder.has_answered = false;
    holder.polls_waiting = 0;
  } else {
    holder.has_answered = true;
    holder.polls_waiting = report->polls_waiting();
    CountMatched(holder, *report);
    const absl::Time now = loop_.Now();
    if (report->polls_waiting() > 0) queue_.SawPollElsewhere();
    for (const auto& poller : report->pollers()) {
      const absl::Duration age = absl::Microseconds(std::max<int64_t>(poller.age_us(), 0));
      queue_.SawPollerElsewhere(poller.info(), now - age);
    }
    if (is_split_ && report->polls_sent() > 0) {
      polls_expected_ += report->polls_sent();
      polls_called_ += report->polls_sent();
      ArmAskTimer();
    }
  }
  if (asked > 0) AskForPolls();
}

void Spread::CountMatched(Holder& holder, const Report& report) {
  if (holder.partition_id != report.partition_id()) {
    holder.partition_id = report.partition_id();
    holder.matched_counts.clear();
  }
  holder.matched_counts.resize(TaskQueue::kPriorities);
  for (int i = 0; i < std::min(report.matched_counts_size(), TaskQueue::kPriorities); ++i) {
    const int64_t count = report.matched_counts(i);
    int64_t& known = holder.matched_counts[static_cast<size_t>(i)];
    // Reports may overtake each other.
    if (count <= known) continue;
    queue_.CountMatched(i + 1, count - known);
    matched_elsewhere_ += count - known;
    known = count;
  }
}

void Spread::OnLack() {
  if (!is_split_) return;
  AskForPolls();
  ArmAskTimer();
}

// How many polls are missed here and not yet asked for.
int64_t Spread::Lack() const {
  int64_t lack = queue_.waiting_count() - polls_expected_;
  for (const auto& [id, holder] : holders_) lack -= holder.polls_asked;
  return lack;
}

// One at a time, who has most of them first: polls that come here in vain wait far from their
// worker's tasks.
void Spread::AskForPolls() {
  if (!is_split_) return;
  const int64_t lack = Lack();
  if (lack <= 0) return;
  Holder* best = nullptr;
  for (auto& [id, holder] : holders_) {
    const bool is_news_old = loop_.Now() - holder.asked_at >= kAskInterval;
    if (holder.polls_asked > 0 || (holder.polls_waiting == 0 && !is_news_old)) continue;
    if (best == nullptr || holder.polls_waiting > best->polls_waiting) best = &holder;
  }
  if (best == nullptr) return;
  best->asked_at = loop_.Now();
  Tell(*best, kLease, lack);
}

void Spread::ArmAskTimer() {
  if (ask_timer_ != 0) return;
  ask_timer_ = loop_.After(kAskInterval, [this] {
    ask_timer_ = 0;
    polls_expected_ = 0;
    if (queue_.backlog_age() >= options_.backlog_max) return Join(options_.pause_after_join);
    if (queue_.waiting_count() == 0) return;
    AskForPolls();
    ArmAskTimer();
  });
}

std::vector<std::string> Spread::PartitionHolders() const {
  std::vector<std::string> names;
  if (!is_split_) return names;
  for (const auto& [id, holder] : holders_) {
    if (holder.has_answered) names.push_back(holder.member.node_name);
  }
  return names;
}

}  // namespace perdure::matching
