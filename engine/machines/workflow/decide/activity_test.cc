#include "machines/workflow/decide/activity.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "machines/workflow/decide/activity_options.h"
#include "machines/workflow/rig.h"
#include "temporal/api/command/v1/message.pb.h"

namespace perdure::machines {
namespace {

using temporal::api::command::v1::Command;
using ::testing::EndsWith;
using ::testing::HasSubstr;

Command Schedule(const std::string& id, int attempts_max = 0) {
  Command command;
  command.set_command_type(enums::COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK);
  auto* a = command.mutable_schedule_activity_task_command_attributes();
  a->set_activity_id(id);
  a->mutable_activity_type()->set_name("A");
  a->mutable_task_queue()->set_name("q");
  a->mutable_start_to_close_timeout()->set_seconds(10);
  a->mutable_retry_policy()->set_maximum_attempts(attempts_max);
  return command;
}

// The first command of a first task is event 5.
Command Cancel(EventId scheduled_event_id) {
  Command command;
  command.set_command_type(enums::COMMAND_TYPE_REQUEST_CANCEL_ACTIVITY_TASK);
  command.mutable_request_cancel_activity_task_command_attributes()->set_scheduled_event_id(
      scheduled_event_id);
  return command;
}

temporal::api::failure::v1::Failure SomeFailure() {
  temporal::api::failure::v1::Failure failure;
  failure.set_message("no");
  failure.mutable_application_failure_info()->set_type("E");
  return failure;
}

class ActivityTest : public ::testing::Test {
 protected:
  void Begin(const std::vector<Command>& commands) {
    rig_.Start();
    ASSERT_TRUE(rig_.StartTask());
    ASSERT_TRUE(rig_.CompleteTask(commands).ok());
  }
  void Complete(const std::string& id) {
    auto decision =
        DecideActivityCompleted(rig_.state(), rig_.AnswerOf(id), nullptr, rig_.context());
    ASSERT_TRUE(decision.ok()) << decision.status();
    rig_.Apply(*decision);
  }
  absl::Status Fail(const std::string& id) {
    auto decision = DecideActivityFailed(rig_.state(), rig_.AnswerOf(id), SomeFailure(), nullptr,
                                         rig_.context());
    if (decision.ok()) rig_.Apply(*decision);
    return decision.status();
  }

  Rig rig_;
};

TEST_F(ActivityTest, WritesItsStartWithItsEnd) {
  Begin({Schedule("a")});
  ASSERT_TRUE(rig_.StartActivity("a").ok());
  EXPECT_THAT(rig_.Types(), EndsWith("ACTIVITY_TASK_SCHEDULED"));
  Complete("a");
  EXPECT_THAT(rig_.Types(),
              EndsWith("ACTIVITY_TASK_SCHEDULED ACTIVITY_TASK_STARTED ACTIVITY_TASK_COMPLETED "
                       "WORKFLOW_TASK_SCHEDULED"));
  EXPECT_TRUE(rig_.state().activities.empty());
  EXPECT_EQ(rig_.Difference(), "");
}

TEST_F(ActivityTest, IsTriedAgainInPlaceWithoutEvents) {
  Begin({Schedule("a", 2)});
  ASSERT_TRUE(rig_.StartActivity("a").ok());
  const size_t events = rig_.events().size();
  ASSERT_TRUE(Fail("a").ok());
  EXPECT_EQ(rig_.events().size(), events);
  rig_.RunNextDeadline();
  ASSERT_TRUE(rig_.StartActivity("a").ok());
  ASSERT_TRUE(Fail("a").ok());
  EXPECT_THAT(rig_.Types(), HasSubstr("ACTIVITY_TASK_FAILED"));
  EXPECT_EQ(rig_.events()[events + 1].activity_task_failed_event_attributes().retry_state(),
            enums::RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED);
  EXPECT_EQ(rig_.events()[events].activity_task_started_event_attributes().attempt(), 2);
}

TEST_F(ActivityTest, StartsOnceAndRepeatsTheSameRequest) {
  Begin({Schedule("a", 1)});
  const EventId id = *rig_.state().activity_ids.Find("a");
  const pb::PendingActivity info = rig_.state().activities.Find(id)->info;
  const auto start = [&](const char* request_id) {
    return DecideActivityStarted(rig_.state(), id, 1, info.stamp(), {"worker", request_id, "q"},
                                 rig_.context());
  };
  auto first = start("poll1");
  ASSERT_TRUE(first.ok());
  rig_.Apply(*first);
  EXPECT_TRUE(start("poll1").ok());
  EXPECT_EQ(start("poll1")->record.changes_size(), 0);
  EXPECT_EQ(start("poll2").status().code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(ActivityTest, TimesOutAndTheAnswerComesTooLate) {
  Begin({Schedule("a", 1)});
  ASSERT_TRUE(rig_.StartActivity("a").ok());
  const ActivityAnswer answer = rig_.AnswerOf("a");
  rig_.RunNextDeadline();
  EXPECT_THAT(rig_.Types(), HasSubstr("ACTIVITY_TASK_STARTED ACTIVITY_TASK_TIMED_OUT"));
  EXPECT_EQ(DecideActivityCompleted(rig_.state(), answer, nullptr, rig_.context()).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(ActivityTest, AnAnswerOfTheAttemptBeforeIsStale) {
  Begin({Schedule("a", 0)});
  ASSERT_TRUE(rig_.StartActivity("a").ok());
  const ActivityAnswer answer = rig_.AnswerOf("a");
  rig_.RunNextDeadline();  // times out
  rig_.RunNextDeadline();  // comes again
  ASSERT_TRUE(rig_.StartActivity("a").ok());
  EXPECT_EQ(DecideActivityCompleted(rig_.state(), answer, nullptr, rig_.context()).status().code(),
            absl::StatusCode::kNotFound);
  Complete("a");
}

TEST_F(ActivityTest, ACancelledOneThatNeverStartedEndsAtOnce) {
  Begin({Schedule("a")});
  ASSERT_TRUE(rig_.Signal("s", "1").ok());
  ASSERT_TRUE(rig_.StartTask());
  Command cancel;
  cancel.set_command_type(enums::COMMAND_TYPE_REQUEST_CANCEL_ACTIVITY_TASK);
  cancel.mutable_request_cancel_activity_task_command_attributes()->set_scheduled_event_id(
      *rig_.state().activity_ids.Find("a"));
  ASSERT_TRUE(rig_.CompleteTask({cancel}).ok());
  EXPECT_THAT(rig_.Types(), EndsWith("ACTIVITY_TASK_CANCEL_REQUESTED ACTIVITY_TASK_CANCELED "
                                     "WORKFLOW_TASK_SCHEDULED"));
  EXPECT_EQ(rig_.Difference(), "");
}

// Workers number the events of their commands themselves.
TEST_F(ActivityTest, ItsCancellationFollowsTheEventsOfAllCommands) {
  Begin({Schedule("a"), Cancel(5), Schedule("b")});
  EXPECT_THAT(rig_.Types(5),
              "ACTIVITY_TASK_SCHEDULED ACTIVITY_TASK_CANCEL_REQUESTED ACTIVITY_TASK_SCHEDULED "
              "ACTIVITY_TASK_CANCELED WORKFLOW_TASK_SCHEDULED");
  EXPECT_EQ(rig_.Difference(), "");
}

TEST_F(ActivityTest, ItsCancellationIsDroppedWhereTheRunEnds) {
  Command complete;
  complete.set_command_type(enums::COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION);
  complete.mutable_complete_workflow_execution_command_attributes();
  Begin({Schedule("a"), Cancel(5), complete});
  EXPECT_THAT(rig_.Types(),
              EndsWith("ACTIVITY_TASK_CANCEL_REQUESTED WORKFLOW_EXECUTION_COMPLETED"));
  EXPECT_EQ(rig_.Difference(), "");
}

TEST_F(ActivityTest, IsStillThereWhenItsRunHasEnded) {
  Command complete;
  complete.set_command_type(enums::COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION);
  complete.mutable_complete_workflow_execution_command_attributes();
  Begin({Schedule("a"), complete});
  EXPECT_EQ(rig_.state().activities.size(), 1);
  EXPECT_FALSE(rig_.state().NextDeadline().has_value());
  EXPECT_EQ(rig_.Difference(), "");
}

TEST_F(ActivityTest, ResetWhileItRunsItGoesOnWithTheSecondAttempt) {
  Begin({Schedule("a")});
  for (int i = 0; i < 3; ++i) {
    if (i > 0) rig_.RunNextDeadline();
    ASSERT_TRUE(rig_.StartActivity("a").ok());
    if (i < 2) ASSERT_TRUE(Fail("a").ok());
  }
  api::ResetActivityRequest request;
  request.set_id("a");
  auto reset = DecideResetActivity(rig_.state(), request, rig_.context());
  ASSERT_TRUE(reset.ok());
  rig_.Apply(*reset);
  ASSERT_TRUE(Fail("a").ok());
  EXPECT_EQ(rig_.state().activities.Find(5)->info.attempt(), 2);
}

TEST_F(ActivityTest, LearnsOfItsCancellationByHeartbeat) {
  Begin({Schedule("a")});
  ASSERT_TRUE(rig_.StartActivity("a").ok());
  ASSERT_TRUE(rig_.Signal("s", "1").ok());
  ASSERT_TRUE(rig_.StartTask());
  Command cancel;
  cancel.set_command_type(enums::COMMAND_TYPE_REQUEST_CANCEL_ACTIVITY_TASK);
  cancel.mutable_request_cancel_activity_task_command_attributes()->set_scheduled_event_id(
      *rig_.state().activity_ids.Find("a"));
  ASSERT_TRUE(rig_.CompleteTask({cancel}).ok());
  const auto beat = DecideHeartbeat(rig_.state(), rig_.AnswerOf("a"), nullptr, rig_.context());
  ASSERT_TRUE(beat.ok());
  EXPECT_TRUE(beat->cancel_requested);
  auto canceled = DecideActivityCanceled(rig_.state(), rig_.AnswerOf("a"), nullptr, rig_.context());
  ASSERT_TRUE(canceled.ok());
  rig_.Apply(*canceled);
  EXPECT_THAT(rig_.Types(), HasSubstr("ACTIVITY_TASK_STARTED ACTIVITY_TASK_CANCELED"));
}

TEST_F(ActivityTest, AnEndWhileATaskIsOutIsBufferedInOrder) {
  Begin({Schedule("a"), Schedule("b")});
  ASSERT_TRUE(rig_.StartActivity("a").ok());
  ASSERT_TRUE(rig_.StartActivity("b").ok());
  ASSERT_TRUE(rig_.Signal("s", "1").ok());
  ASSERT_TRUE(rig_.StartTask());
  const EventId before = rig_.state().info.next_event_id();
  Complete("b");
  Complete("a");
  EXPECT_EQ(rig_.state().info.next_event_id(), before);
  ASSERT_TRUE(rig_.CompleteTask(std::vector<Command>()).ok());
  EXPECT_EQ(rig_.Types(before),
            "WORKFLOW_TASK_COMPLETED ACTIVITY_TASK_STARTED ACTIVITY_TASK_STARTED "
            "ACTIVITY_TASK_COMPLETED ACTIVITY_TASK_COMPLETED WORKFLOW_TASK_SCHEDULED");
  EXPECT_EQ(rig_.Difference(), "");
}

}  // namespace
}  // namespace perdure::machines
