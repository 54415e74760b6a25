// Which worker a query goes to, and with what of the history.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "history/history_fixture.h"

namespace perdure::history {
namespace {

class QueryTest : public HistoryTest {
 protected:
  // A run whose first task a worker has completed that keeps it in its cache.
  void BeginCachedRun() {
    BeginToServe();
    std::vector<absl::StatusOr<api::StartWorkflowExecutionResponse>> started;
    Start("workflow", started);
    Advance(absl::Seconds(1));
    api::RespondWorkflowTaskCompletedRequest request;
    request.set_task_token(TakeTask().task_token());
    auto& sticky = *request.mutable_sticky_attributes();
    sticky.mutable_worker_task_queue()->set_name("sticky");
    sticky.mutable_schedule_to_start_timeout()->set_seconds(10);
    history_->RespondWorkflowTaskCompleted(
        {}, namespaces_.All().front(), request,
        [](const auto& answer) { EXPECT_TRUE(answer.ok()) << answer.status(); });
    Advance(absl::Seconds(1));
  }
  // The last one that was scheduled.
  api::PollWorkflowTaskQueueResponse TakeTask() {
    api::PollWorkflowTaskQueueResponse task;
    services::Poller poller;
    poller.request_id = "poll";
    poller.task_queue = matching_.tasks_.back().task_queue;
    history_->RecordWorkflowTaskStarted(
        matching_.tasks_.back().key, poller,
        [&task](absl::StatusOr<api::PollWorkflowTaskQueueResponse> taken) {
          ASSERT_TRUE(taken.ok()) << taken.status();
          task = *std::move(taken);
        });
    Advance(absl::Milliseconds(1));
    return task;
  }
  void Query() {
    api::QueryWorkflowRequest request;
    request.mutable_execution()->set_workflow_id("workflow");
    request.mutable_query()->set_query_type("state");
    history_->QueryWorkflow({}, namespaces_.All().front(), request,
                            [this](const auto& answer) { answers_.push_back(answer.status()); });
  }
  void RefuseLastQuery() {
    auto reply = std::move(matching_.queries_.back().second);
    std::move(reply)(absl::UnavailableError("sticky worker unavailable"));
    Advance(absl::Milliseconds(1));
  }
  std::vector<absl::Status> answers_;
};

// A worker that was given the signal's event with the query would act on it before the task comes,
// and in another order than one that gets the task alone.
TEST_F(QueryTest, GoesWithTheTaskThatCameWhileACacheWasAsked) {
  BeginCachedRun();
  Query();
  Advance(absl::Milliseconds(1));
  ASSERT_EQ(matching_.queries_.size(), 1U);
  EXPECT_TRUE(matching_.queries_[0].first.is_sticky);
  std::vector<absl::Status> signaled;
  Signal("workflow", signaled);
  Advance(absl::Seconds(1));
  RefuseLastQuery();
  EXPECT_EQ(matching_.queries_.size(), 1U);
  EXPECT_THAT(answers_, testing::IsEmpty());
  EXPECT_EQ(TakeTask().queries_size(), 1);
}

// The signal's commit is under way when the query is asked again.
TEST_F(QueryTest, GoesWithTheTaskThatIsBeingScheduled) {
  BeginCachedRun();
  Query();
  Advance(absl::Milliseconds(1));
  ASSERT_EQ(matching_.queries_.size(), 1U);
  store_->SetFaults({.commit_latency_min = absl::Milliseconds(50)});
  std::vector<absl::Status> signaled;
  Signal("workflow", signaled);
  loop_.RunReady();
  RefuseLastQuery();
  Advance(absl::Seconds(1));
  EXPECT_EQ(signaled, std::vector<absl::Status>{absl::OkStatus()});
  EXPECT_EQ(matching_.queries_.size(), 1U);
  EXPECT_EQ(TakeTask().queries_size(), 1);
}

// The cache may be lost just now, by the answer to a task of the owner before.
TEST_F(QueryTest, TrustsNoCacheForAWhileAfterATakeover) {
  BeginCachedRun();
  store_->Fence(base::IncarnationId(1), [](const auto&) {});
  Advance(absl::Seconds(5));
  ASSERT_EQ(history_->state(), ServingState::kServing);
  Query();
  Advance(absl::Milliseconds(1));
  ASSERT_EQ(matching_.queries_.size(), 1U);
  EXPECT_FALSE(matching_.queries_[0].first.is_sticky);
  EXPECT_EQ(matching_.queries_[0].first.response.history().events_size(), 4);
  Advance(absl::Minutes(2));
  Query();
  Advance(absl::Milliseconds(1));
  ASSERT_EQ(matching_.queries_.size(), 2U);
  EXPECT_TRUE(matching_.queries_[1].first.is_sticky);
}

TEST_F(QueryTest, AsksAnotherWorkerWithTheWholeHistoryIfNothingCame) {
  BeginCachedRun();
  Query();
  Advance(absl::Milliseconds(1));
  ASSERT_EQ(matching_.queries_.size(), 1U);
  RefuseLastQuery();
  ASSERT_EQ(matching_.queries_.size(), 2U);
  const services::QueryTask& again = matching_.queries_[1].first;
  EXPECT_FALSE(again.is_sticky);
  // Started, and a task scheduled, started and completed.
  EXPECT_EQ(again.response.history().events_size(), 4);
}

}  // namespace
}  // namespace perdure::history
