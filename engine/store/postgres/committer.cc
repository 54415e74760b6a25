#include "store/postgres/committer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "store/checks.h"
#include "store/postgres/changes.h"
#include "store/postgres/commit_statements.h"

namespace perdure::store::postgres {
namespace {

// Bounds the time a transaction takes and the memory its parameters need.
constexpr size_t kGroupMax = 512;

std::vector<IncarnationId> IncarnationsOf(const std::vector<const CommitBatch*>& batches) {
  std::vector<IncarnationId> found;
  for (const CommitBatch* batch : batches) {
    if (std::find(found.begin(), found.end(), batch->incarnation) == found.end()) {
      found.push_back(batch->incarnation);
    }
  }
  return found;
}

}  // namespace

Committer::Committer(const PostgresOptions& options, std::unique_ptr<Connection> connection,
                     Counters& counters, Lineage& lineage, const std::atomic<int64_t>& row_format)
    : session_(options, Connection::Use::kCommits, std::move(connection), lineage),
      counters_(counters),
      lineage_(lineage),
      row_format_(row_format),
      thread_([this] { Run(); }) {}

Committer::~Committer() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
}

void Committer::Commit(CommitBatch batch, Done done) {
  absl::MutexLock lock(&mutex_);
  queue_.push_back({std::move(batch), std::move(done)});
}

void Committer::Verify() {
  absl::MutexLock lock(&mutex_);
  is_to_verify_ = true;
}

absl::StatusOr<Connection*> Committer::Verified() {
  auto connection = session_.Get();
  if (!connection.ok() || session_.opened() == verified_) return connection;
  const absl::Status status = acknowledged_.Verify(**connection, lineage_);
  if (!status.ok()) return absl::UnavailableError(status.message());
  verified_ = session_.opened();
  return connection;
}

void Committer::VerifyNow() {
  // A connection that was lost shows it at its next use.
  auto connection = session_.Get();
  if (connection.ok()) (void)(*connection)->Run(kPing, {});
  (void)Verified();
}

void Committer::Run() {
  while (true) {
    Group group;
    bool is_to_verify = false;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &Committer::HasWork));
      if (stopping_) break;
      std::swap(is_to_verify, is_to_verify_);
      while (!queue_.empty() && group.size() < kGroupMax) {
        group.push_back(std::move(queue_.front()));
        queue_.pop_front();
      }
    }
    if (is_to_verify) VerifyNow();
    CommitGroup(std::move(group));
  }
  while (true) {
    Group rest;
    {
      absl::MutexLock lock(&mutex_);
      rest.swap(queue_);
    }
    if (rest.empty()) return;
    for (Pending& pending : rest) std::move(pending.done)(ClosedError());
  }
}

void Committer::CommitGroup(Group group) {
  // A refused group is tried again batch by batch, up to the one that is to blame.
  size_t step = group.size();
  size_t begin = 0;
  while (begin < group.size()) {
    const size_t end = std::min(group.size(), begin + step);
    bool is_refused = false;
    const absl::Status status = Write(group, begin, end, is_refused);
    if (status.ok()) {
      counters_.batches += static_cast<int64_t>(end - begin);
      for (size_t i = begin; i < end; ++i) std::move(group[i].done)(absl::OkStatus());
      begin = end;
    } else if (is_refused && end - begin > 1) {
      step = 1;
    } else {
      return Fail(group, begin, is_refused ? begin + 1 : end, status);
    }
  }
}

absl::Status Committer::Write(const Group& group, size_t begin, size_t end, bool& is_refused) {
  std::vector<const CommitBatch*> batches;
  for (size_t i = begin; i < end; ++i) batches.push_back(&group[i].batch);
  const auto changes = MergeBatches(batches);
  if (!changes.ok()) {
    is_refused = true;
    return changes.status();
  }
  auto connection = Verified();
  if (!connection.ok()) return connection.status();
  const std::vector<IncarnationId> incarnations = IncarnationsOf(batches);
  for (const IncarnationId incarnation : incarnations) {
    const absl::Status status = lineage_.CheckIncarnation(incarnation, (*connection)->lineage());
    if (!status.ok()) return status;
    const absl::Status announced = (*connection)->Announce(incarnation);
    if (!announced.ok()) return absl::UnavailableError(announced.message());
  }
  const absl::Time begin_time = absl::Now();
  const std::vector<PipelinedStatement> statements =
      CommitStatements(incarnations, *changes, row_format_);
  const PipelineOutcome outcome = (*connection)->RunPipeline(statements);
  switch (outcome.kind) {
    case PipelineOutcome::Kind::kCommitted:
      counters_.commits.Note(absl::Now() - begin_time, absl::Now());
      counters_.transactions += 1;
      counters_.statements += static_cast<int64_t>(statements.size());
      counters_.rows_written += outcome.rows_written;
      acknowledged_.Add(*changes, (*connection)->lineage());
      return absl::OkStatus();
    case PipelineOutcome::Kind::kRolledBack:
      is_refused = true;
      return outcome.status;
    case PipelineOutcome::Kind::kNotSent:
      return absl::UnavailableError(outcome.status.message());
    case PipelineOutcome::Kind::kLost:
      return absl::UnknownError(
          absl::StrCat("the connection was lost during a commit: ", outcome.status.message()));
  }
  return absl::InternalError("unknown outcome");
}

void Committer::Fail(Group& group, size_t place, size_t lost_end, const absl::Status& failure) {
  Group followers;
  {
    absl::MutexLock lock(&mutex_);
    followers.swap(queue_);
  }
  counters_.failed_batches += static_cast<int64_t>(group.size() - place + followers.size());
  for (size_t i = place; i < group.size(); ++i) {
    std::move(group[i].done)(i < lost_end ? failure : FollowsFailureError());
  }
  for (Pending& follower : followers) std::move(follower.done)(FollowsFailureError());
}

}  // namespace perdure::store::postgres
