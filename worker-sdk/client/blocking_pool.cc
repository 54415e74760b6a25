#include "worker-sdk/client/blocking_pool.h"

#include <thread>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace perdure::client {

BlockingPool::~BlockingPool() {
  const absl::MutexLock lock(&mutex_);
  is_stopping_ = true;
  has_task_.SignalAll();
  while (threads_ > 0) is_empty_.Wait(&mutex_);
}

void BlockingPool::Run(Task task) {
  bool needs_thread = false;
  {
    const absl::MutexLock lock(&mutex_);
    tasks_.push_back(std::move(task));
    needs_thread =
        idle_ < static_cast<std::int64_t>(tasks_.size()) && threads_ < options_.threads_max;
    if (needs_thread) ++threads_;
  }
  // Unlocked, or the woken thread would wait for the mutex at once. Whoever calls this keeps the
  // pool alive.
  if (!needs_thread) return has_task_.Signal();
  // Detached, because threads end by themselves; the destructor waits for the count instead.
  std::thread([this] { Work(); }).detach();
}

std::int64_t BlockingPool::thread_count() const {
  const absl::MutexLock lock(&mutex_);
  return threads_;
}

void BlockingPool::Work() {
  mutex_.Lock();
  for (;;) {
    if (tasks_.empty() && !is_stopping_) {
      ++idle_;
      const absl::Time end = absl::Now() + absl::FromChrono(options_.idle_max);
      while (tasks_.empty() && !is_stopping_ && !has_task_.WaitWithDeadline(&mutex_, end)) {
      }
      --idle_;
    }
    if (tasks_.empty()) break;
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    mutex_.Unlock();
    std::move(task)();
    task = nullptr;
    mutex_.Lock();
  }
  // Still locked: the destructor may go on only when this thread touches the pool no more.
  if (--threads_ == 0) is_empty_.SignalAll();
  mutex_.Unlock();
}

}  // namespace perdure::client
