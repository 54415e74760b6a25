#include "store/contract.h"

#include "absl/strings/str_cat.h"
#include "base/random.h"

namespace perdure::store {

using query::Value;

std::string BackendName(const testing::TestParamInfo<const ContractBackend*>& info) {
  return info.param->name;
}

ExecutionCommit JournalCommit(const TestRun& run, int64_t sequence, std::string record) {
  ExecutionCommit commit;
  commit.key = run.key;
  commit.journal_sequence = sequence;
  commit.journal_record = std::move(record);
  return commit;
}

VisibilityRow MakeRow(int64_t start_s, std::optional<int64_t> close_s) {
  VisibilityRow row;
  row.workflow_type = "Order";
  row.task_queue = "orders";
  row.start_time = Second(start_s);
  row.execution_time = Second(start_s);
  if (close_s.has_value()) {
    row.close_time = Second(*close_s);
    row.status = 2;
  }
  return row;
}

std::vector<ShardId> AllShards() {
  std::vector<ShardId> shards;
  for (int32_t i = 0; i < base::kShardCount; ++i) shards.emplace_back(i);
  return shards;
}

absl::Time Second(int64_t seconds) { return absl::FromUnixSeconds(1'700'000'000 + seconds); }

void StoreContract::SetUp() {
  if (!backend().skip_reason.empty()) GTEST_SKIP() << backend().skip_reason;
  database_ = backend().create();
  store_ = database_->Open();
  ASSERT_NE(store_, nullptr);
  incarnation_ = Register("node");
}

void StoreContract::TearDown() {
  store_ = nullptr;
  database_ = nullptr;
}

void StoreContract::Reopen() {
  store_ = nullptr;
  store_ = database_->Open();
  ASSERT_NE(store_, nullptr);
}

TestRun StoreContract::NewRun(const std::string& workflow_id, int32_t namespace_number) {
  const NamespaceNumber number(namespace_number);
  base::Random random(static_cast<uint64_t>(++numbers_given_));
  return TestRun{{base::ShardOf(number, workflow_id), ExecutionNumber(numbers_given_)},
                 number,
                 WorkflowId(workflow_id),
                 RunId(random.Uuid())};
}

ExecutionCommit StoreContract::CreateCommit(const TestRun& run, bool is_current) const {
  ExecutionCommit commit = JournalCommit(run, 1, "first");
  commit.create =
      ExecutionCommit::Create{run.namespace_number, run.workflow_id, run.run_id, is_current};
  return commit;
}

TestRun StoreContract::MustCreate(const std::string& workflow_id, std::optional<VisibilityRow> row,
                                  int32_t namespace_number) {
  const TestRun run = NewRun(workflow_id, namespace_number);
  ExecutionCommit commit = CreateCommit(run);
  commit.visibility = std::move(row);
  const absl::Status status = Commit({std::move(commit)});
  EXPECT_TRUE(status.ok()) << status;
  return run;
}

absl::Status StoreContract::Commit(std::vector<ExecutionCommit> executions) {
  return CommitAs(incarnation_, std::move(executions));
}

absl::Status StoreContract::CommitAs(IncarnationId incarnation,
                                     std::vector<ExecutionCommit> executions) {
  return AwaitDone([&](Done done) {
    store_->Commit(CommitBatch{incarnation, std::move(executions)}, std::move(done));
  });
}

absl::StatusOr<LoadedExecution> StoreContract::Load(const TestRun& run) {
  return Await<LoadedExecution>([&](Result<LoadedExecution> result) {
    store_->LoadExecution(run.namespace_number, run.workflow_id, run.run_id, std::move(result));
  });
}

absl::StatusOr<LoadedExecution> StoreContract::LoadCurrent(const std::string& workflow_id,
                                                           int32_t namespace_number) {
  return Await<LoadedExecution>([&](Result<LoadedExecution> result) {
    store_->LoadExecution(NamespaceNumber(namespace_number), WorkflowId(workflow_id), std::nullopt,
                          std::move(result));
  });
}

absl::StatusOr<std::vector<JournalEntry>> StoreContract::Journal(JournalRange range) {
  return Await<std::vector<JournalEntry>>([&](Result<std::vector<JournalEntry>> result) {
    store_->ReadJournal(range, std::move(result));
  });
}

std::vector<DueExecution> StoreContract::Due(absl::Time until, int64_t limit) {
  auto due = Await<std::vector<DueExecution>>([&](Result<std::vector<DueExecution>> result) {
    store_->DueExecutions(AllShards(), DueCursor(), until, limit, std::move(result));
  });
  EXPECT_TRUE(due.ok()) << due.status();
  return due.ok() ? *std::move(due) : std::vector<DueExecution>();
}

std::optional<absl::Time> StoreContract::Earliest() {
  auto earliest = Await<std::optional<absl::Time>>([&](Result<std::optional<absl::Time>> result) {
    store_->EarliestWake(AllShards(), absl::UnixEpoch() - absl::Hours(1), std::move(result));
  });
  EXPECT_TRUE(earliest.ok()) << earliest.status();
  return earliest.ok() ? *earliest : std::nullopt;
}

IncarnationId StoreContract::Register(const std::string& name) {
  auto id = Await<IncarnationId>([&](Result<IncarnationId> result) {
    store_->RegisterIncarnation({.node_name = name, .address = "127.0.0.1:7233"},
                                std::move(result));
  });
  EXPECT_TRUE(id.ok()) << id.status();
  return id.ok() ? *id : IncarnationId();
}

std::shared_ptr<const query::Expression> StoreContract::Filter(const std::string& text) {
  auto query = query::ParseQuery(text, attribute_types_, false);
  EXPECT_TRUE(query.ok()) << query.status();
  return query.ok() ? query->filter : nullptr;
}

absl::StatusOr<ListPage> StoreContract::ListOnce(const std::string& filter, int64_t page_size,
                                                 const std::string& page_token) {
  return Await<ListPage>([&](Result<ListPage> result) {
    store_->List(ListQuery{NamespaceNumber(1), Filter(filter), page_size, page_token},
                 std::move(result));
  });
}

std::vector<std::string> StoreContract::ListIds(const std::string& filter,
                                                int32_t namespace_number) {
  auto page = Await<ListPage>([&](Result<ListPage> result) {
    store_->List(ListQuery{NamespaceNumber(namespace_number), Filter(filter), 1000, ""},
                 std::move(result));
  });
  EXPECT_TRUE(page.ok()) << filter << ": " << page.status();
  std::vector<std::string> ids;
  if (!page.ok()) return ids;
  for (const ListedExecution& listed : page->executions) ids.push_back(listed.workflow_id.value());
  return ids;
}

absl::StatusOr<CountResult> StoreContract::Count(const std::string& filter) {
  auto query = query::ParseQuery(filter, attribute_types_, /*allow_group_by=*/true);
  if (!query.ok()) return query.status();
  return Await<CountResult>([&](Result<CountResult> result) {
    store_->Count(CountQuery{NamespaceNumber(1), query->filter, query->group_by},
                  std::move(result));
  });
}

void StoreContract::AddAttribute(const std::string& name, query::Type type) {
  const absl::Status status = AwaitDone([&](Done done) {
    store_->AddSearchAttribute({NamespaceNumber(1), name, type}, std::move(done));
  });
  EXPECT_TRUE(status.ok()) << status;
  attribute_types_[name] = type;
}

}  // namespace perdure::store
