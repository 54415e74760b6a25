#include "history/known_ids.h"

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace perdure::history {
namespace {

using base::NamespaceNumber;

TEST(KnownIds, NeverForgetsAndSeldomErrs) {
  KnownIds ids;
  constexpr int kCount = 200000;
  for (int i = 0; i < kCount; ++i) ids.Add(NamespaceNumber(1), absl::StrCat("order-", i));
  for (int i = 0; i < kCount; ++i) {
    ASSERT_TRUE(ids.MayHold(NamespaceNumber(1), absl::StrCat("order-", i)));
  }
  int mistaken = 0;
  for (int i = 0; i < kCount; ++i) {
    mistaken += ids.MayHold(NamespaceNumber(2), absl::StrCat("order-", i)) ? 1 : 0;
  }
  EXPECT_LT(mistaken, kCount / 50);
  EXPECT_GT(ids.size(), kCount * 95 / 100);
}

TEST(KnownIds, ANewOneKnowsNothing) {
  KnownIds ids;
  EXPECT_FALSE(ids.MayHold(NamespaceNumber(1), ""));
  ids.Add(NamespaceNumber(1), "");
  EXPECT_TRUE(ids.MayHold(NamespaceNumber(1), ""));
  ids.Clear();
  EXPECT_FALSE(ids.MayHold(NamespaceNumber(1), ""));
}

}  // namespace
}  // namespace perdure::history
