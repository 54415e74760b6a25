// R61: in which order a worker ends.
#include <gtest/gtest.h>

#include "worker-sdk/worker/testing/worker_fixture.h"

namespace perdure::worker {
namespace {

using namespace std::chrono_literals;

void EndsPolls(WorkerFixture& fixture) {
  fixture.server->On("DescribeNamespace", [](FakeServer::Call& call) {
    static_cast<api::DescribeNamespaceResponse*>(call.response)
        ->mutable_namespace_info()
        ->mutable_capabilities()
        ->set_worker_poll_complete_on_shutdown(true);
    return absl::OkStatus();
  });
}
bool HasStopped(WorkerFixture& fixture) { return fixture.worker->WaitStopped(Nanos(0)); }

TEST(Shutdown, AskedForBeforeTheStartItDoesNotBegin) {
  WorkerFixture fixture;
  fixture.worker->RequestStop();
  fixture.StartWorkflows();
  EXPECT_TRUE(HasStopped(fixture));
  EXPECT_TRUE(fixture.server->Sent("PollWorkflowTaskQueue").empty());
}

TEST(Shutdown, AskedForWhileTheServerIsAskedItDoesNotBegin) {
  WorkerFixture fixture;
  fixture.server->On("DescribeNamespace", [&fixture](FakeServer::Call&) {
    fixture.worker->RequestStop();
    return absl::OkStatus();
  });
  fixture.StartWorkflows();
  EXPECT_TRUE(HasStopped(fixture));
  EXPECT_TRUE(fixture.server->Sent("PollWorkflowTaskQueue").empty());
}

TEST(R61Shutdown, TellsTheServerWithItsQueuesAndThenCutsThePolls) {
  WorkerFixture fixture;
  fixture.AddActivity("act", [](auto&, const auto&) { return std::nullopt; });
  fixture.server->Hold("ShutdownWorker");
  fixture.StartWorkflows();
  fixture.worker->RequestStop();
  fixture.server->Run();
  const auto open = fixture.server->Open("ShutdownWorker");
  ASSERT_EQ(open.size(), 1u);
  const auto& request = open[0]->as<api::ShutdownWorkerRequest>();
  EXPECT_EQ(request.sticky_task_queue(), "queue:key:0");
  EXPECT_EQ(request.task_queue(), "queue");
  EXPECT_EQ(request.worker_instance_key(), "key");
  EXPECT_EQ(request.task_queue_types_size(), 2);
  EXPECT_FALSE(fixture.server->Open("PollWorkflowTaskQueue").empty())
      << "polls wait for its answer";
  fixture.server->Answer(open[0], api::ShutdownWorkerResponse());
  EXPECT_TRUE(fixture.server->Open("PollWorkflowTaskQueue").empty());
  EXPECT_TRUE(fixture.server->Open("PollActivityTaskQueue").empty());
  EXPECT_TRUE(HasStopped(fixture));
}

TEST(R61Shutdown, ServerThatEndsPollsItselfGetsElevenSeconds) {
  WorkerFixture fixture;
  EndsPolls(fixture);
  fixture.StartWorkflows();
  fixture.worker->RequestStop();
  fixture.server->Advance(10s);
  EXPECT_FALSE(fixture.server->Open("PollWorkflowTaskQueue").empty());
  EXPECT_FALSE(HasStopped(fixture));
  fixture.server->Advance(2s);
  EXPECT_TRUE(fixture.server->Open("PollWorkflowTaskQueue").empty());
  EXPECT_TRUE(HasStopped(fixture));
}

TEST(R61Shutdown, TaskThatComesWhilePollsEndIsStillRun) {
  WorkerFixture fixture;
  EndsPolls(fixture);
  fixture.StartWorkflows();
  fixture.worker->RequestStop();
  fixture.server->Run();
  const auto polls = fixture.server->Open("PollWorkflowTaskQueue");
  fixture.server->Answer(polls[0], fixture.Task("r1", "t1"));
  for (std::size_t i = 1; i < polls.size(); ++i) {
    fixture.server->Answer(polls[i], api::PollWorkflowTaskQueueResponse());
  }
  const auto answers = fixture.server->Sent("RespondWorkflowTaskCompleted");
  ASSERT_EQ(answers.size(), 1u);
  const auto& answer = answers[0]->as<api::RespondWorkflowTaskCompletedRequest>();
  EXPECT_FALSE(answer.return_new_workflow_task());
  EXPECT_FALSE(answer.has_sticky_attributes())
      << "no later task may come to the queue of a dead worker";
  EXPECT_TRUE(HasStopped(fixture));
}

TEST(R61Shutdown, WaitsForTheWorkflowTaskInHandAndThenEmptiesTheCache) {
  WorkerFixture fixture;
  fixture.server->Hold("RespondWorkflowTaskCompleted");
  fixture.StartWorkflows();
  fixture.Give(fixture.Task("r1", "t1"));
  fixture.worker->RequestStop();
  fixture.server->Advance(5s);
  EXPECT_FALSE(HasStopped(fixture));
  EXPECT_EQ(fixture.script->alive, 1);
  fixture.server->Answer(fixture.server->Open("RespondWorkflowTaskCompleted")[0],
                         api::RespondWorkflowTaskCompletedResponse());
  EXPECT_TRUE(HasStopped(fixture));
  EXPECT_EQ(fixture.script->alive, 0);
}

TEST(R61Shutdown, NoEagerActivityAfterwards) {
  WorkerFixture fixture;
  fixture.AddActivity("act", [](auto&, const auto&) { return std::nullopt; });
  fixture.script->on_task = [](const auto&) {
    core::CompleteTask step;
    auto* schedule =
        step.request.add_commands()->mutable_schedule_activity_task_command_attributes();
    schedule->mutable_activity_type()->set_name("act");
    schedule->set_request_eager_execution(true);
    return step;
  };
  EndsPolls(fixture);
  fixture.StartWorkflows();
  fixture.worker->RequestStop();
  fixture.server->Run();
  fixture.Give(fixture.Task("r1", "t1"));
  const auto answers = fixture.server->Sent("RespondWorkflowTaskCompleted");
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_FALSE(answers[0]
                   ->as<api::RespondWorkflowTaskCompletedRequest>()
                   .commands(0)
                   .schedule_activity_task_command_attributes()
                   .request_eager_execution());
}

TEST(R61Shutdown, ActivitiesAreCancelledAfterTheGraceAndReportedForAnotherAttempt) {
  WorkerFixture fixture({.shutdown_grace = 20s});
  CancelReason before = CancelReason::none, after = CancelReason::none;
  fixture.AddActivity("act", [&](activity_context& context, const auto&) -> std::optional<Payload> {
    fixture.worker->RequestStop();
    fixture.server->Advance(19s);
    before = context.cancel_reason();
    fixture.server->Advance(2s);
    after = context.cancel_reason();
    context.throw_if_cancelled();
    return std::nullopt;
  });
  fixture.server->HoldBlocking();
  fixture.worker->Start();
  fixture.server->Run();
  fixture.GiveActivity(fixture.ActivityTask("act", "1"));
  fixture.server->RunBlocked();
  EXPECT_EQ(before, CancelReason::none);
  EXPECT_EQ(after, CancelReason::worker_shutdown);
  const auto failed = fixture.server->Sent("RespondActivityTaskFailed");
  ASSERT_EQ(failed.size(), 1u);
  const auto& failure = failed[0]->as<api::RespondActivityTaskFailedRequest>().failure();
  EXPECT_EQ(failure.application_failure_info().type(), "WorkerShutdown");
  EXPECT_FALSE(failure.application_failure_info().non_retryable());
  EXPECT_TRUE(HasStopped(fixture));
}

TEST(R61Shutdown, LocalActivitiesMayFinishTheTaskThatWaitsForThem) {
  WorkerFixture fixture;
  fixture.AddActivity("act", [](auto&, const auto&) { return encode(1); });
  fixture.script->on_task = [](const auto&) {
    core::RunLocalActivities step;
    step.start.emplace_back();
    step.start.back().command.seq = 1;
    step.start.back().command.activity_type = "act";
    return step;
  };
  fixture.server->HoldBlocking();
  fixture.StartWorkflows();
  fixture.Give(fixture.Task("r1", "t1"));
  fixture.worker->RequestStop();
  fixture.server->Advance(1s);
  EXPECT_FALSE(HasStopped(fixture));
  fixture.server->RunBlocked();
  EXPECT_EQ(fixture.server->Sent("RespondWorkflowTaskCompleted").size(), 1u);
  EXPECT_TRUE(HasStopped(fixture));
}

TEST(R61Shutdown, LocalActivitiesThatStayTooLongAreGivenUpWithTheirTask) {
  WorkerFixture fixture;
  bool was_told = false;
  fixture.AddActivity("act", [&](activity_context& context, const auto&) -> std::optional<Payload> {
    fixture.server->Advance(15s);
    was_told = context.cancel_reason() == CancelReason::worker_shutdown;
    return std::nullopt;
  });
  fixture.script->on_task = [](const auto&) {
    core::RunLocalActivities step;
    step.start.emplace_back();
    step.start.back().command.seq = 1;
    step.start.back().command.activity_type = "act";
    return step;
  };
  fixture.script->on_heartbeat = [] { return core::RunLocalActivities{}; };
  fixture.server->HoldBlocking();
  fixture.StartWorkflows();
  fixture.Give(fixture.Task("r1", "t1"));
  fixture.worker->RequestStop();
  fixture.server->RunBlocked();
  EXPECT_TRUE(was_told);
  EXPECT_TRUE(fixture.server->Sent("RespondWorkflowTaskCompleted").empty());
  EXPECT_TRUE(HasStopped(fixture));
}

// A run without a cache, and a local activity that is tried again and again: after a heartbeat that
// no task came back for, it waits for that task.
struct RetriesForEver : WorkerFixture {
  static WorkerOptions NoCache() {
    WorkerOptions options;
    options.cache.runs = 0;
    return options;
  }
  RetriesForEver() : WorkerFixture(NoCache()) {
    AddActivity("act", [this](auto&, const auto&) -> std::optional<Payload> {
      ++attempts;
      throw ApplicationError("not yet");
    });
    script->on_task = [](const auto&) {
      core::RunLocalActivities step;
      step.start.emplace_back();
      step.start.back().command.seq = 1;
      step.start.back().command.activity_type = "act";
      step.start.back().command.local_retry_threshold = 1min;
      return step;
    };
    server->Hold("RespondWorkflowTaskCompleted");
    StartWorkflows();
    Give(Task("r1", "t1"));
    server->Advance(8s);
  }
  FakeServer::CallPtr Heartbeat() { return server->Open("RespondWorkflowTaskCompleted").at(0); }
  int attempts = 0;
};

TEST(R61Shutdown, LocalActivitiesThatNoTaskCameForAreGivenUp) {
  RetriesForEver fixture;
  fixture.server->Answer(fixture.Heartbeat(), api::RespondWorkflowTaskCompletedResponse());
  EXPECT_EQ(fixture.script->alive, 0);
  const int before = fixture.attempts;
  fixture.server->Advance(20s);
  EXPECT_GT(fixture.attempts, before);
  fixture.worker->RequestStop();
  fixture.server->Run();
  EXPECT_TRUE(HasStopped(fixture));
}

TEST(R61Shutdown, LocalActivitiesThatNoTaskWillComeForAreGivenUp) {
  RetriesForEver fixture;
  fixture.worker->RequestStop();
  fixture.server->Run();
  EXPECT_FALSE(HasStopped(fixture));
  fixture.server->Refuse(fixture.Heartbeat(), absl::InvalidArgumentError("UnhandledCommand"));
  EXPECT_TRUE(HasStopped(fixture));
}

TEST(R61Shutdown, WaitsForAClientThatHoldsASlotForAnEagerStart) {
  WorkerFixture fixture;
  fixture.StartWorkflows();
  client::EagerStarter* starter = fixture.worker->eager_starter();
  ASSERT_TRUE(starter->Reserve("queue"));
  fixture.worker->RequestStop();
  fixture.server->Advance(1s);
  EXPECT_FALSE(starter->Reserve("queue"));
  EXPECT_FALSE(HasStopped(fixture));
  starter->Dispatch(fixture.Task("r1", "t1"));
  fixture.server->Advance(1s);
  EXPECT_EQ(fixture.server->Sent("RespondWorkflowTaskCompleted").size(), 1u);
  EXPECT_TRUE(HasStopped(fixture));
}

TEST(WorkerStart, ThrowsWhereThereIsNoSuchNamespace) {
  WorkerFixture fixture;
  fixture.server->On("DescribeNamespace",
                     [](FakeServer::Call&) { return absl::NotFoundError("space"); });
  fixture.worker->AddWorkflow({"Flow", detail::VersioningBehavior::unspecified, nullptr});
  EXPECT_THROW(fixture.worker->Start(), Error);
}

TEST(WorkerStart, RefusesOptionsAndNamesThatCannotBe) {
  EXPECT_THROW(WorkerFixture({.max_concurrent_workflow_tasks = 1}), Error);
  WorkerFixture fixture;
  EXPECT_THROW(fixture.worker->Start(), Error) << "nothing is registered";
  fixture.AddActivity("act", nullptr);
  EXPECT_THROW(fixture.AddActivity("act", nullptr), Error);
}

TEST(WorkerEnd, RefusedPollsStopTheWorkerWithTheReason) {
  WorkerFixture fixture;
  fixture.StartWorkflows();
  fixture.server->Refuse(fixture.Polls(false)[0], absl::InvalidArgumentError("bad queue"));
  EXPECT_TRUE(HasStopped(fixture));
  EXPECT_EQ(fixture.worker->fatal().message(), "bad queue");
}

TEST(WorkflowThreads, EachHasItsOwnQueueAndRunsStayWhereTheyBegan) {
  WorkerFixture fixture({.workflow_pollers = {.maximum = 8}, .workflow_threads = 2});
  fixture.StartWorkflows();
  std::set<std::string> queues;
  for (const auto& poll : fixture.Polls(true)) {
    queues.insert(poll->as<api::PollWorkflowTaskQueueRequest>().task_queue().name());
  }
  EXPECT_EQ(queues, (std::set<std::string>{"queue:key:0", "queue:key:1"}));
  fixture.worker->RequestStop();
  fixture.server->Run();
  EXPECT_EQ(fixture.server->Sent("ShutdownWorker").size(), 2u);
  EXPECT_TRUE(HasStopped(fixture));
}

}  // namespace
}  // namespace perdure::worker
