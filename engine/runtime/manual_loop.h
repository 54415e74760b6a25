// A loop driven by hand, in virtual time: for tests and the simulator. Nothing runs but when told
// to, on the calling thread, so a test is deterministic and never waits.
//
//   ManualLoop loop;
//   loop.After(absl::Seconds(10), ...);
//   loop.Advance(absl::Seconds(10));  // runs it
#pragma once

#include <deque>
#include <map>
#include <utility>

#include "runtime/runtime.h"

namespace perdure::runtime {

// Not thread-safe: everything on one thread. Random numbers come from the seed.
class ManualLoop final : public Loop {
 public:
  explicit ManualLoop(uint64_t seed = 1, absl::Time start = absl::FromUnixSeconds(1'700'000'000))
      : now_(start), random_(seed) {}

  void Post(Task task) override { ready_.push_back(std::move(task)); }
  TimerId At(absl::Time when, Task task) override {
    timers_.emplace(std::pair(when, ++last_timer_), std::move(task));
    return last_timer_;
  }
  void Cancel(TimerId timer) override {
    for (auto it = timers_.begin(); it != timers_.end(); ++it) {
      if (it->first.second != timer) continue;
      timers_.erase(it);
      return;
    }
  }
  // True while a task runs.
  bool IsCurrent() const override { return is_running_; }
  absl::Time Now() const override { return now_; }
  base::Random& random() override { return random_; }

  // Runs what is posted, and what that posts, without moving time.
  void RunReady() {
    while (!ready_.empty()) {
      Task task = std::move(ready_.front());
      ready_.pop_front();
      is_running_ = true;
      std::move(task)();
      is_running_ = false;
    }
  }
  // Moves time forward, running each timer at its time.
  void Advance(absl::Duration duration) {
    const absl::Time end = now_ + duration;
    RunReady();
    while (!timers_.empty() && timers_.begin()->first.first <= end) {
      if (timers_.begin()->first.first > now_) now_ = timers_.begin()->first.first;
      ready_.push_back(std::move(timers_.begin()->second));
      timers_.erase(timers_.begin());
      RunReady();
    }
    now_ = end;
  }
  // InfiniteFuture if no timer is set.
  absl::Time NextTimer() const {
    return timers_.empty() ? absl::InfiniteFuture() : timers_.begin()->first.first;
  }

 private:
  absl::Time now_;
  base::Random random_;
  bool is_running_ = false;
  TimerId last_timer_ = 0;
  std::deque<Task> ready_;
  std::map<std::pair<absl::Time, TimerId>, Task> timers_;
};

}  // namespace perdure::runtime
