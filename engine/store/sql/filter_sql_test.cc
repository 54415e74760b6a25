#include "store/sql/filter_sql.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace perdure::store::sql {
namespace {

using query::Type;
using query::Value;
using testing::HasSubstr;
using testing::Not;

SqlFilter Compile(const std::string& text, Dialect dialect) {
  const query::AttributeTypes custom = {{"Color", Type::kKeyword}, {"Words", Type::kText}};
  const auto query = query::ParseQuery(text, custom, false);
  EXPECT_TRUE(query.ok()) << query.status();
  return CompileFilter(query->filter.get(), base::NamespaceNumber(1), dialect, 5);
}

TEST(FilterSql, NumbersParametersFromTheOneGiven) {
  const SqlFilter filter = Compile("WorkflowType = 'a' AND StartTime > 1000", Dialect::kPostgres);
  EXPECT_THAT(filter.where, HasSubstr("workflow_type = $5::text"));
  EXPECT_THAT(filter.where, HasSubstr("start_time_us > $6::bigint"));
  ASSERT_EQ(filter.parameters.size(), 2u);
  EXPECT_EQ(filter.parameters[0], Value(std::string("a")));
  EXPECT_EQ(filter.parameters[1], Value(int64_t{1}));
}

TEST(FilterSql, NeverQuotesAValueIntoTheText) {
  for (const Dialect dialect : {Dialect::kPostgres, Dialect::kSqlite}) {
    const SqlFilter filter = Compile(
        "Color IN ('evil', 'evil2') OR Words = 'evil' OR WorkflowId STARTS_WITH 'evil'", dialect);
    EXPECT_THAT(filter.where, Not(HasSubstr("evil")));
  }
}

TEST(FilterSql, AsksForTheWorkflowsShardOnly) {
  const SqlFilter filter = Compile("WorkflowId = 'order'", Dialect::kPostgres);
  EXPECT_THAT(filter.where, HasSubstr("shard_id = $6"));
  EXPECT_EQ(filter.parameters.at(1),
            Value(int64_t{base::ShardOf(base::NamespaceNumber(1), "order").value()}));
}

TEST(FilterSql, FindsInSqliteByKeyWhatNamesItsWorkflows) {
  const auto is_by_key = [](const std::string& text) {
    const auto query = query::ParseQuery(text, {}, false);
    EXPECT_TRUE(query.ok()) << query.status();
    return NamespaceInSqlite(query->filter.get())[0] == '+';
  };
  EXPECT_TRUE(is_by_key("WorkflowId = 'a'"));
  EXPECT_TRUE(is_by_key("WorkflowId IN ('a', 'b') AND StartTime > 1000"));
  EXPECT_TRUE(is_by_key("WorkflowId STARTS_WITH 'a' OR WorkflowId = 'b'"));
  EXPECT_FALSE(is_by_key("WorkflowId = 'a' OR StartTime > 1000"));
  EXPECT_FALSE(is_by_key("NOT WorkflowId = 'a'"));
  EXPECT_FALSE(is_by_key("WorkflowId != 'a'"));
  EXPECT_FALSE(is_by_key("WorkflowId NOT IN ('a', 'b')"));
  EXPECT_FALSE(is_by_key("RootWorkflowId = 'a'"));
  EXPECT_EQ(NamespaceInSqlite(nullptr), "namespace_number = ?1 AND ");
}

// An index serves a filter only if both write the column in the same words.
TEST(FilterSql, FiltersByTheExpressionThatIsIndexed) {
  EXPECT_THAT(Compile("Color = 'x'", Dialect::kPostgres).where,
              HasSubstr("((attributes ->> 's:Color') COLLATE \"C\")"));
  EXPECT_THAT(CreateAttributeIndex("Color", Type::kKeyword, Dialect::kPostgres, "IF NOT EXISTS"),
              HasSubstr("(namespace_number, ((attributes ->> 's:Color') COLLATE \"C\"))"));
  EXPECT_THAT(CreateAttributeIndex("It's", Type::kKeyword, Dialect::kPostgres, ""),
              HasSubstr("'s:It''s'"));
  EXPECT_EQ(CreateAttributeIndex("Words", Type::kText, Dialect::kSqlite, ""), "");
}

// The words of the partial indexes in migrations/postgres/0004_lists.sql.
TEST(FilterSql, LeavesOutDivisionsInTheWordsOfTheIndexes) {
  EXPECT_THAT(Compile("", Dialect::kPostgres).where,
              HasSubstr("(attributes ? 's:TemporalNamespaceDivision') IS NOT TRUE"));
}

TEST(FilterSql, KnowsWhatTheFilterSaysOfTheOrder) {
  const auto part = [](const std::string& text) {
    const auto query = query::ParseQuery(text, {}, false);
    EXPECT_TRUE(query.ok()) << query.status();
    return PartOfOrder(query->filter.get());
  };
  const std::string all = "coalesce(close_time_us, 9223372036854775807)";
  const std::string open = all + " >= 9223372036854775807 AND ";
  const std::string closed = all + " < 9223372036854775807 AND ";
  EXPECT_EQ(PartOfOrder(nullptr), "");
  EXPECT_EQ(part(""), "");
  EXPECT_EQ(part("WorkflowType = 'a' AND ExecutionStatus = 'Failed'"), closed);
  EXPECT_EQ(part("ExecutionStatus IN ('Failed', 'TimedOut')"), closed);
  EXPECT_EQ(part("CloseTime > 1000"), closed);
  EXPECT_EQ(part("CloseTime IS NOT NULL"), closed);
  EXPECT_EQ(part("HistoryLength > 10"), closed);
  EXPECT_EQ(part("ExecutionStatus = 'Running'"), open);
  EXPECT_EQ(part("ExecutionStatus IN ('Running', 'Paused')"), open);
  EXPECT_EQ(part("CloseTime IS NULL"), open);
  EXPECT_EQ(part("ExecutionStatus IN ('Running', 'Failed')"), "");
  EXPECT_EQ(part("ExecutionStatus != 'Running'"), "");
  EXPECT_EQ(part("ExecutionStatus = 'Failed' OR WorkflowType = 'a'"), "");
  EXPECT_EQ(part("NOT (ExecutionStatus = 'Failed')"), "");
  EXPECT_EQ(part("HistoryLength IS NULL"), "");
}

TEST(FilterSql, AcceptsNoFilter) {
  EXPECT_EQ(CompileFilter(nullptr, base::NamespaceNumber(1), Dialect::kSqlite, 1).where, "TRUE");
}

}  // namespace
}  // namespace perdure::store::sql
