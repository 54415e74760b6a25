#include "query/filter.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "query/values.h"

namespace perdure::query {
namespace {

using testing::HasSubstr;

const AttributeTypes& Custom() {
  static const AttributeTypes custom = {
      {"Words", Type::kText},       {"Color", Type::kKeyword}, {"Count", Type::kInt},
      {"Ratio", Type::kDouble},     {"Flag", Type::kBool},     {"Due", Type::kDatetime},
      {"Labels", Type::kKeywordList}, {"odd name", Type::kKeyword}};
  return custom;
}

absl::StatusOr<Query> Parse(const std::string& text, bool allow_group_by = false) {
  return ParseQuery(text, Custom(), allow_group_by);
}

// The comparison itself, without the condition that hides divisions.
const Expression& Single(const Query& query) { return *query.filter->operands.at(1); }

TEST(Filter, EmptyTextHidesDivisionsOnly) {
  const auto query = Parse("  ");
  ASSERT_TRUE(query.ok()) << query.status();
  EXPECT_EQ(query->filter->field.name, "TemporalNamespaceDivision");
  EXPECT_EQ(query->filter->op, Operator::kIsNull);
}

TEST(Filter, MentioningTheDivisionShowsIt) {
  const auto query = Parse("TemporalNamespaceDivision = 'TemporalScheduler'");
  ASSERT_TRUE(query.ok()) << query.status();
  EXPECT_EQ(query->filter->kind, Expression::Kind::kComparison);
  EXPECT_EQ(query->filter->op, Operator::kEqual);
}

TEST(Filter, ReadsStringsInAllTheirForms) {
  for (const char* text :
       {"WorkflowId = 'it''s'", "WorkflowId = \"it's\"", "`WorkflowId` = 'it\\'s'",
        "workflowid is null or WorkflowId='it\\'s'"}) {
    const auto query = Parse(text);
    if (absl::string_view(text).substr(0, 1) == "w") {
      EXPECT_FALSE(query.ok());  // Field names are case-sensitive.
      continue;
    }
    ASSERT_TRUE(query.ok()) << text << query.status();
    EXPECT_EQ(std::get<std::string>(Single(*query).values.at(0)), "it's");
  }
}

TEST(Filter, BindsAndTighterThanOrAndNotTightest) {
  const auto query = Parse("Count = 1 OR NOT Count = 2 AND Count = 3");
  ASSERT_TRUE(query.ok()) << query.status();
  const Expression& whole = Single(*query);
  ASSERT_EQ(whole.kind, Expression::Kind::kOr);
  ASSERT_EQ(whole.operands.size(), 2u);
  const Expression& right = *whole.operands[1];
  ASSERT_EQ(right.kind, Expression::Kind::kAnd);
  EXPECT_EQ(right.operands[0]->kind, Expression::Kind::kNot);
}

TEST(Filter, ConvertsValuesToTheFieldsType) {
  const auto value = [](const std::string& text) {
    const auto query = Parse(text);
    EXPECT_TRUE(query.ok()) << text << query.status();
    return query.ok() ? Single(*query).values.at(0) : Value();
  };
  EXPECT_EQ(value("ExecutionStatus = 'TimedOut'"), Value(int64_t{7}));
  EXPECT_EQ(value("ExecutionStatus = 8"), Value(int64_t{8}));
  EXPECT_EQ(value("ExecutionDuration > '1h30m'"), Value(int64_t{5'400'000'000'000}));
  EXPECT_EQ(value("ExecutionDuration > '01:00:01'"), Value(int64_t{3'601'000'000'000}));
  EXPECT_EQ(value("ExecutionDuration > 17"), Value(int64_t{17}));
  EXPECT_EQ(value("Count = -5"), Value(int64_t{-5}));
  EXPECT_EQ(value("Count < 2.5"), Value(2.5));
  EXPECT_EQ(value("Ratio = 2"), Value(2.0));
  EXPECT_EQ(value("Flag = TRUE"), Value(true));
  EXPECT_EQ(value("Due = '2024-02-01T10:00:00.5+01:00'"),
            Value(absl::FromUnixMillis(1706778000500)));
  EXPECT_EQ(value("StartTime > 1000"), Value(absl::FromUnixNanos(1000)));
  EXPECT_EQ(value("`odd name` starts_with 'x'"), Value(std::string("x")));
}

TEST(Filter, FindsNamesWithAndWithoutTemporal) {
  EXPECT_TRUE(Parse("SchedulePaused = true").ok());
  EXPECT_TRUE(Parse("TemporalWorkflowId = 'x'").ok());
  EXPECT_TRUE(Parse("ScheduleId = 'x'").ok());
}

TEST(Filter, GroupsOnlyCounts) {
  const auto alone = Parse("GROUP BY ExecutionStatus", true);
  ASSERT_TRUE(alone.ok()) << alone.status();
  EXPECT_EQ(alone->group_by, "ExecutionStatus");
  EXPECT_TRUE(Parse("Count > 1 group by `ExecutionStatus`", true).ok());
  EXPECT_FALSE(Parse("GROUP BY ExecutionStatus", false).ok());
  EXPECT_FALSE(Parse("GROUP BY WorkflowId", true).ok());
  EXPECT_FALSE(Parse("GROUP BY ExecutionStatus, WorkflowType", true).ok());
}

struct Refusal {
  const char* text;
  const char* message;
};

TEST(Filter, SaysWhatIsWrong) {
  const Refusal refusals[] = {
      {"Nobody = 1", "invalid expression: column name 'Nobody' is not a valid search attribute"},
      {"WorkflowId", "incomplete expression"},
      {"WorkflowId = 1", "invalid value type for search attribute WorkflowId of type Keyword: 1"},
      {"WorkflowId = abc", "did you forget to quote \"abc\"?"},
      {"WorkflowId LIKE 'a%'", "operator 'LIKE' not supported for Keyword type"},
      {"Words > 'a'", "operator '>' not supported for Text type search attribute 'Words'"},
      {"Labels STARTS_WITH 'a'", "operator 'STARTS_WITH' not supported for KeywordList"},
      {"Count NOT STARTS_WITH 'a'", "operator 'NOT STARTS_WITH' not supported for Int"},
      {"Flag BETWEEN true AND false", "cannot do range condition on search attribute 'Flag'"},
      {"ExecutionStatus = 'Sleeping'", "invalid ExecutionStatus value 'Sleeping'"},
      {"ExecutionDuration = '5 parsecs'", "invalid duration value"},
      {"StartTime = 'yesterday'", "unable to parse datetime 'yesterday'"},
      {"Count = 1 ORDER BY Count", "operation is not supported: 'ORDER BY' clause"},
      {"order by Count", "operation is not supported: 'ORDER BY' clause"},
      {"Count = 1 LIMIT 5", "operation is not supported: 'LIMIT' clause"},
      {"Count = 1 GROUP BY Count", "operation is not supported: 'GROUP BY' clause"},
      {"Count = 1 Count = 2", "malformed SQL query: syntax error at position 11 near 'Count'"},
      {"Count = ", "malformed SQL query: syntax error at position 9"},
      {"Count = 1 AND", "malformed SQL query"},
      {"(Count = 1", "malformed SQL query"},
      {"Count IN ()", "malformed SQL query"},
      {"WorkflowId = 'open", "malformed SQL query"},
      {"WorkflowId = '\xff'", "not valid UTF-8"},
      {"WorkflowId = 'a\\0'", "malformed SQL query"},
      {"WorkflowId IS TRUE", "'IS' operator can only be used as"},
      {"lower(WorkflowId) = 'a'", "operation is not supported: function expression"},
      {"'a' = WorkflowId", "must be a column name"},
      {"; DROP TABLE x", "malformed SQL query"},
  };
  for (const Refusal& refusal : refusals) {
    const auto query = Parse(refusal.text);
    ASSERT_FALSE(query.ok()) << refusal.text;
    EXPECT_EQ(query.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(query.status().message()), HasSubstr("invalid query: "));
    EXPECT_THAT(std::string(query.status().message()), HasSubstr(refusal.message));
  }
}

// A filter from outside must not overflow the stack.
TEST(Filter, RefusesDeepNesting) {
  const std::string deep(100'000, '(');
  EXPECT_FALSE(Parse(deep + "Count = 1" + std::string(100'000, ')')).ok());
  std::string nots;
  for (int i = 0; i < 100'000; ++i) nots += "not ";
  EXPECT_FALSE(Parse(nots + "Count = 1").ok());
  const std::string shallow(50, '(');
  EXPECT_TRUE(Parse(shallow + "Count = 1" + std::string(50, ')')).ok());
}

TEST(Filter, KeepsLongChainsFlat) {
  std::string chain = "Count = 0";
  for (int i = 1; i < 5'000; ++i) absl::StrAppend(&chain, " OR Count = ", i);
  const auto query = Parse(chain);
  ASSERT_TRUE(query.ok()) << query.status();
  EXPECT_EQ(Single(*query).operands.size(), 5'000u);
}

TEST(Durations, ReadEveryForm) {
  const auto nanoseconds = [](const char* text) {
    const auto parsed = ParseDurationNanoseconds(text);
    return parsed.ok() ? *parsed : -1;
  };
  EXPECT_EQ(nanoseconds("1d"), 86'400'000'000'000);
  EXPECT_EQ(nanoseconds("1.5s"), 1'500'000'000);
  EXPECT_EQ(nanoseconds("2h45m"), 9'900'000'000'000);
  EXPECT_EQ(nanoseconds("3\xc2\xb5s"), 3'000);
  EXPECT_EQ(nanoseconds("00:60:00"), -1);
  EXPECT_EQ(nanoseconds("1x"), -1);
  EXPECT_EQ(nanoseconds(""), -1);
  EXPECT_EQ(nanoseconds("9999999999h"), -1);
}

}  // namespace
}  // namespace perdure::query
