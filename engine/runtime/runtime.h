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
  // For housekeeping that nobody waits for. The same but on a loop whose time skips ahead (the
  // SDK's test environment): there it does not hold the skip up, and runs once after it.
  virtual TimerId AtLeisure(absl::Duration delay, Task task) {
    return After(delay, std::move(task));
  }
};

// Another source of work for a loop's thread, such as a queue of network events: where two threads
// would hand every call to and fro, one does both.
class Pump {
 public:
  virtual ~Pump() = default;
  // On the loop's thread. Handles what has come, and waits for it until `until` if nothing has.
  virtual void Run(absl::Time until) = 0;
  // Thread-safe. Ends the Run that waits, or the next one.
  virtual void Wake() = 0;
};

// A real loop: one thread. Stops and joins when destroyed; tasks not yet run are dropped.
class ThreadLoop : public Loop {
 public:
  // From now on the loop waits in the pump (borrowed); null: by itself again. Returns when the pump
  // before it is no longer used. Not from the loop's own thread.
  virtual void SetPump(Pump* pump) = 0;
};

std::unique_ptr<ThreadLoop> MakeThreadLoop(uint64_t seed);

}  // namespace perdure::runtime
