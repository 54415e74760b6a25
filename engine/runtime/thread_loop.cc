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
class RealThreadLoop final : public ThreadLoop {
 public:
  explicit RealThreadLoop(uint64_t seed) : random_(seed), thread_([this] { Run(); }) {}

  ~RealThreadLoop() override {
    SetPump(nullptr);
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = true;
    }
    thread_.join();
  }

  void Post(Task task) override {
    mutex_.Lock();
    ready_.push_back(std::move(task));
    WakeAndUnlock();
  }

  TimerId At(absl::Time when, Task task) override {
    mutex_.Lock();
    const TimerId id = ++last_timer_;
    const auto added = timers_.emplace(std::pair(when, id), std::move(task)).first;
    timer_times_.emplace(id, when);
    // A loop that waits for an earlier one looks anew by itself.
    if (added != timers_.begin()) {
      mutex_.Unlock();
      return id;
    }
    timers_changed_ = true;
    WakeAndUnlock();
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

  void SetPump(Pump* pump) override {
    mutex_.Lock();
    pump_ = pump;
    pump_changed_ = true;
    Pump* const before = pumping_;
    mutex_.Unlock();
    // It is still run, so it may still be woken.
    if (before != nullptr) before->Wake();
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(this, &RealThreadLoop::HasPump));
  }

 private:
  bool ShouldWake() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return stopping_ || !ready_.empty() || timers_changed_ || pump_changed_;
  }

  bool HasPump() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return !pump_changed_; }
  bool IsUnwoken() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return wakers_ == 0; }

  // A loop that waits for itself sees what changed by its condition; in a pump it must be woken.
  void WakeAndUnlock() ABSL_UNLOCK_FUNCTION(mutex_) {
    if (!is_waiting_in_pump_ || IsCurrent()) return mutex_.Unlock();
    is_waiting_in_pump_ = false;  // Once is enough.
    Pump* const pump = pumping_;
    ++wakers_;
    mutex_.Unlock();
    pump->Wake();
    absl::MutexLock lock(&mutex_);
    --wakers_;
  }

  // Lets the pump work: until there is something to run here.
  void RunPump() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    absl::Time until = absl::InfinitePast();
    if (ready_.empty()) {
      until = timers_.empty() ? absl::InfiniteFuture() : timers_.begin()->first.first;
      is_waiting_in_pump_ = true;
    }
    Pump* const pump = pump_;
    pumping_ = pump;
    mutex_.Unlock();
    pump->Run(until);
    mutex_.Lock();
    is_waiting_in_pump_ = false;
    // Whoever is about to wake it must have done so before it may go.
    mutex_.Await(absl::Condition(this, &RealThreadLoop::IsUnwoken));
    pumping_ = nullptr;
    TakeDueTimers();
  }

  void Run() {
    std::deque<Task> batch;
    while (true) {
      batch.clear();
      {
        absl::MutexLock lock(&mutex_);
        while (!stopping_) {
          timers_changed_ = false;
          pump_changed_ = false;
          TakeDueTimers();
          if (pump_ != nullptr) RunPump();
          if (!ready_.empty()) break;
          if (pump_ != nullptr) continue;
          const absl::Time until =
              timers_.empty() ? absl::InfiniteFuture() : timers_.begin()->first.first;
          mutex_.AwaitWithDeadline(absl::Condition(this, &RealThreadLoop::ShouldWake), until);
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
  Pump* pump_ ABSL_GUARDED_BY(mutex_) = nullptr;
  // The one that is run now: pump_, or the one before it.
  Pump* pumping_ ABSL_GUARDED_BY(mutex_) = nullptr;
  bool pump_changed_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_waiting_in_pump_ ABSL_GUARDED_BY(mutex_) = false;
  int wakers_ ABSL_GUARDED_BY(mutex_) = 0;
  mutable std::atomic<int64_t> latest_ns_{0};
  base::Random random_;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<ThreadLoop> MakeThreadLoop(uint64_t seed) {
  return std::make_unique<RealThreadLoop>(seed);
}

}  // namespace perdure::runtime
