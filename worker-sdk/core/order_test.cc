// R12 to R18 and R53, R54: what one activation holds and when.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "worker-sdk/core/seed.h"
#include "worker-sdk/core/test_run.h"

namespace perdure::core {
namespace {

namespace enums = temporal::api::enums::v1;
using ::testing::ElementsAre;

TEST(R12JobOrder, StartPatchesSeedSignalsThenTheRest) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  const auto timer = history.TimerStarted(1);
  history.TimerFired(timer);
  history.CancelRequested();
  history.Signaled("a");
  history.OpenTask();
  history.TaskFailed(enums::WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW);
  history.Signaled("b");
  history.Task();
  history.Patch("p");
  history.Versions({"p"});
  history.OpenTask();
  std::vector<std::shared_ptr<Trace>> traces;
  const auto script = Reacts({{"start", {StartTimer(1)}}, {"signal(b)", {Patch("p")}}});
  const ReplayResult result = ReplayHistory(history.history(), {}, ProgramOf(script, &traces));
  EXPECT_TRUE(result.ok) << result.message;
  EXPECT_THAT(
      traces[0]->activations,
      ElementsAre("replay: start", "replay: patch(p) seed signal(a) signal(b) timer(1) cancel"));
}

TEST(R12JobOrder, LocalActivitiesResolveLast) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  history.TimerStarted(2);
  history.OpenTask();
  history.TaskTimedOut();
  history.TimerFired(5);
  history.Task();
  history.LocalActivity(1, "Load", "1");
  history.OpenTask();
  std::vector<std::shared_ptr<Trace>> traces;
  const auto script = Reacts({{"start", {ScheduleLocal(1, "Load"), StartTimer(2)}}});
  const ReplayResult result = ReplayHistory(history.history(), {}, ProgramOf(script, &traces));
  EXPECT_TRUE(result.ok) << result.message;
  EXPECT_THAT(traces[0]->activations,
              ElementsAre("replay: start", "replay: timer(2)", "replay: local(1,completed)"));
}

TEST(R15Resolutions, KeepTheOrderOfHistory) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  const auto one = history.ActivityScheduled("1", "A");
  const auto two = history.TimerStarted(2);
  const auto three = history.ActivityScheduled("3", "A");
  history.ActivityCompleted(three, "3");
  history.TimerFired(two);
  history.ActivityCompleted(one, "1");
  history.OpenTask();
  const auto checked = CheckLiveAndReplay(
      history.history(),
      Reacts({{"start", {ScheduleActivity(1, "A"), StartTimer(2), ScheduleActivity(3, "A")}}}));
  EXPECT_THAT(
      checked.live.activations,
      ElementsAre("live: start", "live: activity(3,completed) timer(2) activity(1,completed)"));
}

TEST(R16BufferedEvents, ComeAfterTheCommandsOfTheirTask) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  const auto timer = history.TimerStarted(1);
  history.Signaled("during");
  history.Task();
  history.TimerFired(timer);
  history.OpenTask();
  const auto checked = CheckLiveAndReplay(history.history(), Reacts({{"start", {StartTimer(1)}}}));
  EXPECT_THAT(checked.live.activations,
              ElementsAre("live: start", "live: signal(during)", "live: timer(1)"));
}

TEST(R18Replaying, EndsAtTheFirstEventThatIsNew) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  const auto timer = history.TimerStarted(1);
  history.TimerFired(timer);
  history.OpenTask();
  std::vector<std::shared_ptr<Trace>> traces;
  const MakeProgram make = ProgramOf(Reacts({{"start", {StartTimer(1)}}}), &traces);
  const RunOptions options;
  core::Run run(&options, &make);
  // A worker that meets the run at its second task.
  const Step step = run.StartTask(TaskOf(history.history(), 1, 8, 3));
  ASSERT_TRUE(std::holds_alternative<CompleteTask>(step)) << FailureOf(step);
  EXPECT_THAT(traces[0]->activations, ElementsAre("replay: start", "live: timer(1)"));
  EXPECT_EQ(CommandTypes(std::get<CompleteTask>(step).request), "");
}

TEST(R18Replaying, IsOverForAFirstTaskThatIsTriedAgain) {
  HistoryBuilder history;
  history.Start();
  history.OpenTask();
  history.TaskTimedOut();
  history.OpenTask();
  const auto checked = CheckLiveAndReplay(history.history(), Reacts({{"start", {StartTimer(1)}}}));
  EXPECT_THAT(checked.live.activations, ElementsAre("live: start"));
  EXPECT_EQ(CommandTypes(checked.requests[0]), "StartTimer");
}

TEST(R53Reset, GivesANewSeedFromTheNewRun) {
  HistoryBuilder history;
  history.Start();
  history.OpenTask();
  history.TaskFailed(enums::WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW);
  history.OpenTask();
  const auto checked = CheckLiveAndReplay(history.history(), Reacts({}));
  ASSERT_THAT(checked.live.activations, ElementsAre("live: start seed"));
  const auto& jobs = checked.live.seen[0].jobs;
  EXPECT_EQ(std::get<detail::StartWorkflowJob>(jobs[0]).randomness_seed, SeedFrom("run"));
  EXPECT_EQ(std::get<detail::UpdateRandomSeedJob>(jobs[1]).randomness_seed,
            SeedFrom("run-after-reset"));
}

TEST(R53Reset, SeedsAreFixedForEver) {
  EXPECT_EQ(SeedFrom(""), 17665956581633026203u);
  EXPECT_EQ(SeedFrom("run"), SeedFrom("run"));
  EXPECT_NE(SeedFrom("0a3f-1"), SeedFrom("0a3f-2"));
}

TEST(R54Time, IsThatOfTheTaskAndNeverGoesBack) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  const auto timer = history.TimerStarted(1);
  history.TimerFired(timer);
  history.TaskScheduled();
  history.TaskStarted();
  History skewed = history.history();
  skewed.mutable_events(7)->mutable_event_time()->set_seconds(1'600'000'000);  // A clock went back.
  const auto checked = CheckLiveAndReplay(skewed, Reacts({{"start", {StartTimer(1)}}}));
  const Timestamp first = FromApi(skewed.events(2).event_time());
  EXPECT_EQ(checked.live.seen[0].now, first);
  EXPECT_EQ(std::get<detail::StartWorkflowJob>(checked.live.seen[0].jobs[0]).info.start_time,
            first);
  EXPECT_EQ(checked.live.seen[1].now, first);
  EXPECT_EQ(checked.replayed.seen[1].now, first);
}

TEST(R54Numbers, ComeFromTheStartedTask) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  const auto timer = history.TimerStarted(1);
  history.TimerFired(timer);
  history.OpenTask();
  History suggested = history.history();
  suggested.mutable_events(7)
      ->mutable_workflow_task_started_event_attributes()
      ->set_suggest_continue_as_new(true);
  const auto checked = CheckLiveAndReplay(suggested, Reacts({{"start", {StartTimer(1)}}}));
  EXPECT_EQ(checked.live.seen[0].history_length, 3);
  EXPECT_EQ(checked.live.seen[0].history_size_bytes, 300);
  EXPECT_FALSE(checked.live.seen[0].continue_as_new_suggested);
  EXPECT_EQ(checked.live.seen[1].history_length, 8);
  EXPECT_EQ(checked.live.seen[1].history_size_bytes, 800);
  EXPECT_TRUE(checked.live.seen[1].continue_as_new_suggested);
  EXPECT_TRUE(checked.replayed.seen[1].continue_as_new_suggested);
}

TEST(StartJob, ShowsHowTheRunBegan) {
  HistoryBuilder history;
  history.Start();
  History start = history.history();
  auto& attributes =
      *start.mutable_events(0)->mutable_workflow_execution_started_event_attributes();
  attributes.mutable_parent_workflow_execution()->set_workflow_id("parent");
  attributes.mutable_root_workflow_execution()->set_workflow_id("root");
  attributes.set_continued_execution_run_id("before");
  attributes.mutable_workflow_run_timeout()->set_seconds(60);
  attributes.mutable_workflow_execution_timeout()->set_seconds(0);
  attributes.mutable_retry_policy()->set_maximum_attempts(3);
  attributes.set_cron_schedule("* * * * *");
  *attributes.mutable_memo() = MemoToApi({{"m", {"json/plain", "1"}}});
  *attributes.mutable_input() = ToApi(Payloads{{"json/plain", "\"in\""}});
  attributes.mutable_continued_failure()->set_message("earlier");
  HistoryBuilder task;
  task.Start();
  task.OpenTask();
  *start.add_events() = task.history().events(1);
  *start.add_events() = task.history().events(2);
  RunOptions options;
  options.namespace_ = "space";
  CheckOptions check;
  check.run = options;
  const auto checked = CheckLiveAndReplay(start, Reacts({}), check);
  const auto& job = std::get<detail::StartWorkflowJob>(checked.live.seen[0].jobs[0]);
  EXPECT_EQ(job.info.namespace_, "space");
  EXPECT_EQ(job.info.workflow_id, "workflow");
  EXPECT_EQ(job.info.run_id, "run");
  EXPECT_EQ(job.info.workflow_type, "Test");
  EXPECT_EQ(job.info.task_queue, "queue");
  EXPECT_EQ(job.info.parent->workflow_id, "parent");
  EXPECT_EQ(job.info.root->workflow_id, "root");
  EXPECT_EQ(job.info.continued_run_id, "before");
  EXPECT_EQ(job.info.run_timeout, std::chrono::seconds(60));
  EXPECT_EQ(job.info.execution_timeout, std::nullopt);
  EXPECT_EQ(job.info.retry_policy->maximum_attempts, 3);
  EXPECT_EQ(job.info.cron_schedule, "* * * * *");
  EXPECT_EQ(job.info.memo.at("m").data, "1");
  EXPECT_EQ(job.info.last_failure->message, "earlier");
  EXPECT_EQ(job.input.at(0).data, "\"in\"");
}

TEST(Memory, OfAWaitingRunIsBelowTwoKilobytes) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  const auto timer = history.TimerStarted(1);
  history.TimerFired(timer);
  history.OpenTask();
  std::vector<std::shared_ptr<Trace>> traces;
  const MakeProgram make =
      ProgramOf(Reacts({{"start", {StartTimer(1)}}, {"timer(1)", {StartTimer(2)}}}), &traces);
  const RunOptions options;
  core::Run run(&options, &make);
  ASSERT_TRUE(
      std::holds_alternative<CompleteTask>(run.StartTask(TaskOf(history.history(), 1, 3, 0))));
  ASSERT_TRUE(
      std::holds_alternative<CompleteTask>(run.StartTask(TaskOf(history.history(), 4, 8, 3))));
  EXPECT_LT(run.memory_bytes(), 2048);
}

TEST(DeploymentVersion, IsThatOfTheWorkerThatDidTheTask) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  history.Signaled("a");
  history.OpenTask();
  History versioned = history.history();
  auto& completed =
      *versioned.mutable_events(3)->mutable_workflow_task_completed_event_attributes();
  completed.mutable_deployment_version()->set_deployment_name("shop");
  completed.mutable_deployment_version()->set_build_id("old");
  CheckOptions check;
  check.run.deployment_name = "shop";
  check.run.build_id = "new";
  const auto checked = CheckLiveAndReplay(versioned, Reacts({}), check);
  EXPECT_EQ(checked.live.seen[1].build_id, "new");
  EXPECT_EQ(checked.replayed.seen[0].build_id, "old");
  EXPECT_EQ(checked.replayed.seen[0].deployment_name, "shop");
}

}  // namespace
}  // namespace perdure::core
