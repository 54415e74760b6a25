// The contract on filters: one table of filters and the runs each lists, the same for every store.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "store/contract.h"

namespace perdure::store {
namespace {

using query::Type;
using query::Value;

constexpr char kParentRun[] = "33333333-3333-4333-8333-333333333333";

struct Case {
  const char* filter;
  const char* expected;  // workflow ids, sorted, with spaces between
};

constexpr Case kCases[] = {
    {"", "ann bob cat dan"},
    // Strings: by bytes, case matters.
    {"WorkflowId = 'ann'", "ann"},
    {"WorkflowId != 'ann'", "bob cat dan"},
    {"WorkflowId = 'ANN'", ""},
    {"WorkflowId < 'bob'", "ann"},
    {"WorkflowId <= 'bob'", "ann bob"},
    {"WorkflowId > 'bob'", "cat dan"},
    {"WorkflowId >= 'bob'", "bob cat dan"},
    {"WorkflowId IN ('ann', 'dan', 'x')", "ann dan"},
    {"WorkflowId NOT IN ('ann', 'dan', 'x')", "bob cat"},
    {"WorkflowId BETWEEN 'b' AND 'cat'", "bob cat"},
    {"WorkflowId NOT BETWEEN 'b' AND 'cat'", "ann dan"},
    {"WorkflowId STARTS_WITH 'a'", "ann"},
    {"WorkflowId STARTS_WITH ''", "ann bob cat dan"},
    {"WorkflowId NOT STARTS_WITH 'a'", "bob cat dan"},
    {"WorkflowId STARTS_WITH 'A%'", ""},
    {"NOT WorkflowId = 'ann'", "bob cat dan"},
    {"WorkflowType = 'Order'", "ann bob cat"},
    {"WorkflowType > 'Order'", "dan"},
    {"TaskQueue = 'orders'", "ann bob cat dan"},
    {"`WorkflowType` = \"Z'ebra\"", "dan"},
    // Parents: empty is null.
    {"ParentWorkflowId = 'boss'", "bob"},
    {"ParentWorkflowId IS NULL", "ann cat dan"},
    {"ParentWorkflowId IS NOT NULL", "bob"},
    {"ParentWorkflowId != 'boss'", ""},
    {"NOT ParentWorkflowId = 'boss'", ""},
    {"ParentRunId = '33333333-3333-4333-8333-333333333333'", "bob"},
    {"RootWorkflowId = 'boss'", "bob"},
    // Status.
    {"ExecutionStatus = 'Running'", "ann bob"},
    {"ExecutionStatus = 1", "ann bob"},
    {"ExecutionStatus != 'Running'", "cat dan"},
    {"ExecutionStatus IN ('Completed', 'Failed')", "cat dan"},
    {"ExecutionStatus = 'Failed' OR ExecutionStatus = 'Paused'", "dan"},
    // Times.
    {"StartTime = '2023-11-14T22:13:21Z'", "ann"},
    {"StartTime > '2023-11-14T23:13:21+01:00'", "bob cat dan"},
    {"StartTime BETWEEN '2023-11-14T22:13:22Z' AND '2023-11-14T22:13:23Z'", "bob cat"},
    {"StartTime <= 1700000002000000000", "ann bob"},
    {"StartTime >= '2023-11-14T22:13:21.0000019Z'", "bob cat dan"},
    {"CloseTime IS NULL", "ann bob"},
    {"CloseTime > '2023-11-14T22:14:00Z'", "dan"},
    {"CloseTime != '2023-11-14T22:13:33Z'", "dan"},
    {"ExecutionTime >= '2023-11-14T22:13:24Z'", "dan"},
    // What is set at close is null before.
    {"HistoryLength > 5", "dan"},
    {"HistoryLength IS NULL", "ann bob"},
    {"HistorySizeBytes >= 100", "cat dan"},
    {"StateTransitionCount = 3", "cat dan"},
    {"ExecutionDuration > '10s'", "dan"},
    {"ExecutionDuration = '00:00:10'", "cat"},
    {"ExecutionDuration <= 10000000000", "cat"},
    {"ExecutionDuration IS NULL", "ann bob"},
    // Custom attributes.
    {"Color = 'red'", "ann"},
    {"Color != 'red'", "bob cat"},
    {"Color IS NULL", "dan"},
    {"Color IN ('red', 'r\xc3\xb6t')", "ann cat"},
    {"Color STARTS_WITH 'r\xc3\xb6'", "cat"},
    {"Color STARTS_WITH 'r'", "ann cat"},
    {"Color NOT STARTS_WITH 'r'", "bob"},
    {"Color > 'red'", "cat"},
    {"Color BETWEEN 'blue' AND 'red'", "ann bob"},
    {"Color = 'blue' AND Count = 7", "bob"},
    {"Count = 7", "bob"},
    {"Count < 0", "ann"},
    {"Count <= 7.5", "ann bob"},
    {"Count > 7.5", "cat"},
    {"Count BETWEEN -5 AND 7", "ann bob"},
    {"Count NOT BETWEEN -5 AND 7", "cat"},
    {"Count IN (7, 9007199254740993)", "bob cat"},
    {"Count = 9007199254740993", "cat"},
    {"Count NOT IN (7)", "ann cat"},
    {"Count IS NOT NULL", "ann bob cat"},
    {"Ratio = 0.1", "ann"},
    {"Ratio >= 2", "bob cat"},
    {"Ratio = 2", "bob"},
    {"Ratio > 1e200", "cat"},
    {"Flag = true", "ann"},
    {"Flag = false", "bob"},
    {"Flag != true", "bob"},
    {"Due < '2024-01-01T00:00:00Z'", "ann"},
    {"Due IN ('2023-11-14T22:13:20.5Z')", "ann"},
    {"Due IS NULL", "bob cat dan"},
    // Lists: membership.
    {"Labels = 'urgent'", "ann bob"},
    {"Labels != 'urgent'", "cat"},
    {"Labels IN ('late', 'x')", "bob"},
    {"Labels IN ('late', 'urgent')", "ann bob"},
    {"Labels NOT IN ('late')", "ann cat"},
    {"Labels IS NULL", "dan"},
    {"Labels = 'urg'", ""},
    {"NOT Labels = 'urgent'", "cat"},
    // Text: any of the words, whatever their case.
    {"Words = 'HELLO'", "ann bob"},
    {"Words = 'world nowhere'", "ann"},
    {"Words = 'hell'", ""},
    {"Words != 'hello'", "cat"},
    {"Words = 'r\xc3\xb6t'", "cat"},
    {"Words = '...'", ""},
    {"Words IS NULL", "dan"},
    // Logic.
    {"WorkflowId = 'ann' OR WorkflowId = 'bob' AND Count = 8", "ann"},
    {"(WorkflowId = 'ann' OR WorkflowId = 'bob') AND Count = 7", "bob"},
    {"NOT (Color = 'red' OR Color = 'blue')", "cat"},
    {"NOT NOT Color = 'red'", "ann"},
    {"Color = 'red' OR Count IS NULL", "ann dan"},
    {"BatcherUser = 'ann'", "cat"},
    {"TemporalSchedulePaused = true", "cat"},
    {"BuildIds = 'unversioned'", "cat"},
};

std::map<std::string, VisibilityRow> Rows() {
  std::map<std::string, VisibilityRow> rows;
  rows["ann"] = MakeRow(1);
  rows["ann"].search_attributes = {{"Color", std::string("red")},
                                   {"Count", int64_t{-5}},
                                   {"Ratio", 0.1},
                                   {"Flag", true},
                                   {"Due", Second(0) + absl::Milliseconds(500)},
                                   {"Labels", std::vector<std::string>{"urgent"}},
                                   {"Words", std::string("Hello, big world!")}};
  rows["bob"] = MakeRow(2);
  rows["bob"].parent_workflow_id = "boss";
  rows["bob"].parent_run_id = kParentRun;
  rows["bob"].root_workflow_id = "boss";
  rows["bob"].root_run_id = kParentRun;
  rows["bob"].search_attributes = {{"Color", std::string("blue")},
                                   {"Count", int64_t{7}},
                                   {"Ratio", 2.0},
                                   {"Flag", false},
                                   {"Labels", std::vector<std::string>{"late", "urgent"}},
                                   {"Words", std::string("hello")}};
  rows["cat"] = MakeRow(3, 13);
  rows["cat"].history_length = 5;
  rows["cat"].history_size_bytes = 100;
  rows["cat"].state_transition_count = 3;
  rows["cat"].search_attributes = {{"Color", std::string("r\xc3\xb6t")},
                                   {"Count", int64_t{9007199254740993}},
                                   {"Ratio", 1e300},
                                   {"Labels", std::vector<std::string>{}},
                                   {"Words", std::string("ganz r\xc3\xb6t")},
                                   {"BatcherUser", std::string("ann")},
                                   {"TemporalSchedulePaused", true},
                                   {"BuildIds", std::vector<std::string>{"unversioned"}}};
  rows["dan"] = MakeRow(4, 64);
  rows["dan"].status = 3;
  rows["dan"].workflow_type = "Z'ebra";
  rows["dan"].history_length = 6;
  rows["dan"].history_size_bytes = 200;
  rows["dan"].state_transition_count = 3;
  return rows;
}

TEST_P(StoreContract, FiltersAsTheTableSays) {
  AddAttribute("Color", Type::kKeyword);
  AddAttribute("Count", Type::kInt);
  AddAttribute("Ratio", Type::kDouble);
  AddAttribute("Flag", Type::kBool);
  AddAttribute("Due", Type::kDatetime);
  AddAttribute("Labels", Type::kKeywordList);
  AddAttribute("Words", Type::kText);
  for (const auto& [id, row] : Rows()) MustCreate(id, row);
  for (const Case& filter_case : kCases) {
    std::vector<std::string> ids = ListIds(filter_case.filter);
    std::sort(ids.begin(), ids.end());
    EXPECT_EQ(absl::StrJoin(ids, " "), filter_case.expected) << filter_case.filter;
  }
}

TEST_P(StoreContract, FiltersByRunId) {
  const TestRun run = MustCreate("mine", MakeRow(1));
  MustCreate("other", MakeRow(2));
  EXPECT_EQ(ListIds("RunId = '" + run.run_id.value() + "'"), std::vector<std::string>{"mine"});
  EXPECT_EQ(ListIds("RunId != '" + run.run_id.value() + "'"), std::vector<std::string>{"other"});
  EXPECT_EQ(ListIds("RunId STARTS_WITH '" + run.run_id.value().substr(0, 9) + "'"),
            std::vector<std::string>{"mine"});
  EXPECT_TRUE(ListIds("RunId = 'x'").empty());
}

TEST_P(StoreContract, FiltersByLongChains) {
  MustCreate("last", MakeRow(1));
  std::string chain = "WorkflowId = 'x0'";
  for (int i = 1; i < 3'000; ++i) absl::StrAppend(&chain, " OR WorkflowId = 'x", i, "'");
  EXPECT_TRUE(ListIds(chain).empty());
  EXPECT_EQ(ListIds(chain + " OR WorkflowId = 'last'"), std::vector<std::string>{"last"});
  EXPECT_TRUE(ListIds("NOT (" + chain + ") AND WorkflowId != 'last'").empty());
}

// What a filter holds is a value, never a part of the statement.
TEST_P(StoreContract, KeepsValuesOutOfTheStatement) {
  const std::string evil = "'); DROP TABLE visibility; --";
  MustCreate(evil, MakeRow(1));
  EXPECT_EQ(ListIds("WorkflowId = \"" + evil + "\""), std::vector<std::string>{evil});
  EXPECT_EQ(ListIds("").size(), 1u);
}

}  // namespace
}  // namespace perdure::store
