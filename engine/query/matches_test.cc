#include "query/matches.h"

#include "gtest/gtest.h"

namespace perdure::query {
namespace {

std::optional<bool> Evaluate(const std::string& text) {
  const AttributeTypes custom = {{"Count", Type::kInt}, {"Missing", Type::kInt}};
  const auto query = ParseQuery(text, custom, false);
  EXPECT_TRUE(query.ok()) << query.status();
  return Matches(query->filter.get(), [](const Field& field) -> Value {
    return field.name == "Count" ? Value(int64_t{3}) : Value();
  });
}

// The filters table of the store's contract covers the operators; here is what only nulls show.
TEST(Matches, FollowsThreeValuedLogic) {
  EXPECT_EQ(Evaluate("Missing = 1"), std::nullopt);
  EXPECT_EQ(Evaluate("NOT Missing = 1"), std::nullopt);
  EXPECT_EQ(Evaluate("Missing = 1 OR Count = 3"), true);
  EXPECT_EQ(Evaluate("Missing = 1 AND Count = 4"), false);
  EXPECT_EQ(Evaluate("Missing = 1 AND Count = 3"), std::nullopt);
  EXPECT_EQ(Evaluate("Missing IS NULL"), true);
  EXPECT_EQ(Evaluate("Count > 2.5"), true);
}

}  // namespace
}  // namespace perdure::query
