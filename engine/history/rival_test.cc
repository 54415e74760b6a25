#include "history/rival.h"

#include <optional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "history/history_fixture.h"

namespace perdure::history {
namespace {

store::NodeFacts At(const std::string& name, const std::string& address) { return {name, address}; }

TEST(FormerLife, IsKnownByItsAddress) {
  EXPECT_TRUE(IsFormerLife(At("here", "10.0.0.1:7234"), At("before", "10.0.0.1:7234")));
  EXPECT_FALSE(IsFormerLife(At("here", "10.0.0.1:7234"), At("here", "10.0.0.2:7234")));
  EXPECT_FALSE(IsFormerLife(At("here", ""), At("here", "")));
}

TEST(FormerLife, IsKnownByItsNameTooWhereEachHostReachesItself) {
  for (const std::string address : {"127.0.0.1:7234", "127.9.9.9:1", "localhost:7234",
                                    "LocalHost:7234", "[::1]:7234", "::1:7234"}) {
    EXPECT_TRUE(IsFormerLife(At("here", address), At("here", address))) << address;
    EXPECT_FALSE(IsFormerLife(At("here", address), At("there", address))) << address;
    EXPECT_TRUE(IsRival(At("here", address), At("there", address))) << address;
    EXPECT_FALSE(IsRival(At("here", address), At("here", address))) << address;
  }
  EXPECT_FALSE(IsRival(At("here", "127.0.0.1:7234"), At("there", "127.0.0.1:7235")));
  EXPECT_FALSE(IsRival(At("here", "10.0.0.1:7234"), At("there", "10.0.0.1:7234")));
  EXPECT_FALSE(IsRival(At("here", "localhost.example:1"), At("there", "localhost.example:1")));
}

class AwaitNoRivalTest : public TwoLoopsTest {
 protected:
  ~AwaitNoRivalTest() override { store_.reset(); }
  void Register(const std::string& name) {
    store_->RegisterIncarnation(At(name, "127.0.0.1:7234"), [](const auto&) {});
    Advance(absl::ZeroDuration());
  }
  void Begin() {
    AwaitNoRival(loop_, *store_, At("here", "127.0.0.1:7234"),
                 {.max = absl::Seconds(6), .max_without_session = absl::Seconds(6)},
                 [this](const absl::Status& status) { answer_ = status; });
    Advance(absl::ZeroDuration());
  }

  std::optional<absl::Status> answer_;
};

TEST_F(AwaitNoRivalTest, DoesNotWaitForItself) {
  Register("here");
  Begin();
  ASSERT_TRUE(answer_.has_value());
  EXPECT_TRUE(answer_->ok());
}

TEST_F(AwaitNoRivalTest, RefusesOnceTheOtherIsHeardOf) {
  Register("there");
  Begin();
  Advance(absl::Seconds(1));
  EXPECT_FALSE(answer_.has_value());
  store_->Heartbeat(base::IncarnationId(1), false, [](const auto&) {});
  Advance(absl::Milliseconds(400));
  ASSERT_TRUE(answer_.has_value());
  EXPECT_EQ(answer_->code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(answer_->message()), testing::HasSubstr("on the host there"));
  EXPECT_THAT(std::string(answer_->message()), testing::HasSubstr("--advertise"));
}

TEST_F(AwaitNoRivalTest, GoesOnWhenTheOtherIsSilent) {
  Register("there");
  Begin();
  Advance(absl::Milliseconds(5900));
  EXPECT_FALSE(answer_.has_value());
  Advance(absl::Milliseconds(500));
  ASSERT_TRUE(answer_.has_value());
  EXPECT_TRUE(answer_->ok());
}

TEST_F(AwaitNoRivalTest, GoesOnWhenTheOtherIsFenced) {
  Register("there");
  store_->Fence(base::IncarnationId(1), [](const auto&) {});
  Advance(absl::ZeroDuration());
  Begin();
  ASSERT_TRUE(answer_.has_value());
  EXPECT_TRUE(answer_->ok());
}

}  // namespace
}  // namespace perdure::history
