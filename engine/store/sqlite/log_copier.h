// Copies the write-ahead log into the database, on a thread and a connection of its own, so that no
// commit waits for it.
//
// A log begins anew only when all of it has been copied, and the writer adds to it meanwhile. So
// the last few pages are copied by the writer itself, between two commits. A reader that holds on
// to an old state holds both back; then the log grows until it is done.
//
// LogGrew and the rest run on the writer's thread. Outlives the writer, is stopped before it.
#pragma once

#include <cstdint>
#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/worker.h"

namespace perdure::store::sqlite {

class LogCopier {
 public:
  // Begins once the log has `pages_max`.
  LogCopier(std::unique_ptr<Connection> connection, Worker& writer, int64_t pages_max);
  ~LogCopier() { Stop(); }

  // Waits for a copy under way. Call it before the writer goes.
  void Stop();

 private:
  // What came of one round.
  enum class Round { kComplete, kHeldBack, kFailed };

  void Run();
  void LogGrew(int64_t pages);
  Round CopyAll();
  absl::StatusOr<Connection::Log> CopyWhatThereIs();
  absl::StatusOr<Connection::Log> CopyOnce();
  // On the writer's thread; true if the log can begin anew.
  absl::StatusOr<bool> CopyRest();

  bool IsDue() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return is_stopping_ || log_pages_ >= next_at_;
  }
  bool HasRestEnded() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return is_stopping_ || !is_rest_asked_;
  }
  bool IsNotCopying() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return !is_copying_; }

  const std::unique_ptr<Connection> connection_;
  Worker& writer_;
  const int64_t pages_max_;
  absl::Mutex mutex_;
  int64_t log_pages_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t next_at_ ABSL_GUARDED_BY(mutex_);
  bool is_copying_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_rest_asked_ ABSL_GUARDED_BY(mutex_) = false;
  absl::StatusOr<bool> rest_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace perdure::store::sqlite
