// A run whose history or state would outgrow its limit is ended instead.
//
// Temporal checks with every transition that leaves the run open: what was asked for is not done,
// the run is terminated, and whoever asked is told why.
#pragma once

#include <optional>

#include "absl/status/status.h"
#include "machines/workflow/decision.h"
#include "machines/workflow/state.h"

namespace perdure::machines {

struct Overgrown {
  Decision termination;
  // For whoever asked for what `decision` was to do.
  absl::Status answer;
};

// State::SizeBytes of what `state` becomes by `decision`.
int64_t StateBytesAfter(const State& state, const Decision& decision);

// Unset if `decision`, made on `state`, keeps within the limits or ends the run by itself. Costs
// nothing to speak of but near the size limit, where the record is measured. `state_bytes` is what
// StateBytesAfter says, or anything larger that is within the limit.
std::optional<Overgrown> DecideOvergrown(const State& state, const Decision& decision,
                                         int64_t state_bytes, const Context& context);

}  // namespace perdure::machines
