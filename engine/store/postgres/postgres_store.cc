#include "store/postgres/postgres_store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/log.h"
#include "store/postgres/committer.h"
#include "store/postgres/migrate.h"
#include "store/postgres/pool.h"
#include "store/postgres/reads.h"
#include "store/postgres/registry.h"
#include "store/postgres/statements.h"

namespace perdure::store::postgres {
namespace {

// After so many new runs the tables may have outgrown what the database knows of them.
constexpr int64_t kLookAfter = 1000;

// Thread-safe: it only hands work to its threads.
class PostgresStore final : public Store {
 public:
  PostgresStore(const PostgresOptions& options, std::unique_ptr<Connection> commits)
      : runs_(options, Connection::Use::kRuns, options.run_connections, lineage_),
        lists_(options, Connection::Use::kLists, options.list_connections, lineage_),
        registry_(options, Connection::Use::kRegistry, options.registry_connections, lineage_),
        presence_(options, Connection::Use::kRegistry, /*connections=*/1, lineage_),
        upkeep_(options, Connection::Use::kRegistry, /*connections=*/1, lineage_),
        committer_(options, std::move(commits), counters_, lineage_, row_format_),
        verifier_(&committer_) {}
  ~PostgresStore() override {
    absl::MutexLock lock(&verifier_mutex_);
    verifier_ = nullptr;
  }

  void Commit(CommitBatch batch, Done done) override {
    NoteGrowth(batch);
    committer_.Commit(std::move(batch), std::move(done));
  }

  void LoadExecution(NamespaceNumber namespace_number, WorkflowId workflow_id,
                     std::optional<RunId> run_id, Result<LoadedExecution> result) override {
    Ask(runs_, std::move(result),
        [namespace_number, workflow_id = std::move(workflow_id),
         run_id = std::move(run_id)](Connection& connection) {
          return postgres::LoadExecution(connection, namespace_number, workflow_id, run_id);
        });
  }
  void ReadJournal(JournalRange range, Result<std::vector<JournalEntry>> result) override {
    Ask(runs_, std::move(result),
        [range](Connection& connection) { return postgres::ReadJournal(connection, range); });
  }
  void DueExecutions(std::vector<ShardId> shards, DueCursor after, absl::Time until, int64_t limit,
                     Result<std::vector<DueExecution>> result) override {
    Ask(runs_, std::move(result),
        [shards = std::move(shards), after, until, limit](Connection& connection) {
          return postgres::DueExecutions(connection, shards, after, until, limit);
        });
  }
  void EarliestWake(std::vector<ShardId> shards, absl::Time after,
                    Result<std::optional<absl::Time>> result) override {
    Ask(runs_, std::move(result), [shards = std::move(shards), after](Connection& connection) {
      return postgres::EarliestWake(connection, shards, after);
    });
  }
  void CurrentWorkflows(ShardRange shards, ExecutionKey after, int64_t limit,
                        Result<std::vector<CurrentWorkflow>> result) override {
    Ask(runs_, std::move(result), [shards, after, limit](Connection& connection) {
      return postgres::CurrentWorkflows(connection, shards, after, limit);
    });
  }
  void RunsOfNamespace(NamespaceNumber namespace_number, int64_t limit,
                       Result<std::vector<DueExecution>> result) override {
    Ask(lists_, std::move(result), [namespace_number, limit](Connection& connection) {
      return postgres::RunsOfNamespace(connection, namespace_number, limit);
    });
  }

  void List(ListQuery query, Result<ListPage> result) override {
    Ask(lists_, std::move(result), [query = std::move(query)](Connection& connection) {
      return postgres::List(connection, query);
    });
  }
  void Count(CountQuery query, Result<CountResult> result) override {
    Ask(lists_, std::move(result), [query = std::move(query)](Connection& connection) {
      return postgres::Count(connection, query);
    });
  }

  void ListNamespaces(Result<std::vector<NamespaceRow>> result) override {
    Ask(registry_, std::move(result), postgres::ListNamespaces);
  }
  void CreateNamespace(NamespaceRow row, Result<NamespaceRow> result) override {
    Ask(registry_, std::move(result), [row = std::move(row)](Connection& connection) {
      return postgres::CreateNamespace(connection, row);
    });
  }
  void UpdateNamespace(NamespaceRow row, Result<NamespaceRow> result) override {
    Ask(registry_, std::move(result), [row = std::move(row)](Connection& connection) {
      return postgres::UpdateNamespace(connection, row);
    });
  }
  void DeleteNamespace(NamespaceNumber number, Done done) override {
    Ask(registry_, std::move(done),
        [number](Connection& connection) { return postgres::DeleteNamespace(connection, number); });
  }
  void ListSearchAttributes(Result<std::vector<SearchAttributeRow>> result) override {
    Ask(registry_, std::move(result), postgres::ListSearchAttributes);
  }
  void AddSearchAttribute(SearchAttributeRow row, Done done) override {
    Ask(upkeep_, std::move(done), [row = std::move(row)](Connection& connection) {
      return postgres::AddSearchAttribute(connection, row);
    });
  }
  void RemoveSearchAttribute(SearchAttributeRow row, Done done) override {
    Ask(upkeep_, std::move(done), [row = std::move(row)](Connection& connection) {
      return postgres::RemoveSearchAttribute(connection, row);
    });
  }
  void GetSetting(std::string key, Result<std::optional<std::string>> result) override {
    Ask(registry_, std::move(result), [key = std::move(key)](Connection& connection) {
      return postgres::GetSetting(connection, key);
    });
  }
  void PutSettingIfAbsent(std::string key, std::string value, Result<std::string> result) override {
    Ask(registry_, std::move(result),
        [key = std::move(key), value = std::move(value)](Connection& connection) {
          return postgres::PutSettingIfAbsent(connection, key, value);
        });
  }

  void RegisterIncarnation(NodeFacts node, Result<IncarnationId> result) override {
    Ask(presence_, std::move(result), [this, node = std::move(node)](Connection& connection) {
      auto incarnation = postgres::RegisterIncarnation(connection, node, row_format_);
      if (incarnation.ok()) lineage_.Registered(*incarnation, connection.lineage());
      return incarnation;
    });
  }
  void Heartbeat(IncarnationId incarnation, bool is_leaving, Result<ClusterState> result) override {
    Beat(incarnation, is_leaving, std::move(result), /*may_repeat=*/true);
  }
  void ListIncarnations(Result<std::vector<Incarnation>> result) override {
    Ask(registry_, std::move(result), postgres::ListIncarnations);
  }
  void Fence(IncarnationId incarnation, Done done) override {
    Ask(registry_, std::move(done),
        [incarnation](Connection& connection) { return postgres::Fence(connection, incarnation); });
  }
  void ClaimShards(IncarnationId claimant, std::vector<ShardId> shards,
                   Result<std::vector<ShardOwner>> result) override {
    Ask(registry_, std::move(result),
        [this, claimant, shards = std::move(shards)](
            Connection& connection) -> absl::StatusOr<std::vector<ShardOwner>> {
          const absl::Status status = lineage_.CheckIncarnation(claimant, connection.lineage());
          if (!status.ok()) return status;
          return postgres::ClaimShards(connection, claimant, shards);
        });
  }
  void HandOver(IncarnationId from, IncarnationId to, std::vector<ShardId> shards,
                Done done) override {
    Ask(registry_, std::move(done),
        [this, from, to, shards = std::move(shards)](Connection& connection) {
          const absl::Status status = lineage_.CheckIncarnation(from, connection.lineage());
          if (!status.ok()) return status;
          return postgres::HandOver(connection, from, to, shards);
        });
  }
  void ListShards(Result<std::vector<ShardOwner>> result) override {
    Ask(registry_, std::move(result), postgres::ListShards);
  }

  void Ping(Done done) override {
    Ask(registry_, std::move(done),
        [](Connection& connection) { return connection.Run(kPing, {}).status(); });
  }

  StoreStatistics statistics() const override {
    StoreStatistics statistics;
    statistics.batches = counters_.batches;
    statistics.transactions = counters_.transactions;
    statistics.statements = counters_.statements;
    statistics.rows_written = counters_.rows_written;
    statistics.failed_batches = counters_.failed_batches;
    statistics.reads = counters_.reads;
    statistics.fastest_commit = counters_.commits.Get(absl::Now());
    statistics.lineage_changes = lineage_.changes();
    statistics.records_lost = lineage_.lost_records();
    return statistics;
  }

 private:
  template <class Answer, class Body>
  void Ask(Pool& pool, Answer answer, Body body) {
    pool.Post([this, answer = std::move(answer),
               body = std::move(body)](absl::StatusOr<Connection*> connection) mutable {
      if (!connection.ok()) return std::move(answer)(connection.status());
      auto result = body(**connection);
      counters_.reads += 1;
      std::move(answer)(std::move(result));
    });
  }

  // Retention may empty a table overnight, and the database then plans for a handful of rows: each
  // statement reads all of the table, however many they are by now. The database's own upkeep
  // counts them again after a minute; till then, a morning's load would crawl.
  void NoteGrowth(const CommitBatch& batch) {
    int64_t created = 0;
    for (const ExecutionCommit& change : batch.executions) created += change.create.has_value();
    if (created == 0 || (created_ += created) < kLookAfter) return;
    created_ = 0;
    if (is_looking_.exchange(true)) return;
    upkeep_.Post([this](absl::StatusOr<Connection*> connection) {
      if (connection.ok()) AnalyzeOutgrown(**connection);
      is_looking_ = false;
    });
  }
  void AnalyzeOutgrown(Connection& connection) {
    const auto tables = connection.Run(kOutgrownTables, {});
    counters_.reads += 1;
    absl::Status status = tables.status();
    for (int row = 0; status.ok() && row < tables->size(); ++row) {
      // One that somebody else works on is looked at again.
      status =
          connection.RunUnlimited(absl::StrCat("ANALYZE (SKIP_LOCKED) ", tables->Bytes(row, 0)));
    }
    if (!status.ok()) {
      base::LogWarning("the tables' statistics may be old", {{"error", status.message()}});
    }
  }

  void Verify() {
    absl::MutexLock lock(&verifier_mutex_);
    if (verifier_ != nullptr) verifier_->Verify();
  }

  // That the connection was cut shows in its first use. A beat then goes over a new one at once,
  // before anybody takes the silence for an end.
  void Beat(IncarnationId incarnation, bool is_leaving, Result<ClusterState> result,
            bool may_repeat) {
    presence_.Post([this, incarnation, is_leaving, result = std::move(result),
                    may_repeat](absl::StatusOr<Connection*> connection) mutable {
      if (!connection.ok()) return std::move(result)(connection.status());
      const absl::Status status = lineage_.CheckIncarnation(incarnation, (*connection)->lineage());
      if (!status.ok()) {
        Verify();
        return std::move(result)(status);
      }
      auto state = postgres::Heartbeat(**connection, incarnation, is_leaving, row_format_);
      counters_.reads += 1;
      if (!state.ok() && may_repeat && (*connection)->is_lost()) {
        return Beat(incarnation, is_leaving, std::move(result), /*may_repeat=*/false);
      }
      std::move(result)(std::move(state));
    });
  }

  Counters counters_;
  Lineage lineage_;
  std::atomic<int64_t> row_format_{kRowFormatFirst};  // of what is written
  std::atomic<int64_t> created_{0};                   // runs, since somebody looked at the tables
  std::atomic<bool> is_looking_{false};
  // Destroyed in reverse order: the committer first, so that a callback may still ask a pool.
  Pool runs_;
  Pool lists_;
  Pool registry_;
  // One connection: as long as it is open, this server is seen to live.
  Pool presence_;
  // Builds one index at a time, counts rows, and holds up nothing else by it.
  Pool upkeep_;
  Committer committer_;
  // The committer while it lives: a last heartbeat may outlive it.
  absl::Mutex verifier_mutex_;
  Committer* verifier_ ABSL_GUARDED_BY(verifier_mutex_);
};

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenPostgres(PostgresOptions options) {
  const absl::Status status = Migrate(options);
  if (!status.ok()) return status;
  auto commits = Connection::Open(options, Connection::Use::kCommits);
  if (!commits.ok()) return commits.status();
  return std::make_unique<PostgresStore>(options, *std::move(commits));
}

}  // namespace perdure::store::postgres
