#include "store/sqlite/sqlite_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/errors.h"
#include "store/checks.h"
#include "store/sql/migrations.h"
#include "store/sqlite/log_copier.h"
#include "store/sqlite/reads.h"
#include "store/sqlite/registry.h"
#include "store/sqlite/statements.h"
#include "store/sqlite/worker.h"

namespace perdure::store::sqlite {
namespace {

// Holds `<file>.lock` while it lives; the OS lets go of it when the process ends, however it ends.
class FileLock {
 public:
  static absl::StatusOr<std::unique_ptr<FileLock>> Take(const std::string& path) {
    const int descriptor = ::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (descriptor < 0) {
      return base::FailedPrecondition(
          absl::StrCat("cannot open ", path, ": ", std::strerror(errno)));
    }
    std::unique_ptr<FileLock> lock(new FileLock(descriptor));
    if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) return lock;
    return base::FailedPrecondition(
        absl::StrCat("another server has the database open (", path, " is locked)"));
  }
  ~FileLock() { ::close(descriptor_); }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  const int descriptor_;
};

absl::Status Migrate(Connection& connection) {
  const std::vector<sql::Migration> migrations = sql::SqliteMigrations();
  absl::Status status = connection.Execute("BEGIN EXCLUSIVE");
  if (!status.ok()) return status;
  int64_t version = 0;
  {
    Query query(connection, "PRAGMA user_version", Query::Lifetime::kOnce);
    if (query.Next()) version = query.Int64(0);
    status = query.status();
  }
  if (status.ok()) status = sql::CheckSchemaVersion(version, migrations);
  for (const sql::Migration& migration : migrations) {
    if (!status.ok()) break;
    if (migration.version <= version) continue;
    status = connection.Execute(
        absl::StrCat(migration.sql, "\nPRAGMA user_version = ", migration.version));
  }
  if (status.ok() && version > 0 && version < migrations.back().version) {
    status = CreateAttributeIndexes(connection);
  }
  if (status.ok()) status = connection.Execute("COMMIT");
  if (!status.ok()) (void)connection.Execute("ROLLBACK");
  return status;
}

// Whoever had this database open before is gone: the file lock says so, and nobody need wait for
// its silence. What it leaves is its row, which goes unless a shard still names it.
absl::Status FencePredecessors(Connection& connection) {
  for (Sql* sql : {&kFenceAll, &kForgetFenced}) {
    Query query(connection, *sql);
    absl::Status status = query.Run();
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// Thread-safe: it only hands work to its workers.
class SqliteStore final : public Store {
 public:
  struct Connections {
    std::unique_ptr<Connection> writer;
    // A database in memory has none of these: the writer's serves all.
    std::unique_ptr<Connection> run_reader, list_reader, log_copier;
  };
  SqliteStore(std::unique_ptr<FileLock> lock, Connections connections, int64_t log_pages_max)
      : lock_(std::move(lock)), writer_(MakeWorker(std::move(connections.writer))) {
    if (connections.log_copier == nullptr) return;
    list_reader_ = MakeWorker(std::move(connections.list_reader));
    run_reader_ = MakeWorker(std::move(connections.run_reader));
    log_copier_ =
        std::make_unique<LogCopier>(std::move(connections.log_copier), *writer_, log_pages_max);
  }
  ~SqliteStore() override {
    if (log_copier_ != nullptr) log_copier_->Stop();
    // Before the readers, so that a callback may still ask them.
    writer_.reset();
  }

  void Commit(CommitBatch batch, Done done) override {
    writer_->Commit(std::move(batch), std::move(done));
  }

  void LoadExecution(NamespaceNumber namespace_number, WorkflowId workflow_id,
                     std::optional<RunId> run_id, Result<LoadedExecution> result) override {
    Ask(RunReader(), std::move(result),
        [namespace_number, workflow_id = std::move(workflow_id),
         run_id = std::move(run_id)](Connection& connection) {
          return sqlite::LoadExecution(connection, namespace_number, workflow_id, run_id);
        });
  }
  void ReadJournal(JournalRange range, Result<std::vector<JournalEntry>> result) override {
    Ask(RunReader(), std::move(result),
        [range](Connection& connection) { return sqlite::ReadJournal(connection, range); });
  }
  void DueExecutions(std::vector<ShardId> shards, DueCursor after, absl::Time until, int64_t limit,
                     Result<std::vector<DueExecution>> result) override {
    Ask(RunReader(), std::move(result),
        [shards = std::move(shards), after, until, limit](Connection& connection) {
          return sqlite::DueExecutions(connection, shards, after, until, limit);
        });
  }
  void EarliestWake(std::vector<ShardId> shards, absl::Time after,
                    Result<std::optional<absl::Time>> result) override {
    Ask(RunReader(), std::move(result),
        [shards = std::move(shards), after](Connection& connection) {
          return sqlite::EarliestWake(connection, shards, after);
        });
  }
  void CurrentWorkflows(ShardRange shards, ExecutionKey after, int64_t limit,
                        Result<std::vector<CurrentWorkflow>> result) override {
    Ask(ListReader(), std::move(result), [shards, after, limit](Connection& connection) {
      return sqlite::CurrentWorkflows(connection, shards, after, limit);
    });
  }
  void RunsOfNamespace(NamespaceNumber namespace_number, int64_t limit,
                       Result<std::vector<DueExecution>> result) override {
    Ask(ListReader(), std::move(result), [namespace_number, limit](Connection& connection) {
      return sqlite::RunsOfNamespace(connection, namespace_number, limit);
    });
  }

  void List(ListQuery query, Result<ListPage> result) override {
    Ask(ListReader(), std::move(result), [query = std::move(query)](Connection& connection) {
      return sqlite::List(connection, query);
    });
  }
  void Count(CountQuery query, Result<CountResult> result) override {
    Ask(ListReader(), std::move(result), [query = std::move(query)](Connection& connection) {
      return sqlite::Count(connection, query);
    });
  }

  void ListNamespaces(Result<std::vector<NamespaceRow>> result) override {
    Ask(*writer_, std::move(result), sqlite::ListNamespaces);
  }
  void CreateNamespace(NamespaceRow row, Result<NamespaceRow> result) override {
    Ask(*writer_, std::move(result), [row = std::move(row)](Connection& connection) {
      return sqlite::CreateNamespace(connection, row);
    });
  }
  void UpdateNamespace(NamespaceRow row, Result<NamespaceRow> result) override {
    Ask(*writer_, std::move(result), [row = std::move(row)](Connection& connection) {
      return sqlite::UpdateNamespace(connection, row);
    });
  }
  void DeleteNamespace(NamespaceNumber number, Done done) override {
    Ask(*writer_, std::move(done),
        [number](Connection& connection) { return sqlite::DeleteNamespace(connection, number); });
  }
  void ListSearchAttributes(Result<std::vector<SearchAttributeRow>> result) override {
    Ask(*writer_, std::move(result), sqlite::ListSearchAttributes);
  }
  void AddSearchAttribute(SearchAttributeRow row, Done done) override {
    Ask(*writer_, std::move(done), [row = std::move(row)](Connection& connection) {
      return sqlite::AddSearchAttribute(connection, row);
    });
  }
  void RemoveSearchAttribute(SearchAttributeRow row, Done done) override {
    Ask(*writer_, std::move(done), [row = std::move(row)](Connection& connection) {
      return sqlite::RemoveSearchAttribute(connection, row);
    });
  }
  void GetSetting(std::string key, Result<std::optional<std::string>> result) override {
    Ask(*writer_, std::move(result), [key = std::move(key)](Connection& connection) {
      return sqlite::GetSetting(connection, key);
    });
  }
  void PutSettingIfAbsent(std::string key, std::string value, Result<std::string> result) override {
    Ask(*writer_, std::move(result),
        [key = std::move(key), value = std::move(value)](Connection& connection) {
          return sqlite::PutSettingIfAbsent(connection, key, value);
        });
  }

  void RegisterIncarnation(NodeFacts node, Result<IncarnationId> result) override {
    Ask(*writer_, std::move(result), [node = std::move(node)](Connection& connection) {
      return sqlite::RegisterIncarnation(connection, node);
    });
  }
  void Heartbeat(IncarnationId incarnation, bool is_leaving, Result<ClusterState> result) override {
    Ask(*writer_, std::move(result), [incarnation, is_leaving](Connection& connection) {
      return sqlite::Heartbeat(connection, incarnation, is_leaving);
    });
  }
  void ListIncarnations(Result<std::vector<Incarnation>> result) override {
    Ask(*writer_, std::move(result), sqlite::ListIncarnations);
  }
  void Fence(IncarnationId incarnation, Done done) override {
    Ask(*writer_, std::move(done),
        [incarnation](Connection& connection) { return sqlite::Fence(connection, incarnation); });
  }
  void ClaimShards(IncarnationId claimant, std::vector<ShardId> shards,
                   Result<std::vector<ShardOwner>> result) override {
    Ask(*writer_, std::move(result),
        [claimant, shards = std::move(shards)](Connection& connection) {
          return sqlite::ClaimShards(connection, claimant, shards);
        });
  }
  bool is_shared() const override { return false; }
  void HandOver(IncarnationId from, IncarnationId to, std::vector<ShardId> shards,
                Done done) override {
    Ask(*writer_, std::move(done), [from, to, shards = std::move(shards)](Connection& connection) {
      return sqlite::HandOver(connection, from, to, shards);
    });
  }
  void ListShards(Result<std::vector<ShardOwner>> result) override {
    Ask(*writer_, std::move(result), sqlite::ListShards);
  }

  void Ping(Done done) override {
    Ask(*writer_, std::move(done), [](Connection& connection) {
      Query query(connection, kPing);
      return query.Run();
    });
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
    return statistics;
  }

 private:
  std::unique_ptr<Worker> MakeWorker(std::unique_ptr<Connection> connection) {
    return std::make_unique<Worker>(std::move(connection), counters_);
  }
  Worker& RunReader() { return run_reader_ ? *run_reader_ : *writer_; }
  Worker& ListReader() { return list_reader_ ? *list_reader_ : *writer_; }

  template <class Answer, class Body>
  void Ask(Worker& worker, Answer answer, Body body) {
    worker.Post(
        [this, answer = std::move(answer), body = std::move(body)](Connection* connection) mutable {
          if (connection == nullptr) return std::move(answer)(ClosedError());
          auto result = body(*connection);
          counters_.reads += 1;
          std::move(answer)(std::move(result));
        });
  }

  const std::unique_ptr<FileLock> lock_;
  Counters counters_;
  std::unique_ptr<Worker> writer_;
  std::unique_ptr<Worker> run_reader_;
  std::unique_ptr<Worker> list_reader_;
  std::unique_ptr<LogCopier> log_copier_;
};

// Read-write, whatever it is for: a read-only connection cannot recover the log of a server that
// was killed.
absl::StatusOr<std::unique_ptr<Connection>> OpenAnother(const SqliteOptions& options,
                                                        const std::string& script) {
  auto connection = Connection::Open(options.file, Connection::Access::kReadWrite);
  if (!connection.ok()) return connection;
  const absl::Status status = (*connection)->Execute(script);
  if (!status.ok()) return status;
  return connection;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenSqlite(SqliteOptions options) {
  if (options.file == ":memory:") options.file.clear();
  std::unique_ptr<FileLock> lock;
  if (!options.file.empty()) {
    auto taken = FileLock::Take(absl::StrCat(options.file, ".lock"));
    if (!taken.ok()) return taken.status();
    lock = *std::move(taken);
  }
  auto writer = Connection::Open(options.file, Connection::Access::kReadWrite);
  if (!writer.ok()) return writer.status();
  // Debian's SQLite would write zeros over each page that is freed, and keep the old ones of a
  // migration in memory meanwhile.
  absl::Status status = (*writer)->Execute(absl::StrCat(
      "PRAGMA journal_mode = wal; PRAGMA synchronous = full; PRAGMA wal_autocheckpoint = 0; "
      "PRAGMA secure_delete = fast; PRAGMA cache_size = -",
      options.cache_size_bytes / 1024));
  if (status.ok()) status = Migrate(**writer);
  if (status.ok() && lock != nullptr) status = FencePredecessors(**writer);
  if (!status.ok()) return status;
  SqliteStore::Connections connections{.writer = *std::move(writer)};
  if (!options.file.empty()) {
    for (auto [connection, script] :
         {std::pair(&connections.run_reader, "PRAGMA query_only = on"),
          std::pair(&connections.list_reader, "PRAGMA query_only = on"),
          std::pair(&connections.log_copier, "PRAGMA synchronous = full")}) {
      auto opened = OpenAnother(options, script);
      if (!opened.ok()) return opened.status();
      *connection = *std::move(opened);
    }
  }
  return std::make_unique<SqliteStore>(std::move(lock), std::move(connections),
                                       options.log_pages_max);
}

}  // namespace perdure::store::sqlite
