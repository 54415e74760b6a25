// Threads for code that blocks (activities): as many as run at once, up to a limit, ended when they
// idle.
//
// Thread-safe. Destroying the pool runs what is queued and waits for it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>

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
  mutable std::mutex mutex_;  // Guards all below.
  std::condition_variable has_task_;
  std::condition_variable is_empty_;
  std::deque<Task> tasks_;
  std::int64_t threads_ = 0;
  std::int64_t idle_ = 0;
  bool is_stopping_ = false;
};

}  // namespace perdure::client
