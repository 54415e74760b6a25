#include "matching/matching.h"

#include "base/errors.h"
#include "matching/matching_fixture.h"

namespace perdure::matching {
namespace {

TEST_F(MatchingTest, AWaitingPollMeetsATaskAtOnce) {
  const auto poll = PollWorkflow("q");
  EXPECT_FALSE(poll->has_value());
  AddWorkflow("w", "q");
  ASSERT_TRUE(poll->has_value());
  EXPECT_EQ((*poll)->task_token(), "w");
}

TEST_F(MatchingTest, HeldTasksGoInOrderOfPriorityThenArrival) {
  AddWorkflow("late", "q", 5);
  AddWorkflow("first", "q");
  AddWorkflow("second", "q", 3);
  AddWorkflow("urgent", "q", 1);
  for (int i = 0; i < 4; ++i) PollWorkflow("q");
  EXPECT_EQ(history_.started_,
            (std::vector<std::string>{"urgent@q", "first@q", "second@q", "late@q"}));
}

TEST_F(MatchingTest, KindsAndNamesAreSeparateQueues) {
  AddWorkflow("w", "q");
  const auto activity = PollActivity("q");
  const auto other = PollWorkflow("other");
  EXPECT_FALSE(activity->has_value());
  EXPECT_FALSE(other->has_value());
}

TEST_F(MatchingTest, APollEndsEmptyASecondBeforeItsDeadline) {
  PollOptions options;
  options.timeout = absl::Seconds(11);
  const auto poll = PollWorkflow("q", options);
  loop_.Advance(absl::Milliseconds(9999));
  EXPECT_FALSE(poll->has_value());
  loop_.Advance(absl::Milliseconds(1));
  EXPECT_TRUE(IsEmpty(poll));
}

TEST_F(MatchingTest, APollEndsEmptyAfterAMinuteAtMost) {
  PollOptions options;
  options.timeout = absl::InfiniteDuration();
  const auto poll = PollActivity("q", options);
  loop_.Advance(absl::Seconds(59));
  EXPECT_FALSE(poll->has_value());
  loop_.Advance(absl::Seconds(1));
  EXPECT_TRUE(IsEmpty(poll));
}

TEST_F(MatchingTest, ACancelledPollLosesNoTask) {
  PollOptions options;
  options.cancellation = std::make_shared<services::Cancellation>();
  const auto gone = PollWorkflow("q", options);
  options.cancellation->Cancel();  // Its removal is posted behind the task.
  services::WorkflowTask task;
  task.key.name_space = name_space_;
  task.key.workflow_id = "w";
  task.task_queue = "q";
  matching_->AddWorkflowTask(std::move(task));
  loop_.RunReady();
  EXPECT_TRUE(history_.started_.empty());
  const auto poll = PollWorkflow("q");
  EXPECT_EQ(history_.started_, std::vector<std::string>{"w@q"});
}

TEST_F(MatchingTest, AStaleTaskIsDroppedAndThePollGoesOn) {
  history_.refusals_["stale"] = {base::NotFound("gone")};
  history_.refusals_["taken"] = {absl::AlreadyExistsError("taken")};
  AddWorkflow("stale", "q");
  AddWorkflow("taken", "q");
  const auto poll = PollWorkflow("q");
  EXPECT_FALSE(poll->has_value());
  AddWorkflow("good", "q");
  EXPECT_EQ((*poll)->task_token(), "good");
}

TEST_F(MatchingTest, AnUnavailableHistoryIsAskedAgainWithTheSameRequestId) {
  history_.refusals_["w"] = {base::Unavailable("moving"), base::Unavailable("moving")};
  AddWorkflow("w", "q");
  const auto poll = PollWorkflow("q");
  loop_.Advance(absl::Seconds(1));
  ASSERT_TRUE(poll->has_value());
  EXPECT_EQ((*poll)->task_token(), "w");
  ASSERT_EQ(history_.request_ids_.size(), 3u);
  EXPECT_EQ(history_.request_ids_[0], history_.request_ids_[2]);
}

TEST_F(MatchingTest, ATaskWhosePollEndsDuringRetriesIsPutBack) {
  history_.refusals_["w"] = {base::Unavailable("moving")};
  PollOptions options;
  options.cancellation = std::make_shared<services::Cancellation>();
  AddWorkflow("w", "q");
  const auto gone = PollWorkflow("q", options);
  history_.refusals_["w"] = {base::Unavailable("moving")};
  options.cancellation->Cancel();
  loop_.Advance(absl::Seconds(1));
  EXPECT_TRUE(IsEmpty(gone));
  PollWorkflow("q");
  EXPECT_EQ(history_.started_, std::vector<std::string>{"w@q"});
}

// History then pushes it to its normal queue.
TEST_F(MatchingTest, AStickyTaskWithoutItsWorkerGoesBackToHistoryAtOnce) {
  const auto poll = PollWorkflow("normal");
  AddSticky("w", "sticky", "normal");
  EXPECT_EQ(history_.sticky_unavailable_, std::vector<std::string>{"w"});
  EXPECT_TRUE(history_.started_.empty());
}

TEST_F(MatchingTest, AQueueThatMovedEndsItsPollsAndForgetsItsTasks) {
  const auto moved = PollWorkflow("moved");
  const auto kept = PollWorkflow("kept");
  AddWorkflow("held", "moved too");
  matching_->SetOwned([](base::NamespaceNumber, const std::string& queue, services::QueueKind) {
    return queue == "kept";
  });
  loop_.RunReady();
  EXPECT_TRUE(IsEmpty(moved));
  absl::Status late;
  api::PollWorkflowTaskQueueRequest request;
  request.mutable_task_queue()->set_name("moved too");
  matching_->PollWorkflowTaskQueue({}, name_space_, request,
                                   [&late](auto response) { late = response.status(); });
  loop_.RunReady();
  EXPECT_TRUE(base::IsShardMoved(late)) << late;
  matching_->SetOwned(
      [](base::NamespaceNumber, const std::string&, services::QueueKind) { return true; });
  PollWorkflow("moved too");
  EXPECT_TRUE(history_.started_.empty());
  AddWorkflow("w", "kept");
  EXPECT_EQ(history_.started_, std::vector<std::string>{"w@kept"});
}

TEST_F(MatchingTest, AStickyTaskWaitsAMomentForAWorkerThatFollowsItsQueue) {
  const auto set_owned = [this](bool is_owned) {
    matching_->SetOwned([is_owned](base::NamespaceNumber, const std::string&, services::QueueKind) {
      return is_owned;
    });
    loop_.RunReady();
  };
  set_owned(false);
  loop_.Advance(absl::Seconds(5));
  set_owned(true);
  loop_.Advance(absl::Milliseconds(500));
  set_owned(true);
  AddSticky("first", "sticky", "normal");
  AddSticky("deserted", "other sticky", "normal");
  EXPECT_TRUE(history_.sticky_unavailable_.empty());
  PollOptions options;
  options.sticky_normal_name = "normal";
  PollWorkflow("sticky", options);
  EXPECT_EQ(history_.started_, std::vector<std::string>{"first@sticky"});
  loop_.Advance(absl::Milliseconds(500));
  EXPECT_EQ(history_.sticky_unavailable_, std::vector<std::string>{"deserted"});
  AddSticky("late", "third sticky", "normal");
  EXPECT_EQ(history_.sticky_unavailable_, (std::vector<std::string>{"deserted", "late"}));
}

TEST_F(MatchingTest, AStickyQueueIsGoodForTenSecondsAfterAPoll) {
  PollOptions sticky;
  sticky.sticky_normal_name = "normal";
  PollWorkflow("sticky", sticky);
  AddSticky("first", "sticky", "normal");
  EXPECT_EQ(history_.started_, std::vector<std::string>{"first@sticky"});
  loop_.Advance(absl::Milliseconds(9999));
  AddSticky("second", "sticky", "normal");
  EXPECT_TRUE(history_.sticky_unavailable_.empty());
  // Held there until the worker has been away for ten seconds.
  loop_.Advance(absl::Milliseconds(1));
  EXPECT_EQ(history_.sticky_unavailable_, std::vector<std::string>{"second"});
}

// It has two slots, and both wait where there is nothing.
TEST_F(MatchingTest, APollElsewhereEndsForAStickyTaskThatItsWorkerDoesNotAskFor) {
  PollOptions sticky;
  sticky.sticky_normal_name = "normal";
  sticky.identity = "busy";
  PollWorkflow("sticky", sticky);
  AddSticky("first", "sticky", "normal");
  PollOptions other;
  other.identity = "another";
  const auto not_its = PollWorkflow("normal", other);
  PollOptions normal;
  normal.identity = "busy";
  const auto older = PollWorkflow("normal", normal);
  const auto newer = PollWorkflow("normal", normal);
  AddSticky("second", "sticky", "normal");
  loop_.Advance(absl::Milliseconds(99));
  EXPECT_FALSE(older->has_value());
  loop_.Advance(absl::Milliseconds(1));
  ASSERT_TRUE(older->has_value());
  EXPECT_TRUE((*older)->task_token().empty());
  EXPECT_FALSE(newer->has_value());
  PollWorkflow("sticky", sticky);
  EXPECT_EQ(history_.started_.back(), "second@sticky");
  loop_.Advance(absl::Seconds(1));
  EXPECT_FALSE(newer->has_value());
  EXPECT_FALSE(not_its->has_value());
}

TEST_F(MatchingTest, ShutdownWorkerEndsItsPollsAndRetiresItsStickyQueue) {
  PollOptions mine;
  mine.instance_key = "k1";
  PollOptions sticky = mine;
  sticky.sticky_normal_name = "q";
  PollOptions others;
  others.instance_key = "k2";
  const auto normal_poll = PollWorkflow("q", mine);
  const auto sticky_poll = PollWorkflow("sticky", sticky);
  const auto activity_poll = PollActivity("q", mine);
  const auto other_poll = PollWorkflow("q", others);
  ShutdownWorker("sticky", "k1");
  EXPECT_TRUE(IsEmpty(normal_poll));
  EXPECT_TRUE(IsEmpty(sticky_poll));
  EXPECT_TRUE(IsEmpty(activity_poll));
  EXPECT_FALSE(other_poll->has_value());
  EXPECT_TRUE(IsEmpty(PollWorkflow("q", mine)));  // A late one.
  AddSticky("w", "sticky", "q");
  EXPECT_EQ(history_.sticky_unavailable_, std::vector<std::string>{"w"});
}

TEST_F(MatchingTest, DescribesPollersAndBacklog) {
  PollWorkflow("q");
  loop_.Advance(absl::Minutes(2));
  AddWorkflow("a", "q");
  AddWorkflow("b", "q", 1);
  loop_.Advance(absl::Seconds(2));
  const auto description = Describe("q", enums::TASK_QUEUE_TYPE_WORKFLOW);
  ASSERT_EQ(description.pollers_size(), 1);
  EXPECT_EQ(description.pollers(0).identity(), "worker");
  EXPECT_EQ(description.pollers(0).rate_per_second(), 100'000);
  EXPECT_EQ(description.stats().approximate_backlog_count(), 2);
  EXPECT_EQ(description.stats().approximate_backlog_age().seconds(), 2);
  EXPECT_GT(description.stats().tasks_add_rate(), 0);
  EXPECT_EQ(description.stats_by_priority_key().at(1).approximate_backlog_count(), 1);
  EXPECT_EQ(description.task_queue_status().backlog_count_hint(), 2);
  loop_.Advance(absl::Minutes(4));
  EXPECT_EQ(Describe("q", enums::TASK_QUEUE_TYPE_WORKFLOW).pollers_size(), 0);
}

TEST_F(MatchingTest, AFullQueueDropsAndAsksAgainWhenDrained) {
  Options options;
  options.tasks_per_queue_max = 2;
  matching_.reset();
  Restart(options);
  for (const char* id : {"a", "b", "c"}) AddWorkflow(id, "q");
  EXPECT_EQ(Describe("q", enums::TASK_QUEUE_TYPE_WORKFLOW).stats().approximate_backlog_count(), 3);
  PollWorkflow("q");
  EXPECT_TRUE(history_.pushed_.empty());
  PollWorkflow("q");
  EXPECT_EQ(history_.pushed_, std::vector<std::string>{"q workflows"});
}

TEST_F(MatchingTest, IdleQueuesAreForgotten) {
  PollWorkflow("q");
  loop_.Advance(absl::Minutes(8));
  EXPECT_EQ(loop_.NextTimer(), absl::InfiniteFuture());
}

TEST_F(MatchingTest, TellsTheWorkerToScale) {
  const auto idle = PollWorkflow("q");
  loop_.Advance(absl::Seconds(5));
  AddWorkflow("w", "q");
  EXPECT_EQ((*idle)->poller_scaling_decision().poll_request_delta_suggestion(), -1);
  for (int i = 0; i < 5; ++i) AddWorkflow(absl::StrCat("w", i), "q");
  loop_.Advance(absl::Seconds(1));
  const auto busy = PollWorkflow("q");
  EXPECT_EQ((*busy)->poller_scaling_decision().poll_request_delta_suggestion(), 1);
  EXPECT_EQ((*busy)->backlog_count_hint(), 4);
}

TEST_F(MatchingTest, ASmallStickyBacklogIsNotTold) {
  PollOptions sticky;
  sticky.sticky_normal_name = "normal";
  PollWorkflow("sticky", sticky);
  for (int i = 0; i < 103; ++i) AddSticky(absl::StrCat("w", i), "sticky", "normal");
  // The first met the poll; after the next, 101 are left.
  EXPECT_EQ((*PollWorkflow("sticky", sticky))->backlog_count_hint(), 1);
  EXPECT_EQ((*PollWorkflow("sticky", sticky))->backlog_count_hint(), 0);
}

// Tasks of runs that close while nobody polls are no backlog.
TEST_F(MatchingTest, TheBacklogForgetsWhatNeedsNoWorker) {
  const auto backlog = [&](enums::TaskQueueType type) {
    return Describe("q", type).stats().approximate_backlog_count();
  };
  const auto add = [&](const std::string& run_id, base::EventId scheduled, bool is_activity) {
    services::TaskKey key;
    key.name_space = name_space_;
    key.workflow_id = "w";
    key.run_id = run_id;
    key.scheduled_event_id = scheduled;
    if (is_activity) {
      services::ActivityTask task;
      task.key = key;
      task.task_queue = "q";
      matching_->AddActivityTask(std::move(task));
    } else {
      services::WorkflowTask task;
      task.key = key;
      task.task_queue = "q";
      matching_->AddWorkflowTask(std::move(task));
    }
    loop_.RunReady();
  };
  const auto forget = [&](const std::string& run_id, base::EventId scheduled) {
    matching_->ForgetTasks(name_space_, run_id, scheduled);
    loop_.RunReady();
  };
  add("a", 2, false);
  add("a", 5, true);
  add("a", 6, true);
  add("b", 2, false);
  EXPECT_EQ(backlog(enums::TASK_QUEUE_TYPE_WORKFLOW), 2);
  EXPECT_EQ(backlog(enums::TASK_QUEUE_TYPE_ACTIVITY), 2);
  add("a", 5, true);
  EXPECT_EQ(backlog(enums::TASK_QUEUE_TYPE_ACTIVITY), 2) << "a retry replaces what it repeats";
  forget("a", 5);
  EXPECT_EQ(backlog(enums::TASK_QUEUE_TYPE_ACTIVITY), 1);
  forget("a", 0);
  EXPECT_EQ(backlog(enums::TASK_QUEUE_TYPE_ACTIVITY), 0);
  EXPECT_EQ(backlog(enums::TASK_QUEUE_TYPE_WORKFLOW), 1);
  forget("nobody", 0);
  const auto poll = PollWorkflow("q");
  EXPECT_FALSE(IsEmpty(poll));
  EXPECT_EQ(backlog(enums::TASK_QUEUE_TYPE_WORKFLOW), 0);
  forget("b", 0);
  EXPECT_EQ(backlog(enums::TASK_QUEUE_TYPE_WORKFLOW), 0);
}

// It was sent before that worker was found gone, and comes after the task that replaced it.
TEST_F(MatchingTest, ALateStickyTaskLeavesTheNormalOneWhereItIs) {
  PollOptions sticky;
  sticky.sticky_normal_name = "normal";
  PollWorkflow("sticky", sticky);
  AddSticky("other", "sticky", "normal");
  for (const bool is_sticky : {false, true}) {
    services::WorkflowTask task;
    task.key.name_space = name_space_;
    task.key.workflow_id = "w";
    task.key.run_id = "run";
    task.key.scheduled_event_id = 7;
    task.key.stamp = 2;
    task.task_queue = is_sticky ? "sticky" : "normal";
    task.is_sticky = is_sticky;
    task.normal_task_queue = "normal";
    matching_->AddWorkflowTask(std::move(task));
    loop_.RunReady();
  }
  PollWorkflow("normal", PollOptions());
  EXPECT_EQ(history_.started_, (std::vector<std::string>{"other@sticky", "w@normal"}));
}

TEST_F(MatchingTest, ShowsItsBacklogToPrometheus) {
  base::Metrics metrics;
  Options options;
  options.metrics = &metrics;
  Restart(options);
  const auto measure = [&] {
    matching_->MeasureBacklogs([] {});
    loop_.RunReady();
  };
  const base::MetricLabels labels = {
      {"namespace", "default"}, {"taskqueue", "q"}, {"task_type", "Workflow"}};
  const base::Gauge& count = metrics.GaugeOf("approximate_backlog_count", "", labels);
  const base::Gauge& age = metrics.GaugeOf("approximate_backlog_age_seconds", "", labels);
  AddWorkflow("w", "q");
  loop_.Advance(absl::Seconds(3));
  measure();
  EXPECT_EQ(count.Value(), 1);
  EXPECT_EQ(age.Value(), 3);
  PollWorkflow("q");
  measure();
  EXPECT_EQ(count.Value(), 0);
  EXPECT_EQ(age.Value(), 0);
}

TEST_F(MatchingTest, DrainEndsEverything) {
  const auto poll = PollWorkflow("q");
  const auto query = Query("other");
  matching_->Drain();
  loop_.RunReady();
  EXPECT_TRUE(IsEmpty(poll));
  EXPECT_EQ((*query)->status().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(IsEmpty(PollWorkflow("q")));
}

// A standby has no tasks: its workers must look elsewhere.
TEST_F(MatchingTest, RefusesPollsWhileItsHistoryDoesNotServe) {
  const auto poll = [this] {
    api::PollWorkflowTaskQueueRequest request;
    request.mutable_task_queue()->set_name("q");
    auto status = std::make_shared<std::optional<absl::Status>>();
    matching_->PollWorkflowTaskQueue(Context({}), name_space_, request,
                                     [status](auto response) { *status = response.status(); });
    loop_.RunReady();
    return status;
  };
  const auto waiting = poll();
  EXPECT_FALSE(waiting->has_value());
  matching_->SetServing(false);
  loop_.RunReady();
  ASSERT_TRUE(waiting->has_value());
  EXPECT_TRUE((*waiting)->ok()) << "it ends empty";
  const auto refused = poll();
  ASSERT_TRUE(refused->has_value());
  EXPECT_EQ((*refused)->code(), absl::StatusCode::kUnavailable);
  matching_->SetServing(true);
  EXPECT_FALSE(poll()->has_value());
}

}  // namespace
}  // namespace perdure::matching
