#include "store/sql/attributes.h"

#include <limits>

#include "gtest/gtest.h"

namespace perdure::store::sql {
namespace {

TEST(Attributes, SurviveTheRoundTrip) {
  const std::map<std::string, query::Value> attributes = {
      {"Keyword", std::string("it's \"quoted\" \\ and\nbroken \xe2\x82\xac")},
      {"Int", std::numeric_limits<int64_t>::min()},
      {"Large", std::numeric_limits<int64_t>::max()},
      {"Double", 0.1},
      {"Whole", 3.0},
      {"Bool", true},
      {"Time", absl::FromUnixMicros(1234567890123456)},
      {"List", std::vector<std::string>{"a", "b,]", ""}},
      {"Empty", std::vector<std::string>{}},
  };
  const auto read = DecodeAttributes(EncodeAttributes(attributes));
  ASSERT_TRUE(read.ok()) << EncodeAttributes(attributes);
  EXPECT_EQ(*read, attributes);
}

TEST(Attributes, LeaveNullsOut) { EXPECT_EQ(EncodeAttributes({{"Gone", query::Value()}}), ""); }

TEST(Attributes, RefuseForeignText) {
  for (const char* text : {"{", "[]", "{\"a\":1}", "{\"i:a\":x}", "{\"s:a\":\"b}", "{} x"}) {
    EXPECT_FALSE(DecodeAttributes(text).ok()) << text;
  }
}

TEST(Attributes, NameTheirIndexByTypeAndName) {
  EXPECT_NE(AttributeIndexName("A", query::Type::kText),
            AttributeIndexName("A", query::Type::kKeyword));
  EXPECT_LT(AttributeIndexName(std::string(200, 'x'), query::Type::kInt).size(), 63u);
}

}  // namespace
}  // namespace perdure::store::sql
