// Journal records made shorter on their way into a table, and whole again on their way out: by
// zstd, with a dictionary of what records are made of, for they are short and resemble each other.
//
// What is packed stands alone: no other row is needed to read it. docs/formats.md has the format.
// Thread-safe. About two microseconds a record, and one to unpack it.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace perdure::store::sql {

// Never longer than the record, but by one byte where that begins as only packed ones do.
std::string PackRecord(absl::string_view record);

// Of bytes that were packed or, as servers before did, stored as they are. DATA_LOSS for others.
absl::StatusOr<std::string> UnpackRecord(std::string stored);

}  // namespace perdure::store::sql
