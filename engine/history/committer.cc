#include "history/committer.h"

#include <utility>

#include "base/check.h"
#include "base/errors.h"
#include "base/log.h"

namespace perdure::history {
namespace {

// What a store may say of its own state. Anything else is said of the commit.
bool IsOfTheStore(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsUnknown(status) || absl::IsAborted(status) ||
         absl::IsCancelled(status);
}

absl::Status CommitFailed() {
  return base::Unavailable("the commit failed, nothing was changed for certain; try again");
}

}  // namespace

Committer::Entry& Committer::Queue(const ExecutionPtr& execution) {
  const auto found = queued_.find(execution.get());
  if (found != queued_.end()) return *found->second;
  auto entry = std::make_unique<Entry>();
  entry->execution = execution;
  entry->commit.key = execution->key;
  Entry& queued = *entry;
  queue_.push_back(std::move(entry));
  queued_[execution.get()] = &queued;
  newest_[execution.get()] = &queued;
  if (execution->commits_in_flight++ == 0 && execution->committed_at != absl::InfinitePast()) {
    pace_.WentOn(loop_.Now() - execution->committed_at);
  }
  ScheduleFlush();
  return queued;
}

void Committer::AfterCommits(const ExecutionPtr& execution, After after) {
  const auto found = newest_.find(execution.get());
  if (found != newest_.end()) {
    found->second->after.push_back(std::move(after));
    return;
  }
  // Of a run that a failed commit took along nothing is known for certain.
  absl::Status status;
  if (execution->is_dropped) status = CommitFailed();
  loop_.Post([after = std::move(after), status = std::move(status)]() mutable {
    std::move(after)(std::move(status));
  });
}

void Committer::AfterAll(absl::AnyInvocable<void() &&> callback) {
  Entry* last = nullptr;
  if (!queue_.empty()) {
    last = queue_.back().get();
  } else if (!flights_.empty() && !flights_.back()->entries.empty()) {
    last = flights_.back()->entries.back().get();
  }
  if (last == nullptr) return (void)loop_.Post(std::move(callback));
  last->after.push_back([this, callback = std::move(callback)](const absl::Status&) mutable {
    // After all that the batch itself sets off.
    loop_.Post(std::move(callback));
  });
}

void Committer::ScheduleFlush() {
  const absl::Time now = loop_.Now();
  if (flush_scheduled_ || in_flight_ >= pace_.InFlightMax(now)) return;
  flush_scheduled_ = true;
  auto flush = [this] {
    flush_scheduled_ = false;
    Flush();
  };
  const absl::Time when = pace_.NextAt(now);
  if (when > now) return (void)loop_.At(when, std::move(flush));
  // Posted: whatever else this round of the loop decides joins the batch.
  loop_.Post(std::move(flush));
}

void Committer::Flush() {
  if (queue_.empty()) return;
  const absl::Time now = loop_.Now();
  auto batch = std::make_shared<Batch>();
  // Runs that belong together were queued together; a cut would part them, so the whole queue goes.
  batch->entries.swap(queue_);
  queued_.clear();
  store::CommitBatch commits;
  commits.incarnation = incarnation_;
  commits.executions.reserve(batch->entries.size());
  for (const std::unique_ptr<Entry>& entry : batch->entries) {
    commits.executions.push_back(std::move(entry->commit));
    pace_.Left(entry->execution->key, now);
  }
  ++in_flight_;
  ++batches_;
  flights_.push_back(batch);
  store_.Commit(std::move(commits), [this, batch, sent = now](absl::Status status) {
    loop_.Post([this, batch, sent, status = std::move(status)]() mutable {
      if (status.ok()) {
        meters_.Committed(static_cast<int64_t>(batch->entries.size()), loop_.Now() - sent);
      } else {
        meters_.CommitFailed(static_cast<int64_t>(batch->entries.size()));
      }
      Done(batch, std::move(status));
    });
  });
}

void Committer::Done(std::shared_ptr<Batch> batch, absl::Status status) {
  --in_flight_;
  PERDURE_CHECK(!flights_.empty());
  PERDURE_CHECK(flights_.front() == batch);
  flights_.pop_front();
  if (!status.ok()) {
    Fail(*batch, status);
  } else {
    committed_runs_ += static_cast<int64_t>(batch->entries.size());
    const absl::Time now = loop_.Now();
    for (const std::unique_ptr<Entry>& entry : batch->entries) {
      Execution& execution = *entry->execution;
      --execution.commits_in_flight;
      execution.committed_at = now;
      Forget(*entry);
      if (entry->next_event_id > execution.committed_next_event_id) {
        execution.committed_next_event_id = entry->next_event_id;
      }
      for (After& after : entry->after) std::move(after)(absl::OkStatus());
      hooks_.committed(entry->execution);
    }
  }
  if (!queue_.empty()) ScheduleFlush();
  CheckIdle();
}

void Committer::Fail(Batch& batch, const absl::Status& status) {
  if (!IsOfTheStore(status) && !batch.is_in_doubt) {
    base::LogError("a commit contradicts what is stored",
                   {{"runs", static_cast<int64_t>(batch.entries.size())}, {"error", status}});
  }
  for (const std::shared_ptr<Batch>& flight : flights_) flight->is_in_doubt = true;
  const absl::Status answer = CommitFailed();
  std::vector<ExecutionPtr> dropped;
  std::vector<After> waiting;
  const auto take = [this, &dropped, &waiting](std::vector<std::unique_ptr<Entry>>& entries) {
    for (std::unique_ptr<Entry>& entry : entries) {
      entry->execution->is_dropped = true;
      Forget(*entry);
      dropped.push_back(entry->execution);
      for (After& after : entry->after) waiting.push_back(std::move(after));
      entry->after.clear();
    }
  };
  take(batch.entries);
  // What is queued may build on a state that never was, directly or by a run committed along with
  // it.
  take(queue_);
  queue_.clear();
  queued_.clear();
  hooks_.drop(dropped);
  for (After& after : waiting) std::move(after)(answer);
  if (status.code() == absl::StatusCode::kAborted) hooks_.fenced(status);
}

void Committer::Forget(const Entry& entry) {
  const auto found = newest_.find(entry.execution.get());
  if (found != newest_.end() && found->second == &entry) newest_.erase(found);
}

void Committer::WhenIdle(absl::AnyInvocable<void() &&> callback) {
  when_idle_.push_back(std::move(callback));
  loop_.Post([this] { CheckIdle(); });
}

void Committer::CheckIdle() {
  if (!IsIdle() || when_idle_.empty()) return;
  std::vector<absl::AnyInvocable<void() &&>> callbacks;
  callbacks.swap(when_idle_);
  for (auto& callback : callbacks) std::move(callback)();
}

}  // namespace perdure::history
