// A run's rows: how a journal record is written, and how rows become a state again. Rows come from
// outside: what something has damaged is answered, never believed.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "machines/workflow/state.h"

namespace perdure::machines {

// Appends the change to the bytes of a JournalRecord, empty for a new one. What is written is what
// the message would be, without the copies that building it takes.
void AppendChange(const pb::Change& change, std::string& record);

// DATA_LOSS if the bytes are no snapshot that a state can have written.
absl::StatusOr<State> LoadSnapshot(absl::string_view bytes);
// Applies the next record. DATA_LOSS if the bytes are no record that can follow; the state is
// unspecified then.
absl::StatusOr<pb::JournalRecord> LoadRecord(State& state, absl::string_view bytes);

}  // namespace perdure::machines
