// What a simulated database holds, and what can be done to it. Every function is one transaction.
// Thread-safe by one mutex.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "store/checks.h"
#include "store/store.h"

namespace perdure::store::simulated {

struct SimulatedState {
  absl::Status Commit(const CommitBatch& batch, int64_t& rows_written);
  absl::StatusOr<LoadedExecution> Load(NamespaceNumber namespace_number,
                                       const WorkflowId& workflow_id,
                                       const std::optional<RunId>& run_id);
  std::vector<JournalEntry> ReadJournal(const JournalRange& range);
  std::vector<DueExecution> Due(const std::vector<ShardId>& shards, DueCursor after,
                                absl::Time until, int64_t limit);
  std::optional<absl::Time> EarliestWake(const std::vector<ShardId>& shards, absl::Time after);
  std::vector<CurrentWorkflow> CurrentWorkflows(ShardRange shards, ExecutionKey after,
                                                int64_t limit);
  std::vector<DueExecution> RunsOfNamespace(NamespaceNumber number, int64_t limit);

  absl::StatusOr<ListPage> List(const ListQuery& query);
  CountResult Count(const CountQuery& query);

  std::vector<NamespaceRow> ListNamespaces();
  absl::StatusOr<NamespaceRow> CreateNamespace(NamespaceRow row);
  absl::StatusOr<NamespaceRow> UpdateNamespace(NamespaceRow row);
  absl::Status DeleteNamespace(NamespaceNumber number);
  std::vector<SearchAttributeRow> ListSearchAttributes();
  absl::Status AddSearchAttribute(const SearchAttributeRow& row);
  absl::Status RemoveSearchAttribute(const SearchAttributeRow& row);
  std::optional<std::string> GetSetting(const std::string& key);
  std::string PutSettingIfAbsent(const std::string& key, const std::string& value);

  IncarnationId RegisterIncarnation(const NodeFacts& node, absl::Time now);
  absl::StatusOr<ClusterState> Heartbeat(IncarnationId id, bool is_leaving, absl::Time now);
  // Its connections are gone: until its next heartbeat if it lives.
  void EndSession(IncarnationId id);
  std::vector<Incarnation> ListIncarnations(absl::Time now);
  absl::Status Fence(IncarnationId id);
  absl::StatusOr<std::vector<ShardOwner>> ClaimShards(IncarnationId claimant,
                                                      const std::vector<ShardId>& shards);
  absl::Status HandOver(IncarnationId from, IncarnationId to, const std::vector<ShardId>& shards);
  std::vector<ShardOwner> ListShards();

  uint64_t Fingerprint();

 private:
  // All of a run but its journal, which is too long to copy for each commit.
  struct Run {
    NamespaceNumber namespace_number;
    WorkflowId workflow_id;
    RunId run_id;
    bool is_current = false;
    bool is_closed = false;
    std::optional<absl::Time> wake_at;
    std::optional<ExecutionCommit::Snapshot> snapshot;
    std::optional<VisibilityRow> row;
    int64_t journal_length = 0;
  };
  struct IncarnationRow {
    NodeFacts node;
    absl::Time heartbeat_at;
    bool is_fenced = false;
    bool is_leaving = false;
    bool has_session = true;
  };
  using WorkflowKey = std::pair<NamespaceNumber, WorkflowId>;
  // Ascending is the list's order: both times are negated.
  using OrderKey = std::tuple<NamespaceNumber, int64_t, int64_t, std::string>;

  // A batch's changes, kept apart until all of it is known to be good. An unset run is erased.
  struct Staged {
    std::map<ExecutionKey, std::optional<Run>> runs;
    std::vector<std::pair<ExecutionKey, std::string>> records;
    int64_t rows = 0;
  };
  absl::Status Stage(const ExecutionCommit& commit, Staged& staged)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status StageCreate(const ExecutionCommit& commit, Staged& staged)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status StageContents(const ExecutionCommit& commit, Run& run, Staged& staged)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The run as the batch sees it; null if there is none.
  Run* Find(const ExecutionKey& key, Staged& staged) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasCurrent(const WorkflowKey& workflow, const Staged& staged) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Keep(Staged staged) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Unindex(const ExecutionKey& key, const Run& run) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Index(const ExecutionKey& key, const Run& run) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  DueExecution ToDue(const ExecutionKey& key) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static OrderKey OrderOf(const Run& run);
  static query::Value ValueOf(const Run& run, const query::Field& field);
  static query::Value SystemValueOf(const Run& run, const std::string& name);

  absl::Mutex mutex_;
  std::map<ExecutionKey, Run> runs_ ABSL_GUARDED_BY(mutex_);
  std::map<ExecutionKey, std::vector<std::string>> journals_ ABSL_GUARDED_BY(mutex_);
  std::map<WorkflowKey, std::map<RunId, ExecutionKey>> by_workflow_ ABSL_GUARDED_BY(mutex_);
  std::map<WorkflowKey, ExecutionKey> current_ ABSL_GUARDED_BY(mutex_);
  std::set<std::tuple<ShardId, absl::Time, ExecutionNumber>> wakes_ ABSL_GUARDED_BY(mutex_);
  std::map<OrderKey, ExecutionKey> order_ ABSL_GUARDED_BY(mutex_);
  std::map<NamespaceNumber, NamespaceRow> namespaces_ ABSL_GUARDED_BY(mutex_);
  int32_t last_namespace_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::pair<NamespaceNumber, std::string>, query::Type> attributes_
      ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> settings_ ABSL_GUARDED_BY(mutex_);
  std::map<IncarnationId, IncarnationRow> incarnations_ ABSL_GUARDED_BY(mutex_);
  int64_t shards_version_ ABSL_GUARDED_BY(mutex_) = 1;
  int64_t registry_version_ ABSL_GUARDED_BY(mutex_) = 1;
  std::map<ShardId, IncarnationId> owners_ ABSL_GUARDED_BY(mutex_);
  std::map<ShardId, ExecutionNumber> last_numbers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace perdure::store::simulated
