// Queries that wait on a task queue for a worker.
#include "base/errors.h"
#include "matching/matching_fixture.h"
#include "temporal/api/errordetails/v1/message.pb.h"

namespace perdure::matching {
namespace {

TEST_F(MatchingTest, AQueryGoesToAWorkerAndItsAnswerBack) {
  const auto poll = PollWorkflow("q");
  const auto answer = Query("q");
  ASSERT_TRUE(poll->has_value());
  EXPECT_EQ((*poll)->query().query_type(), "state");
  EXPECT_EQ((*poll)->previous_started_event_id(), 3);
  EXPECT_FALSE(answer->has_value());
  EXPECT_TRUE(RespondQuery((*poll)->task_token()).ok());
  ASSERT_TRUE(answer->has_value());
  EXPECT_EQ((**answer)->query_result().payloads(0).data(), "42");
  EXPECT_EQ(RespondQuery((*poll)->task_token()).code(), absl::StatusCode::kNotFound);
}

TEST_F(MatchingTest, AFailedQueryCarriesItsDetail) {
  const auto poll = PollWorkflow("q");
  const auto answer = Query("q");
  EXPECT_TRUE(RespondQuery((*poll)->task_token(), true).ok());
  ASSERT_TRUE(answer->has_value());
  temporal::api::errordetails::v1::QueryFailedFailure detail;
  EXPECT_EQ((*answer)->status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(base::GetDetail((*answer)->status(), detail));
}

TEST_F(MatchingTest, QueriesEndWithTheirCaller) {
  const auto nobody = Query("q");
  loop_.Advance(absl::Seconds(9));
  ASSERT_TRUE(nobody->has_value());
  EXPECT_EQ((*nobody)->status().code(), absl::StatusCode::kFailedPrecondition);
  const auto poll = PollWorkflow("q");
  const auto unanswered = Query("q");
  loop_.Advance(absl::Seconds(10));
  ASSERT_TRUE(unanswered->has_value());
  EXPECT_EQ((*unanswered)->status().code(), absl::StatusCode::kDeadlineExceeded);
  auto cancellation = std::make_shared<services::Cancellation>();
  const auto cancelled = Query("q", false, cancellation);
  cancellation->Cancel();
  loop_.RunReady();
  EXPECT_EQ((*cancelled)->status().code(), absl::StatusCode::kCancelled);
  const auto later = PollWorkflow("q");
  EXPECT_FALSE(later->has_value());
}

TEST_F(MatchingTest, AQueryToAStickyWorkerThatIsAwayFailsAtOnce) {
  const auto answer = Query("sticky", true);
  ASSERT_TRUE(answer->has_value());
  EXPECT_EQ((*answer)->status(), base::Unavailable("sticky worker unavailable"));
}

TEST_F(MatchingTest, AQueryThatWaitsForAStickyWorkerGoesBackWhenItsRunHasATask) {
  PollOptions sticky;
  sticky.sticky_normal_name = "normal";
  const auto poll = PollWorkflow("sticky", sticky);
  AddSticky("another", "sticky", "normal");
  ASSERT_TRUE(poll->has_value());
  const auto answer = Query("sticky", true);
  AddSticky("another", "sticky", "normal");
  EXPECT_FALSE(answer->has_value());
  AddSticky("w", "sticky", "normal");
  ASSERT_TRUE(answer->has_value());
  EXPECT_EQ((*answer)->status().code(), absl::StatusCode::kUnavailable);
  // Nothing but the tasks is left there.
  EXPECT_FALSE((*PollWorkflow("sticky", sticky))->has_query());
  EXPECT_FALSE((*PollWorkflow("sticky", sticky))->has_query());
  EXPECT_FALSE(PollWorkflow("sticky", sticky)->has_value());
}

TEST_F(MatchingTest, ForgedQueryTokensAreRefused) {
  EXPECT_EQ(RespondQuery("\xff\xff").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(RespondQuery("").code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace perdure::matching
