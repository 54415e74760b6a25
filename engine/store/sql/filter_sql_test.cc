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
  const SqlFilter filter = Compile("WorkflowId = 'order'", Dialect::kSqlite);
  EXPECT_THAT(filter.where, HasSubstr("shard_id = ?6"));
  EXPECT_EQ(filter.parameters.at(1),
            Value(int64_t{base::ShardOf(base::NamespaceNumber(1), "order").value()}));
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

TEST(FilterSql, AcceptsNoFilter) {
  EXPECT_EQ(CompileFilter(nullptr, base::NamespaceNumber(1), Dialect::kSqlite, 1).where, "TRUE");
}

}  // namespace
}  // namespace perdure::store::sql
