// When the next batch of commits may leave: at once, unless gathering costs nobody much.
//
// A commit has a price of its own, whatever is in it: for the database a transaction and a flush,
// for us a few system calls. A run that is alone gets it at once. Where several runs commit at the
// same time, a batch waits until the one before it is through, and then for as long as these runs
// take from one commit to the next by themselves, which `gather_max` bounds: who waits for a worker
// for three milliseconds hardly notices one more, who goes on at once waits for nothing.
//
// Pure; loop-bound.
#pragma once

#include <array>
#include <cstdint>

#include "absl/time/time.h"
#include "base/ids.h"

namespace perdure::history {

class CommitPace {
 public:
  // Zero: only the batch before it holds a batch up.
  explicit CommitPace(absl::Duration gather_max) : gather_max_(gather_max) {}

  // A run with nothing under way goes on, so long after its last commit was through.
  void WentOn(absl::Duration after);
  // A batch with this run leaves.
  void Left(base::ExecutionKey run, absl::Time now);

  // How many batches may be under way at once.
  int64_t InFlightMax(absl::Time now) const { return AreSeveralRuns(now) ? 1 : 2; }
  // When a batch may leave: now, or later.
  absl::Time NextAt(absl::Time now) const;

 private:
  struct Departure {
    base::ExecutionKey run;
    absl::Time time = absl::InfinitePast();
  };

  bool AreSeveralRuns(absl::Time now) const;

  const absl::Duration gather_max_;
  // Of the last commits, in a ring.
  std::array<Departure, 8> departures_;
  size_t next_ = 0;
  absl::Time last_departure_ = absl::InfinitePast();
  // How long runs take to go on, on average; what is longer than any wait of ours counts as little
  // more than that.
  absl::Duration pause_;
};

}  // namespace perdure::history
