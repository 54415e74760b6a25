// R41: the workflow task that is held open for local activities, and what becomes of their outcomes
// when it is answered, refused, or begun anew.
#include <gtest/gtest.h>

#include "worker-sdk/worker/local_activities.h"
#include "worker-sdk/worker/testing/worker_fixture.h"

namespace perdure::worker {
namespace {

using namespace std::chrono_literals;
using detail::CompletedResult;

core::Step OneLocal(std::uint32_t seq) {
  core::RunLocalActivities step;
  step.start.emplace_back();
  step.start.back().command.seq = seq;
  step.start.back().command.activity_type = "act";
  return step;
}

// Its first task wants a local activity, the later ones wait for that one.
struct HeldRun : WorkerFixture {
  HeldRun() {
    AddActivity("act", [](auto&, const auto&) { return encode(1); });
    script->on_task = [this](const auto&) -> core::Step {
      if (script->tasks.size() == 1) return OneLocal(1);
      return core::RunLocalActivities{};
    };
    server->HoldBlocking();
  }
};

TEST(R41HeldTask, IsAnsweredWhenTheOutcomeCame) {
  HeldRun fixture;
  fixture.StartWorkflows();
  fixture.Give(fixture.Task("r1", "t1"));
  EXPECT_TRUE(fixture.server->Sent("RespondWorkflowTaskCompleted").empty());
  fixture.server->RunBlocked();
  EXPECT_EQ(fixture.script->outcomes.size(), 1u);
  EXPECT_EQ(fixture.server->Sent("RespondWorkflowTaskCompleted").size(), 1u);
}

TEST(R41HeldTask, HeartbeatsAtFourFifthsOfItsTimeoutAndGoesOnWithTheNewTask) {
  HeldRun fixture;
  fixture.server->Hold("RespondWorkflowTaskCompleted");
  fixture.StartWorkflows();
  fixture.Give(fixture.Task("r1", "t1"));
  fixture.server->Advance(7900ms);
  EXPECT_TRUE(fixture.server->Sent("RespondWorkflowTaskCompleted").empty());
  fixture.server->Advance(100ms);
  const auto open = fixture.server->Open("RespondWorkflowTaskCompleted");
  ASSERT_EQ(open.size(), 1u);
  EXPECT_TRUE(
      open[0]->as<api::RespondWorkflowTaskCompletedRequest>().force_create_new_workflow_task());
  // It ends while the heartbeat is on its way: the outcome belongs to the next task.
  fixture.server->RunBlocked();
  EXPECT_TRUE(fixture.script->outcomes.empty());
  api::RespondWorkflowTaskCompletedResponse response;
  *response.mutable_workflow_task() = fixture.Task("r1", "t2");
  fixture.server->Answer(open[0], response);
  EXPECT_EQ(fixture.script->outcomes.size(), 1u);
  EXPECT_EQ(fixture.server->Sent("RespondWorkflowTaskCompleted").size(), 2u);
}

TEST(R41HeldTask, OutcomeThatCameWithoutATaskWaitsForOne) {
  HeldRun fixture;
  fixture.StartWorkflows();
  fixture.Give(fixture.Task("r1", "t1"));
  fixture.server->Advance(8s);
  EXPECT_EQ(fixture.server->Sent("RespondWorkflowTaskCompleted").size(), 1u);
  fixture.server->RunBlocked();
  EXPECT_TRUE(fixture.script->outcomes.empty());
  fixture.Give(fixture.Task("r1", "t2"), true);
  EXPECT_EQ(fixture.script->outcomes.size(), 1u);
}

WorkerOptions CacheOf(std::int64_t runs) {
  WorkerOptions options;
  options.cache.runs = runs;
  return options;
}

// A heartbeat's task comes with the whole history where runs are not cached: the run is replayed
// and wants its local activity again, which runs still or is over by now.
struct BegunAnew : WorkerFixture {
  explicit BegunAnew(std::int64_t cached_runs = 10) : WorkerFixture(CacheOf(cached_runs)) {
    AddActivity("act", [this](auto&, const auto&) { return encode(++calls); });
    script->on_task = [this](const auto&) { return step; };
    script->continues = false;
    server->HoldBlocking();
    StartWorkflows();
    server->Hold("RespondWorkflowTaskCompleted");
    Give(Task("r1", "t1"));
  }
  FakeServer::CallPtr Answer() {
    const auto open = server->Open("RespondWorkflowTaskCompleted");
    return open.size() == 1 ? open[0] : nullptr;
  }
  FakeServer::CallPtr Heartbeat() {
    server->Advance(8s);
    return Answer();
  }
  // It is answered with a task that does not go on where the run is.
  void BeginAnew(const FakeServer::CallPtr& heartbeat, core::Step then) {
    step = std::move(then);
    api::RespondWorkflowTaskCompletedResponse response;
    *response.mutable_workflow_task() = Task("r1", "t2");
    server->Answer(heartbeat, response);
  }
  void BeginAnew(core::Step then) { BeginAnew(Heartbeat(), std::move(then)); }
  std::string Result(std::size_t index) {
    if (index >= script->outcomes.size()) return "no outcome";
    const auto* result = std::get_if<CompletedResult>(&script->outcomes[index].result);
    return result == nullptr ? "no result" : result->value->data;
  }
  core::Step step = OneLocal(1);
  int calls = 0;
};

TEST(R41BegunAnew, WhatRunsAlreadyIsNotStartedAgain) {
  BegunAnew fixture;
  fixture.BeginAnew(OneLocal(1));
  fixture.server->RunBlocked();
  EXPECT_EQ(fixture.calls, 1);
  EXPECT_EQ(fixture.script->outcomes.size(), 1u);
}

TEST(R41BegunAnew, AnotherInItsPlaceIsStarted) {
  BegunAnew fixture;
  core::Step other = OneLocal(1);
  std::get<core::RunLocalActivities>(other).start.back().command.input = {encode("other")};
  fixture.BeginAnew(std::move(other));
  fixture.server->RunBlocked();
  EXPECT_EQ(fixture.calls, 2);
  // The first one's end is nobody's business.
  EXPECT_EQ(fixture.script->outcomes.size(), 1u);
  EXPECT_EQ(fixture.Result(0), "2");
}

TEST(R41BegunAnew, WhatIsNotWantedAgainIsLetGo) {
  BegunAnew fixture;
  fixture.BeginAnew(core::CompleteTask{});
  fixture.server->RunBlocked();
  EXPECT_EQ(fixture.calls, 1);
  EXPECT_TRUE(fixture.script->outcomes.empty());
}

TEST(R41BegunAnew, AnOutcomeThatCameBeforeTheTaskIsGivenToIt) {
  BegunAnew fixture;
  const auto heartbeat = fixture.Heartbeat();
  fixture.server->RunBlocked();
  EXPECT_TRUE(fixture.script->outcomes.empty());
  fixture.BeginAnew(heartbeat, OneLocal(1));
  EXPECT_EQ(fixture.Result(0), "1");
  EXPECT_EQ(fixture.script->outcomes.size(), 1u);
  EXPECT_EQ(fixture.server->blocked(), 0u) << "it was not started again";
}

// Pages of history are on their way when it ends.
TEST(R41BegunAnew, AnOutcomeThatCameWhileHistoryIsFetchedIsGivenToIt) {
  BegunAnew fixture;
  fixture.server->Hold("GetWorkflowExecutionHistory");
  fixture.script->on_history = [](const auto&, const auto&) { return OneLocal(1); };
  fixture.BeginAnew(core::NeedHistory{"page"});
  fixture.server->RunBlocked();
  EXPECT_TRUE(fixture.script->outcomes.empty());
  fixture.server->Answer(fixture.server->Open("GetWorkflowExecutionHistory").at(0),
                         api::GetWorkflowExecutionHistoryResponse());
  EXPECT_EQ(fixture.Result(0), "1");
  EXPECT_EQ(fixture.server->blocked(), 0u);
}

TEST(R41LeftByTheCache, WhatRunsOrIsOverWaitsForTheNextTask) {
  for (const bool is_over : {false, true}) {
    BegunAnew fixture(0);
    // No task comes with the answer: without a cache, the run is forgotten.
    fixture.server->Answer(fixture.Heartbeat(), api::RespondWorkflowTaskCompletedResponse());
    EXPECT_EQ(fixture.script->alive, 0);
    if (is_over) fixture.server->RunBlocked();
    fixture.Give(WorkerFixture::Task("r1", "t2"));
    if (!is_over) fixture.server->RunBlocked();
    EXPECT_EQ(fixture.Result(0), "1");
    EXPECT_EQ(fixture.server->blocked(), 0u);
    EXPECT_EQ(fixture.calls, 1);
  }
}

// Idle between a heartbeat and the next task, a run may leave the cache.
TEST(R41LeftByTheCache, AFullCacheLeavesItThere) {
  for (const bool is_too_large : {false, true}) {
    BegunAnew fixture(1);
    fixture.script->bytes = is_too_large ? std::int64_t{1} << 40 : 1000;
    fixture.server->Answer(fixture.Heartbeat(), api::RespondWorkflowTaskCompletedResponse());
    EXPECT_EQ(fixture.script->alive, is_too_large ? 0 : 1);
    fixture.step = core::CompleteTask{};
    fixture.Give(WorkerFixture::Task("r2", "t"));
    fixture.server->Answer(fixture.Answer(), api::RespondWorkflowTaskCompletedResponse());
    EXPECT_EQ(fixture.script->made, 2);
    fixture.server->RunBlocked();
    fixture.step = OneLocal(1);
    fixture.Give(WorkerFixture::Task("r1", "t2"));
    EXPECT_EQ(fixture.Result(0), "1");
    EXPECT_EQ(fixture.server->blocked(), 0u);
  }
}

TEST(R41LeftByTheCache, AQueryLeavesItThere) {
  BegunAnew fixture(0);
  fixture.server->Answer(fixture.Heartbeat(), api::RespondWorkflowTaskCompletedResponse());
  fixture.step = core::AnswerQuery{};
  auto query = WorkerFixture::Task("r1", "q1");
  query.mutable_query()->set_query_type("state");
  fixture.Give(query);
  EXPECT_EQ(fixture.server->Sent("RespondQueryTaskCompleted").size(), 1u);
  fixture.server->RunBlocked();
  fixture.step = OneLocal(1);
  fixture.Give(WorkerFixture::Task("r1", "t2"));
  EXPECT_EQ(fixture.Result(0), "1");
  EXPECT_EQ(fixture.server->blocked(), 0u);
}

TEST(R41LeftByTheCache, IsGivenUpInTheEnd) {
  BegunAnew fixture(0);
  fixture.server->Answer(fixture.Heartbeat(), api::RespondWorkflowTaskCompletedResponse());
  fixture.server->RunBlocked();
  fixture.server->Advance(kLeftLimit);
  fixture.Give(WorkerFixture::Task("r1", "t2"));
  EXPECT_TRUE(fixture.script->outcomes.empty());
  EXPECT_EQ(fixture.server->blocked(), 1u) << "it is done again";
  fixture.server->RunBlocked();
}

// The answer with its marker is refused, because something came that its commands did not know of.
TEST(R41RefusedAnswer, ItsOutcomesAreGivenToTheNextTask) {
  BegunAnew fixture;
  fixture.script->on_local = [](const auto& outcome) -> core::Step {
    if (outcome.seq == 1) return OneLocal(2);
    return core::CompleteTask{};
  };
  fixture.server->RunBlocked();
  EXPECT_EQ(fixture.Result(0), "1");
  const auto answer = fixture.Heartbeat();
  fixture.server->Refuse(answer, absl::InvalidArgumentError("UnhandledCommand"));
  fixture.Give(WorkerFixture::Task("r1", "t2"));
  // The second one was begun by the first one's outcome, and runs still.
  EXPECT_EQ(fixture.Result(1), "1");
  fixture.server->RunBlocked();
  EXPECT_EQ(fixture.Result(2), "2");
  EXPECT_EQ(fixture.calls, 2);
}

TEST(R41RefusedAnswer, OfATaskThatIsGoneOnlyOutcomesAreKept) {
  BegunAnew fixture;
  fixture.script->on_local = [](const auto&) { return OneLocal(2); };
  fixture.server->RunBlocked();
  fixture.server->Refuse(fixture.Heartbeat(), absl::NotFoundError("workflow task not found"));
  fixture.Give(WorkerFixture::Task("r1", "t2"));
  EXPECT_EQ(fixture.Result(1), "1");
  EXPECT_EQ(fixture.server->blocked(), 2u) << "the second one was let go and is begun again";
  fixture.script->on_local = [](const auto&) { return core::CompleteTask{}; };
  fixture.server->RunBlocked();
}

TEST(R41Told, OfWhatWasAcceptedNothingIsKept) {
  BegunAnew fixture;
  fixture.script->on_local = [](const auto&) { return core::CompleteTask{}; };
  fixture.server->RunBlocked();
  fixture.server->Answer(fixture.Answer(), api::RespondWorkflowTaskCompletedResponse());
  fixture.Give(WorkerFixture::Task("r1", "t2"));
  EXPECT_EQ(fixture.script->outcomes.size(), 1u);
  EXPECT_EQ(fixture.server->blocked(), 1u);
  fixture.server->RunBlocked();
}

TEST(R41Told, OfARunThatEndedNothingIsKept) {
  BegunAnew fixture;
  fixture.script->on_local = [](const auto&) {
    core::CompleteTask step;
    step.closes_run = true;
    return step;
  };
  std::get<core::RunLocalActivities>(fixture.step)
      .start.push_back(std::get<core::RunLocalActivities>(OneLocal(2)).start[0]);
  fixture.Give(WorkerFixture::Task("r2", "t1"));
  EXPECT_EQ(fixture.server->blocked(), 3u);
  fixture.server->RunBlocked();
  for (const auto& answer : fixture.server->Open("RespondWorkflowTaskCompleted")) {
    fixture.server->Answer(answer, api::RespondWorkflowTaskCompletedResponse());
  }
  fixture.Give(WorkerFixture::Task("r2", "t2"));
  EXPECT_EQ(fixture.server->blocked(), 2u) << "both are begun";
  fixture.server->RunBlocked();
}

TEST(R41RefusedAnswer, AFailedTaskLeavesItsOutcomesToTheNext) {
  BegunAnew fixture;
  fixture.script->on_local = [](const auto&) {
    core::FailTask step;
    step.cause =
        temporal::api::enums::v1::WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE;
    return step;
  };
  fixture.server->RunBlocked();
  EXPECT_EQ(fixture.server->Sent("RespondWorkflowTaskFailed").size(), 1u);
  fixture.Give(WorkerFixture::Task("r1", "t2"));
  EXPECT_EQ(fixture.Result(1), "1");
  EXPECT_EQ(fixture.server->blocked(), 0u);
}

TEST(R41RefusedAnswer, AnOutcomeThatIsTooLargeToBeSentIsMadeAgain) {
  BegunAnew fixture;
  fixture.script->on_local = [](const auto&) { return core::CompleteTask{}; };
  fixture.server->RunBlocked();
  fixture.server->Refuse(fixture.Answer(),
                         absl::ResourceExhaustedError("grpc: received message larger than max"));
  EXPECT_EQ(fixture.server->Sent("RespondWorkflowTaskFailed").size(), 1u);
  fixture.Give(WorkerFixture::Task("r1", "t2"));
  EXPECT_EQ(fixture.script->outcomes.size(), 1u);
  EXPECT_EQ(fixture.server->blocked(), 1u);
  fixture.server->RunBlocked();
}

}  // namespace
}  // namespace perdure::worker
