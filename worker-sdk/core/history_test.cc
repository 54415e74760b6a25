// R1 to R11: history cut into workflow tasks, pages, sticky tasks.
#include "worker-sdk/core/history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "worker-sdk/core/test_run.h"

namespace perdure::core {
namespace {

namespace enums = temporal::api::enums::v1;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The ids that each sequence ends with.
std::vector<std::int64_t> Ends(const History& history) {
  EventQueue queue;
  EXPECT_TRUE(queue.Add(history).ok());
  std::vector<std::int64_t> ends;
  while (auto sequence = queue.Next()) ends.push_back(sequence->events.back()->event_id());
  return ends;
}

TEST(R1Sequence, EndsAtEachStartedTask) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  history.TimerFired(history.TimerStarted(1));
  history.Task();
  history.TimerFired(history.TimerStarted(2));
  history.OpenTask();
  EXPECT_THAT(Ends(history.history()), ElementsAre(3, 8, 13));
  const auto checked = CheckLiveAndReplay(
      history.history(), Reacts({{"start", {StartTimer(1)}}, {"timer(1)", {StartTimer(2)}}}));
  EXPECT_THAT(checked.live.activations,
              ElementsAre("live: start", "live: timer(1)", "live: timer(2)"));
}

TEST(R2VoidedTask, JoinsTheNext) {
  HistoryBuilder history;
  history.Start();
  history.OpenTask();
  history.TaskFailed(enums::WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE);
  history.OpenTask();
  history.TaskTimedOut();
  history.Signaled("a");
  history.Task();
  history.TimerFired(history.TimerStarted(1));
  history.OpenTask();
  EXPECT_THAT(Ends(history.history()), ElementsAre(10, 15));
  const auto checked = CheckLiveAndReplay(history.history(), Reacts({{"start", {StartTimer(1)}}}));
  EXPECT_THAT(checked.live.activations, ElementsAre("live: start signal(a)", "live: timer(1)"));
}

TEST(R2VoidedTask, ByTheEndOfTheRunNeverActivates) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  history.Signaled("a");
  history.OpenTask();
  history.Terminated();
  EXPECT_THAT(Ends(history.history()), ElementsAre(3, 8));
  const auto checked = CheckLiveAndReplay(history.history(), Reacts({}));
  EXPECT_THAT(checked.replayed.activations, ElementsAre("replay: start"));
}

TEST(R3EmptyTask, IsMergedIntoTheNext) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  history.Task();
  history.Task();
  history.Signaled("a");
  history.OpenTask();
  EXPECT_THAT(Ends(history.history()), ElementsAre(9, 13));
  const auto checked = CheckLiveAndReplay(history.history(), Reacts({}));
  EXPECT_THAT(checked.replayed.activations, ElementsAre("replay: start", "replay: signal(a)"));
}

TEST(R3EmptyTask, AfterACommandIsATaskOfItsOwn) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  history.TimerStarted(1);
  history.Task();
  history.OpenTask();
  EXPECT_THAT(Ends(history.history()), ElementsAre(3, 7, 10));
}

// Nothing came of the first two tasks, so they would be merged with the third, where the update was
// delivered; but the code ran for what they brought before it knew of the update.
TEST(R4AcceptedUpdate, IsNotMergedWithTasksBeforeIt) {
  HistoryBuilder history;
  history.Start();
  history.Task();  // 2 3 4
  history.Signaled("a");
  history.Task();  // 6 7 8
  history.Task();  // 9 10 11: the update was sequenced behind event 8.
  const auto accepted = history.UpdateAccepted("u", "add", 8);
  history.UpdateCompleted("u", accepted);
  EXPECT_THAT(Ends(history.history()), ElementsAre(3, 7, 10, 13));
  std::vector<std::shared_ptr<Trace>> traces;
  const auto script = Reacts(
      {{"update(u,trusted)",
        {detail::UpdateAcceptedCommand{"u"}, detail::UpdateCompletedCommand{"u", Payloads()}}}});
  const ReplayResult result = ReplayHistory(history.history(), {}, ProgramOf(script, &traces));
  EXPECT_TRUE(result.ok) << result.message;
  EXPECT_THAT(traces[0]->activations,
              ElementsAre("replay: start", "replay: signal(a)", "replay: update(u,trusted)"));
}

TEST(R5LookAhead, DecidesNothingAtTheEndOfAPage) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  history.TimerFired(history.TimerStarted(1));
  history.Task();
  history.TimerFired(history.TimerStarted(2));
  history.Task();
  const auto& events = history.history().events();
  EventQueue queue;
  queue.set_complete(false);
  std::vector<std::int64_t> decided_at;
  for (const auto& event : events) {
    History page;
    *page.add_events() = event;
    ASSERT_TRUE(queue.Add(page).ok());
    while (queue.Next()) decided_at.push_back(event.event_id());
  }
  // Each needs the whole of the next one and the two events behind that.
  EXPECT_THAT(decided_at, ElementsAre(10));
  queue.set_complete(true);
  EXPECT_EQ(queue.Next()->events.back()->event_id(), 8);
  const auto last_task = queue.Next();
  EXPECT_EQ(last_task->events.back()->event_id(), 13);
  EXPECT_FALSE(last_task->is_last);
  EXPECT_TRUE(queue.Next()->is_last);
}

TEST(R6Order, AGapIsAnError) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  History gap = history.history();
  gap.mutable_events()->DeleteSubrange(1, 1);
  EventQueue queue;
  EXPECT_EQ(queue.Add(gap).message(), "history is out of order: event 3 follows event 1");
  EXPECT_THAT(ReplayFailure(gap, Reacts({})), HasSubstr("out of order"));
}

struct Paged {
  std::vector<std::shared_ptr<Trace>> traces;
  RunOptions options;
  MakeProgram make;
  std::unique_ptr<Run> run;
  explicit Paged(MakeScript script) : make(ProgramOf(std::move(script), &traces)) {
    run = std::make_unique<Run>(&options, &make);
  }
};

History Part(const History& history, int first, int last) {
  History part;
  for (int id = first; id <= last; ++id) *part.add_events() = history.events(id - 1);
  return part;
}

HistoryBuilder TwoTimers() {
  HistoryBuilder history;
  history.Start();
  history.Task();
  history.TimerFired(history.TimerStarted(1));
  history.Task();
  history.TimerFired(history.TimerStarted(2));
  history.OpenTask();
  return history;
}
MakeScript TwoTimersScript() {
  return Reacts(
      {{"start", {StartTimer(1)}}, {"timer(1)", {StartTimer(2)}}, {"timer(2)", {Complete()}}});
}

TEST(R7Pages, MayBeEmptyAndTheTokenMayLeadNowhere) {
  const HistoryBuilder history = TwoTimers();
  Paged paged(TwoTimersScript());
  Task task = TaskOf(history.history(), 1, 5, 8);
  task.set_started_event_id(13);
  task.set_next_page_token("a");
  Step step = paged.run->StartTask(std::move(task));
  ASSERT_TRUE(std::holds_alternative<NeedHistory>(step));
  EXPECT_EQ(std::get<NeedHistory>(step).next_page_token, "a");
  step = paged.run->AddHistory({}, "b");
  ASSERT_TRUE(std::holds_alternative<NeedHistory>(step));
  EXPECT_EQ(std::get<NeedHistory>(step).next_page_token, "b");
  step = paged.run->AddHistory(Part(history.history(), 6, 13), "c");
  ASSERT_TRUE(std::holds_alternative<NeedHistory>(step)) << "there may be more";
  step = paged.run->AddHistory({}, "");
  ASSERT_TRUE(std::holds_alternative<CompleteTask>(step)) << FailureOf(step);
  EXPECT_EQ(CommandTypes(std::get<CompleteTask>(step).request), "CompleteWorkflowExecution");
}

TEST(R7Pages, AHistoryThatEndsBeforeItsTaskIsAnError) {
  const HistoryBuilder history = TwoTimers();
  Paged paged(TwoTimersScript());
  Task task = TaskOf(history.history(), 1, 5, 8);
  task.set_started_event_id(13);
  EXPECT_THAT(FailureOf(paged.run->StartTask(std::move(task))), HasSubstr("history up to event 5"));
}

TEST(R8CacheMiss, FetchesAllAndKeepsWhatOnlyThePollHas) {
  const HistoryBuilder history = TwoTimers();
  Paged paged(TwoTimersScript());
  Step step = paged.run->StartTask(TaskOf(history.history(), 9, 13, 8));
  ASSERT_TRUE(std::holds_alternative<NeedHistory>(step));
  EXPECT_EQ(std::get<NeedHistory>(step).next_page_token, "");
  // The scheduled and started events of the task are not in the stored history.
  step = paged.run->AddHistory(Part(history.history(), 1, 6), "more");
  ASSERT_TRUE(std::holds_alternative<NeedHistory>(step));
  EXPECT_EQ(std::get<NeedHistory>(step).next_page_token, "more");
  step = paged.run->AddHistory(Part(history.history(), 6, 11), "");
  ASSERT_TRUE(std::holds_alternative<CompleteTask>(step)) << FailureOf(step);
  EXPECT_TRUE(std::get<CompleteTask>(step).closes_run);
  EXPECT_THAT(paged.traces.back()->activations,
              ElementsAre("replay: start", "replay: timer(1)", "live: timer(2)"));
}

TEST(R8CacheMiss, AHistoryThatDoesNotContinueStartsOver) {
  const HistoryBuilder history = TwoTimers();
  Paged paged(TwoTimersScript());
  ASSERT_TRUE(std::holds_alternative<CompleteTask>(
      paged.run->StartTask(TaskOf(history.history(), 1, 3, 0))));
  // Another worker did the second task.
  Step step = paged.run->StartTask(TaskOf(history.history(), 9, 13, 8));
  ASSERT_TRUE(std::holds_alternative<NeedHistory>(step));
  step = paged.run->AddHistory(history.history(), "");
  ASSERT_TRUE(std::holds_alternative<CompleteTask>(step)) << FailureOf(step);
  EXPECT_EQ(paged.traces.size(), 2u);
}

TEST(R8CacheMiss, TheSameEventsWithAnotherPreviousTaskStartOver) {
  const HistoryBuilder history = TwoTimers();
  Paged paged(TwoTimersScript());
  ASSERT_TRUE(std::holds_alternative<CompleteTask>(
      paged.run->StartTask(TaskOf(history.history(), 1, 3, 0))));
  EXPECT_TRUE(std::holds_alternative<NeedHistory>(
      paged.run->StartTask(TaskOf(history.history(), 4, 8, 99))));
}

TEST(R8CacheMiss, WholeHistoryOnASecondTaskStartsOver) {
  const HistoryBuilder history = TwoTimers();
  Paged paged(TwoTimersScript());
  ASSERT_TRUE(std::holds_alternative<CompleteTask>(
      paged.run->StartTask(TaskOf(history.history(), 1, 3, 0))));
  const Step step = paged.run->StartTask(TaskOf(history.history(), 1, 13, 8));
  ASSERT_TRUE(std::holds_alternative<CompleteTask>(step)) << FailureOf(step);
  EXPECT_EQ(paged.traces.size(), 2u);
}

TEST(R9AfterTheEnd, NothingActivates) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  history.Completed();
  const auto checked = CheckLiveAndReplay(history.history(), Reacts({{"start", {Complete()}}}));
  EXPECT_THAT(checked.replayed.activations, ElementsAre("replay: start"));
}

TEST(R9AfterTheEnd, ARunTerminatedBeforeItRanIsShownToQueries) {
  HistoryBuilder history;
  history.Start();
  history.TaskScheduled();
  history.Terminated();
  Paged paged(Reacts({}));
  Task task = TaskOf(history.history(), 1, 3, 0);
  task.set_started_event_id(0);
  task.mutable_query()->set_query_type("status");
  const Step step = paged.run->StartTask(std::move(task));
  ASSERT_TRUE(std::holds_alternative<AnswerQuery>(step)) << step.index();
  EXPECT_EQ(std::get<AnswerQuery>(step).request.completed_type(),
            enums::QUERY_RESULT_TYPE_ANSWERED);
  EXPECT_TRUE(paged.run->is_closed());
}

TEST(R10StickyTask, MatchesItsCommandsWithOnesRemembered) {
  const HistoryBuilder history = TwoTimers();
  const auto checked = CheckLiveAndReplay(history.history(), TwoTimersScript());
  EXPECT_EQ(checked.requests.size(), 3u);
  // Had the server recorded something else, the run would say so.
  HistoryBuilder other;
  other.Start();
  other.Task();
  other.ActivityScheduled("1", "Pay");
  other.OpenTask();
  Paged paged(TwoTimersScript());
  ASSERT_TRUE(
      std::holds_alternative<CompleteTask>(paged.run->StartTask(TaskOf(other.history(), 1, 3, 0))));
  EXPECT_THAT(FailureOf(paged.run->StartTask(TaskOf(other.history(), 4, 7, 3))),
              HasSubstr("5 ActivityTaskScheduled (activity_id 1, type Pay)"));
}

TEST(CaughtUp, IsToldBehindTheReplayAndBeforeTheCodeGoesOn) {
  const HistoryBuilder history = TwoTimers();
  Paged paged(TwoTimersScript());
  std::vector<std::size_t> activations;
  paged.run->OnCaughtUp([&] { activations.push_back(paged.traces.back()->activations.size()); });
  paged.run->StartTask(TaskOf(history.history(), 1, 13, 8));
  const std::vector<std::string>& all = paged.traces.back()->activations;
  ASSERT_EQ(activations.size(), 1U);
  ASSERT_LT(activations[0], all.size());
  EXPECT_THAT(all[activations[0] - 1], HasSubstr("replay: "));
  EXPECT_THAT(all[activations[0]], HasSubstr("live: "));
}

TEST(RunTime, IsFromTheStartOfTheRunToItsLastTask) {
  const HistoryBuilder history = TwoTimers();
  Paged paged(TwoTimersScript());
  const Step step = paged.run->StartTask(TaskOf(history.history(), 1, 13, 8));
  // Each event of the builder is a second behind the one before.
  EXPECT_EQ(std::get<CompleteTask>(step).run_time, std::chrono::seconds(12));
}

TEST(R11UnknownEvent, IsIgnoredOnlyWhereItSaysSo) {
  HistoryBuilder history;
  history.Start();
  auto& unknown = history.Add(static_cast<enums::EventType>(999));
  unknown.set_worker_may_ignore(true);
  history.OpenTask();
  CheckLiveAndReplay(history.history(), Reacts({}));
  unknown.set_worker_may_ignore(false);
  EXPECT_THAT(ReplayFailure(history.history(), Reacts({})),
              HasSubstr("2 event of unknown type 999"));
}

TEST(UnknownWorkflowType, FailsTheTaskAndSaysHowToRegister) {
  HistoryBuilder history;
  history.Start("Other");
  history.OpenTask();
  RunOptions options;
  options.registered_types = "Test";
  const std::string message = ReplayFailure(history.history(), Reacts({}), options);
  EXPECT_THAT(message, HasSubstr("workflow type Other is not registered"));
  EXPECT_THAT(message, HasSubstr("knows Test"));
  EXPECT_THAT(message, HasSubstr("worker.workflow<Other>()"));
}

}  // namespace
}  // namespace perdure::core
