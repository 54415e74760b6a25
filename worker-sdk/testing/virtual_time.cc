#include "worker-sdk/testing/virtual_time.h"

namespace perdure::testing {

VirtualTime::~VirtualTime() {
  for (std::thread& thread : threads_) thread.join();
}

void VirtualTime::Post(Task task) {
  const std::lock_guard lock(mutex_);
  ready_.push_back(std::move(task));
  changed_.notify_all();
}

VirtualTime::TimerId VirtualTime::At(absl::Time when, Task task) {
  const std::lock_guard lock(mutex_);
  const TimerId id = ++last_timer_;
  if (when - start_ >= kNever) return id;
  timers_.emplace(std::pair(when, id), std::move(task));
  times_.emplace(id, when);
  changed_.notify_all();
  return id;
}

VirtualTime::TimerId VirtualTime::AtLeisure(absl::Time when, Task task) {
  const std::lock_guard lock(mutex_);
  const TimerId id = ++last_timer_;
  leisure_.emplace(std::pair(when, id), std::move(task));
  times_.emplace(id, when);
  return id;
}

void VirtualTime::Cancel(TimerId timer) {
  Task dropped;  // Destroyed after the lock: it may own what posts.
  const std::lock_guard lock(mutex_);
  const auto found = times_.find(timer);
  if (found == times_.end()) return;
  for (Timers* timers : {&timers_, &leisure_}) {
    const auto at = timers->find({found->second, timer});
    if (at == timers->end()) continue;
    dropped = std::move(at->second);
    timers->erase(at);
  }
  times_.erase(found);
}

absl::Time VirtualTime::Now() const {
  const std::lock_guard lock(mutex_);
  return now_;
}

void VirtualTime::MoveTo(absl::Time when) {
  if (when <= now_) return;
  now_ = when;
  changed_.notify_all();
  // Each once, however often it would have come.
  while (!leisure_.empty() && leisure_.begin()->first.first <= now_) {
    ready_.push_back(std::move(leisure_.begin()->second));
    times_.erase(leisure_.begin()->first.second);
    leisure_.erase(leisure_.begin());
  }
}

VirtualTime::Task VirtualTime::TakeNext(std::unique_lock<std::mutex>& lock, absl::Time limit) {
  for (;;) {
    if (!ready_.empty()) {
      Task task = std::move(ready_.front());
      ready_.pop_front();
      return task;
    }
    const absl::Time next = timers_.empty() ? absl::InfiniteFuture() : timers_.begin()->first.first;
    if (next <= now_ || (outside_ == 0 && next <= limit && !timers_.empty())) {
      MoveTo(next);
      Task task = std::move(timers_.begin()->second);
      times_.erase(timers_.begin()->first.second);
      timers_.erase(timers_.begin());
      return task;
    }
    if (outside_ == 0) {
      if (limit == absl::InfiniteFuture()) return nullptr;
      MoveTo(limit);
      if (ready_.empty()) return nullptr;
      continue;
    }
    // An activity is at work: wait for it, as long as the next timer lets us in real time.
    const absl::Time end = std::min(next, limit);
    const auto began = std::chrono::steady_clock::now();
    if (end == absl::InfiniteFuture()) {
      changed_.wait(lock);
    } else {
      changed_.wait_for(lock, absl::ToChronoNanoseconds(std::min(end - now_, absl::Hours(1))));
    }
    MoveTo(std::min(end, now_ + absl::FromChrono(std::chrono::steady_clock::now() - began)));
    if (ready_.empty() && now_ >= limit) return nullptr;
  }
}

bool VirtualTime::Drive(const std::function<bool()>& is_over, absl::Time limit) {
  // What is run may wait for something itself, and so drive on.
  const bool is_nested = IsDriving();
  std::unique_lock lock(mutex_);
  while (!is_nested && driver_.load() != std::thread::id()) {
    if (is_over()) return true;
    if (now_ >= limit) return false;
    changed_.wait(lock);
  }
  driver_ = std::this_thread::get_id();
  bool was_over = false;
  for (;;) {
    lock.unlock();
    was_over = is_over();
    lock.lock();
    if (was_over) break;
    Task task = TakeNext(lock, limit);
    if (task == nullptr) break;
    lock.unlock();
    std::move(task)();
    task = nullptr;
    lock.lock();
  }
  if (!is_nested) {
    driver_ = std::thread::id();
    changed_.notify_all();
  }
  return was_over;
}

std::shared_ptr<void> VirtualTime::Hold() {
  const std::lock_guard lock(mutex_);
  ++outside_;
  return {this, [this](void*) {
            const std::lock_guard lock(mutex_);
            --outside_;
            changed_.notify_all();
          }};
}

void VirtualTime::RunOutside(absl::AnyInvocable<void()> task) {
  const std::lock_guard lock(mutex_);
  ++outside_;
  threads_.emplace_back([this, task = std::move(task)]() mutable {
    task();
    task = nullptr;
    const std::lock_guard lock(mutex_);
    --outside_;
    changed_.notify_all();
  });
}

}  // namespace perdure::testing
