// The thread that commits: groups what waits into one transaction, one pipeline, one round trip.
//
// A small batch that finds the thread asleep is sent by who brings it, and the database's answer is
// what wakes the thread: one switch of threads less for a commit, which matters where a run
// is alone.
//
// Thread-safe. Lives as long as its store; destroying it finishes the group being written and
// answers the rest CANCELLED. When a group is refused its batches are given one by one, so that the
// good ones before the bad one stand and only the bad one is told why.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "store/fastest.h"
#include "store/postgres/changes.h"
#include "store/postgres/connection.h"
#include "store/postgres/pool.h"
#include "store/store.h"

namespace perdure::store::postgres {

struct Counters {
  std::atomic<int64_t> batches{0}, transactions{0}, statements{0}, rows_written{0};
  std::atomic<int64_t> failed_batches{0}, reads{0};
  Fastest commits;
};

class Committer {
 public:
  // `counters`, `lineage` and `row_format` outlive the committer.
  Committer(const PostgresOptions& options, std::unique_ptr<Connection> connection,
            Counters& counters, Lineage& lineage, const std::atomic<int64_t>& row_format);
  ~Committer();

  void Commit(CommitBatch batch, Done done);
  // Soon, and though there may be nothing to commit: looks whether what was acknowledged is there.
  void Verify();

 private:
  struct Pending {
    CommitBatch batch;
    Done done;
  };
  using Group = std::deque<Pending>;
  // A batch that is on its way to the database.
  struct Sent {
    Pending pending;
    std::vector<RunChange> changes;  // point into the batch
    Connection* connection = nullptr;
    int64_t statements = 0;
    absl::Time begin;
    std::optional<PipelineOutcome> ended;  // already
  };

  void Run();
  // Until somebody wakes the thread, or there is something to read on the connection: then true.
  bool Sleep(int socket);
  // What the thread awaits besides a call; -1 if there is no connection.
  int SocketToAwait(bool is_readable) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Wake() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Sends the one batch of the queue, if nothing stands in the way.
  void TrySend() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Receive(Sent& sent);
  // A connection on which what was acknowledged before was looked for.
  absl::StatusOr<Connection*> Verified();
  void VerifyNow();
  void CommitGroup(Group group);
  // Writes group[begin, end) as one transaction.
  absl::Status Write(const Group& group, size_t begin, size_t end, bool& is_refused);
  // What a pipeline's outcome means for its batches.
  absl::Status Conclude(const PipelineOutcome& outcome, const std::vector<RunChange>& changes,
                        int64_t statements, absl::Time begin, const Connection& connection);
  // Answers group[place] with `failure` and everything given after it UNAVAILABLE; those before
  // `lost_end` may have been committed and are told `failure` too.
  void Fail(Group& group, size_t place, size_t lost_end, const absl::Status& failure);

  // The thread's, but while it is asleep theirs who hold the mutex.
  Session session_;
  Counters& counters_;
  Lineage& lineage_;
  const std::atomic<int64_t>& row_format_;
  Acknowledged acknowledged_;
  int64_t verified_ = 0;  // of the session's connections, by count
  absl::Mutex mutex_;
  Group queue_ ABSL_GUARDED_BY(mutex_);
  bool is_asleep_ ABSL_GUARDED_BY(mutex_) = false;
  std::unique_ptr<Sent> sent_ ABSL_GUARDED_BY(mutex_);
  const int wake_;  // an eventfd
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_to_verify_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace perdure::store::postgres
