// R60 and what a poller does about slots, errors and its end.
#include "worker-sdk/worker/poller.h"

#include <gtest/gtest.h>

#include "worker-sdk/worker/testing/worker_fixture.h"

namespace perdure::worker {
namespace {

using namespace std::chrono_literals;
using ActivityPoller =
    Poller<api::PollActivityTaskQueueRequest, api::PollActivityTaskQueueResponse>;

struct PollFixture {
  explicit PollFixture(PollerOptions pollers = {.maximum = 2}, std::int64_t slot_count = 10)
      : slots(SlotKind::activity, "queue", fixed_slots(slot_count)) {
    host.transport = server;
    poller = std::make_unique<ActivityPoller>(
        PollerBase::Settings{"activity:queue", pollers}, &rpc, &slots, "PollActivityTaskQueue",
        api::PollActivityTaskQueueRequest(),
        [this](api::PollActivityTaskQueueResponse&& task, Slot slot) {
          tasks.push_back(task.task_token());
          held.push_back(std::move(slot));
        },
        [this](const absl::Status& status) { fatal = status; });
    poller->Start();
  }
  ~PollFixture() {
    poller->Stop();
    poller->Interrupt();
    server->Run();
  }
  std::vector<FakeServer::CallPtr> Open() { return server->Open("PollActivityTaskQueue"); }
  std::size_t Sent() { return server->Sent("PollActivityTaskQueue").size(); }
  void Answer(const std::string& token, int delta = 0) {
    api::PollActivityTaskQueueResponse task;
    task.set_task_token(token);
    if (delta != 0)
      task.mutable_poller_scaling_decision()->set_poll_request_delta_suggestion(delta);
    server->Answer(Open().at(0), task);
  }

  std::shared_ptr<FakeServer> server = std::make_shared<FakeServer>();
  Host host;
  Rpc rpc{&host, server->loop()};
  SlotPool slots;
  std::vector<Slot> held;
  std::vector<std::string> tasks;
  absl::Status fatal;
  std::unique_ptr<ActivityPoller> poller;
};

TEST(Poller, KeepsItsNumberOfPollsOpen) {
  PollFixture fixture;
  EXPECT_EQ(fixture.Open().size(), 2u);
  fixture.Answer("t1");
  EXPECT_EQ(fixture.tasks, std::vector<std::string>{"t1"});
  EXPECT_EQ(fixture.Open().size(), 2u);
  fixture.Answer("");
  EXPECT_EQ(fixture.tasks.size(), 1u);
  EXPECT_EQ(fixture.Open().size(), 2u);
  EXPECT_EQ(fixture.slots.in_use(), 3) << "a task's and two polls'";
}

TEST(Poller, OpensNoPollWithoutASlotAndGoesOnWithTheNextReleased) {
  PollFixture fixture({.maximum = 5}, 2);
  EXPECT_EQ(fixture.Open().size(), 2u);
  fixture.Answer("t1");
  fixture.Answer("t2");
  EXPECT_EQ(fixture.Open().size(), 0u);
  fixture.held.pop_back();
  fixture.server->Run();
  EXPECT_EQ(fixture.Open().size(), 1u);
}

TEST(Poller, LongPollEndsAfterSeventySecondsAndBeginsAgainAtOnce) {
  PollFixture fixture({.maximum = 1});
  fixture.server->Advance(69s);
  EXPECT_EQ(fixture.Sent(), 1u);
  fixture.server->Advance(1s);
  EXPECT_EQ(fixture.Sent(), 2u);
  EXPECT_EQ(fixture.Open().size(), 1u);
}

TEST(R60PollErrors, WaitFromAFifthOfASecondToTenAndBeginAnewAfterSuccess) {
  PollFixture fixture({.maximum = 1});
  Nanos longest{};
  for (int i = 0; i < 10; ++i) {
    fixture.server->Refuse(fixture.Open().at(0), absl::UnavailableError("down"));
    EXPECT_EQ(fixture.Open().size(), 0u);
    const Nanos before = fixture.server->now();
    while (fixture.Open().empty()) fixture.server->Advance(10ms);
    longest = fixture.server->now() - before;
    if (i == 0) {
      EXPECT_GE(longest, 160ms);
      EXPECT_LE(longest, 250ms);
    }
  }
  EXPECT_GE(longest, 8s);
  EXPECT_LE(longest, 12s + 10ms);
  fixture.Answer("");
  fixture.server->Refuse(fixture.Open().at(0), absl::UnavailableError("down"));
  fixture.server->Advance(250ms);
  EXPECT_EQ(fixture.Open().size(), 1u);
}

TEST(R60PollErrors, OverloadWaitsASecondAtLeast) {
  PollFixture fixture({.maximum = 1});
  fixture.server->Refuse(fixture.Open().at(0), absl::ResourceExhaustedError("busy"));
  fixture.server->Advance(790ms);
  EXPECT_EQ(fixture.Open().size(), 0u);
  fixture.server->Advance(420ms);
  EXPECT_EQ(fixture.Open().size(), 1u);
}

TEST(R60PollErrors, BadRequestEndsThePollerForGood) {
  PollFixture fixture({.maximum = 1});
  fixture.server->Refuse(fixture.Open().at(0), absl::InvalidArgumentError("bad name"));
  EXPECT_EQ(fixture.fatal.code(), absl::StatusCode::kInvalidArgument);
  fixture.server->Advance(1min);
  EXPECT_EQ(fixture.Sent(), 1u);
  EXPECT_TRUE(fixture.poller->idle());
}

TEST(PollerEnd, StopOpensNoMoreAndInterruptEndsTheOpenOnes) {
  PollFixture fixture;
  int idle_calls = 0;
  fixture.poller->OnIdle([&] { ++idle_calls; });
  fixture.poller->Stop();
  fixture.Answer("t1");
  EXPECT_EQ(fixture.tasks.size(), 1u) << "a task that comes late is taken";
  EXPECT_EQ(fixture.Open().size(), 1u);
  EXPECT_FALSE(fixture.poller->idle());
  fixture.poller->Interrupt();
  fixture.server->Run();
  EXPECT_TRUE(fixture.poller->idle());
  EXPECT_EQ(idle_calls, 2);
  EXPECT_EQ(fixture.slots.in_use(), 1);
}

TEST(PollerEnd, WaitAfterAnErrorDoesNotHoldItUp) {
  PollFixture fixture({.maximum = 1});
  fixture.server->Refuse(fixture.Open().at(0), absl::UnavailableError("down"));
  EXPECT_FALSE(fixture.poller->idle());
  fixture.poller->Stop();
  EXPECT_TRUE(fixture.poller->idle());
}

constexpr PollerOptions kAutoscale{.maximum = 10, .autoscale = true, .minimum = 1, .initial = 4};

TEST(R60Autoscaling, BeginsAtInitialAndFollowsTheServer) {
  PollFixture fixture(kAutoscale, 100);
  EXPECT_EQ(fixture.Open().size(), 4u);
  fixture.Answer("t", 3);
  EXPECT_EQ(fixture.poller->target(), 7);
  EXPECT_EQ(fixture.Open().size(), 7u);
  fixture.Answer("t", -5);
  EXPECT_EQ(fixture.poller->target(), 2);
  fixture.Answer("t", 100);
  EXPECT_EQ(fixture.poller->target(), 10);
  fixture.Answer("t", -100);
  EXPECT_EQ(fixture.poller->target(), 1);
}

TEST(R60Autoscaling, GrowsOnlyWhileTheLastWindowBroughtMore) {
  PollScaler scaler(kAutoscale);
  const std::int32_t more = 1;
  for (int i = 0; i < 10; ++i) scaler.Answered(true, nullptr, 100ms);
  for (int i = 0; i < 10; ++i) scaler.Answered(true, nullptr, 200ms);
  scaler.Answered(true, &more, 300ms);
  EXPECT_EQ(scaler.target(), 4) << "ten after ten is no growth";
  for (int i = 0; i < 20; ++i) scaler.Answered(true, nullptr, 310ms);
  scaler.Answered(true, &more, 400ms);
  EXPECT_EQ(scaler.target(), 5);
}

TEST(R60Autoscaling, EmptyPollsCountOnlyOnceTheServerIsKnownToDecide) {
  PollScaler scaler(kAutoscale);
  scaler.Answered(false, nullptr, 0s);
  EXPECT_EQ(scaler.target(), 4);
  const std::int32_t none = 0;
  scaler.Answered(true, &none, 0s);
  scaler.Answered(false, nullptr, 0s);
  EXPECT_EQ(scaler.target(), 3);
  scaler.Failed(/*overload=*/false);
  EXPECT_EQ(scaler.target(), 2);
  PollScaler told(kAutoscale);
  told.ServerScales();
  told.Answered(false, nullptr, 0s);
  EXPECT_EQ(told.target(), 3);
  told.Failed(/*overload=*/true);
  EXPECT_EQ(told.target(), 1);
}

TEST(PollSplit, AFifthOfThePollsAsksTheNormalQueue) {
  WorkerFixture fixture({.workflow_pollers = {.maximum = 10}});
  fixture.StartWorkflows();
  EXPECT_EQ(fixture.Polls(false).size(), 2u);
  EXPECT_EQ(fixture.Polls(true).size(), 8u);
}

TEST(PollSplit, NeitherQueueTakesTheLastSlotWhileTheOtherHasNoPoll) {
  WorkerFixture fixture({.max_concurrent_workflow_tasks = 2, .workflow_pollers = {.maximum = 10}});
  fixture.StartWorkflows();
  EXPECT_EQ(fixture.Polls(false).size(), 1u);
  EXPECT_EQ(fixture.Polls(true).size(), 1u);
}

}  // namespace
}  // namespace perdure::worker
