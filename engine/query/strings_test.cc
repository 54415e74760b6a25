#include "query/strings.h"

#include "gtest/gtest.h"
#include "query/tokens.h"

namespace perdure::query {
namespace {

TEST(PrefixEnd, IsTheNextStringInByteOrder) {
  EXPECT_EQ(PrefixEnd("abc"), "abd");
  EXPECT_EQ(PrefixEnd("a\x7f"), "a\xc2\x80");
  EXPECT_EQ(PrefixEnd("\xed\x9f\xbf"), "\xee\x80\x80");  // Skips the surrogates.
  EXPECT_EQ(PrefixEnd("a\xf4\x8f\xbf\xbf"), "b");
  EXPECT_EQ(PrefixEnd("\xf4\x8f\xbf\xbf"), "");
  EXPECT_EQ(PrefixEnd(""), "");
}

TEST(StorableText, IsUtf8WithoutNul) {
  EXPECT_TRUE(IsStorableText("plain \xe2\x82\xac \xf0\x9f\x98\x80"));
  EXPECT_FALSE(IsStorableText(absl::string_view("a\0b", 3)));
  EXPECT_FALSE(IsStorableText("\xc0\x80"));
  EXPECT_FALSE(IsStorableText("\xed\xa0\x80"));
  EXPECT_FALSE(IsStorableText("\xe2\x82"));
}

TEST(Tokens, AreLowerCaseRunsOfLettersAndDigits) {
  EXPECT_EQ(Tokenize("Hello, WORLD-42!"), (std::vector<std::string>{"hello", "world", "42"}));
  EXPECT_EQ(Tokenize("gr\xc3\xbc\xc3\x9f dich"),
            (std::vector<std::string>{"gr\xc3\xbc\xc3\x9f", "dich"}));
  EXPECT_TRUE(Tokenize(" ,. ").empty());
  EXPECT_TRUE(HasAnyToken("one two", {"zero", "two"}));
  EXPECT_FALSE(HasAnyToken("one two", {"tw"}));
}

}  // namespace
}  // namespace perdure::query
