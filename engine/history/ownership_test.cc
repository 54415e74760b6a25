#include "history/ownership.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "history/history_fixture.h"

namespace perdure::history {
namespace {

TEST_F(HistoryTest, RegistersAnewHoweverOftenItIsToldToLook) {
  BeginToServe();
  store_->Fence(base::IncarnationId(1), [](const absl::Status&) {});
  Advance(absl::ZeroDuration());
  for (int i = 0; i < 100; ++i) {
    history_->LookAtCluster();
    Advance(absl::Milliseconds(10));
  }
  int64_t living = 0;
  store_->ListIncarnations([&living](const auto& all) {
    for (const store::Incarnation& one : *all) living += one.is_fenced ? 0 : 1;
  });
  Advance(absl::ZeroDuration());
  EXPECT_EQ(living, 1);
  EXPECT_EQ(history_->state(), ServingState::kServing);
}

class TwoHostsTest : public HistoryTest {
 protected:
  TwoHostsTest() : HistoryTest({.core = {}, .node_name = "here", .address = "127.0.0.1:7234"}) {}
  // A node that comes first and beats, if it lives, each second.
  void Other(const std::string& name, bool lives) {
    store_->RegisterIncarnation({name, "127.0.0.1:7234"}, [](const auto&) {});
    Advance(absl::ZeroDuration());
    if (lives) Beat();
  }
  bool IsFenced() {
    bool is_fenced = false;
    store_->ListIncarnations([&](const auto& all) { is_fenced = all->front().is_fenced; });
    Advance(absl::ZeroDuration());
    return is_fenced;
  }
  void Begin() {
    ClusterHooks hooks;
    hooks.on_rival = [this](const absl::Status& refusal) { refusals_.push_back(refusal); };
    history_->Begin(std::move(hooks));
    Advance(absl::Seconds(5));
  }
  std::vector<absl::Status> refusals_;
  bool has_all_shards_ = false;

 private:
  void Beat() {
    store_->Heartbeat(base::IncarnationId(1), false, [](const auto&) {});
    loop_.After(absl::Seconds(1), [this] { Beat(); });
  }
};

// Killed and started again: nobody waits for its silence.
TEST_F(TwoHostsTest, FencesItsFormerLifeAtOnce) {
  Other("here", /*lives=*/false);
  history_->Begin({});
  Advance(absl::Milliseconds(100));
  EXPECT_TRUE(IsFenced());
}

// Its shards still are its former life's.
TEST_F(TwoHostsTest, DoesNotSayThatItServesWhileItsFormerLifeIsFenced) {
  Other("here", /*lives=*/false);
  std::vector<base::ShardId> all;
  for (int32_t i = 0; i < base::kShardCount; ++i) all.emplace_back(i);
  store_->ClaimShards(base::IncarnationId(1), all, [](const auto&) {});
  Advance(absl::ZeroDuration());
  std::vector<bool> had_all_shards;
  ClusterHooks hooks;
  hooks.on_state = [&](ServingState state) {
    if (state == ServingState::kServing) had_all_shards.push_back(has_all_shards_);
  };
  hooks.on_view = [this](services::ClusterViewPtr view) { has_all_shards_ = view->is_sole_owner; };
  history_->Begin(std::move(hooks));
  Advance(absl::Seconds(1));
  EXPECT_EQ(had_all_shards, std::vector<bool>{true});
}

// Both say 127.0.0.1, each of itself.
TEST_F(TwoHostsTest, DoesNotFenceALivingNodeOfAnotherHost) {
  Other("there", /*lives=*/true);
  Begin();
  EXPECT_FALSE(IsFenced());
  ASSERT_EQ(refusals_.size(), 1U);
  EXPECT_THAT(std::string(refusals_[0].message()), testing::HasSubstr("--advertise"));
}

TEST_F(TwoHostsTest, IsNotRefusedForANodeThatWasNotHeardOfSince) {
  Other("there", /*lives=*/false);
  Begin();
  Advance(absl::Seconds(2));
  EXPECT_TRUE(IsFenced());
  EXPECT_TRUE(refusals_.empty());
}

}  // namespace
}  // namespace perdure::history
