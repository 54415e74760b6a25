// Journal records made shorter on their way into the table, and whole again on their way out.
//
// A record repeats itself (ids, task queues, times), and records resemble each other; both go. What
// is packed stands alone: no other row and no version but the format's own is needed to read it.
// docs/formats.md has the format. Pure functions; about a microsecond a record.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace perdure::store::postgres {

// Longer ones PostgreSQL compresses by itself.
constexpr size_t kPackedRecordMax = 2048;

// Never longer than the record, but by one byte where that begins as only packed ones do.
std::string PackRecord(absl::string_view record);

// Of bytes that were packed or, as servers before did, stored as they are. DATA_LOSS for others.
absl::StatusOr<std::string> UnpackRecord(std::string stored);

}  // namespace perdure::store::postgres
