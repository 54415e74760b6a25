// How fast a task queue gives: limits by workers and by configuration.
#include "matching/matching_fixture.h"

namespace perdure::matching {
namespace {

TEST_F(MatchingTest, WorkersLimitTheRateOfTheirQueue) {
  PollOptions limited;
  limited.rate = 2;
  for (int i = 0; i < 20; ++i) AddActivity(absl::StrCat("a", i), "q");
  for (int i = 0; i < 20; ++i) PollActivity("q", limited);
  const size_t burst = history_.started_.size();
  EXPECT_LE(burst, 3u);
  EXPECT_GE(burst, 1u);
  loop_.Advance(absl::Seconds(3));
  EXPECT_EQ(history_.started_.size(), burst + 6);
}

TEST_F(MatchingTest, ARateOfZeroStopsTheQueueUntilItIsRaised) {
  PollOptions stopped;
  stopped.rate = 0;
  AddActivity("a", "q");
  const auto poll = PollActivity("q", stopped);
  loop_.Advance(absl::Seconds(30));
  EXPECT_TRUE(history_.started_.empty());
  PollActivity("q");  // The last poll decides: it sets no limit.
  EXPECT_EQ((*poll)->task_token(), "a");
}

TEST_F(MatchingTest, TheConfiguredRateWinsAndIsDescribed) {
  services::NamespacePtr former = name_space_;
  Configure("q", 7);
  EXPECT_EQ(
      Describe("q", enums::TASK_QUEUE_TYPE_ACTIVITY).effective_rate_limit().requests_per_second(),
      7);  // Nobody has used it yet.
  api::UpdateTaskQueueConfigRequest request;
  request.set_task_queue("q");
  request.set_task_queue_type(enums::TASK_QUEUE_TYPE_ACTIVITY);
  matching_->UpdateTaskQueueConfig({}, name_space_, request, [](auto response) {
    ASSERT_TRUE(response.ok());
    EXPECT_EQ(response->config().queue_rate_limit().rate_limit().requests_per_second(), 7);
  });
  PollOptions limited;
  limited.rate = 2;
  PollActivity("q", limited);
  std::swap(name_space_, former);
  PollActivity("q", limited);  // by way of a node that does not know yet
  std::swap(name_space_, former);
  const auto description = Describe("q", enums::TASK_QUEUE_TYPE_ACTIVITY);
  EXPECT_EQ(description.effective_rate_limit().requests_per_second(), 7);
  EXPECT_EQ(description.effective_rate_limit().rate_limit_source(), enums::RATE_LIMIT_SOURCE_API);
  EXPECT_EQ(description.config().queue_rate_limit().rate_limit().requests_per_second(), 7);
}

TEST_F(MatchingTest, ARateThatIsRaisedLetsWhatWaitsGo) {
  Configure("q", 0);
  AddActivity("a", "q");
  const auto poll = PollActivity("q");
  loop_.Advance(absl::Seconds(30));
  EXPECT_TRUE(history_.started_.empty());
  Configure("q", 100);
  api::UpdateTaskQueueConfigRequest request;
  request.set_task_queue("q");
  request.set_task_queue_type(enums::TASK_QUEUE_TYPE_ACTIVITY);
  matching_->UpdateTaskQueueConfig({}, name_space_, request, [](const auto&) {});
  loop_.RunReady();
  EXPECT_EQ((*poll)->task_token(), "a");
  Configure("q", 0);
  AddActivity("b", "q");  // The task brings the news.
  PollActivity("q");
  EXPECT_EQ(history_.started_.size(), 1u);
}

}  // namespace
}  // namespace perdure::matching
