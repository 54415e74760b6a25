// A run whose history would outgrow its limit is ended instead.
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

// Unset if `decision`, made on `state`, keeps within the limits or ends the run by itself. Costs
// nothing to speak of but near the size limit, where the record is measured.
std::optional<Overgrown> DecideOvergrown(const State& state, const Decision& decision,
                                         const Context& context);

}  // namespace perdure::machines
