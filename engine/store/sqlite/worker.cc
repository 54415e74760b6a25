#include "store/sqlite/worker.h"

#include <utility>

#include "absl/time/clock.h"
#include "store/checks.h"
#include "store/sqlite/commit.h"

namespace perdure::store::sqlite {

Worker::Worker(std::unique_ptr<Connection> connection, Counters& counters)
    : connection_(std::move(connection)), counters_(counters), thread_([this] { Run(); }) {}

Worker::~Worker() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
}

void Worker::Post(Job job) {
  absl::MutexLock lock(&mutex_);
  queue_.emplace_back(std::move(job));
}

void Worker::Commit(CommitBatch batch, Done done) {
  absl::MutexLock lock(&mutex_);
  queue_.emplace_back(PendingCommit{std::move(batch), std::move(done)});
}

void Worker::Run() {
  while (true) {
    std::deque<Item> items;
    bool stopping = false;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &Worker::HasWork));
      items.swap(queue_);
      stopping = stopping_;
    }
    if (stopping) return Close(std::move(items));
    RunItems(std::move(items));
  }
}

void Worker::RunItems(std::deque<Item> items) {
  std::vector<PendingCommit> group;
  while (!items.empty()) {
    if (auto* job = std::get_if<Job>(&items.front())) {
      Job taken = std::move(*job);
      items.pop_front();
      std::move(taken)(connection_.get());
      continue;
    }
    // Consecutive commits become one transaction.
    group.clear();
    while (!items.empty() && std::holds_alternative<PendingCommit>(items.front())) {
      group.push_back(std::get<PendingCommit>(std::move(items.front())));
      items.pop_front();
    }
    if (!CommitGroup(group)) FailFollowers(items);
  }
}

bool Worker::CommitGroup(std::vector<PendingCommit>& group) {
  size_t good = group.size();
  size_t failed_at = good;
  absl::Status failure = ApplyFirst(group, good, failed_at);
  if (!failure.ok()) {
    // What was given before the bad batch stands; it has just been applied without complaint.
    good = failed_at < group.size() ? failed_at : 0;
    if (good > 0) {
      const absl::Status again = ApplyFirst(group, good, failed_at);
      if (!again.ok()) {
        good = 0;
        failure = again;
      }
    }
  }
  counters_.batches += static_cast<int64_t>(good);
  counters_.failed_batches += static_cast<int64_t>(group.size() - good);
  for (size_t i = 0; i < good; ++i) std::move(group[i].done)(absl::OkStatus());
  if (good == group.size()) return true;
  // The followers are gathered before the first failure is told, so that none of them slips by.
  std::vector<PendingCommit> followers;
  {
    absl::MutexLock lock(&mutex_);
    std::deque<Item> kept;
    for (Item& item : queue_) {
      if (auto* commit = std::get_if<PendingCommit>(&item)) {
        followers.push_back(std::move(*commit));
      } else {
        kept.push_back(std::move(item));
      }
    }
    queue_ = std::move(kept);
  }
  std::move(group[good].done)(failure);
  for (size_t i = good + 1; i < group.size(); ++i) std::move(group[i].done)(FollowsFailureError());
  counters_.failed_batches += static_cast<int64_t>(followers.size());
  for (PendingCommit& follower : followers) std::move(follower.done)(FollowsFailureError());
  return false;
}

absl::Status Worker::ApplyFirst(std::vector<PendingCommit>& group, size_t count,
                                size_t& failed_at) {
  const absl::Time begin = absl::Now();
  const int64_t rows_before = connection_->rows_changed();
  int64_t statements = 2;
  failed_at = count;
  absl::Status status = connection_->Execute("BEGIN IMMEDIATE");
  if (!status.ok()) return status;
  for (size_t i = 0; i < count && status.ok(); ++i) {
    status = ApplyBatch(*connection_, group[i].batch, statements);
    if (!status.ok()) failed_at = i;
  }
  if (status.ok()) status = connection_->Execute("COMMIT");
  if (!status.ok()) {
    // A failed COMMIT may have rolled back already; then this one changes nothing.
    (void)connection_->Execute("ROLLBACK");
    return status;
  }
  counters_.commits.Note(absl::Now() - begin, absl::Now());
  counters_.transactions += 1;
  counters_.statements += statements;
  counters_.rows_written += connection_->rows_changed() - rows_before;
  return status;
}

void Worker::FailFollowers(std::deque<Item>& items) {
  std::deque<Item> kept;
  for (Item& item : items) {
    if (auto* commit = std::get_if<PendingCommit>(&item)) {
      counters_.failed_batches += 1;
      std::move(commit->done)(FollowsFailureError());
    } else {
      kept.push_back(std::move(item));
    }
  }
  items = std::move(kept);
}

void Worker::Close(std::deque<Item> items) {
  while (true) {
    for (Item& item : items) {
      if (auto* commit = std::get_if<PendingCommit>(&item)) {
        std::move(commit->done)(ClosedError());
      } else {
        std::get<Job>(std::move(item))(nullptr);
      }
    }
    // A callback may have asked for more.
    absl::MutexLock lock(&mutex_);
    if (queue_.empty()) return;
    items.clear();
    items.swap(queue_);
  }
}

}  // namespace perdure::store::sqlite
