#include "store/postgres/reads.h"

#include <algorithm>
#include <limits>

#include "base/errors.h"
#include "store/checks.h"
#include "store/sql/packing.h"

namespace perdure::store::postgres {
namespace {

std::vector<DueExecution> TakeDue(const Rows& rows) {
  std::vector<DueExecution> found;
  for (int i = 0; i < rows.size(); ++i) {
    DueExecution& due = found.emplace_back();
    due.key = {ShardId(static_cast<int32_t>(rows.Int(i, 0))), ExecutionNumber(rows.Int(i, 1))};
    due.namespace_number = NamespaceNumber(static_cast<int32_t>(rows.Int(i, 2)));
    due.workflow_id = WorkflowId(rows.Bytes(i, 3));
    due.run_id = RunIdFromBytes(rows.Bytes(i, 4));
    due.is_closed = rows.Bool(i, 5);
    due.wake_at = rows.IsNull(i, 6) ? absl::InfiniteFuture() : absl::FromUnixMicros(rows.Int(i, 6));
  }
  return found;
}

// The column is an integer, the interface's limits are wider.
int64_t ClampSequence(int64_t sequence) {
  return std::clamp<int64_t>(sequence, 0, std::numeric_limits<int32_t>::max());
}

}  // namespace

absl::StatusOr<LoadedExecution> LoadExecution(Connection& connection,
                                              NamespaceNumber namespace_number,
                                              const WorkflowId& workflow_id,
                                              const std::optional<RunId>& run_id) {
  const absl::Status missing = base::NotFound("workflow execution not found");
  LoadedExecution loaded;
  loaded.namespace_number = namespace_number;
  loaded.workflow_id = workflow_id;
  loaded.key.shard = base::ShardOf(namespace_number, workflow_id.value());
  Parameters parameters;
  parameters.Int16(loaded.key.shard.value())
      .Int32(namespace_number.value())
      .Bytes(workflow_id.value());
  if (run_id.has_value()) {
    const auto bytes = RunIdToBytes(*run_id);
    if (!bytes.ok()) return missing;
    parameters.Bytes(*bytes);
  }
  const auto rows = connection.Run(run_id.has_value() ? kLoadRun : kLoadCurrent, parameters);
  if (!rows.ok()) return rows.status();
  if (rows->size() == 0) return missing;
  loaded.key.number = ExecutionNumber(rows->Int(0, 0));
  loaded.run_id = RunIdFromBytes(rows->Bytes(0, 1));
  loaded.is_current = rows->Bool(0, 2);
  loaded.is_closed = rows->Bool(0, 3);
  if (!rows->IsNull(0, 4)) loaded.wake_at = absl::FromUnixMicros(rows->Int(0, 4));
  int64_t sequence = 0;
  if (!rows->IsNull(0, 5)) {
    sequence = rows->Int(0, 5);
    loaded.snapshot = ExecutionCommit::Snapshot{sequence, rows->Bytes(0, 6)};
  }
  // The journal has no gaps, so the records' sequences follow from the snapshot's.
  for (std::string& record : rows->ByteArray(0, 7)) {
    auto unpacked = sql::UnpackRecord(std::move(record));
    if (!unpacked.ok()) return unpacked.status();
    loaded.tail.push_back({++sequence, *std::move(unpacked)});
  }
  return loaded;
}

absl::StatusOr<std::vector<JournalEntry>> ReadJournal(Connection& connection,
                                                      const JournalRange& range) {
  // Rows are asked for a few at a time: their size is known only when they have come.
  constexpr int64_t kRowsAtOnce = 64;
  std::vector<JournalEntry> entries;
  int64_t bytes = 0;
  int64_t from = ClampSequence(range.from_sequence);
  int64_t to = ClampSequence(range.to_sequence);
  while (static_cast<int64_t>(entries.size()) < range.records_max && from <= to) {
    const int64_t limit =
        std::min(kRowsAtOnce, range.records_max - static_cast<int64_t>(entries.size()));
    const auto rows = connection.Run(range.newest_first ? kJournalBackward : kJournalForward,
                                     Parameters()
                                         .Int16(range.key.shard.value())
                                         .Int64(range.key.number.value())
                                         .Int32(from)
                                         .Int32(to)
                                         .Int64(limit));
    if (!rows.ok()) return rows.status();
    for (int i = 0; i < rows->size(); ++i) {
      auto record = sql::UnpackRecord(rows->Bytes(i, 1));
      if (!record.ok()) return record.status();
      entries.push_back({rows->Int(i, 0), *std::move(record)});
      bytes += static_cast<int64_t>(entries.back().record.size());
      if (bytes >= range.bytes_max) return entries;
    }
    if (rows->size() < limit) break;
    (range.newest_first ? to : from) = entries.back().sequence + (range.newest_first ? -1 : 1);
  }
  return entries;
}

Array ShardArray(const std::vector<ShardId>& shards) {
  Array array(TypeOid::kInt16);
  for (const ShardId shard : shards) array.Add(int64_t{shard.value()});
  return array;
}

absl::StatusOr<std::vector<DueExecution>> DueExecutions(Connection& connection,
                                                        const std::vector<ShardId>& shards,
                                                        DueCursor after, absl::Time until,
                                                        int64_t limit) {
  const auto rows = connection.Run(kDueExecutions, Parameters()
                                                       .Add(ShardArray(shards))
                                                       .Int64(absl::ToUnixMicros(until))
                                                       .Int64(limit)
                                                       .Int64(absl::ToUnixMicros(after.wake_at))
                                                       .Int32(after.key.shard.value())
                                                       .Int64(after.key.number.value()));
  if (!rows.ok()) return rows.status();
  return TakeDue(*rows);
}

absl::StatusOr<std::optional<absl::Time>> EarliestWake(Connection& connection,
                                                       const std::vector<ShardId>& shards,
                                                       absl::Time after) {
  const auto rows = connection.Run(
      kEarliestWake, Parameters().Add(ShardArray(shards)).Int64(absl::ToUnixMicros(after)));
  if (!rows.ok()) return rows.status();
  std::optional<absl::Time> earliest;
  if (rows->size() > 0 && !rows->IsNull(0, 0)) earliest = absl::FromUnixMicros(rows->Int(0, 0));
  return earliest;
}

absl::StatusOr<std::vector<CurrentWorkflow>> CurrentWorkflows(Connection& connection,
                                                              ShardRange shards, ExecutionKey after,
                                                              int64_t limit) {
  const ExecutionKey from = std::max(after, {shards.begin, ExecutionNumber(0)});
  const auto rows = connection.Run(kCurrentWorkflows, Parameters()
                                                          .Int32(from.shard.value())
                                                          .Int64(from.number.value())
                                                          .Int32(shards.end.value())
                                                          .Int64(limit));
  if (!rows.ok()) return rows.status();
  std::vector<CurrentWorkflow> found;
  found.reserve(static_cast<size_t>(rows->size()));
  for (int row = 0; row < rows->size(); ++row) {
    found.push_back(
        {{ShardId(static_cast<int32_t>(rows->Int(row, 0))), ExecutionNumber(rows->Int(row, 1))},
         NamespaceNumber(static_cast<int32_t>(rows->Int(row, 2))),
         WorkflowId(rows->Bytes(row, 3))});
  }
  return found;
}

absl::StatusOr<std::vector<DueExecution>> RunsOfNamespace(Connection& connection,
                                                          NamespaceNumber namespace_number,
                                                          int64_t limit) {
  const auto rows =
      connection.Run(kRunsOfNamespace, Parameters().Int32(namespace_number.value()).Int64(limit));
  if (!rows.ok()) return rows.status();
  return TakeDue(*rows);
}

}  // namespace perdure::store::postgres
