// R52, R55, R56, R59 and what belongs to them: the worker's part of a workflow task.
#include "worker-sdk/worker/workflow_worker.h"

#include <gtest/gtest.h>

#include "worker-sdk/worker/testing/worker_fixture.h"

namespace perdure::worker {
namespace {

using namespace std::chrono_literals;
namespace enums = temporal::api::enums::v1;

const api::RespondWorkflowTaskCompletedRequest& Completion(WorkerFixture& fixture,
                                                           std::size_t index) {
  return fixture.server->Sent("RespondWorkflowTaskCompleted")
      .at(index)
      ->as<api::RespondWorkflowTaskCompletedRequest>();
}

core::Step CloseStep() {
  core::CompleteTask step;
  step.closes_run = true;
  step.request.add_commands()->mutable_complete_workflow_execution_command_attributes();
  return step;
}

TEST(WorkflowTask, IsAnsweredWithTokenIdentityAndStickyQueue) {
  WorkerFixture fixture;
  fixture.StartWorkflows();
  fixture.Give(fixture.Task("r1", "t1"));
  const auto& answer = Completion(fixture, 0);
  EXPECT_EQ(answer.task_token(), "t1");
  EXPECT_EQ(answer.identity(), "me");
  EXPECT_EQ(answer.namespace_(), "space");
  EXPECT_TRUE(answer.return_new_workflow_task());
  EXPECT_TRUE(answer.capabilities().discard_speculative_workflow_task_with_events());
  EXPECT_EQ(answer.sticky_attributes().worker_task_queue().name(), "queue:key:0");
  EXPECT_EQ(answer.sticky_attributes().worker_task_queue().normal_name(), "queue");
  EXPECT_EQ(answer.sticky_attributes().schedule_to_start_timeout().seconds(), 10);
  EXPECT_EQ(fixture.script->alive, 1);
}

TEST(WorkflowTask, WithoutACacheTheRunIsPutOutAfterEachTask) {
  WorkerFixture fixture({.cache = {.runs = 0}});
  fixture.StartWorkflows();
  EXPECT_TRUE(fixture.Polls(true).empty());
  fixture.Give(fixture.Task("r1", "t1"));
  EXPECT_FALSE(Completion(fixture, 0).has_sticky_attributes());
  EXPECT_EQ(fixture.script->alive, 0);
}

TEST(WorkflowTask, HistoryIsFetchedPageByPage) {
  WorkerFixture fixture;
  fixture.script->on_task = [](const auto&) { return core::NeedHistory{""}; };
  std::vector<std::string> tokens;
  fixture.script->on_history = [&](const RunScript::History&,
                                   const std::string& token) -> core::Step {
    tokens.push_back(token);
    if (!token.empty()) return core::NeedHistory{token};
    return core::CompleteTask{};
  };
  fixture.server->On("GetWorkflowExecutionHistory", [](FakeServer::Call& call) {
    const auto& request = call.as<api::GetWorkflowExecutionHistoryRequest>();
    auto* response = static_cast<api::GetWorkflowExecutionHistoryResponse*>(call.response);
    if (request.next_page_token().empty()) response->set_next_page_token("second");
    EXPECT_EQ(request.execution().run_id(), "r1");
    return absl::OkStatus();
  });
  fixture.StartWorkflows();
  fixture.Give(fixture.Task("r1", "t1"));
  EXPECT_EQ(tokens, (std::vector<std::string>{"second", ""}));
  EXPECT_EQ(fixture.server->Sent("RespondWorkflowTaskCompleted").size(), 1u);
}

TEST(WorkflowTask, WhoseHistoryCannotBeFetchedIsLeftAndTheRunPutOut) {
  WorkerFixture fixture;
  fixture.script->on_task = [](const auto&) { return core::NeedHistory{""}; };
  fixture.server->On("GetWorkflowExecutionHistory",
                     [](FakeServer::Call&) { return absl::NotFoundError("gone"); });
  fixture.StartWorkflows();
  fixture.Give(fixture.Task("r1", "t1"));
  EXPECT_EQ(fixture.script->alive, 0);
  EXPECT_TRUE(fixture.server->Sent("RespondWorkflowTaskCompleted").empty());
  EXPECT_TRUE(fixture.server->Sent("RespondWorkflowTaskFailed").empty());
}

TEST(WorkflowTask, NewTaskInTheAnswerIsUsedAtOnce) {
  WorkerFixture fixture;
  fixture.server->Hold("RespondWorkflowTaskCompleted");
  fixture.StartWorkflows();
  fixture.Give(fixture.Task("r1", "t1"));
  api::RespondWorkflowTaskCompletedResponse response;
  *response.mutable_workflow_task() = fixture.Task("r1", "t2");
  fixture.server->Answer(fixture.server->Open("RespondWorkflowTaskCompleted").at(0), response);
  ASSERT_EQ(fixture.script->tasks.size(), 2u);
  EXPECT_EQ(Completion(fixture, 1).task_token(), "t2");
  EXPECT_EQ(fixture.script->made, 1);
}

TEST(R26AnswerRefused, UnhandledCommandPutsTheRunOutQuietly) {
  WorkerFixture fixture;
  fixture.server->On("RespondWorkflowTaskCompleted", [](FakeServer::Call&) {
    return absl::InvalidArgumentError("UnhandledCommand");
  });
  fixture.StartWorkflows();
  fixture.Give(fixture.Task("r1", "t1"));
  EXPECT_EQ(fixture.script->alive, 0);
  EXPECT_TRUE(fixture.server->Sent("RespondWorkflowTaskFailed").empty());
}

TEST(R26AnswerRefused, PassingErrorsAreTriedAgain) {
  WorkerFixture fixture;
  int tries = 0;
  fixture.server->On("RespondWorkflowTaskCompleted", [&](FakeServer::Call&) {
    return ++tries < 3 ? absl::UnavailableError("down") : absl::OkStatus();
  });
  fixture.StartWorkflows();
  fixture.Give(fixture.Task("r1", "t1"));
  fixture.server->Advance(1s);
  EXPECT_EQ(tries, 3);
  EXPECT_EQ(fixture.script->accepted.size(), 1u);
}

TEST(R52TaskFailure, IsReportedForTheFirstAttemptOnly) {
  WorkerFixture fixture;
  fixture.script->on_task = [](const auto&) {
    core::FailTask step;
    step.cause = enums::WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR;
    step.failure.set_message("left its history");
    return step;
  };
  fixture.StartWorkflows();
  fixture.Give(fixture.Task("r1", "t1", 1));
  fixture.Give(fixture.Task("r1", "t2", 2));
  const auto failed = fixture.server->Sent("RespondWorkflowTaskFailed");
  ASSERT_EQ(failed.size(), 1u);
  EXPECT_EQ(failed[0]->as<api::RespondWorkflowTaskFailedRequest>().cause(),
            enums::WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR);
  EXPECT_EQ(fixture.script->made, 2);
  EXPECT_EQ(fixture.script->alive, 0);
}

TEST(R52TaskFailure, AnswerTooLargeForGrpcFailsTheTask) {
  WorkerFixture fixture;
  fixture.server->On("RespondWorkflowTaskCompleted", [](FakeServer::Call&) {
    return absl::ResourceExhaustedError("grpc: received message larger than max (5 vs. 4)");
  });
  fixture.StartWorkflows();
  fixture.Give(fixture.Task("r1", "t1"));
  const auto failed = fixture.server->Sent("RespondWorkflowTaskFailed");
  ASSERT_EQ(failed.size(), 1u);
  EXPECT_EQ(failed[0]->as<api::RespondWorkflowTaskFailedRequest>().cause(),
            enums::WORKFLOW_TASK_FAILED_CAUSE_GRPC_MESSAGE_TOO_LARGE);
}

TEST(Codecs, AnswerThatCannotBeSentFailsTheTask) {
  WorkerFixture fixture;
  fixture.refused_type = api::RespondWorkflowTaskCompletedRequest::descriptor()->name();
  fixture.StartWorkflows();
  fixture.Give(fixture.Task("r1", "t1"));
  EXPECT_TRUE(fixture.server->Sent("RespondWorkflowTaskCompleted").empty());
  EXPECT_EQ(fixture.server->Sent("RespondWorkflowTaskFailed").size(), 1u);
  EXPECT_EQ(fixture.script->alive, 0);
}

TEST(Codecs, TaskThatCannotBeDecodedFails) {
  WorkerFixture fixture;
  fixture.undecodable_type = api::PollWorkflowTaskQueueResponse::descriptor()->name();
  fixture.StartWorkflows();
  fixture.Give(fixture.Task("r1", "t1"));
  EXPECT_EQ(fixture.script->made, 0);
  EXPECT_EQ(fixture.server->Sent("RespondWorkflowTaskFailed").size(), 1u);
}

TEST(R17LegacyQuery, IsAnsweredByItsOwnCallAndItsFailureToo) {
  WorkerFixture fixture;
  fixture.script->on_task = [](const RunScript::Task& task) -> core::Step {
    if (task.query().query_type() == "bad") {
      core::FailTask fail;
      fail.failure.set_message("no such query");
      return fail;
    }
    core::AnswerQuery answer;
    answer.request.set_completed_type(enums::QUERY_RESULT_TYPE_ANSWERED);
    return answer;
  };
  fixture.StartWorkflows();
  auto task = fixture.Task("r1", "t1");
  task.mutable_query()->set_query_type("good");
  fixture.Give(task);
  EXPECT_EQ(fixture.script->alive, 1);
  task.set_task_token("t2");
  task.mutable_query()->set_query_type("bad");
  fixture.Give(task);
  const auto answers = fixture.server->Sent("RespondQueryTaskCompleted");
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0]->as<api::RespondQueryTaskCompletedRequest>().task_token(), "t1");
  const auto& failed = answers[1]->as<api::RespondQueryTaskCompletedRequest>();
  EXPECT_EQ(failed.completed_type(), enums::QUERY_RESULT_TYPE_FAILED);
  EXPECT_EQ(failed.error_message(), "no such query");
  EXPECT_TRUE(fixture.server->Sent("RespondWorkflowTaskFailed").empty());
}

TEST(R17LegacyQuery, RunThatCouldNotBeBroughtToItIsPutOutOnceItIsAnswered) {
  WorkerFixture fixture;
  fixture.script->on_task = [](const RunScript::Task&) -> core::Step {
    core::AnswerQuery answer;
    answer.drop_run = true;
    answer.request.set_completed_type(enums::QUERY_RESULT_TYPE_FAILED);
    return answer;
  };
  fixture.StartWorkflows();
  auto task = fixture.Task("r1", "t1");
  task.mutable_query()->set_query_type("status");
  fixture.Give(task);
  EXPECT_EQ(fixture.server->Sent("RespondQueryTaskCompleted").size(), 1u);
  EXPECT_EQ(fixture.script->alive, 0);
  // The next task of the run begins it anew.
  fixture.script->on_task = [](const auto&) { return core::CompleteTask{}; };
  fixture.Give(fixture.Task("r1", "t2"));
  EXPECT_EQ(fixture.script->made, 2);
  EXPECT_EQ(fixture.script->alive, 1);
}

TEST(R55OneTaskAtATime, SecondTaskOfARunWaitsAndOnlyTheNewestCounts) {
  WorkerFixture fixture;
  fixture.server->Hold("RespondWorkflowTaskCompleted");
  fixture.StartWorkflows();
  fixture.Give(fixture.Task("r1", "t1"));
  fixture.Give(fixture.Task("r1", "t2"), true);
  fixture.Give(fixture.Task("r1", "t3"), true);
  auto query = fixture.Task("r1", "q1");
  query.mutable_query()->set_query_type("state");
  fixture.Give(query, true);
  EXPECT_EQ(fixture.script->tasks.size(), 1u);
  fixture.server->Answer(fixture.server->Open("RespondWorkflowTaskCompleted").at(0),
                         api::RespondWorkflowTaskCompletedResponse());
  ASSERT_EQ(fixture.script->tasks.size(), 2u);
  EXPECT_EQ(fixture.script->tasks[1].task_token(), "t3");
  fixture.server->Answer(fixture.server->Open("RespondWorkflowTaskCompleted").at(0),
                         api::RespondWorkflowTaskCompletedResponse());
  ASSERT_EQ(fixture.script->tasks.size(), 3u);
  EXPECT_EQ(fixture.script->tasks[2].task_token(), "q1");
}

TEST(R55OneTaskAtATime, BufferedTaskBeginsAnewWhenTheRunIsPutOut) {
  WorkerFixture fixture;
  fixture.server->Hold("RespondWorkflowTaskCompleted");
  fixture.StartWorkflows();
  fixture.Give(fixture.Task("r1", "t1"));
  fixture.Give(fixture.Task("r1", "t2"), true);
  fixture.server->Refuse(fixture.server->Open("RespondWorkflowTaskCompleted").at(0),
                         absl::NotFoundError("timed out"));
  EXPECT_EQ(fixture.script->made, 2);
  ASSERT_EQ(fixture.script->tasks.size(), 2u);
  EXPECT_EQ(fixture.script->tasks[1].task_token(), "t2");
}

TEST(R56Cache, RunUsedLongestAgoLeavesWhenFull) {
  WorkerFixture fixture({.cache = {.runs = 2}});
  fixture.StartWorkflows();
  fixture.Give(fixture.Task("r1", "1"));
  fixture.Give(fixture.Task("r2", "2"));
  fixture.Give(fixture.Task("r1", "3"));
  fixture.Give(fixture.Task("r3", "4"));
  EXPECT_EQ(fixture.script->alive, 2);
  EXPECT_EQ(fixture.script->made, 3);
  fixture.Give(fixture.Task("r1", "5"));
  EXPECT_EQ(fixture.script->made, 3) << "r1 was used after r2 and must have stayed";
  fixture.Give(fixture.Task("r2", "6"));
  EXPECT_EQ(fixture.script->made, 4);
}

TEST(R56Cache, NewRunWaitsWhileEachPlaceHasATaskInHand) {
  WorkerFixture fixture({.cache = {.runs = 1}});
  fixture.server->Hold("RespondWorkflowTaskCompleted");
  fixture.StartWorkflows();
  fixture.Give(fixture.Task("r1", "1"));
  fixture.Give(fixture.Task("r2", "2"));
  EXPECT_EQ(fixture.script->made, 1);
  fixture.server->Answer(fixture.server->Open("RespondWorkflowTaskCompleted").at(0),
                         api::RespondWorkflowTaskCompletedResponse());
  EXPECT_EQ(fixture.script->made, 2);
  EXPECT_EQ(fixture.script->alive, 1);
  EXPECT_EQ(fixture.script->tasks.back().task_token(), "2");
}

TEST(R56Cache, LimitInBytesPutsIdleRunsOut) {
  // So large that the cache's own part of a run does not count.
  WorkerFixture fixture({.cache = {.runs = 100, .bytes = 2'500'000}});
  fixture.script->bytes = 1'000'000;
  fixture.StartWorkflows();
  for (int i = 0; i < 5; ++i) fixture.Give(fixture.Task("r" + std::to_string(i), "t"));
  EXPECT_EQ(fixture.script->alive, 2);
}

TEST(R56Cache, RunsWithoutTasksLeaveAfterTheIdleTime) {
  WorkerFixture fixture({.cache = {.idle = 1min}});
  fixture.StartWorkflows();
  fixture.Give(fixture.Task("r1", "1"));
  fixture.server->Advance(40s);
  fixture.Give(fixture.Task("r2", "2"));
  EXPECT_EQ(fixture.script->alive, 2);
  fixture.server->Advance(40s);
  EXPECT_EQ(fixture.script->alive, 1);
  fixture.server->Advance(40s);
  EXPECT_EQ(fixture.script->alive, 0);
}

TEST(R56Cache, ClosedRunLeavesAtOnce) {
  WorkerFixture fixture;
  fixture.script->on_task = [](const auto&) { return CloseStep(); };
  fixture.StartWorkflows();
  fixture.Give(fixture.Task("r1", "1"));
  EXPECT_EQ(fixture.script->alive, 0);
  EXPECT_FALSE(Completion(fixture, 0).has_sticky_attributes());
}

TEST(R56Cache, RunThatWasTerminatedFromOutsideLeavesToo) {
  WorkerFixture fixture;
  fixture.script->is_closed = true;
  fixture.StartWorkflows();
  fixture.Give(fixture.Task("r1", "1"));
  EXPECT_EQ(fixture.script->alive, 0);
}

TEST(Slots, AreHeldFromThePollToTheAnswersAnswer) {
  WorkerFixture fixture({.max_concurrent_workflow_tasks = 2});
  fixture.server->Hold("RespondWorkflowTaskCompleted");
  fixture.StartWorkflows();
  EXPECT_EQ(fixture.Polls(false).size(), 1u);
  EXPECT_EQ(fixture.Polls(true).size(), 1u);
  fixture.Give(fixture.Task("r1", "1"));
  EXPECT_EQ(fixture.Polls(false).size(), 0u);
  fixture.server->Answer(fixture.server->Open("RespondWorkflowTaskCompleted").at(0),
                         api::RespondWorkflowTaskCompletedResponse());
  EXPECT_EQ(fixture.Polls(false).size(), 1u);
}

api::RespondWorkflowTaskCompletedRequest SchedulesActivities(int count,
                                                             const std::string& queue = "") {
  api::RespondWorkflowTaskCompletedRequest request;
  for (int i = 0; i < count; ++i) {
    auto* schedule = request.add_commands()->mutable_schedule_activity_task_command_attributes();
    schedule->mutable_activity_type()->set_name("act");
    schedule->mutable_task_queue()->set_name(queue);
    schedule->set_request_eager_execution(true);
  }
  return request;
}

int EagerRequests(const api::RespondWorkflowTaskCompletedRequest& request) {
  int count = 0;
  for (const auto& command : request.commands()) {
    count += command.schedule_activity_task_command_attributes().request_eager_execution();
  }
  return count;
}

// Answers the next task with these commands and tells how many of them stayed eager.
int StayEager(WorkerFixture& fixture, const api::RespondWorkflowTaskCompletedRequest& request) {
  fixture.script->on_task = [&](const auto&) {
    core::CompleteTask step;
    step.request = request;
    return step;
  };
  const std::size_t before = fixture.server->Sent("RespondWorkflowTaskCompleted").size();
  fixture.Give(fixture.Task("r", "t" + std::to_string(before)));
  return EagerRequests(Completion(fixture, before));
}

TEST(R59EagerActivities, AtMostThreeOfATaskAndOnlyOfTheSameQueue) {
  WorkerFixture fixture;
  fixture.AddActivity("act", [](auto&, const auto&) { return std::nullopt; });
  fixture.StartWorkflows();
  EXPECT_EQ(StayEager(fixture, SchedulesActivities(5)), 3);
  EXPECT_EQ(StayEager(fixture, SchedulesActivities(2, "queue")), 2);
  EXPECT_EQ(StayEager(fixture, SchedulesActivities(2, "other")), 0);
}

TEST(R59EagerActivities, NeedAFreeSlotAndGiveItBackUnused) {
  WorkerFixture fixture({.max_concurrent_activities = 2, .activity_pollers = {.maximum = 1}});
  fixture.AddActivity("act", [](auto&, const auto&) { return std::nullopt; });
  fixture.StartWorkflows();
  EXPECT_EQ(StayEager(fixture, SchedulesActivities(2)), 1) << "the other slot is the poll's";
  EXPECT_EQ(StayEager(fixture, SchedulesActivities(2)), 1) << "nothing came with the answer";
}

TEST(R59EagerActivities, AreOffWithRateLimitsAndByOption) {
  WorkerFixture limited({.max_task_queue_activities_per_second = 100});
  limited.AddActivity("act", [](auto&, const auto&) { return std::nullopt; });
  limited.StartWorkflows();
  EXPECT_EQ(StayEager(limited, SchedulesActivities(1)), 0);
  WorkerFixture off({.eager_activities = false});
  off.AddActivity("act", [](auto&, const auto&) { return std::nullopt; });
  off.StartWorkflows();
  EXPECT_EQ(StayEager(off, SchedulesActivities(1)), 0);
}

TEST(R59EagerActivities, TaskInTheAnswerRunsInTheReservedSlot) {
  WorkerFixture fixture;
  int calls = 0;
  fixture.AddActivity("act", [&](auto&, const auto&) {
    ++calls;
    return std::nullopt;
  });
  fixture.server->On("RespondWorkflowTaskCompleted", [&](FakeServer::Call& call) {
    auto* response = static_cast<api::RespondWorkflowTaskCompletedResponse*>(call.response);
    *response->add_activity_tasks() = fixture.ActivityTask("act", "a1");
    return absl::OkStatus();
  });
  fixture.StartWorkflows();
  EXPECT_EQ(StayEager(fixture, SchedulesActivities(1)), 1);
  EXPECT_EQ(calls, 1);
  const auto answers = fixture.server->Sent("RespondActivityTaskCompleted");
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0]->as<api::RespondActivityTaskCompletedRequest>().task_token(), "a1");
}

TEST(EagerStart, TaskFromAClientRunsHereInTheSlotKeptForIt) {
  WorkerFixture fixture({.max_concurrent_workflow_tasks = 3, .workflow_pollers = {.maximum = 2}});
  fixture.StartWorkflows();
  client::EagerStarter* starter = fixture.worker->eager_starter();
  EXPECT_FALSE(starter->Reserve("another"));
  ASSERT_TRUE(starter->Reserve("queue"));
  EXPECT_FALSE(starter->Reserve("queue")) << "two polls and one reservation hold the three slots";
  starter->Dispatch(fixture.Task("r1", "t1"));
  fixture.server->Run();
  EXPECT_EQ(Completion(fixture, 0).task_token(), "t1");
  ASSERT_TRUE(starter->Reserve("queue"));
  starter->Release();
  EXPECT_TRUE(starter->Reserve("queue"));
  starter->Release();
}

TEST(Deployment, IsSentWithPollsAndAnswers) {
  WorkerFixture fixture(
      {.deployment = {"shop", "build-7", true, detail::VersioningBehavior::pinned}});
  fixture.StartWorkflows();
  const auto& poll = fixture.Polls(false)[0]->as<api::PollWorkflowTaskQueueRequest>();
  EXPECT_EQ(poll.deployment_options().deployment_name(), "shop");
  fixture.Give(fixture.Task("r1", "t1"));
  const auto& answer = Completion(fixture, 0);
  EXPECT_EQ(answer.deployment_options().build_id(), "build-7");
  EXPECT_EQ(answer.deployment_options().worker_versioning_mode(),
            enums::WORKER_VERSIONING_MODE_VERSIONED);
  EXPECT_EQ(answer.versioning_behavior(), enums::VERSIONING_BEHAVIOR_PINNED);
}

}  // namespace
}  // namespace perdure::worker
