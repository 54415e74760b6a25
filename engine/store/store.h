// The store, in the engine's terms: what PostgreSQL, SQLite and the simulated store all do, held to
// by one contract suite (store/contract.h). See ARCHITECTURE.md, "Store".
//
// What a caller may rely on beside each call's own words:
//  - Times are kept to the microsecond and rounded down.
//  - A run lives in the shard `base::ShardOf(namespace_number, workflow_id)`; another one is
//  refused
//    with INVALID_ARGUMENT. Run ids are UUIDs, ids and names are UTF-8 without NUL.
//  - A commit that contradicts what is stored changes nothing: FAILED_PRECONDITION for a run that
//    does not exist or a journal sequence that is not the next one, ALREADY_EXISTS for a second
//    current run or a number given out twice.
//
// Every call is asynchronous and thread-safe: it returns at once and its callback runs later,
// exactly once, on a thread of the store's own (simulated: on the simulation's loop). Callbacks
// must not block: post to a loop. Calls still open when the store is destroyed are answered
// CANCELLED.
//
// Errors: UNAVAILABLE, nothing was done, try again; UNKNOWN, a commit whose outcome was lost with
// the connection: the caller must forget what it cached of everything in the batch and read again;
// ABORTED, this process's incarnation is fenced: it must stop serving and register anew; anything
// else is a bug or a corrupt database and is logged by the caller.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/ids.h"
#include "query/filter.h"
#include "store/cluster_state.h"
#include "store/registry_rows.h"
#include "store/statistics.h"

namespace perdure::store {

using base::ExecutionKey;
using base::ExecutionNumber;
using base::IncarnationId;
using base::NamespaceNumber;
using base::RunId;
using base::ShardId;
using base::WorkflowId;

using Done = absl::AnyInvocable<void(absl::Status) &&>;
template <class T>
using Result = absl::AnyInvocable<void(absl::StatusOr<T>) &&>;

// The list row of a run: what List and Count can filter on and return. Replaces the whole former
// row.
struct VisibilityRow {
  std::string workflow_type;
  std::string task_queue;
  int32_t status = 1;  // temporal.api.enums.v1.WorkflowExecutionStatus
  absl::Time start_time;
  absl::Time execution_time;
  std::optional<absl::Time> close_time;
  int64_t history_length = 0;          // set at close
  int64_t history_size_bytes = 0;      // set at close
  int64_t state_transition_count = 0;  // set at close
  std::string parent_workflow_id;
  std::string parent_run_id;
  std::string root_workflow_id;
  std::string root_run_id;
  std::string memo;  // serialized temporal.api.common.v1.Memo, empty if none
  // By name (custom and predefined ones alike), typed by the registry at the time of writing.
  std::map<std::string, query::Value> search_attributes;
};

// What a commit does to one run. Only the members that are set are written.
struct ExecutionCommit {
  ExecutionKey key;

  // Inserts the run's row. With `is_current`, it becomes the workflow id's current run; the commit
  // of the former current run (same batch, earlier in `executions`) must have set
  // `stop_being_current`.
  struct Create {
    NamespaceNumber namespace_number;
    WorkflowId workflow_id;
    RunId run_id;
    bool is_current = true;
  };
  std::optional<Create> create;
  bool stop_being_current = false;
  // Makes an existing run the current one again (a current run was deleted).
  bool become_current = false;

  // Appended to the journal under `journal_sequence` (1, 2, 3 … per run, no gaps). Empty: no
  // record.
  int64_t journal_sequence = 0;
  std::string journal_record;

  // Replaces the snapshot: the state after the records up to and including `sequence`.
  struct Snapshot {
    int64_t sequence = 0;
    std::string bytes;
  };
  std::optional<Snapshot> snapshot;

  // When somebody must look at the run: a lower bound. Outer unset: leave as is; inner unset:
  // never.
  std::optional<std::optional<absl::Time>> wake_at;
  std::optional<bool> is_closed;
  std::optional<VisibilityRow> visibility;

  // Removes the run and all its rows. Excludes everything above.
  bool erase = false;
};

struct CommitBatch {
  IncarnationId incarnation;
  std::vector<ExecutionCommit> executions;
};

struct JournalEntry {
  int64_t sequence = 0;
  std::string record;
};

struct LoadedExecution {
  ExecutionKey key;
  NamespaceNumber namespace_number;
  WorkflowId workflow_id;
  RunId run_id;
  bool is_current = false;
  bool is_closed = false;
  std::optional<absl::Time> wake_at;
  std::optional<ExecutionCommit::Snapshot> snapshot;
  std::vector<JournalEntry> tail;  // every record after the snapshot, in order
};

// That there is a current run of this workflow id.
struct CurrentWorkflow {
  ExecutionKey key;
  NamespaceNumber namespace_number;
  WorkflowId workflow_id;
};

struct DueExecution {
  ExecutionKey key;
  NamespaceNumber namespace_number;
  WorkflowId workflow_id;
  RunId run_id;
  bool is_closed = false;
  absl::Time wake_at;
};

// A place in the order of due runs; the default one lies before all of them. Among those of one
// time the order is the store's own, in which a default key comes before all.
struct DueCursor {
  absl::Time wake_at = absl::UnixEpoch() - absl::Hours(1);
  ExecutionKey key;

  // Beyond every run that is due at `time`: before those of the next microsecond.
  static DueCursor EndOf(absl::Time time) {
    return {absl::FromUnixMicros(absl::ToUnixMicros(time) + 1), ExecutionKey()};
  }
};

struct ShardRange {
  ShardId begin;
  ShardId end;  // exclusive
};

struct JournalRange {
  ExecutionKey key;
  int64_t from_sequence = 1;        // inclusive
  int64_t to_sequence = INT64_MAX;  // inclusive
  bool newest_first = false;
  int64_t bytes_max =
      2 << 20;  // stops after the record that reaches it; always at least one record
  int64_t records_max = 256;
};

struct ListQuery {
  NamespaceNumber namespace_number;
  // Type-checked against the namespace's attributes; null lists everything. Borrowed until the
  // callback.
  std::shared_ptr<const query::Expression> filter;
  int64_t page_size = 100;
  // The last row of the former page; empty for the first. Opaque to all but the store that made it;
  // one from elsewhere is answered INVALID_ARGUMENT.
  std::string page_token;
};

struct ListedExecution {
  WorkflowId workflow_id;
  RunId run_id;
  VisibilityRow row;
};

struct ListPage {
  std::vector<ListedExecution> executions;
  std::string next_page_token;  // empty at the end
};

struct CountQuery {
  NamespaceNumber namespace_number;
  std::shared_ptr<const query::Expression> filter;
  // A field name (ExecutionStatus, or any Keyword attribute); empty: one total.
  std::string group_by;
};

struct CountResult {
  int64_t total = 0;
  struct Group {
    query::Value value;
    int64_t count = 0;
  };
  std::vector<Group> groups;
};

class Store {
 public:
  virtual ~Store() = default;

  // --- Runs
  // All or nothing, in one transaction that also fails with ABORTED if `incarnation` is fenced.
  // Batches given one after the other are committed in that order; several may be in flight at once
  // (pipelining), and when one fails with anything but OK, those given after it before its callback
  // ran fail too (UNAVAILABLE).
  virtual void Commit(CommitBatch batch, Done done) = 0;

  // NOT_FOUND if there is none. Without a run id: the current run.
  virtual void LoadExecution(NamespaceNumber namespace_number, WorkflowId workflow_id,
                             std::optional<RunId> run_id, Result<LoadedExecution> result) = 0;
  virtual void ReadJournal(JournalRange range, Result<std::vector<JournalEntry>> result) = 0;
  // The runs of the given shards that lie beyond `after` and whose wake_at is at or before `until`,
  // ordered by wake_at and then as `after` has it, at most `limit`.
  virtual void DueExecutions(std::vector<ShardId> shards, DueCursor after, absl::Time until,
                             int64_t limit, Result<std::vector<DueExecution>> result) = 0;
  // The earliest wake_at after `after` in the given shards, if any.
  virtual void EarliestWake(std::vector<ShardId> shards, absl::Time after,
                            Result<std::optional<absl::Time>> result) = 0;
  // The workflows of these shards that have a current run, at most `limit`, in an order of the
  // store's own, by their runs' keys: those beyond `after`, the last one of the page before or the
  // default. For reading all of them, page by page.
  virtual void CurrentWorkflows(ShardRange shards, ExecutionKey after, int64_t limit,
                                Result<std::vector<CurrentWorkflow>> result) = 0;
  // Runs of one namespace, for deleting it; any order, at most `limit`.
  virtual void RunsOfNamespace(NamespaceNumber namespace_number, int64_t limit,
                               Result<std::vector<DueExecution>> result) = 0;

  // --- Visibility
  // Newest first: open runs by start time, then closed ones by close time (Temporal's default
  // order: coalesce(close_time, far future) desc, start_time desc, run_id).
  virtual void List(ListQuery query, Result<ListPage> result) = 0;
  virtual void Count(CountQuery query, Result<CountResult> result) = 0;

  // --- Registry
  virtual void ListNamespaces(Result<std::vector<NamespaceRow>> result) = 0;
  // Assigns the number. ALREADY_EXISTS if the name is taken.
  virtual void CreateNamespace(NamespaceRow row, Result<NamespaceRow> result) = 0;
  // Compares `version`, then stores with version + 1; FAILED_PRECONDITION on a
  // mismatch, ALREADY_EXISTS if a new name is taken.
  virtual void UpdateNamespace(NamespaceRow row, Result<NamespaceRow> result) = 0;
  virtual void DeleteNamespace(NamespaceNumber number, Done done) = 0;
  virtual void ListSearchAttributes(Result<std::vector<SearchAttributeRow>> result) = 0;
  // Idempotent for the same type; ALREADY_EXISTS if the name is registered with another one.
  // Creates the index the attribute needs.
  virtual void AddSearchAttribute(SearchAttributeRow row, Done done) = 0;
  virtual void RemoveSearchAttribute(SearchAttributeRow row, Done done) = 0;
  // Key-value settings of the whole cluster (cluster id, schema facts).
  virtual void GetSetting(std::string key, Result<std::optional<std::string>> result) = 0;
  // Keeps an existing value and returns whichever is stored afterwards.
  virtual void PutSettingIfAbsent(std::string key, std::string value,
                                  Result<std::string> result) = 0;

  // --- Ownership
  virtual void RegisterIncarnation(NodeFacts node, Result<IncarnationId> result) = 0;
  // ABORTED if fenced. `is_leaving`: gives away what it has, and takes no shards.
  virtual void Heartbeat(IncarnationId incarnation, bool is_leaving,
                         Result<ClusterState> result) = 0;
  virtual void ListIncarnations(Result<std::vector<Incarnation>> result) = 0;
  // Waits for the incarnation's commits in flight; after OK it never commits again. A commit whose
  // process has stopped before all of it was sent does not hold this up: it is broken off.
  virtual void Fence(IncarnationId incarnation, Done done) = 0;
  // Makes `claimant` owner of those given shards that nobody owns or whose owner is fenced; returns
  // all the shards that `claimant` owns afterwards.
  virtual void ClaimShards(IncarnationId claimant, std::vector<ShardId> shards,
                           Result<std::vector<ShardOwner>> result) = 0;
  // Gives those of the shards that `from` owns to `to`. Nothing of `from` may be in flight for
  // them: what it commits for them afterwards is not refused. ABORTED if `from` is fenced,
  // FAILED_PRECONDITION if `to` is unknown, fenced or leaving; no shard has moved then.
  virtual void HandOver(IncarnationId from, IncarnationId to, std::vector<ShardId> shards,
                        Done done) = 0;
  // Whether other servers may have the same database open.
  virtual bool is_shared() const { return true; }
  // Every shard that has an owner. `last_number` is left 0: only a claim needs it.
  virtual void ListShards(Result<std::vector<ShardOwner>> result) = 0;

  // One round trip, for health checks.
  virtual void Ping(Done done) = 0;

  // Thread-safe; costs nothing.
  virtual StoreStatistics statistics() const { return {}; }
};

}  // namespace perdure::store
