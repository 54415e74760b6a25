#include "frontend/page_tokens.h"

#include "gtest/gtest.h"

namespace perdure::frontend {
namespace {

TEST(PageTokens, ComeBackAsTheyWere) {
  EXPECT_EQ(ReadPageToken(PageTokenKind::kNamespaces, WritePageToken(PageTokenKind::kNamespaces, 7))
                .value(),
            7);
  EXPECT_EQ(ReadPageToken(PageTokenKind::kNamespaces, "").value(), INT64_MIN);
  EXPECT_EQ(UnwrapStoreToken(WrapStoreToken("t:1", "id", "q"), "id", "q").value(), "t:1");
  EXPECT_EQ(WrapStoreToken("", "id", "q"), "") << "the end stays the end";
}

TEST(PageTokens, FromElsewhereAreRefused) {
  EXPECT_FALSE(ReadPageToken(PageTokenKind::kNamespaces, "L7").ok());
  EXPECT_FALSE(ReadPageToken(PageTokenKind::kNamespaces, "Nseven").ok());
  const std::string token = WrapStoreToken("t", "id", "q");
  EXPECT_FALSE(UnwrapStoreToken(token, "id", "other").ok());
  EXPECT_FALSE(UnwrapStoreToken(token, "other", "q").ok());
  // Where one text ends and the next begins is part of the token.
  EXPECT_FALSE(UnwrapStoreToken(WrapStoreToken("t", "ab", "c"), "a", "bc").ok());
  EXPECT_FALSE(UnwrapStoreToken("t", "id", "q").ok());
}

}  // namespace
}  // namespace perdure::frontend
