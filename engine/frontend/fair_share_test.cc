#include "frontend/fair_share.h"

#include <string>

#include "base/errors.h"
#include "gtest/gtest.h"
#include "temporal/api/errordetails/v1/message.pb.h"

namespace perdure::frontend {
namespace {

class FairShareTest : public testing::Test {
 protected:
  // Requests go on in `order_` as "namespace", refusals as "-namespace".
  void Ask(int32_t name_space, int times = 1) {
    for (int i = 0; i < times; ++i) {
      FairShare::Turn turn = [this, name_space](absl::Status status) {
        last_ = status;
        order_ += absl::StrCat(status.ok() ? "" : "-", name_space, " ");
      };
      if (share_.Enter(base::NamespaceNumber(name_space), now_, deadline_, turn)) {
        std::move(turn)(absl::OkStatus());
      }
    }
  }
  void End(int32_t name_space) {
    for (auto& ready : share_.Leave(base::NamespaceNumber(name_space), now_)) {
      std::move(ready.turn)(ready.status);
    }
  }

  FairShare share_{4};
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  absl::Time deadline_ = absl::InfiniteFuture();
  std::string order_;
  absl::Status last_;
};

TEST_F(FairShareTest, OneAloneMayHaveMuchInHand) {
  Ask(1, 70);
  EXPECT_EQ(share_.in_hand(), 64);
  EXPECT_EQ(share_.waiting(), 6);
  End(1);
  EXPECT_EQ(share_.in_hand(), 64);
  EXPECT_EQ(share_.waiting(), 5);
}

TEST_F(FairShareTest, ANewcomerGoesAtOnceWhateverTheOtherHas) {
  Ask(1, 100);
  order_.clear();
  Ask(2, 3);
  EXPECT_EQ(order_, "2 2 ") << "its share of four is two";
  order_.clear();
  End(1);
  EXPECT_EQ(order_, "") << "the other has far more than its share in hand";
  End(2);
  EXPECT_EQ(order_, "2 ");
}

TEST_F(FairShareTest, TurnsGoRoundWhateverTheLines) {
  Ask(1, 2);
  Ask(2, 2);
  now_ += absl::Milliseconds(200);
  Ask(1, 50);
  Ask(2, 3);
  order_.clear();
  for (int i = 0; i < 3; ++i) {
    End(1);
    End(2);
  }
  EXPECT_EQ(order_, "1 2 1 2 1 2 ");
}

TEST_F(FairShareTest, BesideOneThatAsksForLittleOthersHaveHalfAsMuch) {
  const auto active = [this](int32_t name_space) {
    now_ += absl::Milliseconds(200);
    Ask(name_space);
    End(name_space);
  };
  Ask(1, 1000);
  active(2);
  for (int i = 0; i < 100; ++i) End(1);
  EXPECT_EQ(share_.in_hand(), 2) << "half of four";
  Ask(2, 10);
  active(2);
  End(1);
  EXPECT_EQ(share_.in_hand(), 4) << "both ask for more than there is";
}

TEST_F(FairShareTest, WhereCommitsTakeLongAllHaveMoreInHand) {
  FairShare slow{4, [] { return absl::Milliseconds(5); }};
  FairShare::Turn turn = [](const absl::Status&) {};
  for (int i = 0; i < 30; ++i) {
    slow.Enter(base::NamespaceNumber(1), now_, deadline_, turn);
    slow.Enter(base::NamespaceNumber(2), now_, deadline_, turn);
  }
  EXPECT_EQ(slow.in_hand(), 20);
  EXPECT_EQ(slow.waiting(), 40);
}

TEST_F(FairShareTest, WhoeverHasTooLongALineIsRefusedAndNobodyElse) {
  Ask(2);
  Ask(1, 5000);
  EXPECT_EQ(order_.substr(order_.size() - 3), "-1 ");
  temporal::api::errordetails::v1::ResourceExhaustedFailure detail;
  ASSERT_TRUE(base::GetDetail(last_, detail));
  EXPECT_EQ(detail.cause(), temporal::api::enums::v1::RESOURCE_EXHAUSTED_CAUSE_SYSTEM_OVERLOADED);
  order_.clear();
  Ask(2, 10);
  EXPECT_EQ(order_.find('-'), std::string::npos);
}

TEST_F(FairShareTest, WhoHasWaitedTooLongIsToldWhenItsTurnComes) {
  Ask(1, 64);
  deadline_ = now_ + absl::Seconds(1);
  Ask(1);
  now_ += absl::Seconds(2);
  order_.clear();
  End(1);
  EXPECT_EQ(order_, "-1 ");
  EXPECT_EQ(last_.code(), absl::StatusCode::kDeadlineExceeded);
  End(1);  // the way out is the same
  EXPECT_EQ(share_.in_hand(), 63);
}

TEST_F(FairShareTest, NothingIsLeftWhenAllHaveGone) {
  Ask(1, 30);
  Ask(2, 30);
  for (int i = 0; i < 1000 && share_.in_hand() > 0; ++i) {
    // Ends whichever has begun and not ended: counted by what went on.
    for (const int32_t name_space : {1, 2}) {
      const std::string name = absl::StrCat(name_space, " ");
      const size_t at = order_.find(name);
      if (at == std::string::npos) continue;
      order_.erase(at, name.size());
      End(name_space);
    }
  }
  EXPECT_EQ(share_.in_hand(), 0);
  EXPECT_EQ(share_.waiting(), 0);
}

}  // namespace
}  // namespace perdure::frontend
