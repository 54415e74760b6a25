#include "store/postgres/committer.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/check.h"
#include "store/checks.h"
#include "store/postgres/changes.h"
#include "store/postgres/commit_statements.h"

namespace perdure::store::postgres {
namespace {

// Bounds the time a transaction takes and the memory its parameters need.
constexpr size_t kGroupMax = 512;
// Building a larger batch's statements would hold up who brings it.
constexpr size_t kSentAtOnceMax = 16;

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
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_([this] { Run(); }) {
  PERDURE_CHECK(wake_ >= 0);
}

Committer::~Committer() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    Wake();
  }
  thread_.join();
  ::close(wake_);
}

void Committer::Commit(CommitBatch batch, Done done) {
  absl::MutexLock lock(&mutex_);
  queue_.push_back({std::move(batch), std::move(done)});
  if (!is_asleep_) return;  // It looks at the queue before it sleeps.
  TrySend();
  if (sent_ == nullptr || sent_->ended.has_value()) Wake();
}

void Committer::Verify() {
  absl::MutexLock lock(&mutex_);
  is_to_verify_ = true;
  Wake();
}

void Committer::Wake() {
  if (!is_asleep_) return;
  is_asleep_ = false;
  const uint64_t one = 1;
  PERDURE_CHECK(::write(wake_, &one, sizeof(one)) > 0);
}

bool Committer::Sleep(int socket) {
  pollfd awaited[] = {{wake_, POLLIN, 0}, {socket, POLLIN, 0}};  // A negative one is ignored.
  while (::poll(awaited, 2, -1) < 0) PERDURE_CHECK(errno == EINTR);
  uint64_t count = 0;
  if (awaited[0].revents != 0) (void)!::read(wake_, &count, sizeof(count));
  return awaited[1].revents != 0;
}

void Committer::TrySend() {
  const CommitBatch& batch = queue_.front().batch;
  Connection* const connection = session_.current();
  const bool is_ready = sent_ == nullptr && queue_.size() == 1 &&
                        batch.executions.size() <= kSentAtOnceMax && !is_to_verify_ &&
                        connection != nullptr && session_.opened() == verified_ &&
                        connection->has_announced(batch.incarnation) &&
                        lineage_.CheckIncarnation(batch.incarnation, connection->lineage()).ok();
  if (!is_ready) return;
  auto sent = std::make_unique<Sent>();
  sent->pending = std::move(queue_.front());
  auto changes = MergeBatches({&sent->pending.batch});
  if (!changes.ok()) {
    queue_.front() = std::move(sent->pending);
    return;
  }
  queue_.pop_front();
  sent->changes = *std::move(changes);
  sent->connection = connection;
  sent->begin = absl::Now();
  const auto statements =
      CommitStatements({sent->pending.batch.incarnation}, sent->changes, row_format_);
  sent->statements = static_cast<int64_t>(statements.size());
  sent->ended = connection->SendPipeline(statements);
  const bool has_left = sent->ended.has_value() || connection->Flush();
  sent_ = std::move(sent);
  if (!has_left) Wake();  // It waits for room, too.
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

int Committer::SocketToAwait(bool is_readable) {
  Connection* connection = session_.current();
  // What nobody waits for is a notice, or the end.
  if (connection != nullptr && is_readable) connection->ReadUnasked();
  return connection == nullptr || connection->is_lost() ? -1 : connection->socket();
}

void Committer::Run() {
  bool is_readable = false;
  while (true) {
    Group group;
    std::unique_ptr<Sent> sent;
    bool is_to_verify = false;
    int socket = -1;
    {
      absl::MutexLock lock(&mutex_);
      is_asleep_ = false;
      sent = std::move(sent_);
      if (sent == nullptr) {
        if (stopping_) break;
        std::swap(is_to_verify, is_to_verify_);
        while (!queue_.empty() && group.size() < kGroupMax) {
          group.push_back(std::move(queue_.front()));
          queue_.pop_front();
        }
        is_asleep_ = !is_to_verify && group.empty();
        if (is_asleep_) socket = SocketToAwait(is_readable);
      }
    }
    if (sent != nullptr) {
      Receive(*sent);
    } else if (!is_to_verify && group.empty()) {
      is_readable = Sleep(socket);
    } else {
      if (is_to_verify) VerifyNow();
      CommitGroup(std::move(group));
    }
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
  is_refused = outcome.kind == PipelineOutcome::Kind::kRolledBack;
  return Conclude(outcome, *changes, static_cast<int64_t>(statements.size()), begin_time,
                  **connection);
}

void Committer::Receive(Sent& sent) {
  const PipelineOutcome outcome =
      sent.ended.has_value() ? *std::move(sent.ended) : sent.connection->ReceivePipeline();
  const absl::Status status =
      Conclude(outcome, sent.changes, sent.statements, sent.begin, *sent.connection);
  if (status.ok()) {
    counters_.batches += 1;
    return std::move(sent.pending.done)(status);
  }
  Group group;
  group.push_back(std::move(sent.pending));
  Fail(group, 0, 1, status);
}

absl::Status Committer::Conclude(const PipelineOutcome& outcome,
                                 const std::vector<RunChange>& changes, int64_t statements,
                                 absl::Time begin, const Connection& connection) {
  switch (outcome.kind) {
    case PipelineOutcome::Kind::kCommitted:
      counters_.commits.Note(absl::Now() - begin, absl::Now());
      counters_.transactions += 1;
      counters_.statements += statements;
      counters_.rows_written += outcome.rows_written;
      acknowledged_.Add(changes, connection.lineage());
      return absl::OkStatus();
    case PipelineOutcome::Kind::kRolledBack:
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
