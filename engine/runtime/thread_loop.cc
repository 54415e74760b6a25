#include <atomic>
#include <deque>
#include <map>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "runtime/runtime.h"

namespace perdure::runtime {
namespace {

// Thread-safe by one mutex around the queues; tasks run outside it, a whole batch per acquisition.
class ThreadLoop final : public Loop {
 public:
  explicit ThreadLoop(uint64_t seed) : random_(seed), thread_([this] { Run(); }) {}

  ~ThreadLoop() override {
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = true;
    }
    thread_.join();
  }

  void Post(Task task) override {
    absl::MutexLock lock(&mutex_);
    ready_.push_back(std::move(task));
  }

  TimerId At(absl::Time when, Task task) override {
    absl::MutexLock lock(&mutex_);
    const TimerId id = ++last_timer_;
    timers_.emplace(std::pair(when, id), std::move(task));
    timer_times_.emplace(id, when);
    timers_changed_ = true;
    return id;
  }

  void Cancel(TimerId timer) override {
    Task dropped;  // Destroyed outside the lock: it may own anything.
    absl::MutexLock lock(&mutex_);
    const auto found = timer_times_.find(timer);
    if (found == timer_times_.end()) return;
    const auto entry = timers_.find(std::pair(found->second, timer));
    dropped = std::move(entry->second);
    timers_.erase(entry);
    timer_times_.erase(found);
  }

  bool IsCurrent() const override { return std::this_thread::get_id() == thread_.get_id(); }

  absl::Time Now() const override {
    // The clock may step back (NTP); what the loop has shown must not.
    const int64_t now = absl::GetCurrentTimeNanos();
    int64_t seen = latest_ns_.load(std::memory_order_relaxed);
    while (seen < now && !latest_ns_.compare_exchange_weak(seen, now, std::memory_order_relaxed)) {
    }
    return absl::FromUnixNanos(seen < now ? now : seen);
  }

  base::Random& random() override { return random_; }

 private:
  bool ShouldWake() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return stopping_ || !ready_.empty() || timers_changed_;
  }

  void Run() {
    std::deque<Task> batch;
    while (true) {
      batch.clear();
      {
        absl::MutexLock lock(&mutex_);
        while (!stopping_) {
          timers_changed_ = false;
          TakeDueTimers();
          if (!ready_.empty()) break;
          const absl::Time until =
              timers_.empty() ? absl::InfiniteFuture() : timers_.begin()->first.first;
          mutex_.AwaitWithDeadline(absl::Condition(this, &ThreadLoop::ShouldWake), until);
        }
        if (stopping_) return;
        batch.swap(ready_);
      }
      for (Task& task : batch) std::move(task)();
    }
  }

  void TakeDueTimers() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (timers_.empty()) return;
    const absl::Time now = Now();
    while (!timers_.empty() && timers_.begin()->first.first <= now) {
      ready_.push_back(std::move(timers_.begin()->second));
      timer_times_.erase(timers_.begin()->first.second);
      timers_.erase(timers_.begin());
    }
  }

  mutable absl::Mutex mutex_;
  std::deque<Task> ready_ ABSL_GUARDED_BY(mutex_);
  std::map<std::pair<absl::Time, TimerId>, Task> timers_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<TimerId, absl::Time> timer_times_ ABSL_GUARDED_BY(mutex_);
  TimerId last_timer_ ABSL_GUARDED_BY(mutex_) = 0;
  bool timers_changed_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  mutable std::atomic<int64_t> latest_ns_{0};
  base::Random random_;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Loop> MakeThreadLoop(uint64_t seed) { return std::make_unique<ThreadLoop>(seed); }

}  // namespace perdure::runtime
