#include "store/sqlite/reads.h"

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "store/checks.h"
#include "store/sql/packing.h"
#include "store/sqlite/row_key.h"
#include "store/sqlite/statements.h"

namespace perdure::store::sqlite {
namespace {

// Ends the read transaction, so that the log can be checkpointed.
class Snapshot {
 public:
  explicit Snapshot(Connection& connection) : connection_(connection) {
    status_ = connection_.Execute("BEGIN");
  }
  ~Snapshot() { (void)connection_.Execute("COMMIT"); }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;
  const absl::Status& status() const { return status_; }

 private:
  Connection& connection_;
  absl::Status status_;
};

std::vector<DueExecution> TakeDue(Query& query) {
  std::vector<DueExecution> found;
  while (query.Next()) {
    DueExecution& due = found.emplace_back();
    due.key = FromRowKey(query.Int64(0));
    due.namespace_number = NamespaceNumber(static_cast<int32_t>(query.Int64(1)));
    due.workflow_id = WorkflowId(query.Text(2));
    due.run_id = RunIdFromBytes(query.Text(3));
    due.is_closed = query.Int64(4) != 0;
    due.wake_at = query.IsNull(5) ? absl::InfiniteFuture() : absl::FromUnixMicros(query.Int64(5));
  }
  return found;
}

absl::Status FindRun(Connection& connection, const std::optional<RunId>& run_id,
                     LoadedExecution& loaded) {
  const absl::Status missing = base::NotFound("workflow execution not found");
  std::string run_bytes;
  if (run_id.has_value()) {
    auto bytes = RunIdToBytes(*run_id);
    if (!bytes.ok()) return missing;
    run_bytes = *std::move(bytes);
  }
  Query query(connection, run_id.has_value() ? kSelectRun : kSelectCurrent);
  query.Bind(loaded.namespace_number.value(), loaded.workflow_id.value());
  if (run_id.has_value()) query.Bind(Blob{run_bytes});
  if (!query.Next()) return query.status().ok() ? missing : query.status();
  loaded.key = FromRowKey(query.Int64(0));
  loaded.run_id = RunIdFromBytes(query.Text(1));
  loaded.is_current = query.Int64(2) != 0;
  loaded.is_closed = query.Int64(3) != 0;
  if (!query.IsNull(4)) loaded.wake_at = absl::FromUnixMicros(query.Int64(4));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LoadedExecution> LoadExecution(Connection& connection,
                                              NamespaceNumber namespace_number,
                                              const WorkflowId& workflow_id,
                                              const std::optional<RunId>& run_id) {
  const Snapshot snapshot(connection);
  if (!snapshot.status().ok()) return snapshot.status();
  LoadedExecution loaded;
  loaded.namespace_number = namespace_number;
  loaded.workflow_id = workflow_id;
  absl::Status status = FindRun(connection, run_id, loaded);
  if (!status.ok()) return status;
  const int64_t row_key = RowKey(loaded.key);
  Query state(connection, kSelectSnapshot);
  state.Bind(row_key);
  if (state.Next()) {
    loaded.snapshot = ExecutionCommit::Snapshot{state.Int64(0), state.Text(1)};
  }
  if (!state.status().ok()) return state.status();
  Query tail(connection, kSelectTail);
  tail.Bind(row_key, loaded.snapshot ? loaded.snapshot->sequence : int64_t{0});
  while (tail.Next()) {
    auto record = sql::UnpackRecord(tail.Text(1));
    if (!record.ok()) return record.status();
    loaded.tail.push_back({tail.Int64(0), *std::move(record)});
  }
  if (!tail.status().ok()) return tail.status();
  return loaded;
}

absl::StatusOr<std::vector<JournalEntry>> ReadJournal(Connection& connection,
                                                      const JournalRange& range) {
  Query query(connection, range.newest_first ? kJournalBackward : kJournalForward);
  query.Bind(RowKey(range.key), range.from_sequence, range.to_sequence, range.records_max);
  std::vector<JournalEntry> entries;
  int64_t bytes = 0;
  while (bytes < range.bytes_max && query.Next()) {
    auto record = sql::UnpackRecord(query.Text(1));
    if (!record.ok()) return record.status();
    entries.push_back({query.Int64(0), *std::move(record)});
    bytes += static_cast<int64_t>(entries.back().record.size());
  }
  if (!query.status().ok()) return query.status();
  return entries;
}

std::string ShardList(const std::vector<ShardId>& shards) {
  std::string json = "[";
  for (const ShardId shard : shards) {
    absl::StrAppend(&json, json.size() > 1 ? "," : "", shard.value());
  }
  json.push_back(']');
  return json;
}

absl::StatusOr<std::vector<DueExecution>> DueExecutions(Connection& connection,
                                                        const std::vector<ShardId>& shards,
                                                        DueCursor after, absl::Time until,
                                                        int64_t limit) {
  const std::string list = ShardList(shards);
  Query query(connection, kDueExecutions);
  query.Bind(list, absl::ToUnixMicros(until), limit, absl::ToUnixMicros(after.wake_at),
             RowKey(after.key));
  std::vector<DueExecution> found = TakeDue(query);
  if (!query.status().ok()) return query.status();
  return found;
}

absl::StatusOr<std::optional<absl::Time>> EarliestWake(Connection& connection,
                                                       const std::vector<ShardId>& shards,
                                                       absl::Time after) {
  const std::string list = ShardList(shards);
  Query query(connection, kEarliestWake);
  query.Bind(list, absl::ToUnixMicros(after));
  std::optional<absl::Time> earliest;
  if (query.Next()) earliest = absl::FromUnixMicros(query.Int64(0));
  if (!query.status().ok()) return query.status();
  return earliest;
}

absl::StatusOr<std::vector<CurrentWorkflow>> CurrentWorkflows(Connection& connection,
                                                              ShardRange shards, ExecutionKey after,
                                                              int64_t limit) {
  Query query(connection, kCurrentWorkflows);
  query.Bind(RowKey(after), shards.begin.value(), shards.end.value(), limit);
  std::vector<CurrentWorkflow> found;
  while (query.Next()) {
    found.push_back({FromRowKey(query.Int64(0)),
                     NamespaceNumber(static_cast<int32_t>(query.Int64(1))),
                     WorkflowId(query.Text(2))});
  }
  if (!query.status().ok()) return query.status();
  return found;
}

absl::StatusOr<std::vector<DueExecution>> RunsOfNamespace(Connection& connection,
                                                          NamespaceNumber namespace_number,
                                                          int64_t limit) {
  Query query(connection, kRunsOfNamespace);
  query.Bind(namespace_number.value(), limit);
  std::vector<DueExecution> found = TakeDue(query);
  if (!query.status().ok()) return query.status();
  return found;
}

}  // namespace perdure::store::sqlite
