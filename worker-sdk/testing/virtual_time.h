// Time that moves only when nothing else can happen, for the engine and the SDK in one process.
//
// Whoever waits drives: the thread that waits for an answer, or lets time pass, runs what is ready;
// when nothing is, time skips to the next timer. Activities run on threads of their own; while one
// runs, virtual time passes no faster than real time. Thread-safe: one thread drives at a time, the
// others that wait do so for it, and take over when it ends.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "runtime/runtime.h"

namespace perdure::testing {

class VirtualTime {
 public:
  using Task = absl::AnyInvocable<void() &&>;
  using TimerId = std::uint64_t;
  // Timers as far from the start as this never fire: they stand for "no limit".
  static constexpr absl::Duration kNever = absl::Hours(24 * 365 * 90);

  explicit VirtualTime(absl::Time start) : start_(start), now_(start) {}
  // Waits for activities that still run.
  ~VirtualTime();

  void Post(Task task);
  TimerId At(absl::Time when, Task task);
  // Runs once, when time comes to rest after this.
  TimerId AtLeisure(absl::Time when, Task task);
  void Cancel(TimerId timer);
  absl::Time Now() const;
  bool IsDriving() const { return driver_ == std::this_thread::get_id(); }

  // Until `is_over` says yes, which it is asked after each step, and also while another thread
  // drives, with a lock held. False when nothing is left that could happen, or time would pass
  // `limit`; with a limit in the future, time stands at it then.
  bool Drive(const std::function<bool()>& is_over, absl::Time limit);
  // Time does not skip until it is dropped, by any thread, before this is.
  std::shared_ptr<void> Hold();
  // On a thread of its own.
  void RunOutside(absl::AnyInvocable<void()> task);

 private:
  using Timers = std::map<std::pair<absl::Time, TimerId>, Task>;

  // Takes what is to run next; nothing if time came to `limit` or nothing is left. Moves time.
  Task TakeNext(std::unique_lock<std::mutex>& lock, absl::Time limit);
  void MoveTo(absl::Time when);

  const absl::Time start_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  absl::Time now_;
  std::deque<Task> ready_;
  Timers timers_;
  Timers leisure_;
  std::map<TimerId, absl::Time> times_;
  TimerId last_timer_ = 0;
  int outside_ = 0;
  std::vector<std::thread> threads_;
  std::atomic<std::thread::id> driver_{};
};

// As the engine's modules see it.
class VirtualLoop final : public runtime::Loop {
 public:
  VirtualLoop(VirtualTime& time, std::uint64_t seed) : time_(time), random_(seed) {}
  void Post(runtime::Task task) override { time_.Post(std::move(task)); }
  runtime::TimerId At(absl::Time when, runtime::Task task) override {
    return time_.At(when, std::move(task));
  }
  runtime::TimerId AtLeisure(absl::Duration delay, runtime::Task task) override {
    return time_.AtLeisure(time_.Now() + delay, std::move(task));
  }
  void Cancel(runtime::TimerId timer) override { time_.Cancel(timer); }
  bool IsCurrent() const override { return time_.IsDriving(); }
  absl::Time Now() const override { return time_.Now(); }
  base::Random& random() override { return random_; }

 private:
  VirtualTime& time_;
  base::Random random_;
};

}  // namespace perdure::testing
