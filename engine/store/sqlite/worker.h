// A thread with one SQLite connection and a queue: the writer (which also groups commits), a
// reader, or, for a database in memory, both in one.
//
// Thread-safe. Lives as long as its store; destroying it finishes the commits already being written
// and answers all else CANCELLED.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <thread>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "store/fastest.h"
#include "store/sqlite/connection.h"
#include "store/store.h"

namespace perdure::store::sqlite {

struct Counters {
  std::atomic<int64_t> batches{0}, transactions{0}, statements{0}, rows_written{0};
  std::atomic<int64_t> failed_batches{0}, reads{0};
  Fastest commits;
};

class Worker {
 public:
  // Runs on the worker's thread; null when the worker is closing.
  using Job = absl::AnyInvocable<void(Connection*) &&>;

  // `counters` outlives the worker.
  Worker(std::unique_ptr<Connection> connection, Counters& counters);
  ~Worker();

  void Post(Job job);
  void Commit(CommitBatch batch, Done done);

 private:
  struct PendingCommit {
    CommitBatch batch;
    Done done;
  };
  using Item = std::variant<Job, PendingCommit>;

  void Run();
  bool HasWork() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return stopping_ || !queue_.empty(); }
  void RunItems(std::deque<Item> items);
  // Commits the group's longest prefix that can be; true if that was all of it.
  bool CommitGroup(std::vector<PendingCommit>& group);
  // Applies the first `count` in one transaction. On failure nothing is changed and `failed_at`
  // says which batch it was (`count` for the transaction as a whole).
  absl::Status ApplyFirst(std::vector<PendingCommit>& group, size_t count, size_t& failed_at);
  // Fails every commit that was given before its predecessor's failure was known.
  void FailFollowers(std::deque<Item>& items);
  void Close(std::deque<Item> items);

  const std::unique_ptr<Connection> connection_;
  Counters& counters_;
  absl::Mutex mutex_;
  std::deque<Item> queue_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace perdure::store::sqlite
