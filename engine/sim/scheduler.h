// Virtual time and every loop of a simulated cluster on one thread: a seeded choice of what happens
// next, so that a seed gives the same run every time (ARCHITECTURE.md, "Time, randomness, I/O").
//
// A loop runs its tasks in the order they arrive; a task posted from another loop arrives a little
// later, by chance. Each loop has a clock of its own, which may be off and may jump. Not
// thread-safe: everything on one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "runtime/runtime.h"

namespace perdure::sim {

class SimLoop;

class Scheduler {
 public:
  explicit Scheduler(uint64_t seed) : random_(seed) {}

  // Lives until its owner destroys it; must not be running then.
  std::unique_ptr<SimLoop> MakeLoop(std::string name);

  // Virtual time since the beginning.
  absl::Duration elapsed() const { return absl::Nanoseconds(now_ns_); }
  absl::Time Now() const;
  base::Random& random() { return random_; }
  // What happened so far, as a number: two runs of one seed agree in it at every step.
  uint64_t fingerprint() const { return fingerprint_; }
  int64_t steps() const { return steps_; }

  // Runs the next task. False if there is none at or before `until`.
  bool Step(absl::Time until);
  void RunUntil(absl::Time until);

 private:
  friend class SimLoop;

  base::Random random_;
  int64_t now_ns_ = 0;
  int64_t steps_ = 0;
  uint64_t fingerprint_ = 0;
  uint64_t last_loop_ = 0;
  SimLoop* current_ = nullptr;
  std::vector<SimLoop*> loops_;  // in order of making
};

class SimLoop final : public runtime::Loop {
 public:
  SimLoop(Scheduler& scheduler, std::string name, uint64_t number);
  ~SimLoop() override;

  void Post(runtime::Task task) override;
  runtime::TimerId At(absl::Time when, runtime::Task task) override;
  void Cancel(runtime::TimerId timer) override;
  bool IsCurrent() const override { return scheduler_.current_ == this; }
  absl::Time Now() const override;
  base::Random& random() override { return random_; }

  // The clock jumps. Now() does not go back: after a jump backwards it stands still for a while.
  void JumpClock(absl::Duration by) { offset_ += by; }
  absl::Duration offset() const { return offset_; }
  // The loop's thread is gone: tasks are dropped, now and later.
  void Kill();
  // The loop's thread is halted (a stopped process, a long pause) until then; its clock runs on.
  void PauseUntil(absl::Time global) { paused_until_ns_ = ToNs(global); }

 private:
  friend class Scheduler;

  static int64_t ToNs(absl::Time global);
  // When its next task can run, in the scheduler's time; INT64_MAX if none.
  int64_t NextNs() const;
  runtime::Task TakeNext();

  Scheduler& scheduler_;
  const std::string name_;
  const uint64_t number_;
  base::Random random_;
  absl::Duration offset_;
  mutable absl::Time shown_ = absl::InfinitePast();
  bool is_dead_ = false;
  int64_t paused_until_ns_ = 0;
  runtime::TimerId last_timer_ = 0;
  int64_t last_arrival_ns_ = 0;
  std::deque<std::pair<int64_t, runtime::Task>> ready_;
  std::map<std::pair<absl::Time, runtime::TimerId>, runtime::Task> timers_;
  std::map<runtime::TimerId, absl::Time> timer_times_;
};

}  // namespace perdure::sim
