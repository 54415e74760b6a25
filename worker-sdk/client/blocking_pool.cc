#include "worker-sdk/client/blocking_pool.h"

#include <thread>
#include <utility>

namespace perdure::client {

BlockingPool::~BlockingPool() {
  std::unique_lock lock(mutex_);
  is_stopping_ = true;
  has_task_.notify_all();
  is_empty_.wait(lock, [this] { return threads_ == 0; });
}

void BlockingPool::Run(Task task) {
  std::unique_lock lock(mutex_);
  tasks_.push_back(std::move(task));
  if (idle_ >= static_cast<std::int64_t>(tasks_.size()) || threads_ >= options_.threads_max) {
    // Unlocked, or the woken thread would wait for the mutex at once. Whoever calls this keeps the
    // pool alive.
    lock.unlock();
    has_task_.notify_one();
    return;
  }
  ++threads_;
  // Detached, because threads end by themselves; the destructor waits for the count instead.
  std::thread([this] { Work(); }).detach();
}

std::int64_t BlockingPool::thread_count() const {
  const std::lock_guard lock(mutex_);
  return threads_;
}

void BlockingPool::Work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (tasks_.empty() && !is_stopping_) {
      ++idle_;
      has_task_.wait_for(lock, options_.idle_max,
                         [this] { return !tasks_.empty() || is_stopping_; });
      --idle_;
    }
    if (tasks_.empty()) break;
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    std::move(task)();
    task = nullptr;
    lock.lock();
  }
  // Still locked: the destructor may go on only when this thread touches the pool no more.
  if (--threads_ == 0) is_empty_.notify_all();
}

}  // namespace perdure::client
