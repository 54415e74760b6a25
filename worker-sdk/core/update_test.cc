// R46 to R50 as far as the core has a part in them: updates and their messages.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "worker-sdk/core/test_run.h"

namespace perdure::core {
namespace {

namespace api_update = temporal::api::update::v1;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

void AddRequest(const std::string& id, std::int64_t event_id, Task* task) {
  api_update::Request request;
  request.mutable_meta()->set_update_id(id);
  request.mutable_meta()->set_identity("client");
  request.mutable_input()->set_name("add");
  *request.mutable_input()->mutable_args() = ToApi(Payloads{{"json/plain", "5"}});
  auto& message = *task->add_messages();
  message.set_id(id + "/request");
  message.set_protocol_instance_id(id);
  message.set_event_id(event_id);
  message.mutable_body()->PackFrom(request);
}

detail::Command Accept(const std::string& id) { return detail::UpdateAcceptedCommand{id}; }
detail::Command Finish(const std::string& id) {
  return detail::UpdateCompletedCommand{id, Payloads{{"json/plain", "8"}}};
}
detail::Command Reject(const std::string& id) {
  Failure failure;
  failure.message = "no";
  return detail::UpdateRejectedCommand{id, std::make_shared<const Failure>(failure)};
}
std::vector<std::string> MessageIds(const Request& request) {
  std::vector<std::string> ids;
  for (const auto& message : request.messages()) ids.push_back(message.id());
  return ids;
}
// Reacts alike live (with validator) and in replay.
MakeScript OnUpdate(std::vector<detail::Command> commands, Reactions more = {}) {
  more.emplace_back("update(u)", commands);
  more.emplace_back("update(u,trusted)", commands);
  return Reacts(std::move(more));
}

// The second task delivers update u, sequenced behind the event before its start.
HistoryBuilder Delivered() {
  HistoryBuilder history;
  history.Start();
  history.Task();
  history.Signaled("a");
  history.OpenTask();  // 6 7
  return history;
}
CheckOptions WithRequest(std::int64_t started) {
  CheckOptions options;
  options.edit_task = [started](Task* task) {
    if (task->started_event_id() == started) AddRequest("u", started - 1, task);
  };
  return options;
}

TEST(R46Update, ArrivesAsAMessageAndReplaysFromItsAcceptance) {
  HistoryBuilder history = Delivered();
  history.TaskCompleted();
  const auto accepted = history.UpdateAccepted("u", "add", 6);
  history.UpdateCompleted("u", accepted);
  history.Signaled("b");
  history.OpenTask();
  const auto checked =
      CheckLiveAndReplay(history.history(), OnUpdate({Accept("u"), Finish("u")}), WithRequest(7));
  EXPECT_THAT(checked.live.activations,
              ElementsAre("live: start", "live: signal(a) update(u)", "live: signal(b)"));
  EXPECT_THAT(
      checked.replayed.activations,
      ElementsAre("replay: start", "replay: signal(a) update(u,trusted)", "replay: signal(b)"));
  const auto& job = std::get<detail::DoUpdateJob>(checked.live.seen[1].jobs[1]);
  EXPECT_EQ(job.name, "add");
  EXPECT_EQ(job.identity, "client");
  EXPECT_EQ(job.input.at(0).data, "5");
}

TEST(R46Update, IsDeliveredWhereItWasSequenced) {
  // Two messages, of which one belongs before the signal.
  HistoryBuilder history = Delivered();
  Task task = TaskOf(history.history(), 1, 7, 0);
  AddRequest("late", 6, &task);
  AddRequest("early", 4, &task);
  std::vector<std::shared_ptr<Trace>> traces;
  const MakeProgram make = ProgramOf(Reacts({}), &traces);
  const RunOptions options;
  core::Run run(&options, &make);
  (void)run.StartTask(std::move(task));
  EXPECT_THAT(traces[0]->activations,
              ElementsAre("live: start", "live: update(early) signal(a) update(late)"));
}

TEST(R46UpdateAdmitted, IsHandledLiveAndKeptForItsAcceptanceInReplay) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  history.UpdateAdmitted("u", "add");
  history.Task();
  const auto accepted = history.UpdateAccepted("u", "", 5);
  history.UpdateCompleted("u", accepted);
  history.OpenTask();
  const auto checked = CheckLiveAndReplay(history.history(), OnUpdate({Accept("u"), Finish("u")}));
  EXPECT_THAT(checked.live.activations, ElementsAre("live: start", "live: update(u)"));
  EXPECT_THAT(checked.replayed.activations,
              ElementsAre("replay: start", "replay: update(u,trusted)"));
}

TEST(R46Update, WithoutItsRequestInHistoryIsAnError) {
  HistoryBuilder history = Delivered();
  history.TaskCompleted();
  history.UpdateAccepted("u", "", 6);
  history.OpenTask();
  EXPECT_THAT(ReplayFailure(history.history(), OnUpdate({Accept("u")})),
              HasSubstr("does not hold"));
}

TEST(R46Message, OfAnUnknownKindFailsTheTask) {
  HistoryBuilder history = Delivered();
  Task task = TaskOf(history.history(), 1, 7, 0);
  auto& message = *task.add_messages();
  message.set_event_id(6);
  message.mutable_body()->set_type_url("type.googleapis.com/some.Other");
  std::vector<std::shared_ptr<Trace>> traces;
  const MakeProgram make = ProgramOf(Reacts({}), &traces);
  const RunOptions options;
  core::Run run(&options, &make);
  EXPECT_THAT(FailureOf(run.StartTask(std::move(task))), HasSubstr("some.Other"));
}

TEST(R47Answers, AreMessagesWithTheirCommandsInPlace) {
  HistoryBuilder history = Delivered();
  history.TaskCompleted();
  history.TimerStarted(1);
  const auto accepted = history.UpdateAccepted("u", "add", 6);
  history.TimerStarted(2);
  history.UpdateCompleted("u", accepted);
  history.OpenTask();
  const auto checked = CheckLiveAndReplay(
      history.history(), OnUpdate({StartTimer(1), Accept("u"), StartTimer(2), Finish("u")}),
      WithRequest(7));
  const Request& request = checked.requests[1];
  EXPECT_EQ(CommandTypes(request), "StartTimer ProtocolMessage StartTimer ProtocolMessage");
  EXPECT_THAT(MessageIds(request), ElementsAre("u/request/accept", "u/request/complete"));
  EXPECT_EQ(request.commands(1).protocol_message_command_attributes().message_id(),
            "u/request/accept");
  EXPECT_EQ(request.commands(3).protocol_message_command_attributes().message_id(),
            "u/request/complete");
  api_update::Acceptance acceptance;
  ASSERT_TRUE(request.messages(0).body().UnpackTo(&acceptance));
  EXPECT_EQ(acceptance.accepted_request_message_id(), "u/request");
  EXPECT_EQ(acceptance.accepted_request_sequencing_event_id(), 6);
  EXPECT_EQ(acceptance.accepted_request().input().name(), "add");
  EXPECT_EQ(acceptance.accepted_request().input().args().payloads(0).data(), "5");
  api_update::Response response;
  ASSERT_TRUE(request.messages(1).body().UnpackTo(&response));
  EXPECT_EQ(response.meta().update_id(), "u");
  EXPECT_EQ(response.outcome().success().payloads(0).data(), "8");
}

TEST(R47Answers, OfALaterTaskComeThen) {
  HistoryBuilder history = Delivered();
  history.TaskCompleted();
  const auto accepted = history.UpdateAccepted("u", "add", 6);
  const auto timer = history.TimerStarted(1);
  history.TimerFired(timer);
  history.Task();
  history.UpdateCompleted("u", accepted);
  history.Completed();
  const auto checked = CheckLiveAndReplay(
      history.history(),
      OnUpdate({Accept("u"), StartTimer(1)}, {{"timer(1)", {Finish("u"), Complete()}}}),
      WithRequest(7));
  EXPECT_THAT(MessageIds(checked.requests[1]), ElementsAre("u/request/accept"));
  EXPECT_THAT(MessageIds(checked.requests[2]), ElementsAre("u/request/complete"));
  EXPECT_EQ(CommandTypes(checked.requests[2]), "ProtocolMessage CompleteWorkflowExecution");
}

TEST(R47Answers, AFailedHandlerCompletesWithItsFailure) {
  HistoryBuilder history = Delivered();
  Failure failure;
  failure.message = "bad sum";
  const detail::Command fails =
      detail::UpdateCompletedCommand{"u", FailurePtr(std::make_shared<const Failure>(failure))};
  const auto checked = CheckLiveAndReplay(history.history(), OnUpdate({Accept("u"), fails}), [] {
    auto options = WithRequest(7);
    options.compare_commands = false;
    return options;
  }());
  api_update::Response response;
  ASSERT_TRUE(checked.requests[1].messages(1).body().UnpackTo(&response));
  EXPECT_EQ(response.outcome().failure().message(), "bad sum");
}

TEST(R47Answers, MustMatchHistory) {
  HistoryBuilder history = Delivered();
  history.TaskCompleted();
  history.UpdateAccepted("u", "add", 6);
  history.OpenTask();
  EXPECT_THAT(ReplayFailure(history.history(), OnUpdate({})),
              HasSubstr("WorkflowExecutionUpdateAccepted (update u)"));
  EXPECT_THAT(ReplayFailure(history.history(), OnUpdate({Reject("u")})),
              HasSubstr("is rejected by workflow code now"));
  EXPECT_THAT(ReplayFailure(history.history(), OnUpdate({Accept("u"), Finish("u")})),
              HasSubstr("> ProtocolMessage (complete update u)"));
}

TEST(R47Answers, OfWorkflowCodeMustMakeSense) {
  const auto fails = [](std::vector<detail::Command> commands) {
    HistoryBuilder history = Delivered();
    Task task = TaskOf(history.history(), 1, 7, 0);
    AddRequest("u", 6, &task);
    std::vector<std::shared_ptr<Trace>> traces;
    const MakeProgram make = ProgramOf(OnUpdate(std::move(commands)), &traces);
    const RunOptions options;
    core::Run run(&options, &make);
    return FailureOf(run.StartTask(std::move(task)));
  };
  EXPECT_THAT(fails({Accept("u"), Accept("u")}), HasSubstr("accepted twice"));
  EXPECT_THAT(fails({Finish("u")}), HasSubstr("completed before it was accepted"));
  EXPECT_THAT(fails({Accept("u"), Reject("u")}), HasSubstr("rejected after it was accepted"));
  EXPECT_THAT(fails({Accept("v")}), HasSubstr("which nobody asked"));
}

// The server keeps a task off history until it is known to have led to something.
TEST(R49Rejection, RollsBackTheTaskThatTheServerDropped) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  const auto timer = history.TimerStarted(1);
  std::vector<std::shared_ptr<Trace>> traces;
  const MakeProgram make =
      ProgramOf(OnUpdate({Reject("u")}, {{"start", {StartTimer(1)}}}), &traces);
  const RunOptions options;
  core::Run run(&options, &make);
  ASSERT_TRUE(
      std::holds_alternative<CompleteTask>(run.StartTask(TaskOf(history.history(), 1, 3, 0))));
  HistoryBuilder speculative = history;
  speculative.OpenTask();  // 6 7
  Task task = TaskOf(speculative.history(), 4, 7, 3);
  AddRequest("u", 6, &task);
  Step step = run.StartTask(std::move(task));
  ASSERT_TRUE(std::holds_alternative<CompleteTask>(step)) << FailureOf(step);
  const auto& request = std::get<CompleteTask>(step).request;
  EXPECT_EQ(request.commands_size(), 0);
  ASSERT_THAT(MessageIds(request), ElementsAre("u/request/reject"));
  api_update::Rejection rejection;
  ASSERT_TRUE(request.messages(0).body().UnpackTo(&rejection));
  EXPECT_EQ(rejection.failure().message(), "no");
  EXPECT_EQ(rejection.rejected_request().input().name(), "add");
  temporal::api::workflowservice::v1::RespondWorkflowTaskCompletedResponse response;
  response.set_reset_history_event_id(3);
  run.TaskAccepted(response);
  EXPECT_EQ(run.last_started_event_id(), 3);
  // Events 6 and 7 come again, and are others.
  history.TimerFired(timer);
  history.OpenTask();
  step = run.StartTask(TaskOf(history.history(), 6, 8, 3));
  ASSERT_TRUE(std::holds_alternative<CompleteTask>(step)) << FailureOf(step);
  EXPECT_THAT(traces[0]->activations,
              ElementsAre("live: start", "live: update(u)", "live: timer(1)"));
  EXPECT_EQ(traces.size(), 1u);
}

}  // namespace
}  // namespace perdure::core
