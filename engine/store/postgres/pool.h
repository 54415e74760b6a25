// Threads with one connection each and one queue for them all.
//
// `Session` keeps a connection and opens another when it is lost: at once the first time, then with
// pauses that double up to a limit and are scattered by half, so that many servers do not all
// return at the same instant. While it pauses, calls fail at once. A Session is used by one thread
// at a time; a Pool is thread-safe.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/random.h"
#include "store/postgres/connection.h"
#include "store/postgres/lineage.h"

namespace perdure::store::postgres {

class Session {
 public:
  // `connection` may be null: it is opened when first needed. `lineage` outlives the session.
  Session(const PostgresOptions& options, Connection::Use use,
          std::unique_ptr<Connection> connection, const Lineage& lineage);

  // UNAVAILABLE while the database cannot be reached; why is logged now and then. Valid until the
  // next call.
  absl::StatusOr<Connection*> Get();
  // The connection if it can be used as it is, else null.
  Connection* current() const;
  // Connections opened so far.
  int64_t opened() const { return opened_; }

 private:
  absl::StatusOr<std::unique_ptr<Connection>> Open() const;

  const PostgresOptions options_;
  const Connection::Use use_;
  std::unique_ptr<Connection> connection_;
  const Lineage& lineage_;
  base::Random random_;
  int64_t opened_ = 0;
  absl::Duration pause_;
  absl::Time next_try_;
  absl::Time error_logged_ = absl::InfinitePast();
  absl::Status last_error_;
};

class Pool {
 public:
  // Gets a connection or the reason there is none.
  using Job = absl::AnyInvocable<void(absl::StatusOr<Connection*>) &&>;

  Pool(const PostgresOptions& options, Connection::Use use, int64_t connections,
       const Lineage& lineage);
  // Finishes the jobs begun; the others are told CANCELLED.
  ~Pool();

  void Post(Job job);

 private:
  void Run(Session session);
  bool HasWork() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return stopping_ || !queue_.empty(); }

  absl::Mutex mutex_;
  std::deque<Job> queue_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace perdure::store::postgres
