// R19 to R27, R51 and R62: commands against events.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "worker-sdk/core/test_run.h"

namespace perdure::core {
namespace {

namespace enums = temporal::api::enums::v1;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

detail::Command SignalOther(std::uint32_t seq) {
  detail::SignalExternalCommand command;
  command.seq = seq;
  command.workflow_id = "other";
  command.signal_name = "go";
  return command;
}
detail::Command CancelOther(std::uint32_t seq) {
  detail::RequestCancelExternalCommand command;
  command.seq = seq;
  command.workflow_id = "other";
  return command;
}
detail::Command UpsertKey(const std::string& key) {
  detail::UpsertSearchAttributesCommand command;
  command.search_attributes[key] = {"json/plain", "1"};
  return command;
}
detail::Command UpsertMemo(const std::string& key) {
  detail::UpsertMemoCommand command;
  command.memo[key] = {"json/plain", "1"};
  return command;
}
detail::Command SideEffect(std::int64_t id) {
  return detail::RecordSideEffectCommand{id, {{"json/plain", "7"}}};
}

// A history whose first task leads to one event, and code whose first activation gives one command.
struct Pair {
  std::string name;
  std::vector<detail::Command> commands;
  std::function<void(HistoryBuilder&)> event;
};

std::vector<Pair> Pairs() {
  return {
      {"StartTimer", {StartTimer(1)}, [](auto& h) { h.TimerStarted(1); }},
      {"ScheduleActivityTask",
       {ScheduleActivity(1, "Pay")},
       [](auto& h) { h.ActivityScheduled("1", "Pay"); }},
      {"StartChildWorkflowExecution",
       {StartChild(1, "c")},
       [](auto& h) { h.ChildInitiated("c", "Child"); }},
      {"SignalExternalWorkflowExecution",
       {SignalOther(1)},
       [](auto& h) { h.SignalInitiated("other", "go"); }},
      {"RequestCancelExternalWorkflowExecution",
       {CancelOther(1)},
       [](auto& h) { h.CancelInitiated("other", false); }},
      {"RecordMarker", {SideEffect(1)}, [](auto& h) { h.SideEffect(1, "7"); }},
      {"RecordMarker UpsertWorkflowSearchAttributes",
       {Patch("p")},
       [](auto& h) {
         h.Patch("p");
         h.Versions({"p"});
       }},
      {"UpsertWorkflowSearchAttributes",
       {UpsertKey("K")},
       [](auto& h) { h.SearchAttributesUpserted("K"); }},
      {"ModifyWorkflowProperties", {UpsertMemo("m")}, [](auto& h) { h.MemoUpserted("m"); }},
      {"CompleteWorkflowExecution", {Complete()}, [](auto& h) { h.Completed(); }},
      {"FailWorkflowExecution", {detail::FailWorkflowCommand{}}, [](auto& h) { h.Failed(); }},
      {"CancelWorkflowExecution", {detail::CancelWorkflowCommand{}}, [](auto& h) { h.Canceled(); }},
      {"ContinueAsNewWorkflowExecution",
       {detail::ContinueAsNewCommand{}},
       [](auto& h) { h.ContinuedAsNew(); }},
  };
}

History HistoryOf(const Pair& pair) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  pair.event(history);
  return history.history();
}

TEST(R19Commands, MatchTheEventOfTheirKind) {
  for (const Pair& pair : Pairs()) {
    SCOPED_TRACE(pair.name);
    const auto checked = CheckLiveAndReplay(HistoryOf(pair), Reacts({{"start", pair.commands}}));
    ASSERT_EQ(checked.requests.size(), 1u);
    EXPECT_EQ(CommandTypes(checked.requests[0]), pair.name);
  }
}

TEST(R19Commands, MatchNoOtherKind) {
  const auto pairs = Pairs();
  for (const Pair& history : pairs) {
    for (const Pair& code : pairs) {
      if (&history == &code || code.name.find("Marker Upsert") != std::string::npos) continue;
      SCOPED_TRACE(history.name + " by " + code.name);
      std::vector<std::shared_ptr<Trace>> traces;
      const auto result = ReplayHistory(HistoryOf(history), {},
                                        ProgramOf(Reacts({{"start", code.commands}}), &traces));
      EXPECT_TRUE(result.is_nondeterminism) << result.message;
    }
  }
}

TEST(R19Commands, AMissingOneIsFound) {
  for (const Pair& pair : Pairs()) {
    EXPECT_THAT(ReplayFailure(HistoryOf(pair), Reacts({})), HasSubstr("left its history"))
        << pair.name;
  }
}

TEST(R19Commands, AnExtraOneIsFoundAtTheEndOfTheTask) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  history.TimerStarted(1);
  history.Signaled("a");
  history.OpenTask();
  const std::string message = ReplayFailure(
      history.history(), Reacts({{"start", {StartTimer(1), ScheduleActivity(2, "Pay")}}}));
  EXPECT_THAT(message, HasSubstr("gave a command that history has no event for"));
  EXPECT_THAT(message, HasSubstr("> ScheduleActivityTask (activity_id 2, type Pay)"));
}

TEST(R19Commands, MayHaveOtherEventsBetweenThem) {
  // A canceled activity that no worker had is closed at once, before the next command's event.
  HistoryBuilder history;
  history.Start();
  history.Task();
  const auto activity = history.ActivityScheduled("1", "Pay");
  history.Signaled("stop");
  history.Task();
  history.ActivityCancelRequested(activity);
  history.ActivityCanceled(activity);
  history.TimerStarted(2);
  history.OpenTask();
  CheckLiveAndReplay(history.history(),
                     Reacts({{"start", {ScheduleActivity(1, "Pay")}},
                             {"signal(stop)", {CancelActivity(1), StartTimer(2)}}}));
}

TEST(R20Attributes, IdsAndTypesMustMatch) {
  const auto fails = [](std::vector<detail::Command> commands,
                        std::function<void(HistoryBuilder&)> event) {
    return ReplayFailure(HistoryOf({"", {}, std::move(event)}),
                         Reacts({{"start", std::move(commands)}}));
  };
  EXPECT_NE(fails({StartTimer(1)}, [](auto& h) { h.TimerStarted(2); }), "");
  EXPECT_NE(fails({ScheduleActivity(1, "Pay")}, [](auto& h) { h.ActivityScheduled("1", "Ship"); }),
            "");
  EXPECT_NE(fails({ScheduleActivity(1, "Pay")}, [](auto& h) { h.ActivityScheduled("2", "Pay"); }),
            "");
  EXPECT_NE(fails({StartChild(1, "c")}, [](auto& h) { h.ChildInitiated("d", "Child"); }), "");
  EXPECT_NE(fails({StartChild(1, "c")}, [](auto& h) { h.ChildInitiated("c", "Other"); }), "");
  EXPECT_NE(fails({SideEffect(1)}, [](auto& h) { h.SideEffect(2, "7"); }), "");
  EXPECT_NE(fails({UpsertKey("K")}, [](auto& h) { h.SearchAttributesUpserted("L"); }), "");
}

TEST(R20Attributes, AreNotCheckedWhereHistoryHasNoFlagForIt) {
  History history = HistoryOf({"", {}, [](auto& h) { h.ActivityScheduled("1", "Ship"); }});
  history.mutable_events(3)
      ->mutable_workflow_task_completed_event_attributes()
      ->clear_sdk_metadata();
  EXPECT_EQ(ReplayFailure(history, Reacts({{"start", {ScheduleActivity(1, "Pay")}}})), "");
}

TEST(R21LaterEvents, FindTheirOperationByItsEvent) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  const auto one = history.TimerStarted(1);
  const auto two = history.TimerStarted(2);
  history.TimerFired(two);
  history.Task();
  history.TimerFired(one);
  history.OpenTask();
  const auto checked =
      CheckLiveAndReplay(history.history(), Reacts({{"start", {StartTimer(1), StartTimer(2)}}}));
  EXPECT_THAT(checked.live.activations,
              ElementsAre("live: start", "live: timer(2)", "live: timer(1)"));
}

TEST(R21LaterEvents, AboutNothingAreNondeterminism) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  history.ActivityCompleted(4, "1");
  history.OpenTask();
  EXPECT_THAT(ReplayFailure(history.history(), Reacts({})), HasSubstr("5 ActivityTaskCompleted"));
}

TEST(R22FireAndForget, NeverResolves) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  history.SideEffect(1, "7");
  history.SearchAttributesUpserted("K");
  history.MemoUpserted("m");
  history.Signaled("a");
  history.OpenTask();
  const auto checked = CheckLiveAndReplay(
      history.history(), Reacts({{"start", {SideEffect(1), UpsertKey("K"), UpsertMemo("m")}}}));
  EXPECT_THAT(checked.live.activations, ElementsAre("live: start", "live: signal(a)"));
}

TEST(R23CancelBeforeSend, SendsNothing) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  history.TimerStarted(5);
  history.OpenTask();
  detail::CancelSignalExternalCommand cancel_signal{4};
  const auto checked = CheckLiveAndReplay(
      history.history(), Reacts({{"start",
                                  {StartTimer(1), CancelTimer(1), ScheduleActivity(2, "Pay"),
                                   CancelActivity(2), StartChild(3, "c"), CancelChild(3),
                                   SignalOther(4), cancel_signal, StartTimer(5)}}}));
  EXPECT_EQ(CommandTypes(checked.requests[0]), "StartTimer");
  // All but the timer are told at once, in a second activation of the same task.
  EXPECT_THAT(checked.live.activations,
              ElementsAre("live: start",
                          "live: activity(2,canceled) child_start(3,failed) signaled(4,failed)"));
}

TEST(R23CancelBeforeSend, AlsoInALaterActivationOfTheTask) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  history.OpenTask();
  const auto checked = CheckLiveAndReplay(
      history.history(),
      Reacts({{"start", {StartTimer(1), ScheduleActivity(2, "Pay"), CancelActivity(2)}},
              {"activity(2,canceled)", {CancelTimer(1)}}}));
  EXPECT_EQ(CommandTypes(checked.requests[0]), "");
}

// Changed code that comes to the same commands follows the history of the code before.
TEST(R62Commands, AndTheirOrderAreAllThatMustBeTheSame) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  const auto activity = history.ActivityScheduled("2", "Pay");
  const auto timer = history.TimerStarted(5);
  history.ActivityCompleted(activity, "1");
  history.TimerFired(timer);
  history.OpenTask();
  const auto fails = [&](std::vector<detail::Command> first) {
    return ReplayFailure(history.history(), Reacts({{"start", std::move(first)}}));
  };
  EXPECT_EQ(fails({ScheduleActivity(2, "Pay"), StartTimer(5)}), "");
  // Operations of other kinds on the way, which nobody hears of.
  EXPECT_EQ(fails({StartTimer(1), ScheduleActivity(2, "Pay"), StartChild(3, "c"), CancelTimer(1),
                   CancelChild(3), StartTimer(5)}),
            "");
  // One that waits for the cancel, in place of one that does not.
  EXPECT_EQ(fails({ScheduleActivity(2, "Pay", detail::ActivityCancellation::wait_completed),
                   StartTimer(5)}),
            "");
  EXPECT_NE(fails({StartTimer(5), ScheduleActivity(2, "Pay")}), "");
  EXPECT_NE(fails({ScheduleActivity(2, "Pay"), StartTimer(5), StartTimer(6)}), "");
}

TEST(R24TimerCancel, IsFinalAtOnce) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  const auto timer = history.TimerStarted(1);
  history.Signaled("stop");
  history.Task();
  history.TimerCanceled(timer);
  history.TimerFired(timer);
  history.Signaled("more");
  history.OpenTask();
  const auto checked = CheckLiveAndReplay(
      history.history(), Reacts({{"start", {StartTimer(1)}}, {"signal(stop)", {CancelTimer(1)}}}));
  EXPECT_THAT(checked.live.activations,
              ElementsAre("live: start", "live: signal(stop)", "live: signal(more)"));
  EXPECT_EQ(CommandTypes(checked.requests[1]), "CancelTimer");
  EXPECT_EQ(checked.requests[1].commands(0).cancel_timer_command_attributes().timer_id(), "1");
}

TEST(R25TerminalCommand, GoesLastAndOnlyOnce) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  history.TimerStarted(1);
  history.TimerStarted(2);
  history.Completed();
  const auto checked = CheckLiveAndReplay(
      history.history(),
      Reacts(
          {{"start", {StartTimer(1), Complete(), StartTimer(2), detail::FailWorkflowCommand{}}}}));
  EXPECT_EQ(CommandTypes(checked.requests[0]), "StartTimer StartTimer CompleteWorkflowExecution");
}

TEST(R25TerminalCommand, EndsTheListInHistoriesOfBeforeTheFlag) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  history.TimerStarted(1);
  history.Completed();
  History old = history.history();
  auto& metadata = *old.mutable_events(3)
                        ->mutable_workflow_task_completed_event_attributes()
                        ->mutable_sdk_metadata();
  metadata.clear_core_used_flags();
  EXPECT_EQ(ReplayFailure(old, Reacts({{"start", {StartTimer(1), Complete(), StartTimer(2)}}})),
            "");
}

TEST(R25TerminalCommand, LeavesNobodyToBeTold) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  const auto activity = history.ActivityScheduled("1", "Pay");
  history.Signaled("stop");
  history.Task();
  history.ActivityCancelRequested(activity);
  history.Completed();
  const auto checked = CheckLiveAndReplay(
      history.history(), Reacts({{"start", {ScheduleActivity(1, "Pay")}},
                                 {"signal(stop)", {CancelActivity(1), Complete()}}}));
  EXPECT_THAT(checked.live.activations, ElementsAre("live: start", "live: signal(stop)"));
}

TEST(R27ContinueAsNew, TakesOverWhatIsNotGiven) {
  HistoryBuilder builder;
  builder.Start();
  builder.Task();
  builder.MemoUpserted("m");
  builder.SearchAttributesUpserted("K");
  builder.ContinuedAsNew();
  History history = builder.history();
  auto& attributes =
      *history.mutable_events(0)->mutable_workflow_execution_started_event_attributes();
  *attributes.mutable_memo() = MemoToApi({{"first", {"json/plain", "1"}}});
  *attributes.mutable_search_attributes() = SearchAttributesToApi({{"S", {"json/plain", "1"}}});
  attributes.mutable_retry_policy()->set_maximum_attempts(3);
  CheckOptions options;
  options.run.task_queue = "queue";
  const auto checked = CheckLiveAndReplay(
      history,
      Reacts({{"start", {UpsertMemo("m"), UpsertKey("K"), detail::ContinueAsNewCommand{}}}}),
      options);
  const auto& command =
      checked.requests[0].commands(2).continue_as_new_workflow_execution_command_attributes();
  EXPECT_EQ(command.workflow_type().name(), "Test");
  EXPECT_EQ(command.task_queue().name(), "queue");
  EXPECT_EQ(command.memo().fields_size(), 2);
  EXPECT_EQ(command.search_attributes().indexed_fields_size(), 2);
  EXPECT_EQ(command.retry_policy().maximum_attempts(), 3);
}

TEST(R27ContinueAsNew, KeepsWhatIsGiven) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  history.ContinuedAsNew();
  detail::ContinueAsNewCommand command;
  command.workflow_type = "Next";
  command.task_queue = "elsewhere";
  command.memo = PayloadMap{};
  command.run_timeout = std::chrono::seconds(9);
  command.initial_versioning_behavior = detail::VersioningBehavior::auto_upgrade;
  const auto checked = CheckLiveAndReplay(history.history(), Reacts({{"start", {command}}}));
  const auto& sent =
      checked.requests[0].commands(0).continue_as_new_workflow_execution_command_attributes();
  EXPECT_EQ(sent.workflow_type().name(), "Next");
  EXPECT_EQ(sent.task_queue().name(), "elsewhere");
  EXPECT_FALSE(sent.has_memo());
  EXPECT_EQ(sent.workflow_run_timeout().seconds(), 9);
  EXPECT_EQ(sent.initial_versioning_behavior(),
            enums::CONTINUE_AS_NEW_VERSIONING_BEHAVIOR_AUTO_UPGRADE);
}

TEST(Commands, CarryWhatWorkflowCodeGave) {
  detail::ScheduleActivityCommand activity;
  activity.seq = 1;
  activity.activity_type = "Pay";
  activity.task_queue = "other";
  activity.input = {{"json/plain", "5"}};
  activity.headers["h"] = {"json/plain", "1"};
  activity.start_to_close = std::chrono::seconds(3);
  activity.heartbeat = std::chrono::seconds(1);
  activity.retry_policy = detail::RetryPolicyData{};
  activity.retry_policy->maximum_attempts = 2;
  activity.priority.priority_key = 4;
  activity.metadata.summary = "say \"hi\"";
  detail::StartTimerCommand timer;
  timer.seq = 2;
  timer.duration = std::chrono::seconds(-5);
  HistoryBuilder history;
  history.Start();
  history.Task();
  history.ActivityScheduled("1", "Pay");
  history.TimerStarted(2);
  history.OpenTask();
  const auto checked =
      CheckLiveAndReplay(history.history(), Reacts({{"start", {activity, timer}}}));
  const auto& sent = checked.requests[0].commands(0);
  const auto& attributes = sent.schedule_activity_task_command_attributes();
  EXPECT_EQ(attributes.activity_id(), "1");
  EXPECT_EQ(attributes.task_queue().name(), "other");
  EXPECT_EQ(attributes.input().payloads(0).data(), "5");
  EXPECT_EQ(attributes.header().fields_size(), 1);
  EXPECT_EQ(attributes.start_to_close_timeout().seconds(), 3);
  EXPECT_EQ(attributes.heartbeat_timeout().seconds(), 1);
  EXPECT_FALSE(attributes.has_schedule_to_close_timeout());
  EXPECT_EQ(attributes.retry_policy().maximum_attempts(), 2);
  EXPECT_EQ(attributes.priority().priority_key(), 4);
  EXPECT_TRUE(attributes.request_eager_execution());
  EXPECT_EQ(sent.user_metadata().summary().data(), "\"say \\\"hi\\\"\"");
  EXPECT_EQ(checked.requests[0]
                .commands(1)
                .start_timer_command_attributes()
                .start_to_fire_timeout()
                .seconds(),
            0);
}

TEST(NondeterminismReport, ShowsBothSidesTheirNeighboursAndAWayOut) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  history.TimerStarted(1);
  history.ActivityScheduled("2", "Ship");
  history.Signaled("later");
  history.OpenTask();
  const std::string message = ReplayFailure(
      history.history(),
      Reacts({{"start", {StartTimer(1), ScheduleActivity(2, "Pay"), StartChild(3, "c")}}}));
  EXPECT_EQ(message,
            "workflow Test (workflow, run run) left its history: it is not the one that workflow "
            "code asked for\n"
            "  history: 6 ActivityTaskScheduled (activity_id 2, type Ship)\n"
            "  code:    ScheduleActivityTask (activity_id 2, type Pay)\n"
            "History around it:\n"
            "    3 WorkflowTaskStarted\n"
            "    4 WorkflowTaskCompleted\n"
            "    5 TimerStarted (timer_id 1)\n"
            "  > 6 ActivityTaskScheduled (activity_id 2, type Ship)\n"
            "    7 WorkflowExecutionSignaled (signal later)\n"
            "    8 WorkflowTaskScheduled\n"
            "    9 WorkflowTaskStarted\n"
            "Commands of the code from there:\n"
            "  > ScheduleActivityTask (activity_id 2, type Pay)\n"
            "    StartChildWorkflowExecution (workflow_id c, type Child)\n"
            "If the code was changed on purpose, keep the old way for runs that began before: `if "
            "(workflow::patched(\"what-changed\")) { the new way } else { the old way }`.");
}

TEST(R51Nondeterminism, FailsTheTaskOrTheRunAsConfigured) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  history.TimerStarted(1);
  history.OpenTask();
  std::vector<std::shared_ptr<Trace>> traces;
  const MakeProgram make = ProgramOf(Reacts({}), &traces);
  RunOptions options;
  core::Run run(&options, &make);
  const Step step = run.StartTask(TaskOf(history.history(), 1, 7, 3));
  ASSERT_TRUE(std::holds_alternative<FailTask>(step));
  EXPECT_EQ(std::get<FailTask>(step).cause,
            enums::WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR);
  options.nondeterminism_fails_run = true;
  core::Run other(&options, &make);
  const Step failed = other.StartTask(TaskOf(history.history(), 1, 7, 3));
  ASSERT_TRUE(std::holds_alternative<CompleteTask>(failed));
  EXPECT_EQ(CommandTypes(std::get<CompleteTask>(failed).request), "FailWorkflowExecution");
  EXPECT_TRUE(std::get<CompleteTask>(failed).closes_run);
}

TEST(R51TaskFailure, IsPassedOnWhole) {
  HistoryBuilder history;
  history.Start();
  history.OpenTask();
  for (const bool nondeterminism : {false, true}) {
    const MakeScript script = [nondeterminism]() -> Script {
      return [nondeterminism](detail::Activation&, detail::Completion* completion) {
        Failure failure;
        failure.message = "broken";
        failure.stack_trace = "here";
        completion->task_failure = std::make_shared<const Failure>(failure);
        completion->is_nondeterminism = nondeterminism;
      };
    };
    std::vector<std::shared_ptr<Trace>> traces;
    const MakeProgram make = ProgramOf(script, &traces);
    const RunOptions options;
    core::Run run(&options, &make);
    const Step step = run.StartTask(TaskOf(history.history(), 1, 3, 0));
    ASSERT_TRUE(std::holds_alternative<FailTask>(step));
    EXPECT_EQ(std::get<FailTask>(step).failure.message(), "broken");
    EXPECT_EQ(std::get<FailTask>(step).failure.stack_trace(), "here");
    EXPECT_EQ(std::get<FailTask>(step).cause,
              nondeterminism ? enums::WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR
                             : enums::WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE);
  }
}

}  // namespace
}  // namespace perdure::core
