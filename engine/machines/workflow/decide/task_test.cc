#include "machines/workflow/decide/task.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "machines/workflow/decide/reset.h"
#include "machines/workflow/rig.h"
#include "temporal/api/command/v1/message.pb.h"
#include "temporal/api/update/v1/message.pb.h"

namespace perdure::machines {
namespace {

using temporal::api::command::v1::Command;
using ::testing::EndsWith;
using ::testing::HasSubstr;

Command Of(enums::CommandType type) {
  Command command;
  command.set_command_type(type);
  return command;
}
Command StartTimer(const std::string& id, int seconds) {
  Command command = Of(enums::COMMAND_TYPE_START_TIMER);
  command.mutable_start_timer_command_attributes()->set_timer_id(id);
  command.mutable_start_timer_command_attributes()->mutable_start_to_fire_timeout()->set_seconds(
      seconds);
  return command;
}
Command CancelTimer(const std::string& id) {
  Command command = Of(enums::COMMAND_TYPE_CANCEL_TIMER);
  command.mutable_cancel_timer_command_attributes()->set_timer_id(id);
  return command;
}
Command CompleteWorkflow() {
  Command command = Of(enums::COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION);
  command.mutable_complete_workflow_execution_command_attributes();
  return command;
}

class TaskTest : public ::testing::Test {
 protected:
  void SetUp() override {
    rig_.Start();
    ASSERT_TRUE(rig_.StartTask());
  }
  void TearDown() override { EXPECT_EQ(rig_.Difference(), ""); }

  Rig rig_;
};

TEST_F(TaskTest, ARunBeginsAndEnds) {
  ASSERT_TRUE(rig_.CompleteTask({CompleteWorkflow()}).ok());
  EXPECT_EQ(rig_.Types(),
            "WORKFLOW_EXECUTION_STARTED WORKFLOW_TASK_SCHEDULED WORKFLOW_TASK_STARTED "
            "WORKFLOW_TASK_COMPLETED WORKFLOW_EXECUTION_COMPLETED");
  EXPECT_FALSE(rig_.state().IsRunning());
  EXPECT_EQ(rig_.Signal("s", "1").code(), absl::StatusCode::kNotFound);
}

TEST_F(TaskTest, ARunWithoutParentIsItsOwnRootWhichItsEventDoesNotSay) {
  const auto& started = rig_.events().front().workflow_execution_started_event_attributes();
  EXPECT_FALSE(started.has_root_workflow_execution());
  EXPECT_EQ(rig_.state().info.root_run_id(), rig_.state().info.run_id());
  EXPECT_EQ(rig_.state().info.root_workflow_id(), rig_.state().info.workflow_id());
}

TEST_F(TaskTest, ASignalWhileItIsOutWaitsForItsEndAndASecondTaskFollows) {
  ASSERT_TRUE(rig_.Signal("s", "1").ok());
  ASSERT_TRUE(rig_.Signal("s", "1").ok()) << "a repeat";
  EXPECT_EQ(rig_.Types(3), "WORKFLOW_TASK_STARTED");
  ASSERT_TRUE(rig_.CompleteTask(std::vector<Command>()).ok());
  EXPECT_EQ(rig_.Types(4),
            "WORKFLOW_TASK_COMPLETED WORKFLOW_EXECUTION_SIGNALED WORKFLOW_TASK_SCHEDULED");
}

TEST_F(TaskTest, ARunDoesNotCloseOverEventsThatItHasNotSeen) {
  ASSERT_TRUE(rig_.Signal("s", "1").ok());
  const absl::Status status = rig_.CompleteTask({CompleteWorkflow()});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("UnhandledCommand"));
  EXPECT_TRUE(rig_.state().IsRunning());
  EXPECT_EQ(rig_.Types(4),
            "WORKFLOW_TASK_FAILED WORKFLOW_EXECUTION_SIGNALED WORKFLOW_TASK_SCHEDULED");
}

TEST_F(TaskTest, OnlyTheFirstOfFailingAttemptsIsWritten) {
  for (int i = 0; i < 3; ++i) {
    api::RespondWorkflowTaskFailedRequest request;
    request.set_cause(enums::WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE);
    auto decision = DecideTaskFailed(rig_.state(), rig_.TaskToken(), request, rig_.context());
    ASSERT_TRUE(decision.ok());
    rig_.Apply(*decision);
    ASSERT_TRUE(rig_.StartTask());
  }
  EXPECT_EQ(rig_.Types(4), "WORKFLOW_TASK_FAILED");
  EXPECT_EQ(rig_.state().info.workflow_task().attempt(), 4);
  ASSERT_TRUE(rig_.CompleteTask(std::vector<Command>()).ok());
  EXPECT_EQ(rig_.Types(4),
            "WORKFLOW_TASK_FAILED WORKFLOW_TASK_SCHEDULED WORKFLOW_TASK_STARTED "
            "WORKFLOW_TASK_COMPLETED");
}

TEST_F(TaskTest, AStaleTokenIsRefused) {
  const auto token = rig_.TaskToken();
  rig_.RunNextDeadline();  // it times out
  EXPECT_THAT(rig_.Types(4), HasSubstr("WORKFLOW_TASK_TIMED_OUT"));
  ASSERT_TRUE(rig_.StartTask());
  EXPECT_EQ(DecideTaskCompleted(rig_.state(), token, {}, rig_.context()).status().code(),
            absl::StatusCode::kNotFound);
  ASSERT_TRUE(rig_.CompleteTask(std::vector<Command>()).ok());
}

TEST_F(TaskTest, TimersFireAndAreCancelled) {
  ASSERT_TRUE(rig_.CompleteTask({StartTimer("a", 1), StartTimer("b", 60)}).ok());
  rig_.RunNextDeadline();
  EXPECT_THAT(rig_.Types(), EndsWith("TIMER_FIRED WORKFLOW_TASK_SCHEDULED"));
  ASSERT_TRUE(rig_.StartTask());
  ASSERT_TRUE(rig_.CompleteTask({CancelTimer("b")}).ok());
  EXPECT_THAT(rig_.Types(), EndsWith("WORKFLOW_TASK_COMPLETED TIMER_CANCELED"));
  EXPECT_TRUE(rig_.state().timers.empty());
  EXPECT_FALSE(rig_.RunNextDeadline());
}

TEST_F(TaskTest, ATimerThatFiredWhileTheTaskWasOutCanStillBeCancelled) {
  ASSERT_TRUE(rig_.CompleteTask({StartTimer("a", 5)}).ok());
  ASSERT_TRUE(rig_.Signal("s", "1").ok());
  rig_.Advance(4 * kSecondNs);
  ASSERT_TRUE(rig_.StartTask());
  rig_.RunNextDeadline();
  EXPECT_EQ(rig_.state().buffered_events.size(), 1);
  ASSERT_TRUE(rig_.CompleteTask({CancelTimer("a")}).ok());
  EXPECT_THAT(rig_.Types(), EndsWith("WORKFLOW_TASK_COMPLETED TIMER_CANCELED"));
}

TEST_F(TaskTest, ABadCommandFailsTheTaskAndNothingElseOfItStays) {
  const absl::Status status = rig_.CompleteTask({StartTimer("a", 1), StartTimer("a", 1)});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(rig_.Types(4), "WORKFLOW_TASK_FAILED");
  EXPECT_TRUE(rig_.state().timers.empty());
}

TEST_F(TaskTest, ContinueAsNewHandsOverToTheNextRun) {
  Command command = Of(enums::COMMAND_TYPE_CONTINUE_AS_NEW_WORKFLOW_EXECUTION);
  command.mutable_continue_as_new_workflow_execution_command_attributes()
      ->mutable_workflow_type()
      ->set_name("T2");
  ASSERT_TRUE(rig_.CompleteTask({command}).ok());
  EXPECT_THAT(rig_.Types(), EndsWith("WORKFLOW_EXECUTION_CONTINUED_AS_NEW"));
  ASSERT_EQ(rig_.new_runs().size(), 1u);
  EXPECT_EQ(rig_.last_event()
                .workflow_execution_continued_as_new_event_attributes()
                .new_execution_run_id(),
            rig_.new_runs()[0].run_id);
  const std::string first = rig_.state().info.run_id();
  rig_.Adopt(rig_.new_runs()[0]);
  EXPECT_EQ(rig_.state().info.first_run_id(), first);
  EXPECT_EQ(rig_.state().info.workflow_type(), "T2");
}

// The worker's, of the update "u".
void Say(api::RespondWorkflowTaskCompletedRequest& completion, const char* id,
         const google::protobuf::Message& body) {
  auto* message = completion.add_messages();
  message->set_id(id);
  message->set_protocol_instance_id("u");
  message->mutable_body()->PackFrom(body);
}

TEST_F(TaskTest, AnUpdateIsAcceptedAndAnsweredByMessages) {
  ASSERT_TRUE(rig_.CompleteTask(std::vector<Command>()).ok());
  namespace update = temporal::api::update::v1;
  update::Request request;
  request.mutable_meta()->set_update_id("u");
  request.mutable_input()->set_name("u");
  auto admitted = DecideUpdate(rig_.state(), request, rig_.context());
  ASSERT_TRUE(admitted.ok());
  rig_.Apply(*admitted);
  EXPECT_EQ(rig_.events().size(), 4u) << "the task that carries it has no events";
  ASSERT_TRUE(rig_.StartTask());
  api::RespondWorkflowTaskCompletedRequest completion;
  update::Acceptance acceptance;
  *acceptance.mutable_accepted_request() = request;
  Say(completion, "u/accept", acceptance);
  update::Response response;
  response.mutable_meta()->set_update_id("u");
  response.mutable_outcome()->mutable_success();
  Say(completion, "u/complete", response);
  ASSERT_TRUE(rig_.CompleteTask(completion).ok());
  EXPECT_EQ(rig_.Types(5),
            "WORKFLOW_TASK_SCHEDULED WORKFLOW_TASK_STARTED WORKFLOW_TASK_COMPLETED "
            "WORKFLOW_EXECUTION_UPDATE_ACCEPTED WORKFLOW_EXECUTION_UPDATE_COMPLETED");
  ASSERT_EQ(rig_.notices().size(), 2u);
  EXPECT_TRUE(rig_.notices()[1].outcome.has_value());
}

// A reset puts an update that came after it into the new run's history: there, and in no message,
// the worker finds the request.
TEST_F(TaskTest, AResetRunStartsWithTheResetAndShowsUpdatesInItsHistory) {
  ASSERT_TRUE(rig_.CompleteTask({StartTimer("t", 60)}).ok());
  ResetInput input;
  for (const HistoryEvent& event : rig_.events()) input.base_events.push_back(event);
  HistoryEvent& admitted = input.base_events.emplace_back();
  admitted.set_event_id(static_cast<EventId>(input.base_events.size()));
  admitted.set_event_type(enums::EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED);
  admitted.mutable_workflow_execution_update_admitted_event_attributes()
      ->mutable_request()
      ->mutable_meta()
      ->set_update_id("u");
  api::ResetWorkflowExecutionRequest request;
  request.set_workflow_task_finish_event_id(4);
  input.request = &request;
  input.base = &rig_.state();
  input.new_run_id = "next";
  rig_.Advance(kSecondNs);
  auto reset = DecideReset(input, rig_.context());
  ASSERT_TRUE(reset.ok()) << reset.status();
  State next;
  next.ApplyRecord(reset->created.record);
  EXPECT_EQ(next.info.start_time_ns(), rig_.now_ns());
  EXPECT_LT(ToNs(next.started_event->event_time()), rig_.now_ns());

  const pb::WorkflowTask& task = next.info.workflow_task();
  auto started = DecideTaskStarted(next, task.scheduled_event_id(), task.stamp(),
                                   {"worker", "poll", "q"}, rig_.context());
  ASSERT_TRUE(started.ok()) << started.status();
  next.ApplyRecord(started->record);
  EXPECT_TRUE(next.admitted_updates.Contains("u"));
  EXPECT_TRUE(UpdateMessagesFor(next).empty());
}

TEST_F(TaskTest, ARejectedUpdateLeavesNoTrace) {
  ASSERT_TRUE(rig_.CompleteTask(std::vector<Command>()).ok());
  namespace update = temporal::api::update::v1;
  update::Request request;
  request.mutable_meta()->set_update_id("u");
  auto admitted = DecideUpdate(rig_.state(), request, rig_.context());
  ASSERT_TRUE(admitted.ok());
  rig_.Apply(*admitted);
  ASSERT_TRUE(rig_.StartTask());
  api::RespondWorkflowTaskCompletedRequest completion;
  update::Rejection rejection;
  rejection.mutable_failure()->set_message("no");
  Say(completion, "u/reject", rejection);
  ASSERT_TRUE(rig_.CompleteTask(completion).ok());
  EXPECT_EQ(rig_.events().size(), 4u);
  EXPECT_TRUE(rig_.state().admitted_updates.empty());
  EXPECT_FALSE(rig_.state().HasTask());
  ASSERT_EQ(rig_.notices().size(), 1u);
  EXPECT_EQ(rig_.notices()[0].outcome->failure().message(), "no");
}

// After a crash a client sends its update again while the worker still has it from before.
TEST_F(TaskTest, AnAcceptanceThatBringsTheRequestNeedsNoSending) {
  namespace update = temporal::api::update::v1;
  update::Request request;
  request.mutable_meta()->set_update_id("u");
  const auto admitted = DecideUpdate(rig_.state(), request, rig_.context());
  ASSERT_TRUE(admitted.ok());
  rig_.Apply(*admitted);
  api::RespondWorkflowTaskCompletedRequest completion;
  update::Acceptance acceptance;
  Say(completion, "u/accept", acceptance);
  EXPECT_FALSE(rig_.CompleteTask(completion).ok());
  ASSERT_TRUE(rig_.StartTask("again"));
  rig_.Crash();
  rig_.Apply(*DecideUpdate(rig_.state(), request, rig_.context()));
  ASSERT_TRUE(rig_.StartTask("once more"));
  *acceptance.mutable_accepted_request() = request;
  completion.clear_messages();
  Say(completion, "u/accept", acceptance);
  EXPECT_TRUE(rig_.CompleteTask(completion).ok());
  EXPECT_EQ(rig_.state().open_update_count, 1);
  EXPECT_EQ(rig_.Difference(), "");
}

// No task follows the one that fails while the run is paused.
TEST_F(TaskTest, WhatIsBufferedWhenARunIsPausedKeepsItsPlace) {
  rig_.Apply(*DecidePause(rig_.state(), {}, rig_.context()));
  Command close;
  close.set_command_type(enums::COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION);
  close.mutable_complete_workflow_execution_command_attributes();
  EXPECT_FALSE(rig_.CompleteTask({close}).ok()) << "of the pause it does not know";
  ASSERT_TRUE(rig_.Signal("s", "r").ok());
  rig_.Apply(*DecideUnpause(rig_.state(), {}, rig_.context()));
  EXPECT_EQ(rig_.Types(4),
            "WORKFLOW_TASK_FAILED WORKFLOW_EXECUTION_PAUSED WORKFLOW_EXECUTION_SIGNALED "
            "WORKFLOW_EXECUTION_UNPAUSED");
  EXPECT_TRUE(rig_.state().HasTask());
  EXPECT_EQ(rig_.Difference(), "");
}

// The next owner has the task, and not the update: its client sends it again, or does not.
TEST_F(TaskTest, ASpeculativeTaskThatIsKeptIsCompletedAfterALoss) {
  namespace update = temporal::api::update::v1;
  for (const bool is_sent_again : {false, true}) {
    Rig rig;
    rig.Start();
    ASSERT_TRUE(rig.StartTask("first"));
    ASSERT_TRUE(rig.CompleteTask(std::vector<Command>()).ok());
    EXPECT_EQ(DecideSpeculativeTaskKept(rig.state(), rig.context()).record.changes_size(), 0);
    update::Request request;
    request.mutable_meta()->set_update_id("u");
    rig.Apply(*DecideUpdate(rig.state(), request, rig.context()));
    EXPECT_EQ(DecideSpeculativeTaskKept(rig.state(), rig.context()).record.changes_size(), 0);
    ASSERT_TRUE(rig.StartTask());
    const auto token = rig.TaskToken();
    rig.Apply(DecideSpeculativeTaskKept(rig.state(), rig.context()));
    EXPECT_EQ(rig.Difference(), "");
    rig.Crash();
    if (is_sent_again) rig.Apply(*DecideUpdate(rig.state(), request, rig.context()));
    EXPECT_EQ(rig.TaskToken().SerializeAsString(), token.SerializeAsString());
    api::RespondWorkflowTaskCompletedRequest completion;
    update::Acceptance acceptance;
    *acceptance.mutable_accepted_request() = request;
    Say(completion, "u/accept", acceptance);
    EXPECT_TRUE(rig.CompleteTask(completion).ok());
    EXPECT_EQ(rig.state().open_update_count, 1);
    EXPECT_EQ(rig.Types(5),
              "WORKFLOW_TASK_SCHEDULED WORKFLOW_TASK_STARTED WORKFLOW_TASK_COMPLETED "
              "WORKFLOW_EXECUTION_UPDATE_ACCEPTED");
    EXPECT_EQ(rig.Difference(), "");
  }
}

TEST_F(TaskTest, AnUpdateWithAnEventOfItsOwnStaysRejected) {
  ASSERT_TRUE(rig_.CompleteTask(std::vector<Command>()).ok());
  HistoryEvent event;
  event.set_event_type(enums::EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED);
  event.mutable_workflow_execution_update_admitted_event_attributes()
      ->mutable_request()
      ->mutable_meta()
      ->set_update_id("u");
  const Context context = rig_.context();
  Draft draft(rig_.state(), context);
  draft.Add(std::move(event));
  rig_.Apply(draft.Finish());
  ASSERT_TRUE(rig_.state().admitted_updates.Contains("u"));
  Draft rejection(rig_.state(), context);
  rejection.RemoveUpdate("u");
  rig_.Apply(rejection.Finish());
  rig_.Flush();
  rig_.Crash();
  EXPECT_FALSE(rig_.state().admitted_updates.Contains("u"));
}

TEST_F(TaskTest, KeepsTheNewestResetPoints) {
  for (int build = 1; build <= 25; ++build) {
    api::RespondWorkflowTaskCompletedRequest completion;
    completion.set_binary_checksum(absl::StrCat("build ", build));
    completion.set_force_create_new_workflow_task(true);
    ASSERT_TRUE(rig_.CompleteTask(completion).ok());
    ASSERT_TRUE(rig_.StartTask(absl::StrCat("poll ", build)));
  }
  const auto keys = rig_.state().reset_points.Keys();
  ASSERT_EQ(keys.size(), 20u);
  EXPECT_EQ(rig_.state().reset_points.Find(keys.front())->binary_checksum(), "build 6");
  EXPECT_EQ(rig_.Difference(), "");
}

TEST_F(TaskTest, AChildIsStartedOnceItsStarterIsTold) {
  Command command = Of(enums::COMMAND_TYPE_START_CHILD_WORKFLOW_EXECUTION);
  auto* a = command.mutable_start_child_workflow_execution_command_attributes();
  a->set_workflow_id("c");
  a->mutable_workflow_type()->set_name("C");
  a->mutable_task_queue()->set_name("q");
  ASSERT_TRUE(rig_.CompleteTask({command}).ok());
  ASSERT_EQ(rig_.state().outbox.size(), 1);
  rig_.Apply(DecideDelivered(rig_.state(), *rig_.state().outbox.FirstKey(), absl::OkStatus(),
                             "0f6e3b4c-0000-4000-8000-000000000002", rig_.context()));
  EXPECT_TRUE(rig_.state().outbox.empty());
  EXPECT_THAT(rig_.Types(), EndsWith("START_CHILD_WORKFLOW_EXECUTION_INITIATED "
                                     "CHILD_WORKFLOW_EXECUTION_STARTED WORKFLOW_TASK_SCHEDULED"));
}

TEST_F(TaskTest, TerminationFailsTheTaskThatIsOut) {
  ASSERT_TRUE(rig_.Signal("s", "1").ok());
  auto decision = DecideTerminate(rig_.state(), {}, rig_.context());
  ASSERT_TRUE(decision.ok());
  rig_.Apply(*decision);
  EXPECT_EQ(rig_.Types(4),
            "WORKFLOW_TASK_FAILED WORKFLOW_EXECUTION_SIGNALED WORKFLOW_EXECUTION_TERMINATED");
}

}  // namespace
}  // namespace perdure::machines
