// A store in memory for the simulator: deterministic on a deterministic loop, with faults by its
// random numbers.
//
// `SimulatedDatabase` is what survives a crash; `MakeSimulatedStore` is one server's connection to
// it. To crash a server, destroy its store: what it had committed stays, a commit in flight is
// there or not by chance, calls still open are answered CANCELLED. Several stores may share a
// database. Thread-safe, so that it also runs on a real loop; callbacks run on the loop given.
//
//   SimulatedDatabase database;
//   auto store = MakeSimulatedStore(database, loop, {.unknown_chance = 0.01});
#pragma once

#include <memory>

#include "absl/time/time.h"
#include "runtime/runtime.h"
#include "store/store.h"

namespace perdure::store::simulated {

struct SimulatedState;

class SimulatedDatabase {
 public:
  SimulatedDatabase();
  ~SimulatedDatabase();
  SimulatedDatabase(const SimulatedDatabase&) = delete;
  SimulatedDatabase& operator=(const SimulatedDatabase&) = delete;

  SimulatedState& state() { return *state_; }
  // A stable hash of all that is stored, for comparing two runs of one seed.
  uint64_t Fingerprint() const;

 private:
  std::unique_ptr<SimulatedState> state_;
};

// The defaults are a perfect database that answers at once.
struct SimulatedFaults {
  absl::Duration commit_latency_min;
  absl::Duration commit_latency_max;
  absl::Duration read_latency_min;
  absl::Duration read_latency_max;
  // Of a group of commits: nothing is done, UNAVAILABLE.
  double commit_unavailable_chance = 0;
  // Of a group of commits: done or not by an even chance, UNKNOWN.
  double unknown_chance = 0;
  // Of any other call: not done, UNAVAILABLE.
  double call_unavailable_chance = 0;
  // That commits in flight are done when the store is destroyed.
  double crash_commits_chance = 0.5;
};

// `database` and `loop` outlive the store. Faults can be changed while it runs. `is_shared` false
// promises that no other server uses the database.
class SimulatedStore : public Store {
 public:
  virtual void SetFaults(SimulatedFaults faults) = 0;
};
std::unique_ptr<SimulatedStore> MakeSimulatedStore(SimulatedDatabase& database, runtime::Loop& loop,
                                                   SimulatedFaults faults, bool is_shared = true);

}  // namespace perdure::store::simulated
