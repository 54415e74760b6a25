// Options of a worker that go into its requests, leave a side out, or watch its workflows.
#include <gtest/gtest.h>

#include <atomic>

#include "perdure/workflow.h"
#include "worker-sdk/worker/core_run.h"
#include "worker-sdk/worker/testing/worker_fixture.h"

namespace perdure::worker {
namespace {

using namespace std::chrono_literals;
namespace enums = temporal::api::enums::v1;

std::optional<Payload> Nothing(activity_context&, const Payloads&) { return std::nullopt; }

TEST(NonstickyPollRatio, SaysHowManyPollsAskTheNormalQueue) {
  WorkerFixture fixture({.workflow_pollers = {.maximum = 10}, .nonsticky_poll_ratio = 0.7});
  fixture.StartWorkflows();
  EXPECT_EQ(fixture.Polls(false).size(), 7u);
  EXPECT_EQ(fixture.Polls(true).size(), 3u);
}

TEST(StickyTimeout, IsTheOneOfTheAnswers) {
  WorkerFixture fixture({.sticky_timeout = 3s});
  fixture.StartWorkflows();
  fixture.Give(fixture.Task("r1", "t1"));
  const auto& answer = fixture.server->Sent("RespondWorkflowTaskCompleted")
                           .at(0)
                           ->as<api::RespondWorkflowTaskCompletedRequest>();
  EXPECT_EQ(answer.sticky_attributes().schedule_to_start_timeout().seconds(), 3);
}

TEST(Identity, IsTheWorkersWhereItHasOne) {
  WorkerFixture fixture({.identity = "worker 7"});
  fixture.StartWorkflows();
  const auto& poll = fixture.Polls(false)[0]->as<api::PollWorkflowTaskQueueRequest>();
  EXPECT_EQ(poll.identity(), "worker 7");
}

TEST(NoWorkflows, LeavesThemOutThoughTheyAreRegistered) {
  WorkerFixture fixture({.no_workflows = true});
  fixture.AddActivity("act", Nothing);
  fixture.StartWorkflows();
  EXPECT_TRUE(fixture.server->Open("PollWorkflowTaskQueue").empty());
  EXPECT_FALSE(fixture.server->Open("PollActivityTaskQueue").empty());
}

TEST(NoRemoteActivities, LeavesThemOutThoughTheyAreRegistered) {
  WorkerFixture fixture({.no_remote_activities = true});
  fixture.AddActivity("act", Nothing);
  fixture.StartWorkflows();
  EXPECT_FALSE(fixture.server->Open("PollWorkflowTaskQueue").empty());
  EXPECT_TRUE(fixture.server->Open("PollActivityTaskQueue").empty());
}

TEST(NoSide, LeavesAWorkerWithoutWork) {
  WorkerFixture fixture({.no_remote_activities = true, .no_workflows = true});
  fixture.AddActivity("act", Nothing);
  EXPECT_THROW(fixture.StartWorkflows(), Error);
}

// How many heartbeats are out so long after two were called for at once.
std::size_t HeartbeatsAfter(WorkerOptions options, std::int64_t timeout_s, Nanos time) {
  WorkerFixture fixture(std::move(options));
  std::optional<std::size_t> count;
  fixture.AddActivity("act",
                      [&](activity_context& context, const Payloads&) -> std::optional<Payload> {
                        context.heartbeat(1);
                        fixture.server->Run();
                        context.heartbeat(2);
                        fixture.server->Advance(time);
                        count = fixture.server->Sent("RecordActivityTaskHeartbeat").size();
                        return std::nullopt;
                      });
  fixture.server->HoldBlocking();
  fixture.worker->Start();
  fixture.server->Run();
  auto task = fixture.ActivityTask("act", "1");
  task.mutable_heartbeat_timeout()->set_seconds(timeout_s);
  fixture.GiveActivity(task);
  fixture.server->RunBlocked();
  return count.value_or(0);
}

TEST(R57HeartbeatThrottle, IsAsLongAsTheOptionsSay) {
  EXPECT_EQ(HeartbeatsAfter({.max_heartbeat_throttle = 5s}, 100, 4s), 1u);
  EXPECT_EQ(HeartbeatsAfter({.max_heartbeat_throttle = 5s}, 100, 6s), 2u);
  EXPECT_EQ(HeartbeatsAfter({.default_heartbeat_throttle = 3s}, 0, 2s), 1u);
  EXPECT_EQ(HeartbeatsAfter({.default_heartbeat_throttle = 3s}, 0, 4s), 2u);
}

// ---- Code that holds its thread ----

std::atomic<bool> reported{false};

struct Spinning {
  task<void> run() {
    while (!reported) {
    }
    co_return;
  }
  using handlers = define<entry<&Spinning::run>>;
};

RunScript::Task FirstTaskOf(const std::string& type) {
  RunScript::Task task;
  task.set_task_token("token");
  task.mutable_workflow_execution()->set_workflow_id("w-1");
  task.mutable_workflow_execution()->set_run_id("r-1");
  task.mutable_workflow_type()->set_name(type);
  task.set_attempt(1);
  task.set_started_event_id(3);
  for (const auto kind :
       {enums::EVENT_TYPE_WORKFLOW_EXECUTION_STARTED, enums::EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
        enums::EVENT_TYPE_WORKFLOW_TASK_STARTED}) {
    auto* event = task.mutable_history()->add_events();
    event->set_event_id(task.history().events_size());
    event->set_event_type(kind);
  }
  auto* events = task.mutable_history()->mutable_events();
  auto* started = events->Mutable(0)->mutable_workflow_execution_started_event_attributes();
  started->mutable_workflow_type()->set_name(type);
  started->set_original_execution_run_id("r-1");
  events->Mutable(1)->mutable_workflow_task_scheduled_event_attributes()->set_attempt(1);
  events->Mutable(2)->mutable_workflow_task_started_event_attributes()->set_scheduled_event_id(2);
  return task;
}

TEST(DeadlockLimit, ReportsWorkflowCodeThatHoldsItsThreadWithItsStackAndItGoesOn) {
  reported = false;
  std::string text, workflow_id;
  Host host;
  host.transport = std::make_shared<FakeServer>();
  host.log = [&](LogLevel, std::string_view line, const LogFields& fields) {
    if (line.find("has used the processor") == line.npos) return;
    text = std::string(line);
    for (const auto& [key, value] : fields) {
      if (key == "workflow_id") workflow_id = std::string(value);
    }
    reported = true;
  };
  WorkerOptions options;
  options.deadlock_limit = 20ms;
  WorkflowRegistry workflows;
  workflows.Add(detail::definition_of<Spinning>());
  const auto run = MakeCoreRuns(host, options, workflows, true)();
  const core::Step step = run->StartTask(FirstTaskOf("Spinning"));
  EXPECT_TRUE(std::holds_alternative<core::CompleteTask>(step));
  EXPECT_EQ(workflow_id, "w-1");
  EXPECT_NE(text.find("\n  at "), text.npos) << text;
}

}  // namespace
}  // namespace perdure::worker
