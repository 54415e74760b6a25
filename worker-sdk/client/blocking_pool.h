// Threads for code that blocks (activities): as many as run at once, up to a limit, ended when they
// idle.
//
// Thread-safe. Destroying the pool runs what is queued and waits for it.
#pragma once

#include <cstdint>
#include <deque>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "worker-sdk/client/transport.h"

namespace perdure::client {

struct BlockingPoolOptions {
  // Above it tasks wait for a thread: the worker's slots should be the limit that is met first.
  std::int64_t threads_max = 4096;
  Nanos idle_max = std::chrono::seconds(10);
};

class BlockingPool {
 public:
  using Task = absl::AnyInvocable<void()>;

  explicit BlockingPool(BlockingPoolOptions options = {}) : options_(options) {}
  ~BlockingPool();

  void Run(Task task);
  std::int64_t thread_count() const;

 private:
  void Work();

  const BlockingPoolOptions options_;
  // Abseil's: who waited with glibc's condition variable makes a system call when it unlocks.
  mutable absl::Mutex mutex_;
  absl::CondVar has_task_;
  absl::CondVar is_empty_;
  std::deque<Task> tasks_ ABSL_GUARDED_BY(mutex_);
  std::int64_t threads_ ABSL_GUARDED_BY(mutex_) = 0;
  std::int64_t idle_ ABSL_GUARDED_BY(mutex_) = 0;
  bool is_stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace perdure::client
