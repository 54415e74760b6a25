// The contract on lists and counts: contents, order, paging, groups, attributes.
#include <atomic>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "gmock/gmock.h"
#include "store/contract.h"

namespace perdure::store {
namespace {

using query::Type;
using query::Value;
using testing::ElementsAre;

TEST_P(StoreContract, ListsEveryColumnOfARow) {
  AddAttribute("Color", Type::kKeyword);
  AddAttribute("Labels", Type::kKeywordList);
  AddAttribute("Due", Type::kDatetime);
  VisibilityRow row = MakeRow(1, 61);
  row.execution_time = Second(11);
  row.status = 3;
  row.history_length = 12;
  row.history_size_bytes = 3456;
  row.state_transition_count = 7;
  row.parent_workflow_id = "parent";
  row.parent_run_id = "11111111-1111-4111-8111-111111111111";
  row.root_workflow_id = "root";
  row.root_run_id = "22222222-2222-4222-8222-222222222222";
  row.memo = std::string("\x0a\x00\xff", 3);
  row.search_attributes = {{"Color", std::string("r\"e\\d'\n\xe2\x82\xac")},
                           {"Labels", std::vector<std::string>{"a", "b c"}},
                           {"Due", Second(5)},
                           {"BuildIds", std::vector<std::string>{"unversioned"}}};
  const TestRun run = MustCreate("full", row);
  const auto page = ListOnce("", 10);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->executions.size(), 1u);
  EXPECT_EQ(page->next_page_token, "");
  const ListedExecution& listed = page->executions[0];
  EXPECT_EQ(listed.workflow_id, run.workflow_id);
  EXPECT_EQ(listed.run_id, run.run_id);
  EXPECT_EQ(listed.row.workflow_type, row.workflow_type);
  EXPECT_EQ(listed.row.task_queue, row.task_queue);
  EXPECT_EQ(listed.row.status, row.status);
  EXPECT_EQ(listed.row.start_time, row.start_time);
  EXPECT_EQ(listed.row.execution_time, row.execution_time);
  EXPECT_EQ(listed.row.close_time, row.close_time);
  EXPECT_EQ(listed.row.history_length, row.history_length);
  EXPECT_EQ(listed.row.history_size_bytes, row.history_size_bytes);
  EXPECT_EQ(listed.row.state_transition_count, row.state_transition_count);
  EXPECT_EQ(listed.row.parent_workflow_id, row.parent_workflow_id);
  EXPECT_EQ(listed.row.parent_run_id, row.parent_run_id);
  EXPECT_EQ(listed.row.root_workflow_id, row.root_workflow_id);
  EXPECT_EQ(listed.row.root_run_id, row.root_run_id);
  EXPECT_EQ(listed.row.memo, row.memo);
  EXPECT_EQ(listed.row.search_attributes, row.search_attributes);
}

// As most are. A store need not write the ids twice.
TEST_P(StoreContract, ListsARunThatIsItsOwnRoot) {
  const TestRun root = NewRun("root");
  ExecutionCommit commit = CreateCommit(root);
  commit.visibility = MakeRow(2);
  commit.visibility->root_workflow_id = root.workflow_id.value();
  commit.visibility->root_run_id = root.run_id.value();
  const TestRun child = NewRun("child");
  ExecutionCommit of_child = CreateCommit(child);
  of_child.visibility = commit.visibility;
  of_child.visibility->start_time = Second(1);
  ASSERT_TRUE(Commit({commit, of_child}).ok());
  MustCreate("rootless", MakeRow(3));
  for (const std::string& filter :
       {std::string("RootWorkflowId = 'root'"),
        absl::StrCat("RootRunId = '", root.run_id.value(), "'"),
        std::string("RootWorkflowId STARTS_WITH 'ro' AND RootRunId IS NOT NULL")}) {
    const auto page = ListOnce(filter, 10);
    ASSERT_TRUE(page.ok()) << page.status();
    ASSERT_EQ(page->executions.size(), 2u) << filter;
    EXPECT_EQ(page->executions[0].workflow_id, root.workflow_id);
    EXPECT_EQ(page->executions[1].workflow_id, child.workflow_id);
    for (const ListedExecution& listed : page->executions) {
      EXPECT_EQ(listed.row.root_workflow_id, "root");
      EXPECT_EQ(listed.row.root_run_id, root.run_id.value());
    }
  }
  const auto page = ListOnce("RootRunId IS NULL", 10);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->executions.size(), 1u);
  EXPECT_EQ(page->executions[0].row.root_workflow_id, "");
}

TEST_P(StoreContract, ReplacesTheWholeRow) {
  VisibilityRow row = MakeRow(1);
  row.memo = "memo";
  row.search_attributes = {{"BatcherUser", std::string("ann")}};
  const TestRun run = MustCreate("replaced", row);
  ExecutionCommit commit = JournalCommit(run, 2, "x");
  commit.visibility = MakeRow(1, 5);
  ASSERT_TRUE(Commit({commit}).ok());
  const auto page = ListOnce("", 10);
  ASSERT_EQ(page->executions.size(), 1u);
  EXPECT_EQ(page->executions[0].row.close_time, Second(5));
  EXPECT_EQ(page->executions[0].row.memo, "");
  EXPECT_TRUE(page->executions[0].row.search_attributes.empty());
}

TEST_P(StoreContract, ListsARunOnceItHasARow) {
  const TestRun run = NewRun("bare");
  ASSERT_TRUE(Commit({CreateCommit(run)}).ok());
  EXPECT_THAT(ListIds(""), ElementsAre());
  ExecutionCommit commit;
  commit.key = run.key;
  commit.visibility = MakeRow(1);
  ASSERT_TRUE(Commit({commit}).ok());
  EXPECT_THAT(ListIds(""), ElementsAre("bare"));
  commit.key = NewRun("missing").key;
  EXPECT_TRUE(absl::IsFailedPrecondition(Commit({commit})));
}

TEST_P(StoreContract, ListsOpenRunsFirstThenByCloseAndStart) {
  MustCreate("closed-early", MakeRow(8, 10));
  MustCreate("open-old", MakeRow(1));
  MustCreate("closed-late", MakeRow(2, 20));
  MustCreate("open-new", MakeRow(5));
  MustCreate("closed-early-but-started-late", MakeRow(9, 10));
  MustCreate("elsewhere", MakeRow(50), 2);
  MustCreate("without a row");
  EXPECT_THAT(ListIds(""), ElementsAre("open-new", "open-old", "closed-late",
                                       "closed-early-but-started-late", "closed-early"));
  EXPECT_THAT(ListIds("", 2), ElementsAre("elsewhere"));
}

// Pages meet without gap or repetition, also where times are equal.
TEST_P(StoreContract, PagesThroughAList) {
  std::vector<std::string> expected;
  for (int i = 0; i < 23; ++i) {
    const bool is_open = i % 3 == 0;
    MustCreate(absl::StrCat("run-", i),
               MakeRow(i / 6, is_open ? std::nullopt : std::optional<int64_t>(30 + i / 9)));
  }
  expected = ListIds("");
  ASSERT_EQ(expected.size(), 23u);
  for (const int64_t page_size : {1, 4, 23, 24}) {
    std::vector<std::string> seen;
    std::string token;
    int64_t pages = 0;
    do {
      const auto page = ListOnce("", page_size, token);
      ASSERT_TRUE(page.ok()) << page.status();
      EXPECT_LE(page->executions.size(), static_cast<size_t>(page_size));
      for (const auto& listed : page->executions) seen.push_back(listed.workflow_id.value());
      token = page->next_page_token;
      ++pages;
    } while (!token.empty() && pages < 100);
    EXPECT_EQ(seen, expected) << page_size;
    EXPECT_EQ(pages, (23 + page_size - 1) / page_size);
  }
  // With a filter whose parameters stand beside those of the place.
  const auto first = ListOnce("StartTime >= 0 AND WorkflowType = 'Order'", 20);
  const auto second =
      ListOnce("StartTime >= 0 AND WorkflowType = 'Order'", 20, first->next_page_token);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->executions.size(), 3u);
}

// A filter that says whether runs are open also says where in the order they are.
TEST_P(StoreContract, PagesThroughOpenOrClosedRunsAlone) {
  std::vector<std::string> open;
  std::vector<std::string> closed;
  for (int i = 0; i < 6; ++i) {
    const std::string number = absl::StrCat(i);
    MustCreate("open-" + number, MakeRow(10 - i));
    MustCreate("closed-" + number, MakeRow(1, 30 - i));
    open.push_back("open-" + number);
    closed.push_back("closed-" + number);
  }
  const std::pair<const char*, std::vector<std::string>> cases[] = {
      {"ExecutionStatus = 'Running'", open},
      {"CloseTime IS NULL AND WorkflowType = 'Order'", open},
      {"ExecutionStatus IN ('Failed', 'Completed')", closed},
      {"CloseTime > '1970-01-01T00:00:00Z'", closed},
  };
  for (const auto& [filter, expected] : cases) {
    std::vector<std::string> seen;
    std::string token;
    do {
      const auto page = ListOnce(filter, 4, token);
      ASSERT_TRUE(page.ok()) << filter << ": " << page.status();
      for (const auto& listed : page->executions) seen.push_back(listed.workflow_id.value());
      token = page->next_page_token;
    } while (!token.empty() && seen.size() < 12);
    EXPECT_EQ(seen, expected) << filter;
  }
}

TEST_P(StoreContract, RefusesForeignPageTokens) {
  for (const char* token : {"x", "\x01short", "................................."}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ListOnce("", 10, token).status())) << token;
  }
}

TEST_P(StoreContract, HidesDivisionsUnlessAsked) {
  VisibilityRow row = MakeRow(1);
  row.search_attributes = {{"TemporalNamespaceDivision", std::string("TemporalScheduler")}};
  MustCreate("schedule", row);
  MustCreate("plain", MakeRow(2));
  EXPECT_THAT(ListIds(""), ElementsAre("plain"));
  EXPECT_THAT(ListIds("TemporalNamespaceDivision = 'TemporalScheduler'"), ElementsAre("schedule"));
  EXPECT_THAT(ListIds("TemporalNamespaceDivision IS NULL OR TemporalNamespaceDivision IS NOT NULL"),
              ElementsAre("plain", "schedule"));
}

TEST_P(StoreContract, CountsInAllAndByGroup) {
  MustCreate("a", MakeRow(1));
  MustCreate("b", MakeRow(2, 3));
  MustCreate("c", MakeRow(2, 4));
  VisibilityRow row = MakeRow(1);
  row.search_attributes = {{"TemporalNamespaceDivision", std::string("Batch")}};
  MustCreate("d", row);
  EXPECT_EQ(Count("")->total, 3);
  EXPECT_TRUE(Count("")->groups.empty());
  EXPECT_EQ(Count("CloseTime IS NULL")->total, 1);
  EXPECT_EQ(Count("WorkflowId = 'nobody'")->total, 0);

  const auto by_status = Count("GROUP BY ExecutionStatus");
  ASSERT_TRUE(by_status.ok()) << by_status.status();
  EXPECT_EQ(by_status->total, 3);
  ASSERT_EQ(by_status->groups.size(), 2u);
  EXPECT_EQ(by_status->groups[0].value, Value(int64_t{2}));
  EXPECT_EQ(by_status->groups[0].count, 2);
  EXPECT_EQ(by_status->groups[1].value, Value(int64_t{1}));

  const auto by_division = Count("GROUP BY TemporalNamespaceDivision");
  ASSERT_TRUE(by_division.ok()) << by_division.status();
  EXPECT_EQ(by_division->total, 4);
  ASSERT_EQ(by_division->groups.size(), 2u);
  EXPECT_EQ(by_division->groups[0].value, Value());
  EXPECT_EQ(by_division->groups[0].count, 3);
  EXPECT_EQ(by_division->groups[1].value, Value(std::string("Batch")));
}

TEST_P(StoreContract, RegistersAttributesOncePerName) {
  const auto add = [&](const std::string& name, Type type) {
    return AwaitDone([&](Done done) {
      store_->AddSearchAttribute({NamespaceNumber(1), name, type}, std::move(done));
    });
  };
  for (const Type type : {Type::kText, Type::kKeyword, Type::kInt, Type::kDouble, Type::kBool,
                          Type::kDatetime, Type::kKeywordList}) {
    EXPECT_TRUE(add(absl::StrCat("Of type ", static_cast<int>(type), ".x-\xc3\xbc"), type).ok());
  }
  EXPECT_TRUE(add("Twice", Type::kInt).ok());
  EXPECT_TRUE(add("Twice", Type::kInt).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(add("Twice", Type::kText)));
  for (const char* name : {"", "a'b", "a\"b", "a\\b", "a\nb"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(add(name, Type::kInt))) << name;
  }
  const auto remove = [&](const std::string& name) {
    return AwaitDone([&](Done done) {
      store_->RemoveSearchAttribute({NamespaceNumber(1), name, Type::kInt}, std::move(done));
    });
  };
  EXPECT_TRUE(remove("Twice").ok());
  EXPECT_TRUE(absl::IsNotFound(remove("Twice")));
  EXPECT_TRUE(add("Twice", Type::kText).ok());
  const auto rows =
      Await<std::vector<SearchAttributeRow>>([&](Result<std::vector<SearchAttributeRow>> result) {
        store_->ListSearchAttributes(std::move(result));
      });
  ASSERT_EQ(rows->size(), 8u);
  for (const SearchAttributeRow& row : *rows) {
    EXPECT_EQ(row.namespace_number, NamespaceNumber(1));
    if (row.name == "Twice") {
      EXPECT_EQ(row.type, Type::kText);
    }
  }
}

TEST_P(StoreContract, RegistersManyAttributesAtOnce) {
  constexpr int kAttributes = 8;
  absl::BlockingCounter open(kAttributes);
  std::atomic<int> failures{0};
  for (int i = 0; i < kAttributes; ++i) {
    store_->AddSearchAttribute({NamespaceNumber(1), absl::StrCat("A", i), Type::kKeyword},
                               [&](absl::Status status) {
                                 if (!status.ok()) failures += 1;
                                 open.DecrementCount();
                               });
  }
  open.Wait();
  EXPECT_EQ(failures, 0);
}

}  // namespace
}  // namespace perdure::store
