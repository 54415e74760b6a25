// The seam to time, randomness and threads: engine code asks a Runtime and nothing else, so that
// the simulator can run whole clusters on one thread in virtual time (ARCHITECTURE.md, "Time,
// randomness, I/O").
#pragma once

#include <cstdint>
#include <memory>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "base/random.h"

namespace perdure::runtime {

using Task = absl::AnyInvocable<void() &&>;
using TimerId = uint64_t;

// One event loop: tasks run one at a time, in the order posted. Lives as long as its Runtime.
class Loop {
 public:
  virtual ~Loop() = default;

  // Thread-safe. Runs `task` on the loop, never inside this call.
  virtual void Post(Task task) = 0;
  // Thread-safe. Runs `task` on the loop at or after `when` (the runtime's clock). Never inside
  // this call.
  virtual TimerId At(absl::Time when, Task task) = 0;
  // Thread-safe. The task will not run if it has not begun; no effect for ids long gone.
  virtual void Cancel(TimerId timer) = 0;
  // True on the loop's own thread.
  virtual bool IsCurrent() const = 0;
  // Wall-clock time as this loop sees it. Never goes backwards within one loop. Thread-safe.
  virtual absl::Time Now() const = 0;
  // Loop-bound.
  virtual base::Random& random() = 0;

  TimerId After(absl::Duration delay, Task task) { return At(Now() + delay, std::move(task)); }
};

// A real loop: one thread. Stops and joins when destroyed; tasks not yet run are dropped.
std::unique_ptr<Loop> MakeThreadLoop(uint64_t seed);

}  // namespace perdure::runtime
