// The contract suite: what every store must do, run on all of them from the same tests.
//
// A store's test instantiates it with a backend that makes fresh databases:
//
//   INSTANTIATE_TEST_SUITE_P(Sqlite, StoreContract, testing::Values(&backend), BackendName);
//
// Tests call a store synchronously through `Sync`, whose callbacks arrive on the store's threads.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"
#include "store/store.h"

namespace perdure::store {

// A database that outlives the stores opened on it; gone when destroyed.
class ContractDatabase {
 public:
  virtual ~ContractDatabase() = default;
  // Opens it as a server would at start; fails the test if it cannot.
  virtual std::unique_ptr<Store> Open() = 0;
};

struct ContractBackend {
  std::string name;
  std::function<std::unique_ptr<ContractDatabase>()> create;
  // Whether two stores may have one database open at a time.
  bool is_shareable = false;
  // Whether what was committed is there when a database is opened again.
  bool is_durable = true;
  // Set: the tests are skipped, for this reason.
  std::string skip_reason;
};

// Turns callbacks into return values.
template <class T, class Call>
absl::StatusOr<T> Await(Call call) {
  absl::StatusOr<T> answer = absl::UnknownError("no answer");
  absl::Notification answered;
  call([&](absl::StatusOr<T> result) {
    answer = std::move(result);
    answered.Notify();
  });
  answered.WaitForNotification();
  return answer;
}

template <class Call>
absl::Status AwaitDone(Call call) {
  absl::Status answer;
  absl::Notification answered;
  call([&](absl::Status status) {
    answer = std::move(status);
    answered.Notify();
  });
  answered.WaitForNotification();
  return answer;
}

// One run as the tests make them.
struct TestRun {
  ExecutionKey key;
  NamespaceNumber namespace_number;
  WorkflowId workflow_id;
  RunId run_id;
};

class StoreContract : public testing::TestWithParam<const ContractBackend*> {
 protected:
  void SetUp() override;
  void TearDown() override;

  // Closes the store and opens the database again.
  void Reopen();

  // A run of the given id with the next number of its shard; not yet stored.
  TestRun NewRun(const std::string& workflow_id, int32_t namespace_number = 1);
  ExecutionCommit CreateCommit(const TestRun& run, bool is_current = true) const;
  // Creates a run with one journal record and, if given, a list row.
  TestRun MustCreate(const std::string& workflow_id,
                     std::optional<VisibilityRow> row = std::nullopt, int32_t namespace_number = 1);

  absl::Status Commit(std::vector<ExecutionCommit> executions);
  absl::Status CommitAs(IncarnationId incarnation, std::vector<ExecutionCommit> executions);
  absl::StatusOr<LoadedExecution> Load(const TestRun& run);
  absl::StatusOr<LoadedExecution> LoadCurrent(const std::string& workflow_id,
                                              int32_t namespace_number = 1);
  absl::StatusOr<std::vector<JournalEntry>> Journal(JournalRange range);
  std::vector<DueExecution> Due(absl::Time until, int64_t limit = 100);
  std::optional<absl::Time> Earliest();
  IncarnationId Register(const std::string& name);

  // Parses the filter with `attribute_types_`.
  std::shared_ptr<const query::Expression> Filter(const std::string& text);
  // The workflow ids that a filter lists, in order.
  std::vector<std::string> ListIds(const std::string& filter, int32_t namespace_number = 1);
  absl::StatusOr<ListPage> ListOnce(const std::string& filter, int64_t page_size,
                                    const std::string& page_token = "");
  absl::StatusOr<CountResult> Count(const std::string& filter);
  // Registers the attribute in namespace 1, for the store and for `Filter`.
  void AddAttribute(const std::string& name, query::Type type);

  const ContractBackend& backend() const { return *GetParam(); }

  std::unique_ptr<ContractDatabase> database_;
  std::unique_ptr<Store> store_;
  IncarnationId incarnation_;
  query::AttributeTypes attribute_types_;
  int64_t numbers_given_ = 0;
};

// Names the instantiation's tests.
std::string BackendName(const testing::TestParamInfo<const ContractBackend*>& info);

// A commit of one journal record.
ExecutionCommit JournalCommit(const TestRun& run, int64_t sequence, std::string record);
// A list row that started at second `start_s` and, if given, closed at `close_s`.
VisibilityRow MakeRow(int64_t start_s, std::optional<int64_t> close_s = std::nullopt);
std::vector<ShardId> AllShards();
absl::Time Second(int64_t seconds);

}  // namespace perdure::store
