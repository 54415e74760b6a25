// R38 to R45: local activities.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "worker-sdk/core/markers.h"
#include "worker-sdk/core/test_run.h"

namespace perdure::core {
namespace {

using namespace std::chrono_literals;
using detail::ActivityCancellation;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A run and its server, step by step.
struct Live {
  std::vector<std::shared_ptr<Trace>> traces;
  RunOptions options;
  MakeProgram make;
  core::Run run;
  explicit Live(MakeScript script)
      : make(ProgramOf(std::move(script), &traces)), run(&options, &make) {}
  const std::vector<std::string>& activations() const { return traces.back()->activations; }
};

LocalActivityOutcome Outcome(std::uint32_t seq, detail::OperationResult result,
                             Nanos run_time = 0s) {
  LocalActivityOutcome outcome;
  outcome.seq = seq;
  outcome.result = std::move(result);
  outcome.run_time = run_time;
  return outcome;
}
detail::OperationResult Completed(const std::string& json) {
  return detail::CompletedResult{Payload{"json/plain", json}};
}
std::vector<std::uint32_t> Started(const Step& step) {
  std::vector<std::uint32_t> seqs;
  for (const auto& call : std::get<RunLocalActivities>(step).start)
    seqs.push_back(call.command.seq);
  return seqs;
}
// The events that a completion's commands lead to, put behind a history.
void Record(const Request& request, HistoryBuilder* history) {
  for (const auto& command : request.commands()) {
    if (command.has_record_marker_command_attributes()) {
      auto& event = history->Add(temporal::api::enums::v1::EVENT_TYPE_MARKER_RECORDED);
      const auto& from = command.record_marker_command_attributes();
      event.mutable_marker_recorded_event_attributes()->set_marker_name(from.marker_name());
      *event.mutable_marker_recorded_event_attributes()->mutable_details() = from.details();
      if (from.has_failure())
        *event.mutable_marker_recorded_event_attributes()->mutable_failure() = from.failure();
    } else if (command.has_start_timer_command_attributes()) {
      auto& event = history->Add(temporal::api::enums::v1::EVENT_TYPE_TIMER_STARTED);
      event.mutable_timer_started_event_attributes()->set_timer_id(
          command.start_timer_command_attributes().timer_id());
    } else if (command.has_complete_workflow_execution_command_attributes()) {
      history->Completed();
    } else {
      FAIL() << command.ShortDebugString();
    }
  }
}

HistoryBuilder FirstTask() {
  HistoryBuilder history;
  history.Start();
  history.OpenTask();
  return history;
}

TEST(R38Marker, HoldsWhatTheCoreOfTemporalReads) {
  HistoryBuilder history = FirstTask();
  Live live(Reacts({{"start", {ScheduleLocal(1, "Load")}}}));
  Step step = live.run.StartTask(TaskOf(history.history(), 1, 3, 0));
  EXPECT_THAT(Started(step), ElementsAre(1));
  step = live.run.ResolveLocalActivity(Outcome(1, Completed("42"), 5s));
  ASSERT_TRUE(std::holds_alternative<CompleteTask>(step));
  const auto& marker =
      std::get<CompleteTask>(step).request.commands(0).record_marker_command_attributes();
  EXPECT_EQ(marker.marker_name(), "core_local_activity");
  EXPECT_EQ(marker.details().at("data").payloads(0).data(),
            "{\"seq\":1,\"attempt\":1,\"activity_id\":\"1\",\"activity_type\":\"Load\","
            "\"complete_time\":{\"seconds\":1700000008,\"nanos\":0},\"backoff\":null,"
            "\"original_schedule_time\":{\"seconds\":1700000003,\"nanos\":0}}");
  EXPECT_EQ(marker.details().at("result").payloads(0).data(), "42");
  EXPECT_FALSE(marker.has_failure());
}

TEST(R38Marker, IsReadAsItIsWritten) {
  LocalActivityMarker marker;
  marker.seq = 4;
  marker.attempt = 3;
  marker.activity_id = "id \"quoted\"";
  marker.activity_type = "Load";
  marker.complete_time = Timestamp(1'700'000'000'123'456'789ns);
  marker.backoff = 90s + 5ns;
  marker.original_schedule_time = Timestamp(1'600'000'000'000'000'001ns);
  MarkerCommand command;
  Write(marker, &command);
  MarkerEvent event;
  *event.mutable_details() = command.details();
  const auto back = ReadLocalActivity(event);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->seq, 4u);
  EXPECT_EQ(back->attempt, 3);
  EXPECT_EQ(back->activity_id, marker.activity_id);
  EXPECT_EQ(back->complete_time, marker.complete_time);
  EXPECT_EQ(back->backoff, marker.backoff);
  EXPECT_EQ(back->original_schedule_time, marker.original_schedule_time);
}

TEST(R39LocalActivity, StandsWhereItWasResolvedAndReplaysInTheSameActivation) {
  HistoryBuilder history = FirstTask();
  const auto script = Reacts({{"start", {ScheduleLocal(1, "Load"), StartTimer(2)}},
                              {"local(1,completed)", {StartTimer(3)}}});
  Live live(script);
  (void)live.run.StartTask(TaskOf(history.history(), 1, 3, 0));
  const Step step = live.run.ResolveLocalActivity(Outcome(1, Completed("1")));
  ASSERT_TRUE(std::holds_alternative<CompleteTask>(step));
  const auto& request = std::get<CompleteTask>(step).request;
  EXPECT_EQ(CommandTypes(request), "StartTimer RecordMarker StartTimer");
  history.TaskCompleted();
  Record(request, &history);
  history.OpenTask();
  EXPECT_THAT(live.activations(), ElementsAre("live: start", "live: local(1,completed)"));
  std::vector<std::shared_ptr<Trace>> traces;
  ReplayOptions options;
  options.at_every_task = true;
  const auto result = ReplayHistory(history.history(), options, ProgramOf(script, &traces));
  EXPECT_TRUE(result.ok) << result.message;
  EXPECT_THAT(traces.back()->activations,
              ElementsAre("replay: start", "replay: local(1,completed)"));
  EXPECT_EQ(traces.back()->commands, live.traces[0]->commands);
  // The run itself goes on with what it remembers.
  const Step next = live.run.StartTask(TaskOf(history.history(), 4, history.last_id(), 3));
  EXPECT_TRUE(std::holds_alternative<CompleteTask>(next)) << FailureOf(next);
}

TEST(R39LocalActivity, IsRunAgainWhereNobodyRecordedIt) {
  // A worker died after a heartbeat; another one takes the run over.
  HistoryBuilder history = FirstTask();
  history.TaskCompleted();
  history.TimerStarted(2);
  history.OpenTask();
  Live live(Reacts({{"start", {ScheduleLocal(1, "Load"), StartTimer(2)}}}));
  const Step step = live.run.StartTask(TaskOf(history.history(), 1, history.last_id(), 3));
  ASSERT_TRUE(std::holds_alternative<RunLocalActivities>(step)) << step.index() << FailureOf(step);
  EXPECT_THAT(Started(step), ElementsAre(1));
  EXPECT_THAT(live.activations(), ElementsAre("replay: start"));
  const Step done = live.run.ResolveLocalActivity(Outcome(1, Completed("1")));
  ASSERT_TRUE(std::holds_alternative<CompleteTask>(done));
  EXPECT_EQ(CommandTypes(std::get<CompleteTask>(done).request), "RecordMarker");
}

TEST(R39LocalActivity, ResolvesFromAMarkerFurtherAhead) {
  HistoryBuilder history = FirstTask();
  history.TaskCompleted();
  history.TimerStarted(2);
  history.Signaled("a");
  history.Task();
  history.LocalActivity(1, "Load", "1");
  history.OpenTask();
  std::vector<std::shared_ptr<Trace>> traces;
  const auto script = Reacts({{"start", {ScheduleLocal(1, "Load"), StartTimer(2)}}});
  const auto result = ReplayHistory(history.history(), {}, ProgramOf(script, &traces));
  EXPECT_TRUE(result.ok) << result.message;
  EXPECT_THAT(traces[0]->activations,
              ElementsAre("replay: start", "replay: signal(a)", "replay: local(1,completed)"));
}

TEST(R39LocalActivity, MustBeTheOneThatHistoryNames) {
  HistoryBuilder history = FirstTask();
  history.TaskCompleted();
  history.LocalActivity(1, "Load", "1");
  history.OpenTask();
  EXPECT_THAT(ReplayFailure(history.history(), Reacts({})),
              HasSubstr("core_local_activity seq 1 type Load"));
  EXPECT_THAT(ReplayFailure(history.history(), Reacts({{"start", {ScheduleLocal(1, "Save")}}})),
              HasSubstr("runs local activity 1 of type Save"));
}

TEST(R40Time, MovesToTheEndOfALocalActivity) {
  HistoryBuilder history = FirstTask();
  const auto script = Reacts({{"start", {ScheduleLocal(1, "Load")}}});
  Live live(script);
  (void)live.run.StartTask(TaskOf(history.history(), 1, 3, 0));
  const Step step = live.run.ResolveLocalActivity(Outcome(1, Completed("1"), 7s));
  const Timestamp begin = live.traces[0]->seen[0].now;
  EXPECT_EQ(live.traces[0]->seen[1].now, begin + 7s);
  history.TaskCompleted();
  Record(std::get<CompleteTask>(step).request, &history);
  history.OpenTask();
  std::vector<std::shared_ptr<Trace>> traces;
  EXPECT_TRUE(ReplayHistory(history.history(), {}, ProgramOf(script, &traces)).ok);
  EXPECT_EQ(traces[0]->seen[1].now, begin + 7s);
}

TEST(R41Heartbeat, CompletesWithWhatThereIsAndGoesOn) {
  HistoryBuilder history = FirstTask();
  const auto script =
      Reacts({{"start", {ScheduleLocal(1, "Load"), ScheduleLocal(2, "Load"), StartTimer(3)}}});
  Live live(script);
  Step step = live.run.StartTask(TaskOf(history.history(), 1, 3, 0));
  EXPECT_THAT(Started(step), ElementsAre(1, 2));
  EXPECT_EQ(live.run.task_timeout(), 10s);
  step = live.run.ResolveLocalActivity(Outcome(1, Completed("1")));
  ASSERT_TRUE(std::holds_alternative<RunLocalActivities>(step));
  EXPECT_THAT(Started(step), ElementsAre()) << "the other one runs on";
  step = live.run.HeartbeatDue();
  ASSERT_TRUE(std::holds_alternative<CompleteTask>(step));
  EXPECT_TRUE(std::get<CompleteTask>(step).is_heartbeat);
  EXPECT_TRUE(std::get<CompleteTask>(step).request.force_create_new_workflow_task());
  EXPECT_EQ(CommandTypes(std::get<CompleteTask>(step).request), "StartTimer RecordMarker");
  EXPECT_TRUE(live.run.has_local_activities());
  history.TaskCompleted();
  Record(std::get<CompleteTask>(step).request, &history);
  history.OpenTask();
  // A task that brings nothing activates nobody.
  step = live.run.StartTask(TaskOf(history.history(), 4, history.last_id(), 3));
  ASSERT_TRUE(std::holds_alternative<RunLocalActivities>(step)) << FailureOf(step);
  EXPECT_THAT(Started(step), ElementsAre());
  EXPECT_THAT(live.activations(), ElementsAre("live: start", "live: local(1,completed)"));
  // A heartbeat that carries nothing at all.
  step = live.run.HeartbeatDue();
  EXPECT_EQ(CommandTypes(std::get<CompleteTask>(step).request), "");
  // The outcome comes between two tasks and waits for the next.
  const std::int64_t last = history.last_id();
  history.TaskCompleted();
  history.OpenTask();
  step = live.run.ResolveLocalActivity(Outcome(2, Completed("2")));
  ASSERT_TRUE(std::holds_alternative<RunLocalActivities>(step));
  EXPECT_EQ(live.activations().size(), 2u);
  step = live.run.StartTask(TaskOf(history.history(), last + 1, history.last_id(), last));
  ASSERT_TRUE(std::holds_alternative<CompleteTask>(step)) << FailureOf(step);
  EXPECT_EQ(CommandTypes(std::get<CompleteTask>(step).request), "RecordMarker");
  EXPECT_FALSE(std::get<CompleteTask>(step).request.force_create_new_workflow_task());
  history.TaskCompleted();
  Record(std::get<CompleteTask>(step).request, &history);
  history.OpenTask();
  std::vector<std::shared_ptr<Trace>> traces;
  ReplayOptions options;
  options.at_every_task = true;
  const auto result = ReplayHistory(history.history(), options, ProgramOf(script, &traces));
  EXPECT_TRUE(result.ok) << result.message;
  EXPECT_EQ(traces.back()->commands, live.traces[0]->commands);
}

TEST(R42Backoff, IsATimerAndAnotherAttempt) {
  const MakeScript script = []() -> Script {
    return [](detail::Activation& activation, detail::Completion* completion) {
      for (const auto& job : activation.jobs) {
        if (std::holds_alternative<detail::StartWorkflowJob>(job))
          completion->commands.push_back(ScheduleLocal(1, "Load"));
        if (const auto* resolve = std::get_if<detail::ResolveActivityJob>(&job)) {
          if (const auto* backoff = std::get_if<detail::BackoffResult>(&resolve->result)) {
            EXPECT_EQ(backoff->attempt, 4);
            EXPECT_EQ(backoff->duration, 90s);
            completion->commands.push_back(StartTimer(2));
          }
        }
        if (std::holds_alternative<detail::FireTimerJob>(job)) {
          auto again = std::get<detail::ScheduleLocalActivityCommand>(ScheduleLocal(3, "Load"));
          again.attempt = 4;
          again.original_schedule_time = Timestamp(1'700'000'003s);
          completion->commands.emplace_back(again);
        }
      }
    };
  };
  HistoryBuilder history = FirstTask();
  Live live(script);
  (void)live.run.StartTask(TaskOf(history.history(), 1, 3, 0));
  LocalActivityOutcome outcome =
      Outcome(1, detail::BackoffResult{4, 90s, Timestamp(1'700'000'003s)});
  outcome.attempt = 3;
  Step step = live.run.ResolveLocalActivity(outcome);
  ASSERT_TRUE(std::holds_alternative<CompleteTask>(step));
  EXPECT_EQ(CommandTypes(std::get<CompleteTask>(step).request), "RecordMarker StartTimer");
  history.TaskCompleted();
  Record(std::get<CompleteTask>(step).request, &history);
  history.TimerFired(history.last_id());
  history.OpenTask();
  step = live.run.StartTask(TaskOf(history.history(), 4, history.last_id(), 3));
  ASSERT_TRUE(std::holds_alternative<RunLocalActivities>(step)) << FailureOf(step);
  const auto& call = std::get<RunLocalActivities>(step).start.at(0);
  EXPECT_EQ(call.command.attempt, 4);
  EXPECT_EQ(call.original_schedule_time, Timestamp(1'700'000'003s));
  std::vector<std::shared_ptr<Trace>> traces;
  const auto result = ReplayHistory(history.history(), {}, ProgramOf(script, &traces));
  EXPECT_TRUE(result.ok) << result.message;
  EXPECT_EQ(traces[0]->commands, live.traces[0]->commands);
}

TEST(R43Cancel, ResolvesAtOnceAndIsRecorded) {
  for (const auto cancellation :
       {ActivityCancellation::try_cancel, ActivityCancellation::abandon}) {
    HistoryBuilder history = FirstTask();
    const auto script =
        Reacts({{"start", {ScheduleLocal(1, "Load", cancellation), ScheduleLocal(2, "Load")}},
                {"local(2,completed)", {CancelLocalActivity(1)}},
                {"local(1,canceled)", {Complete()}}});
    Live live(script);
    (void)live.run.StartTask(TaskOf(history.history(), 1, 3, 0));
    const Step step = live.run.ResolveLocalActivity(Outcome(2, Completed("2")));
    ASSERT_TRUE(std::holds_alternative<CompleteTask>(step)) << step.index();
    EXPECT_EQ(CommandTypes(std::get<CompleteTask>(step).request),
              "RecordMarker RecordMarker CompleteWorkflowExecution");
    history.TaskCompleted();
    Record(std::get<CompleteTask>(step).request, &history);
    std::vector<std::shared_ptr<Trace>> traces;
    const auto result = ReplayHistory(history.history(), {}, ProgramOf(script, &traces));
    EXPECT_TRUE(result.ok) << result.message;
    // Its late end is nobody's business.
    EXPECT_TRUE(std::holds_alternative<RunLocalActivities>(
        live.run.ResolveLocalActivity(Outcome(1, Completed("1")))));
  }
}

TEST(R43Cancel, TellsTheWorkerAndWaitsWhereAskedTo) {
  HistoryBuilder history = FirstTask();
  Live live(Reacts(
      {{"start",
        {ScheduleLocal(1, "Load", ActivityCancellation::wait_completed), ScheduleLocal(2, "Load")}},
       {"local(2,completed)", {CancelLocalActivity(1)}}}));
  (void)live.run.StartTask(TaskOf(history.history(), 1, 3, 0));
  Step step = live.run.ResolveLocalActivity(Outcome(2, Completed("2")));
  ASSERT_TRUE(std::holds_alternative<RunLocalActivities>(step));
  EXPECT_THAT(std::get<RunLocalActivities>(step).canceled, ElementsAre(1));
  step = live.run.ResolveLocalActivity(Outcome(1, detail::CanceledResult{}));
  ASSERT_TRUE(std::holds_alternative<CompleteTask>(step));
  EXPECT_THAT(live.activations(),
              ElementsAre("live: start", "live: local(2,completed)", "live: local(1,canceled)"));
}

TEST(R43Cancel, BeforeItWasStartedRunsNothing) {
  HistoryBuilder history = FirstTask();
  Live live(Reacts({{"start",
                     {ScheduleLocal(1, "Load", ActivityCancellation::wait_completed),
                      CancelLocalActivity(1)}}}));
  const Step step = live.run.StartTask(TaskOf(history.history(), 1, 3, 0));
  ASSERT_TRUE(std::holds_alternative<CompleteTask>(step));
  EXPECT_EQ(CommandTypes(std::get<CompleteTask>(step).request), "RecordMarker");
  EXPECT_THAT(live.activations(), ElementsAre("live: start", "live: local(1,canceled)"));
}

// Queries are answered with the completion, when nothing is waiting to be told; so no resolution is
// ever held back by one.
TEST(R44Query, WaitsForTheLocalActivitiesOfItsTask) {
  HistoryBuilder history = FirstTask();
  Live live(Reacts({{"start", {ScheduleLocal(1, "Load")}}}));
  Task task = TaskOf(history.history(), 1, 3, 0);
  (*task.mutable_queries())["q"].set_query_type("status");
  Step step = live.run.StartTask(std::move(task));
  ASSERT_TRUE(std::holds_alternative<RunLocalActivities>(step));
  step = live.run.ResolveLocalActivity(Outcome(1, Completed("1")));
  EXPECT_EQ(std::get<CompleteTask>(step).request.query_results_size(), 1);
  EXPECT_THAT(live.activations(),
              ElementsAre("live: start", "live: local(1,completed)", "replay: query(status)"));
}

TEST(R45TerminalCommand, DropsOnesThatRun) {
  HistoryBuilder history = FirstTask();
  Live live(Reacts({{"start", {ScheduleLocal(1, "Load"), ScheduleLocal(2, "Load")}},
                    {"local(1,completed)", {Complete()}}}));
  (void)live.run.StartTask(TaskOf(history.history(), 1, 3, 0));
  const Step step = live.run.ResolveLocalActivity(Outcome(1, Completed("1")));
  ASSERT_TRUE(std::holds_alternative<CompleteTask>(step));
  EXPECT_TRUE(std::get<CompleteTask>(step).closes_run);
  EXPECT_EQ(CommandTypes(std::get<CompleteTask>(step).request),
            "RecordMarker CompleteWorkflowExecution");
  EXPECT_FALSE(live.run.has_local_activities());
}

TEST(LocalActivityFailure, IsRecordedAndReplayed) {
  HistoryBuilder history = FirstTask();
  const auto script =
      Reacts({{"start", {ScheduleLocal(1, "Load")}}, {"local(1,failed)", {Complete()}}});
  Live live(script);
  (void)live.run.StartTask(TaskOf(history.history(), 1, 3, 0));
  Failure failure;
  failure.message = "no disk";
  const Step step = live.run.ResolveLocalActivity(
      Outcome(1, detail::FailedResult{std::make_shared<const Failure>(failure)}));
  history.TaskCompleted();
  Record(std::get<CompleteTask>(step).request, &history);
  std::vector<std::shared_ptr<Trace>> traces;
  const auto result = ReplayHistory(history.history(), {}, ProgramOf(script, &traces));
  EXPECT_TRUE(result.ok) << result.message;
  const auto& job = std::get<detail::ResolveActivityJob>(traces[0]->seen[1].jobs[0]);
  EXPECT_EQ(std::get<detail::FailedResult>(job.result).failure->cause->message, "no disk");
}

}  // namespace
}  // namespace perdure::core
