#include "store/postgres/changes.h"

#include "absl/container/flat_hash_map.h"
#include "store/checks.h"

namespace perdure::store::postgres {
namespace {

absl::Status Merge(const ExecutionCommit& commit, bool is_new, RunChange& change) {
  // Whatever else the group does to a run, erasing it is done alone.
  if ((commit.erase && !is_new) || change.is_erased) return RunMissingError(commit.key);
  if (commit.erase) {
    change.is_erased = true;
    return absl::OkStatus();
  }
  if (commit.create) {
    if (!is_new) return CurrentTakenError(commit.key);
    change.create = &*commit.create;
    change.is_current = commit.create->is_current;
  }
  if (commit.stop_being_current) change.is_current = false;
  if (commit.become_current) change.is_current = true;
  if (commit.wake_at) change.wake_at = commit.wake_at;
  if (commit.is_closed) change.is_closed = commit.is_closed;
  if (commit.snapshot) change.snapshot = &*commit.snapshot;
  if (commit.visibility) change.visibility = &*commit.visibility;
  if (commit.journal_record.empty()) return absl::OkStatus();
  const bool is_next =
      change.records.empty() ? (change.create == nullptr || commit.journal_sequence == 1)
                             : commit.journal_sequence == change.records.back().sequence + 1;
  if (!is_next) return JournalGapError(commit.key, commit.journal_sequence);
  change.records.push_back({commit.journal_sequence, &commit.journal_record});
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<RunChange>> MergeBatches(
    const std::vector<const CommitBatch*>& batches) {
  std::vector<RunChange> changes;
  absl::flat_hash_map<ExecutionKey, size_t> places;
  for (const CommitBatch* batch : batches) {
    absl::Status status = CheckBatch(*batch);
    if (!status.ok()) return status;
    for (const ExecutionCommit& commit : batch->executions) {
      const auto [place, is_new] = places.try_emplace(commit.key, changes.size());
      if (is_new) changes.emplace_back().key = commit.key;
      status = Merge(commit, is_new, changes[place->second]);
      if (!status.ok()) return status;
    }
  }
  return changes;
}

}  // namespace perdure::store::postgres
