// What a group of batches does to each run, merged, so that a few multi-row statements can write it.
//
// A merge is refused where the order within the group matters to the outcome or where a batch
// contradicts the one before it; the committer then gives the batches one by one. Borrows from the
// batches. Pure functions.
#pragma once

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "store/store.h"

namespace perdure::store::postgres {

struct RunChange {
  ExecutionKey key;
  bool is_erased = false;
  const ExecutionCommit::Create* create = nullptr;
  std::optional<bool> is_current;
  std::optional<std::optional<absl::Time>> wake_at;
  std::optional<bool> is_closed;
  struct Record {
    int64_t sequence = 0;
    const std::string* bytes = nullptr;
  };
  std::vector<Record> records;
  const ExecutionCommit::Snapshot* snapshot = nullptr;
  const VisibilityRow* visibility = nullptr;

  bool updates_execution() const {
    return create == nullptr && !is_erased && (is_current || wake_at || is_closed);
  }
  // The sequence that the journal must hold before this; 0: the run itself must exist.
  int64_t previous_sequence() const { return records.empty() ? 0 : records.front().sequence - 1; }
};

// In the order in which the runs are first touched.
absl::StatusOr<std::vector<RunChange>> MergeBatches(const std::vector<const CommitBatch*>& batches);

}  // namespace perdure::store::postgres
