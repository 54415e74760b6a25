#include "store/sqlite/sqlite_store.h"

#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "store/contract.h"
#include "store/sql/attributes.h"
#include "store/sql/filter_sql.h"
#include "store/sql/migrations.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/statements.h"

namespace perdure::store::sqlite {
namespace {

class Folder {
 public:
  Folder() {
    std::string pattern = testing::TempDir() + "/perdure_sqlite_XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

std::unique_ptr<Store> MustOpen(const std::string& file) {
  auto store = OpenSqlite({.file = file});
  EXPECT_TRUE(store.ok()) << store.status();
  return store.ok() ? *std::move(store) : nullptr;
}

constexpr char kRunId[] = "44444444-4444-4444-8444-444444444444";

// A commit of one journal record of the run "steady"; the first creates it. The list row counts
// too, so that a copy can be checked for tearing.
ExecutionCommit Steady(int64_t sequence) {
  ExecutionCommit commit;
  commit.key = {base::ShardOf(NamespaceNumber(1), "steady"), ExecutionNumber(1)};
  if (sequence == 1) {
    commit.create =
        ExecutionCommit::Create{NamespaceNumber(1), WorkflowId("steady"), RunId(kRunId)};
  }
  commit.journal_sequence = sequence;
  commit.journal_record = absl::StrCat("record ", sequence);
  commit.visibility = MakeRow(sequence);
  return commit;
}

IncarnationId Register(Store& store) {
  return *Await<IncarnationId>([&](Result<IncarnationId> result) {
    store.RegisterIncarnation({.node_name = "node"}, std::move(result));
  });
}

// Commits the records `from` to `to` of one run, one by one.
void CommitSteadily(Store& store, IncarnationId incarnation, int64_t from, int64_t to) {
  for (int64_t sequence = from; sequence <= to; ++sequence) {
    const absl::Status status = AwaitDone(
        [&](Done done) { store.Commit({incarnation, {Steady(sequence)}}, std::move(done)); });
    ASSERT_TRUE(status.ok()) << status;
  }
}

int64_t JournalLength(Store& store) {
  const auto loaded = Await<LoadedExecution>([&](Result<LoadedExecution> result) {
    store.LoadExecution(NamespaceNumber(1), WorkflowId("steady"), std::nullopt, std::move(result));
  });
  return loaded.ok() ? static_cast<int64_t>(loaded->tail.size()) : 0;
}

int64_t ListedSecond(Store& store) {
  const auto page = Await<ListPage>([&](Result<ListPage> result) {
    store.List({NamespaceNumber(1), nullptr, 10, ""}, std::move(result));
  });
  if (!page.ok() || page->executions.size() != 1) return 0;
  return absl::ToInt64Seconds(page->executions[0].row.start_time - Second(0));
}

TEST(SqliteStore, RefusesASecondServer) {
  const Folder folder;
  auto first = MustOpen(folder.File("a.db"));
  const auto second = OpenSqlite({.file = folder.File("a.db")});
  EXPECT_TRUE(absl::IsFailedPrecondition(second.status())) << second.status();
  first = nullptr;
  EXPECT_NE(MustOpen(folder.File("a.db")), nullptr);
}

// The file lock tells that the one before is gone: nobody waits for its silence.
TEST(SqliteStore, FencesWhoHadItOpenBefore) {
  const Folder folder;
  auto first = MustOpen(folder.File("a.db"));
  const IncarnationId former = Register(*first);
  first = nullptr;
  const auto second = MustOpen(folder.File("a.db"));
  const IncarnationId next = Register(*second);
  EXPECT_GT(next, former);
  const auto listed = Await<std::vector<Incarnation>>([&](Result<std::vector<Incarnation>> result) {
    second->ListIncarnations(std::move(result));
  });
  ASSERT_TRUE(listed.ok()) << listed.status();
  ASSERT_EQ(listed->size(), 1u);
  EXPECT_EQ(listed->at(0).id, next);
  EXPECT_TRUE(absl::IsAborted(
      AwaitDone([&](Done done) { second->Commit({former, {Steady(1)}}, std::move(done)); })));
}

TEST(SqliteStore, KnowsSqlitesNameForMemory) {
  const auto store = MustOpen(":memory:");
  CommitSteadily(*store, Register(*store), 1, 1);
  EXPECT_EQ(JournalLength(*store), 1);
  EXPECT_FALSE(std::filesystem::exists(":memory:.lock"));
}

// Writes what a server of schema 2 might have: in two shards runs of equal numbers, of which those
// numbered 1 have ended.
void MakeEarlierDatabase(const std::string& file) {
  auto opened = Connection::Open(file, Connection::Access::kReadWrite);
  ASSERT_TRUE(opened.ok()) << opened.status();
  Connection& connection = **opened;
  const auto run = [&](const std::string& script) {
    const absl::Status status = connection.Execute(script);
    ASSERT_TRUE(status.ok()) << status << " " << script;
  };
  const std::vector<sql::Migration> migrations = sql::SqliteMigrations();
  for (size_t i = 0; i < 2; ++i) run(migrations[i].sql);
  run("PRAGMA user_version = 2; INSERT INTO search_attributes VALUES (1, 'Color', 1);"
      "UPDATE shards SET last_number = 70 WHERE shard_id = 5");
  run(sql::CreateAttributeIndex("Color", query::Type::kKeyword, sql::Dialect::kSqlite, ""));
  for (const std::string id : {"a", "b"}) {
    for (const int number : {1, 2}) {
      const std::string key =
          absl::StrCat(base::ShardOf(NamespaceNumber(1), id).value(), ", ", number);
      const std::string run_id = absl::StrCat("x'", id, number, std::string(30, '0'), "'");
      const bool is_closed = number == 1;
      run(absl::StrCat("INSERT INTO executions VALUES (", key, ", 1, '", id, "', ", run_id, ", ",
                       is_closed ? 0 : 1, ", ", is_closed ? 1 : 0, ", ", number * 1'000'000, ")"));
      for (const int sequence : {1, 2, 3}) {
        run(absl::StrCat("INSERT INTO journal VALUES (", key, ", ", sequence, ", CAST('", id,
                         number, sequence, "' AS BLOB))"));
      }
      if (!is_closed) {
        run(absl::StrCat("INSERT INTO snapshots VALUES (", key, ", 2, CAST('", id, number,
                         "' AS BLOB))"));
      }
      run(
          absl::StrCat("INSERT INTO visibility (shard_id, number, namespace_number, status,"
                       " start_time_us, execution_time_us, close_time_us, run_id, workflow_id,"
                       " workflow_type, task_queue, attributes) VALUES (",
                       key, ", 1, ", is_closed ? 2 : 1, ", ", number, ", ", number, ", ",
                       is_closed ? "5" : "NULL", ", ", run_id, ", '", id,
                       "', 'type', 'queue', '{\"s:Color\":\"", id, "\"}')"));
    }
  }
}

RunId EarlierRun(const std::string& id, int number) {
  return RunId(absl::StrCat(id, number, "000000-0000-0000-0000-000000000000"));
}

void ExpectEarlierRun(Store& store, const std::string& id, int number) {
  const auto loaded = Await<LoadedExecution>([&](Result<LoadedExecution> result) {
    store.LoadExecution(NamespaceNumber(1), WorkflowId(id), EarlierRun(id, number),
                        std::move(result));
  });
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->key.shard, base::ShardOf(NamespaceNumber(1), id));
  EXPECT_EQ(loaded->key.number, ExecutionNumber(number));
  EXPECT_EQ(loaded->is_closed, number == 1);
  EXPECT_EQ(loaded->is_current, number == 2);
  EXPECT_EQ(loaded->wake_at, absl::FromUnixSeconds(number));
  EXPECT_EQ(loaded->snapshot.has_value(), number == 2);
  if (loaded->snapshot) EXPECT_EQ(loaded->snapshot->bytes, absl::StrCat(id, number));
  EXPECT_EQ(loaded->tail.back().record, absl::StrCat(id, number, 3));
  const auto journal =
      Await<std::vector<JournalEntry>>([&](Result<std::vector<JournalEntry>> result) {
        store.ReadJournal({.key = loaded->key}, std::move(result));
      });
  ASSERT_EQ(journal->size(), 3u);
  EXPECT_EQ(journal->at(1).record, absl::StrCat(id, number, 2));
}

TEST(SqliteStore, KeepsAllOfAnEarlierSchema) {
  const Folder folder;
  MakeEarlierDatabase(folder.File("a.db"));
  for (int opened = 0; opened < 2; ++opened) {
    const auto store = MustOpen(folder.File("a.db"));
    for (const char* id : {"a", "b"}) {
      for (const int number : {1, 2}) ExpectEarlierRun(*store, id, number);
    }
    const auto filter =
        query::ParseQuery("Color = 'b'", {{"Color", query::Type::kKeyword}}, false)->filter;
    const auto page = Await<ListPage>([&](Result<ListPage> result) {
      store->List({NamespaceNumber(1), filter, 10, ""}, std::move(result));
    });
    ASSERT_TRUE(page.ok()) << page.status();
    ASSERT_EQ(page->executions.size(), 2u);
    EXPECT_EQ(page->executions[0].run_id, EarlierRun("b", 2));
    EXPECT_EQ(page->executions[1].run_id, EarlierRun("b", 1));
    const IncarnationId incarnation = Register(*store);
    const auto owners = Await<std::vector<ShardOwner>>(
        [&](auto result) { store->ClaimShards(incarnation, {ShardId(0)}, std::move(result)); });
    ASSERT_TRUE(owners.ok()) << owners.status();
    EXPECT_EQ(owners->at(0).last_number, ExecutionNumber(70));
    ExecutionCommit second;
    second.key = {base::ShardOf(NamespaceNumber(1), "a"), ExecutionNumber(71)};
    second.create = ExecutionCommit::Create{NamespaceNumber(1), WorkflowId("a"), RunId(kRunId)};
    EXPECT_TRUE(absl::IsAlreadyExists(
        AwaitDone([&](Done done) { store->Commit({incarnation, {second}}, std::move(done)); })));
  }
  auto connection = Connection::Open(folder.File("a.db"), Connection::Access::kReadOnly);
  Query names(**connection,
              "SELECT group_concat(name, ' ') FROM (SELECT name FROM sqlite_master"
              " WHERE tbl_name IN ('executions', 'visibility') OR name LIKE '%old%' ORDER BY name)",
              Query::Lifetime::kOnce);
  ASSERT_TRUE(names.Next()) << names.status();
  EXPECT_EQ(names.Text(0),
            absl::StrCat("executions executions_wake executions_workflow visibility ",
                         sql::AttributeIndexName("Color", query::Type::kKeyword),
                         " visibility_division visibility_order visibility_type"));
}

TEST(SqliteStore, RefusesASchemaFromTheFuture) {
  const Folder folder;
  MustOpen(folder.File("a.db"));
  {
    auto connection = Connection::Open(folder.File("a.db"), Connection::Access::kReadWrite);
    ASSERT_TRUE((*connection)->Execute("PRAGMA user_version = 999").ok());
  }
  const auto store = OpenSqlite({.file = folder.File("a.db")});
  EXPECT_TRUE(absl::IsFailedPrecondition(store.status()));
  EXPECT_NE(store.status().message().find("999"), absl::string_view::npos);
}

TEST(SqliteStore, RefusesWhatIsNoDatabase) {
  const Folder folder;
  std::FILE* file = std::fopen(folder.File("a.db").c_str(), "w");
  std::fputs("this is a letter to my aunt, not a database; it is long enough to be read as one",
             file);
  std::fclose(file);
  EXPECT_FALSE(OpenSqlite({.file = folder.File("a.db")}).ok());
}

std::string PlanOf(Connection& connection, absl::string_view sql) {
  Query query(connection, absl::StrCat("EXPLAIN QUERY PLAN ", sql), Query::Lifetime::kOnce);
  std::string text;
  while (query.Next()) absl::StrAppend(&text, query.Text(3), "\n");
  EXPECT_TRUE(query.status().ok()) << query.status();
  return text;
}

// The hot statements are served by an index, never by a scan.
TEST(SqliteStore, FindsHotRowsByIndex) {
  const Folder folder;
  MustOpen(folder.File("a.db"));
  auto connection = Connection::Open(folder.File("a.db"), Connection::Access::kReadWrite);
  const struct {
    absl::string_view sql;
    absl::string_view index;
  } plans[] = {
      {kSelectCurrent, "executions_workflow"},
      {kSelectRun, "executions_workflow"},
      {kDueExecutions, "executions_wake (wake_at_us=? AND rowid>?)"},
      {kDueExecutions, "executions_wake (wake_at_us>? AND wake_at_us<?)"},
      {kEarliestWake, "executions_wake (wake_at_us>?)"},
      {kLastSequence, "PRIMARY KEY (key=?)"},
      {kSelectTail, "PRIMARY KEY (key=? AND sequence>?)"},
      {kCurrentWorkflows, "PRIMARY KEY (rowid>?)"},
      {kRunsOfNamespace, "executions_workflow (namespace_number=?)"},
  };
  for (const auto& plan : plans) {
    const std::string text = PlanOf(**connection, plan.sql);
    EXPECT_NE(text.find(std::string(plan.index)), std::string::npos) << plan.sql << "\n" << text;
  }
}

// In order, and beginning with the first run that can be shown.
TEST(SqliteStore, ListsByIndex) {
  const Folder folder;
  MustOpen(folder.File("a.db"));
  auto connection = Connection::Open(folder.File("a.db"), Connection::Access::kReadWrite);
  const struct {
    const char* filter;
    absl::string_view plan;
  } plans[] = {
      {"", "visibility_order (namespace_number=?)"},
      {"ExecutionStatus = 'Completed'", "visibility_order (namespace_number=? AND <expr><?)"},
      {"ExecutionStatus = 'Running'", "visibility_order (namespace_number=? AND <expr>>?)"},
      {"WorkflowType = 'a' AND ExecutionStatus = 'Failed'",
       "visibility_type (namespace_number=? AND workflow_type=? AND <expr><?)"},
      {"TemporalNamespaceDivision = 'a'", "visibility_division (namespace_number=? AND <expr>=?)"},
  };
  for (const auto& plan : plans) {
    const auto query = query::ParseQuery(plan.filter, {}, false);
    ASSERT_TRUE(query.ok()) << query.status();
    const sql::SqlFilter filter =
        sql::CompileFilter(query->filter.get(), NamespaceNumber(1), sql::Dialect::kSqlite, 2);
    const std::string text = PlanOf(
        **connection,
        absl::StrCat("SELECT 1 FROM visibility WHERE ", sql::NamespaceInSqlite(query->filter.get()),
                     sql::PartOfOrder(query->filter.get()), filter.where,
                     " ORDER BY coalesce(close_time_us, 9223372036854775807) DESC,"
                     " start_time_us DESC, run_id LIMIT 10"));
    EXPECT_NE(text.find(std::string(plan.plan)), std::string::npos) << plan.filter << "\n" << text;
    // Only runs of the same times are sorted.
    const bool is_in_order = plan.filter != absl::string_view("TemporalNamespaceDivision = 'a'");
    EXPECT_EQ(text.find("TEMP B-TREE FOR ORDER BY") == std::string::npos, is_in_order)
        << plan.filter << "\n"
        << text;
  }
}

// What names its workflows is found by their keys, however many others there are.
TEST(SqliteStore, ListsWorkflowsByKey) {
  const Folder folder;
  MustOpen(folder.File("a.db"));
  auto connection = Connection::Open(folder.File("a.db"), Connection::Access::kReadWrite);
  for (const char* text :
       {"WorkflowId = 'a'", "WorkflowId IN ('a', 'b')", "WorkflowId STARTS_WITH 'a'",
        "WorkflowId = 'a' OR WorkflowId = 'b'",
        "WorkflowId = 'a' AND WorkflowType = 'b' AND ExecutionStatus = 'Completed'"}) {
    const auto query = query::ParseQuery(text, {}, false);
    ASSERT_TRUE(query.ok()) << query.status();
    const sql::SqlFilter filter =
        sql::CompileFilter(query->filter.get(), NamespaceNumber(1), sql::Dialect::kSqlite, 2);
    const std::string where = absl::StrCat(sql::NamespaceInSqlite(query->filter.get()),
                                           sql::PartOfOrder(query->filter.get()), filter.where);
    for (const std::string& sql :
         {absl::StrCat("SELECT * FROM visibility WHERE ", where,
                       " ORDER BY coalesce(close_time_us, 9223372036854775807) DESC LIMIT 10"),
          absl::StrCat("SELECT count(*) FROM visibility WHERE ", where)}) {
      const std::string plan = PlanOf(**connection, sql);
      EXPECT_NE(plan.find("visibility USING INTEGER PRIMARY KEY (rowid=?)"), std::string::npos)
          << text << "\n"
          << plan;
      EXPECT_NE(plan.find("executions_workflow (namespace_number=? AND workflow_id"),
                std::string::npos)
          << text << "\n"
          << plan;
    }
  }
}

TEST(SqliteStore, TellsHowLongACommitTakes) {
  const Folder folder;
  const auto store = MustOpen(folder.File("a.db"));
  EXPECT_EQ(store->statistics().fastest_commit, absl::ZeroDuration());
  const IncarnationId incarnation = Register(*store);
  EXPECT_TRUE(AwaitDone([&](Done done) {
                store->Commit({incarnation, {Steady(1)}}, std::move(done));
              }).ok());
  EXPECT_GT(store->statistics().fastest_commit, absl::ZeroDuration());
}

// A server killed at any instant has lost nothing that it acknowledged.
TEST(SqliteStore, KeepsAcknowledgedCommitsThroughKill) {
  const Folder folder;
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(pipe_ends[0]);
    auto store = MustOpen(folder.File("a.db"));
    const IncarnationId incarnation = Register(*store);
    for (int64_t sequence = 1;; ++sequence) {
      const absl::Status status = AwaitDone(
          [&](Done done) { store->Commit({incarnation, {Steady(sequence)}}, std::move(done)); });
      if (!status.ok()) ::_exit(1);
      if (::write(pipe_ends[1], &sequence, sizeof(sequence)) != sizeof(sequence)) ::_exit(1);
    }
  }
  ::close(pipe_ends[1]);
  int64_t acknowledged = 0;
  while (acknowledged < 50) {
    ASSERT_EQ(::read(pipe_ends[0], &acknowledged, sizeof(acknowledged)),
              static_cast<ssize_t>(sizeof(acknowledged)));
  }
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  while (::read(pipe_ends[0], &acknowledged, sizeof(acknowledged)) > 0) {
  }
  ::close(pipe_ends[0]);
  const auto store = MustOpen(folder.File("a.db"));
  EXPECT_GE(JournalLength(*store), acknowledged);
  EXPECT_LE(JournalLength(*store), acknowledged + 1);
  EXPECT_EQ(ListedSecond(*store), JournalLength(*store));
}

// docs/backup.md: a copy made while the server writes is a consistent state of its own.
TEST(SqliteStore, CanBeBackedUpWhileItWrites) {
  const Folder folder;
  const auto store = MustOpen(folder.File("a.db"));
  const IncarnationId incarnation = Register(*store);
  std::atomic<bool> is_stopping{false};
  std::atomic<int64_t> committed{0};
  std::thread load([&] {
    for (int64_t sequence = 1; !is_stopping; ++sequence) {
      const absl::Status status = AwaitDone(
          [&](Done done) { store->Commit({incarnation, {Steady(sequence)}}, std::move(done)); });
      EXPECT_TRUE(status.ok()) << status;
      committed = sequence;
    }
  });
  while (committed < 20) std::this_thread::yield();
  const int64_t before = committed;
  {
    auto other = Connection::Open(folder.File("a.db"), Connection::Access::kReadOnly);
    ASSERT_TRUE(other.ok()) << other.status();
    const absl::Status status =
        (*other)->Execute(absl::StrCat("VACUUM INTO '", folder.File("copy.db"), "'"));
    EXPECT_TRUE(status.ok()) << status;
  }
  const int64_t after = committed;
  is_stopping = true;
  load.join();
  const auto copy = MustOpen(folder.File("copy.db"));
  EXPECT_GE(JournalLength(*copy), before);
  EXPECT_LE(JournalLength(*copy), after + 1);
  EXPECT_EQ(ListedSecond(*copy), JournalLength(*copy));
  // The copy is a working database: a new server fences the old one's incarnation and goes on.
  const IncarnationId successor = Register(*copy);
  EXPECT_TRUE(AwaitDone([&](Done done) {
                copy->Commit({successor, {Steady(JournalLength(*copy) + 1)}}, std::move(done));
              }).ok());
}

// Of the file, which never shrinks: the most there has been in it at once.
int64_t LogPages(const Folder& folder) {
  return static_cast<int64_t>(std::filesystem::file_size(folder.File("a.db-wal")) / 4096);
}

constexpr int64_t kLogPagesMax = 64;

TEST(SqliteStore, BeginsItsLogAnewWhileItWrites) {
  const Folder folder;
  const auto store = OpenSqlite({.file = folder.File("a.db"), .log_pages_max = kLogPagesMax});
  ASSERT_TRUE(store.ok()) << store.status();
  // Each is three pages at least.
  CommitSteadily(**store, Register(**store), 1, 1000);
  EXPECT_LT(LogPages(folder), 1000);
}

TEST(SqliteStore, BeginsItsLogAnewOnceAReaderThatHeldItBackIsDone) {
  const Folder folder;
  const auto store = OpenSqlite({.file = folder.File("a.db"), .log_pages_max = kLogPagesMax});
  ASSERT_TRUE(store.ok()) << store.status();
  const IncarnationId incarnation = Register(**store);
  CommitSteadily(**store, incarnation, 1, 1);
  auto reader = Connection::Open(folder.File("a.db"), Connection::Access::kReadOnly);
  ASSERT_TRUE(reader.ok()) << reader.status();
  ASSERT_TRUE((*reader)->Execute("BEGIN; SELECT count(*) FROM journal").ok());
  CommitSteadily(**store, incarnation, 2, 300);
  const int64_t held = LogPages(folder);
  EXPECT_GT(held, 300);
  ASSERT_TRUE((*reader)->Execute("COMMIT").ok());
  CommitSteadily(**store, incarnation, 301, 1000);
  EXPECT_LT(LogPages(folder), held + 1000);
}

}  // namespace
}  // namespace perdure::store::sqlite
