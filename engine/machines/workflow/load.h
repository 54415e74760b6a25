// A run's rows, back to its state. Rows come from outside: what something has damaged is answered,
// never believed.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "machines/workflow/state.h"

namespace perdure::machines {

// DATA_LOSS if the bytes are no snapshot that a state can have written.
absl::StatusOr<State> LoadSnapshot(absl::string_view bytes);
// Applies the next record. DATA_LOSS if the bytes are no record that can follow; the state is
// unspecified then.
absl::StatusOr<pb::JournalRecord> LoadRecord(State& state, absl::string_view bytes);

}  // namespace perdure::machines
