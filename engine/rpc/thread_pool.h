// Threads for handlers that may block, started when there is work for them: an idle server has
// none. Internal to rpc/.
#pragma once

#include <deque>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"

namespace perdure::rpc {

// Thread-safe.
class ThreadPool {
 public:
  using Task = absl::AnyInvocable<void() &&>;

  explicit ThreadPool(int threads_max) : threads_max_(threads_max) {}
  ~ThreadPool() { Finish(); }

  void Add(Task task) {
    absl::MutexLock lock(&mutex_);
    tasks_.push_back(std::move(task));
    const bool is_short = idle_ < static_cast<int64_t>(tasks_.size());
    if (is_short && static_cast<int>(threads_.size()) < threads_max_) {
      threads_.emplace_back([this] { Run(); });
    }
  }

  // Waits until all that was added has run.
  void Finish() {
    std::vector<std::thread> threads;
    {
      absl::MutexLock lock(&mutex_);
      is_finishing_ = true;
      threads.swap(threads_);
    }
    for (auto& thread : threads) thread.join();
  }

 private:
  bool HasWork() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return is_finishing_ || !tasks_.empty();
  }

  void Run() {
    while (true) {
      Task task;
      {
        absl::MutexLock lock(&mutex_);
        ++idle_;
        mutex_.Await(absl::Condition(this, &ThreadPool::HasWork));
        --idle_;
        if (tasks_.empty()) return;
        task = std::move(tasks_.front());
        tasks_.pop_front();
      }
      std::move(task)();
    }
  }

  const int threads_max_;
  absl::Mutex mutex_;
  std::deque<Task> tasks_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
  int64_t idle_ ABSL_GUARDED_BY(mutex_) = 0;
  bool is_finishing_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace perdure::rpc
