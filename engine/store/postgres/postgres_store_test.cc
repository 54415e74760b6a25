#include "store/postgres/postgres_store.h"
#include "store/postgres/check.h"

#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/blocking_counter.h"
#include "base/random.h"
#include "gtest/gtest.h"
#include "query/filter.h"
#include "store/contract.h"
#include "store/postgres/connection.h"
#include "store/postgres/reads.h"
#include "store/postgres/statements.h"
#include "store/postgres/test_database.h"

namespace perdure::store::postgres {
namespace {

class PostgresStore : public testing::Test {
 protected:
  void SetUp() override {
    if (TestServerUrl().empty()) {
      GTEST_SKIP() << "PERDURE_TEST_POSTGRES is not set (tests/postgres.sh start DIR prints it)";
    }
    database_ = std::make_unique<TestDatabase>();
  }

  std::unique_ptr<Store> MustOpen() {
    auto store = OpenPostgres({.url = database_->url()});
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }
  void Execute(const std::string& sql) {
    pqxx::connection connection(database_->url());
    pqxx::nontransaction(connection).exec(sql);
  }
  // Ends every other session of the database, as a failing server or network would.
  void CutConnections() {
    TestDatabase::Administrate(
        absl::StrCat("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '",
                     database_->name(), "'"));
  }

  std::unique_ptr<TestDatabase> database_;
};

constexpr char kRunId[] = "44444444-4444-4444-8444-444444444444";

ExecutionCommit Steady(int64_t sequence) {
  ExecutionCommit commit;
  commit.key = {base::ShardOf(NamespaceNumber(1), "steady"), ExecutionNumber(1)};
  if (sequence == 1) {
    commit.create =
        ExecutionCommit::Create{NamespaceNumber(1), WorkflowId("steady"), RunId(kRunId)};
  }
  commit.journal_sequence = sequence;
  commit.journal_record = "record";
  return commit;
}

IncarnationId Register(Store& store) {
  auto id = Await<IncarnationId>([&](Result<IncarnationId> result) {
    store.RegisterIncarnation({.node_name = "node"}, std::move(result));
  });
  return id.value_or(IncarnationId());
}

absl::Status Commit(Store& store, IncarnationId incarnation, int64_t sequence) {
  return AwaitDone(
      [&](Done done) { store.Commit({incarnation, {Steady(sequence)}}, std::move(done)); });
}

TEST_F(PostgresStore, PreparesEveryStatement) {
  MustOpen();
  auto connection = Connection::Open({.url = database_->url()}, Connection::Use::kRegistry);
  ASSERT_TRUE(connection.ok()) << connection.status();
  const auto prepare = [&](const Statement& statement) {
    const absl::Status status =
        (*connection)
            ->RunScript(absl::StrCat("PREPARE ", statement.name, "_check AS ", statement.sql));
    EXPECT_TRUE(status.ok()) << statement.name << ": " << status;
  };
  for (int i = 0; i < kStatementCount; ++i) prepare(*kAllStatements[i]);
  for (const Statement* many :
       {&kInsertExecutions, &kUpdateExecutions, &kInsertJournal, &kPutSnapshots, &kPutVisibility}) {
    prepare(ForOneRow(*many));
    EXPECT_EQ(absl::string_view(ForOneRow(*many).sql).find("[]"), absl::string_view::npos);
  }
}

// Each statement has a price, however little it does.
TEST_F(PostgresStore, ChecksABatchWithTheRowsItInserts) {
  const auto store = MustOpen();
  const IncarnationId incarnation = Register(*store);
  const auto statements_for = [&](ExecutionCommit commit) {
    const int64_t before = store->statistics().statements;
    EXPECT_TRUE(AwaitDone([&](Done done) {
                  store->Commit({incarnation, {std::move(commit)}}, std::move(done));
                }).ok());
    return store->statistics().statements - before;
  };
  EXPECT_EQ(statements_for(Steady(1)), 2);
  EXPECT_EQ(statements_for(Steady(2)), 1);
  ExecutionCommit closed = Steady(3);
  closed.is_closed = true;
  EXPECT_EQ(statements_for(closed), 2);
  ExecutionCommit wake;
  wake.key = closed.key;
  wake.wake_at.emplace(std::nullopt);
  EXPECT_EQ(statements_for(wake), 2);
}

TEST_F(PostgresStore, TellsHowLongACommitTakes) {
  const auto store = MustOpen();
  EXPECT_EQ(store->statistics().fastest_commit, absl::ZeroDuration());
  EXPECT_TRUE(Commit(*store, Register(*store), 1).ok());
  EXPECT_GT(store->statistics().fastest_commit, absl::ZeroDuration());
}

TEST_F(PostgresStore, TellsWhatItWouldMigrateAndWhatIsAmiss) {
  const auto all = PendingMigrations({.url = database_->url()});
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_EQ(all->size(), sql::PostgresMigrations().size());
  EXPECT_EQ(all->front().version, 1);
  MustOpen();
  EXPECT_TRUE(PendingMigrations({.url = database_->url()})->empty());
  pqxx::connection connection(database_->url());
  {
    // As a newer server leaves it.
    pqxx::work change(connection);
    change.exec("INSERT INTO schema_versions (version, name) VALUES (9999, 'later')");
    change.exec("ALTER DATABASE " + change.quote_name(std::string(connection.dbname())) +
                " SET synchronous_commit = off");
    change.commit();
  }
  EXPECT_TRUE(absl::IsFailedPrecondition(PendingMigrations({.url = database_->url()}).status()));
  const auto findings = CheckDatabase({.url = database_->url()});
  ASSERT_TRUE(findings.ok()) << findings.status();
  std::vector<std::string> problems;
  for (const Finding& finding : *findings) {
    if (finding.level == Finding::Level::kProblem) problems.push_back(finding.what);
  }
  EXPECT_EQ(problems.size(), 2u);
  EXPECT_NE(problems.at(0).find("the schema has version 9999"), std::string::npos);
  EXPECT_EQ(problems.at(1), "synchronous_commit is off");
}

// With the settings of the hot connections, the plan of a fresh schema is that of a full one.
TEST_F(PostgresStore, FindsHotRowsByIndex) {
  MustOpen();
  pqxx::connection connection(database_->url());
  pqxx::nontransaction query(connection);
  query.exec(
      "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;"
      "SET plan_cache_mode = force_generic_plan");
  const struct {
    const Statement& statement;
    const char* arguments;
    const char* index;
  } plans[] = {
      {kLoadCurrent, "(1, 1, 'a')", "Index Scan using executions_workflow"},
      {kLoadRun, "(1, 1, 'a', '44444444-4444-4444-8444-444444444444')",
       "Index Scan using executions_workflow"},
      {kJournalForward, "(1, 1, 1, 1, 1)", "Index Scan using journal_pkey"},
      {kDueExecutions, "('{1}', 1, 1, 0, 1, 1)", "Index Scan using executions_wake"},
      {kEarliestWake, "('{1}', 0)", "using executions_wake"},
      {kUpdateExecutions, "('{1}', '{1}', '{t}', '{1}', '{t}', '{t}')",
       "Index Scan using executions_pkey"},
  };
  for (const auto& plan : plans) {
    query.exec(absl::StrCat("PREPARE ", plan.statement.name, " AS ", plan.statement.sql));
    std::string text;
    for (const auto& row :
         query.exec(absl::StrCat("EXPLAIN EXECUTE ", plan.statement.name, plan.arguments))) {
      absl::StrAppend(&text, row[0].c_str(), "\n");
    }
    EXPECT_NE(text.find(plan.index), std::string::npos) << plan.statement.name << "\n" << text;
    EXPECT_EQ(text.find("Seq Scan"), std::string::npos) << plan.statement.name << "\n" << text;
  }
}

// Retention empties a table, the database notes how little it holds, and then the load comes.
TEST_F(PostgresStore, FindsHotRowsByKeyAfterATableHasGrown) {
  const auto store = MustOpen();
  const IncarnationId incarnation = Register(*store);
  const auto create = [&](int first, int count) {
    CommitBatch batch = {incarnation, {}};
    for (int number = first; number < first + count; ++number) {
      ExecutionCommit run = Steady(1);
      run.create->workflow_id = WorkflowId(absl::StrCat("w", number));
      run.create->run_id = RunId(absl::StrFormat("44444444-4444-4444-8444-%012d", number));
      run.key = {base::ShardOf(NamespaceNumber(1), run.create->workflow_id.value()),
                 ExecutionNumber(number)};
      batch.executions.push_back(std::move(run));
    }
    EXPECT_EQ(AwaitDone([&](Done done) { store->Commit(std::move(batch), std::move(done)); }),
              absl::OkStatus());
  };
  pqxx::connection connection(database_->url());
  pqxx::nontransaction query(connection);
  const auto counted = [&] {
    return query.exec1("SELECT reltuples FROM pg_class WHERE relname = 'executions'")[0]
        .as<double>();
  };
  constexpr int kFew = 3;
  constexpr int kBatch = 500;
  create(1, kFew);
  query.exec("VACUUM ANALYZE executions");
  ASSERT_EQ(counted(), kFew);
  int next = kFew + 1;
  // With few runs in each shard, the shard alone finds a run as fast.
  constexpr int kMany = 10'000;
  for (; counted() < kMany && next < 20 * kMany; next += kBatch) create(next, kBatch);
  EXPECT_GE(counted(), kMany);
  query.exec(
      "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;"
      "SET plan_cache_mode = force_generic_plan");
  query.exec(absl::StrCat("PREPARE plan AS ", kUpdateExecutions.sql));
  std::string plan;
  for (const auto& row :
       query.exec("EXPLAIN EXECUTE plan ('{1}', '{1}', '{t}', '{1}', '{t}', '{t}')")) {
    absl::StrAppend(&plan, row[0].c_str(), "\n");
  }
  EXPECT_NE(plan.find("Index Cond: ((shard_id = t.shard_id) AND (number = t.number))"),
            std::string::npos)
      << plan;
}

TEST_F(PostgresStore, ListsByIndex) {
  MustOpen();
  pqxx::connection connection(database_->url());
  pqxx::nontransaction query(connection);
  query.exec("SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off");
  const auto rows = query.exec(
      "EXPLAIN SELECT 1 FROM visibility WHERE namespace_number = 1"
      " ORDER BY coalesce(close_time_us, 9223372036854775807) DESC, start_time_us DESC, run_id"
      " LIMIT 10");
  std::string text;
  for (const auto& row : rows) absl::StrAppend(&text, row[0].c_str(), "\n");
  EXPECT_NE(text.find("Index Scan Backward using visibility_order"), std::string::npos) << text;
  // Only runs of the same two times are sorted, by their ids.
  EXPECT_NE(text.find("Incremental Sort"), std::string::npos) << text;
}

// A tenth of the runs is open, so that a plan that goes through them, or sorts a type, costs more.
constexpr char kFillVisibility[] =
    "INSERT INTO visibility (number, start_time_us, execution_time_us, close_time_us, run_id,"
    " namespace_number, shard_id, status, workflow_id, workflow_type, task_queue)"
    " SELECT i, -i, -i, CASE WHEN i / 20 % 10 > 0 THEN 5 - i END, gen_random_uuid(), 1, i % 1024,"
    " CASE WHEN i / 20 % 10 = 0 THEN 1 WHEN i / 20 % 10 < 8 THEN 2 ELSE 3 END,"
    " 'order-' || i, 'type-' || i % 20, 'orders' FROM generate_series(1, 20000) i";

// The plans that the planner chooses by itself, with what the frontend adds to every filter.
TEST_F(PostgresStore, ListsAndCountsFromIndexes) {
  MustOpen();
  Execute(kFillVisibility);
  Execute("VACUUM ANALYZE visibility");
  auto connection = Connection::Open({.url = database_->url()}, Connection::Use::kLists);
  ASSERT_TRUE(connection.ok()) << connection.status();
  const auto plan_of = [&](const Select& select) {
    const auto rows = (*connection)->RunOnce("EXPLAIN " + select.sql, select.parameters);
    EXPECT_TRUE(rows.ok()) << rows.status();
    std::string text;
    for (int i = 0; rows.ok() && i < rows->size(); ++i) {
      absl::StrAppend(&text, rows->Bytes(i, 0), "\n");
    }
    return text;
  };
  const std::string closed = "(COALESCE(close_time_us, '9223372036854775807'::bigint) <";
  const std::string open = "(COALESCE(close_time_us, '9223372036854775807'::bigint) >=";
  const std::string status = "(status = ";
  const struct {
    const char* filter;
    const char* list_index;
    std::string condition;  // of the list's index
    const char* count_index;
  } plans[] = {
      {"WorkflowType = 'type-7' AND ExecutionStatus = 'Running'", "visibility_type", open,
       "visibility_type"},
      {"WorkflowType = 'type-7' AND ExecutionStatus = 'Failed'", "visibility_type", status,
       "visibility_type"},
      {"WorkflowType = 'type-7'", "visibility_type", "", "visibility_type"},
      {"ExecutionStatus = 'Running'", "visibility_order", open, "visibility_status"},
      {"ExecutionStatus = 'Completed'", "visibility_order", closed, "visibility_status"},
      {"ExecutionStatus IN ('Completed', 'Failed')", "visibility_order", closed,
       "visibility_status"},
      {"", "visibility_order", "", "visibility_status"},
  };
  for (const auto& plan : plans) {
    const auto query = query::ParseQuery(plan.filter, {}, false);
    ASSERT_TRUE(query.ok()) << query.status();
    const auto list = SelectOf(ListQuery{NamespaceNumber(1), query->filter, 100, ""});
    ASSERT_TRUE(list.ok()) << list.status();
    const std::string listed = plan_of(*list);
    EXPECT_NE(listed.find(absl::StrCat("Index Scan Backward using ", plan.list_index)),
              std::string::npos)
        << plan.filter << "\n"
        << listed;
    EXPECT_NE(listed.find(plan.condition), std::string::npos) << plan.filter << "\n" << listed;
    EXPECT_EQ(listed.find("->  Sort"), std::string::npos) << plan.filter << "\n" << listed;
    const std::string counted =
        plan_of(SelectOf(CountQuery{NamespaceNumber(1), query->filter, ""}));
    EXPECT_NE(counted.find(absl::StrCat("Index Only Scan using ", plan.count_index)),
              std::string::npos)
        << plan.filter << "\n"
        << counted;
  }
}

TEST_F(PostgresStore, MigratesOnceWhenServersStartTogether) {
  constexpr int kServers = 4;
  std::atomic<int> opened{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kServers; ++i) {
    threads.emplace_back([&] {
      if (MustOpen() != nullptr) opened += 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(opened, kServers);
}

TEST_F(PostgresStore, RefusesASchemaFromTheFuture) {
  MustOpen();
  Execute("INSERT INTO schema_versions (version, name) VALUES (999, 'later')");
  const auto store = OpenPostgres({.url = database_->url()});
  EXPECT_TRUE(absl::IsFailedPrecondition(store.status()));
  EXPECT_NE(store.status().message().find("999"), absl::string_view::npos);
}

TEST_F(PostgresStore, IsUnavailableWithoutAServer) {
  const auto store = OpenPostgres({.url = "postgresql://nobody@127.0.0.1:1/none"});
  EXPECT_TRUE(absl::IsUnavailable(store.status())) << store.status();
}

TEST_F(PostgresStore, ReconnectsAfterItsConnectionsWereCut) {
  const auto store = MustOpen();
  const IncarnationId incarnation = Register(*store);
  ASSERT_TRUE(Commit(*store, incarnation, 1).ok());
  CutConnections();
  // The first commit may or may not have been done: its connection is found dead only on the way.
  const absl::Status first = Commit(*store, incarnation, 2);
  int64_t next = 2;
  if (!first.ok()) {
    EXPECT_TRUE(first.code() == absl::StatusCode::kUnknown || absl::IsUnavailable(first)) << first;
    const auto loaded = Await<LoadedExecution>([&](Result<LoadedExecution> result) {
      store->LoadExecution(NamespaceNumber(1), WorkflowId("steady"), std::nullopt,
                           std::move(result));
    });
    // This connection was cut too; its second call finds a new one.
    EXPECT_TRUE(absl::IsUnavailable(loaded.status()) || loaded.ok()) << loaded.status();
  }
  const auto loaded = Await<LoadedExecution>([&](Result<LoadedExecution> result) {
    store->LoadExecution(NamespaceNumber(1), WorkflowId("steady"), std::nullopt, std::move(result));
  });
  if (loaded.ok()) next = static_cast<int64_t>(loaded->tail.size()) + 1;
  const absl::Status second = Commit(*store, incarnation, next);
  EXPECT_TRUE(second.ok()) << second;
}

// More than any socket takes at once, of bytes that cannot be packed: what is left is sent while
// the database reads.
TEST_F(PostgresStore, SendsABatchInPartsIfItMust) {
  const auto store = MustOpen();
  const IncarnationId incarnation = Register(*store);
  ASSERT_TRUE(Commit(*store, incarnation, 1).ok());
  ExecutionCommit large = Steady(2);
  base::Random random(1);
  large.journal_record.resize(32 << 20);
  for (char& byte : large.journal_record) byte = static_cast<char>(random.Next());
  const absl::Status status =
      AwaitDone([&](Done done) { store->Commit({incarnation, {large}}, std::move(done)); });
  EXPECT_TRUE(status.ok()) << status;
}

// A run whose only record is one that packing makes shorter.
absl::Status CommitLong(Store& store, IncarnationId incarnation, int64_t sequence) {
  ExecutionCommit commit = Steady(sequence);
  commit.journal_record = std::string(500, 'x');
  return AwaitDone([&](Done done) { store.Commit({incarnation, {commit}}, std::move(done)); });
}

// Servers that cannot read packed rows are of the version before; one that is fenced does not
// count.
TEST_F(PostgresStore, PacksRowsWhenAllServersReadThem) {
  const auto store = MustOpen();
  // As a server of the version before registers.
  constexpr char kRegisterBefore[] =
      "INSERT INTO incarnations (node_name, address) VALUES ('n', '')";
  Execute(kRegisterBefore);
  const IncarnationId incarnation = Register(*store);
  pqxx::connection connection(database_->url());
  pqxx::nontransaction query(connection);
  const auto stored = [&query](int64_t sequence) {
    return query
        .exec1(absl::StrCat("SELECT length(record) FROM journal WHERE sequence = ", sequence))[0]
        .as<int64_t>();
  };
  const auto beat = [&] {
    const auto state = Await<ClusterState>([&](Result<ClusterState> result) {
      store->Heartbeat(incarnation, /*is_leaving=*/false, std::move(result));
    });
    EXPECT_TRUE(state.ok()) << state.status();
  };
  beat();
  ASSERT_TRUE(CommitLong(*store, incarnation, 1).ok());
  EXPECT_EQ(stored(1), 500);
  Execute("UPDATE incarnations SET is_fenced = true WHERE node_name = 'n'");
  beat();
  ASSERT_TRUE(CommitLong(*store, incarnation, 2).ok());
  EXPECT_LT(stored(2), 50);
  const auto loaded = Await<LoadedExecution>([&](Result<LoadedExecution> result) {
    store->LoadExecution(NamespaceNumber(1), WorkflowId("steady"), std::nullopt, std::move(result));
  });
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  ASSERT_EQ(loaded->tail.size(), 2u);
  EXPECT_EQ(loaded->tail[0].record, std::string(500, 'x'));
  EXPECT_EQ(loaded->tail[1].record, std::string(500, 'x'));
  EXPECT_THROW(Execute(kRegisterBefore), pqxx::sql_error);
  EXPECT_TRUE(Register(*store).value() > 0);
}

// A connection that was cut is no end of the server: its next heartbeat goes through, and it shows
// as alive again.
TEST_F(PostgresStore, BeatsOverANewConnection) {
  const auto store = MustOpen();
  const IncarnationId incarnation = Register(*store);
  CutConnections();
  const auto beat = Await<ClusterState>([&](Result<ClusterState> result) {
    store->Heartbeat(incarnation, /*is_leaving=*/false, std::move(result));
  });
  EXPECT_TRUE(beat.ok()) << beat.status();
  const auto other = MustOpen();
  const auto listed = Await<std::vector<Incarnation>>(
      [&](Result<std::vector<Incarnation>> result) { other->ListIncarnations(std::move(result)); });
  ASSERT_TRUE(listed.ok()) << listed.status();
  ASSERT_EQ(listed->size(), 1u);
  EXPECT_TRUE(listed->at(0).has_session);
}

// Whatever a commit begins with holds up Fence, which takes the row with FOR UPDATE.
TEST_F(PostgresStore, HoldsItsIncarnationFromTheFirstStatementOn) {
  const auto store = MustOpen();
  const int64_t incarnation = Register(*store).value();
  pqxx::connection connection(database_->url());
  pqxx::connection fencer(database_->url());
  const struct {
    const Statement& statement;
    const std::string arguments;
  } beginnings[] = {
      {kBeginCommit, "'{}', '{}', '{}'"},
      {kInsertExecutions,
       absl::StrCat("'{1}', '{1}', '{1}', '{w}', '{", kRunId, "}', '{t}', '{f}', '{0}'")},
      {kInsertJournal, "'{1}', '{1}', '{1}', '{x}', '{null}'"},
  };
  for (const auto& [statement, arguments] : beginnings) {
    pqxx::work commit(connection);
    commit.exec(absl::StrCat("PREPARE ", statement.name, " AS ", statement.sql));
    commit.exec(absl::StrCat("EXECUTE ", statement.name, "(", incarnation, ", ", arguments, ")"));
    pqxx::work fence(fencer);
    const std::string take = absl::StrCat("SELECT id FROM incarnations WHERE id = ", incarnation,
                                          " FOR UPDATE SKIP LOCKED");
    EXPECT_TRUE(fence.exec(take).empty()) << statement.name;
    commit.abort();
    EXPECT_EQ(fence.exec(take).size(), 1) << statement.name;
  }
}

// An owner that was stopped when half of a commit was sent holds its row locked, with no end.
TEST_F(PostgresStore, FencesAnOwnerStoppedInTheMiddleOfACommit) {
  const auto store = MustOpen();
  const IncarnationId stopped = Register(*store);
  auto half = Connection::Open({.url = database_->url()}, Connection::Use::kCommits);
  ASSERT_TRUE(half.ok()) << half.status();
  ASSERT_TRUE((*half)->Announce(stopped).ok());
  ASSERT_TRUE((*half)
                  ->RunScript(absl::StrCat("BEGIN; SELECT begin_commit(", stopped.value(),
                                           ", '{}', '{}', '{}')"))
                  .ok());
  const absl::Status fenced = AwaitDone([&](Done done) { store->Fence(stopped, std::move(done)); });
  EXPECT_TRUE(fenced.ok()) << fenced;
  EXPECT_FALSE((*half)->RunScript("COMMIT").ok());
  EXPECT_TRUE(absl::IsAborted(Commit(*store, stopped, 1)));
}

TEST_F(PostgresStore, ForgetsFencedIncarnationsThatOwnNothing) {
  const auto store = MustOpen();
  const IncarnationId former = Register(*store);
  const IncarnationId next = Register(*store);
  ASSERT_TRUE(AwaitDone([&](Done done) { store->Fence(former, std::move(done)); }).ok());
  const auto owned = Await<std::vector<ShardOwner>>([&](Result<std::vector<ShardOwner>> result) {
    store->ClaimShards(next, {ShardId(0)}, std::move(result));
  });
  ASSERT_TRUE(owned.ok()) << owned.status();
  const auto listed = Await<std::vector<Incarnation>>(
      [&](Result<std::vector<Incarnation>> result) { store->ListIncarnations(std::move(result)); });
  ASSERT_TRUE(listed.ok()) << listed.status();
  ASSERT_EQ(listed->size(), 1u);
  EXPECT_EQ(listed->at(0).id, next);
  // What is not listed stays fenced.
  EXPECT_TRUE(absl::IsAborted(Commit(*store, former, 1)));
}

// Whatever is answered while connections die is true.
TEST_F(PostgresStore, NeverAcknowledgesWhatItLost) {
  const auto store = MustOpen();
  const IncarnationId incarnation = Register(*store);
  ASSERT_TRUE(Commit(*store, incarnation, 1).ok());
  int64_t acknowledged = 1;
  for (int round = 0; round < 5; ++round) {
    constexpr int kBatches = 50;
    absl::BlockingCounter open(kBatches);
    std::atomic<int64_t> done{acknowledged};
    std::atomic<int64_t> lost{0};
    for (int i = 1; i <= kBatches; ++i) {
      const int64_t sequence = acknowledged + i;
      store->Commit({incarnation, {Steady(sequence)}}, [&, sequence](absl::Status status) {
        if (status.ok()) done = sequence;
        if (status.code() == absl::StatusCode::kUnknown) lost += 1;
        open.DecrementCount();
      });
      if (i == 25) CutConnections();
    }
    open.Wait();
    pqxx::connection connection(database_->url());
    pqxx::nontransaction query(connection);
    const auto stored = query.exec1("SELECT max(sequence) FROM journal")[0].as<int64_t>();
    EXPECT_GE(stored, done);
    if (lost == 0) {
      EXPECT_EQ(stored, done);
    }
    acknowledged = stored;
  }
}

}  // namespace
}  // namespace perdure::store::postgres
