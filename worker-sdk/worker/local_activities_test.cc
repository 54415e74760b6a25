// R38 to R45, the worker's part: attempts, waits, timeouts and cancellation of local activities,
// and the workflow task that is held open for them.
#include "worker-sdk/worker/local_activities.h"

#include <gtest/gtest.h>

#include <map>

#include "worker-sdk/worker/local_retry.h"
#include "worker-sdk/worker/testing/worker_fixture.h"

namespace perdure::worker {
namespace {

using namespace std::chrono_literals;
using detail::BackoffResult;
using detail::CanceledResult;
using detail::CompletedResult;
using detail::FailedResult;

struct LocalFixture {
  explicit LocalFixture(detail::ActivityFunction call, std::int64_t slot_count = 10)
      : slots(SlotKind::local_activity, "queue", fixed_slots(slot_count)) {
    host.transport = server;
    registry.Add({"act", std::move(call)});
    local = std::make_unique<LocalActivities>(
        &host, server->loop(), &options, &registry, &slots,
        [this](const std::string& run_id, core::LocalActivityOutcome outcome) {
          outcomes.push_back(std::move(outcome));
        });
  }
  // Functions that are still held return before what they hold is gone, as a worker waits for them.
  ~LocalFixture() { server->RunBlocked(); }
  core::LocalActivityCall Call(std::uint32_t seq) {
    core::LocalActivityCall call;
    call.command.seq = seq;
    call.command.activity_type = "act";
    call.original_schedule_time = server->loop()->WallClock();
    return call;
  }
  void Start(core::LocalActivityCall call) {
    local->Start({"run", "wf", "Flow"}, std::move(call));
    server->Run();
  }
  template <class Result>
  const Result* Outcome(std::size_t index = 0) {
    return index < outcomes.size() ? std::get_if<Result>(&outcomes[index].result) : nullptr;
  }
  TimeoutType Timeout() {
    const auto* failed = Outcome<FailedResult>();
    if (failed == nullptr) return TimeoutType::unspecified;
    const auto* info = std::get_if<TimeoutFailureInfo>(&failed->failure->info);
    return info == nullptr ? TimeoutType::unspecified : info->type;
  }

  std::shared_ptr<FakeServer> server = std::make_shared<FakeServer>();
  Host host;
  WorkerOptions options;
  ActivityRegistry registry;
  SlotPool slots;
  std::vector<core::LocalActivityOutcome> outcomes;
  std::unique_ptr<LocalActivities> local;
};

// What it took, by name and labels.
struct LatencySink : MetricsSink {
  void count(std::string_view, MetricLabels, double) override {}
  void gauge(std::string_view, MetricLabels, double) override {}
  void latency(std::string_view name, MetricLabels labels,
               std::chrono::nanoseconds value) override {
    std::string key(name);
    for (const auto& [label, text] : labels) key.append(" ").append(label).append("=").append(text);
    values[key] = value;
  }
  std::map<std::string, std::chrono::nanoseconds> values;
};

std::optional<Payload> Fails(activity_context&, const Payloads&) { throw ApplicationError("no"); }

TEST(LocalActivity, ASuccessIsMeasuredFromItsFirstSchedule) {
  int calls = 0;
  LocalFixture fixture([&calls](activity_context&, const Payloads&) -> std::optional<Payload> {
    if (++calls == 1) throw ApplicationError("not yet");
    return encode(5);
  });
  const auto sink = std::make_shared<LatencySink>();
  fixture.host.meter = Meter(sink, "space", "queue");
  core::LocalActivityCall call = fixture.Call(1);
  call.original_schedule_time -= 60s;
  fixture.Start(std::move(call));
  const std::string labels =
      " namespace=space task_queue=queue activity_type=act "
      "workflow_type=Flow";
  EXPECT_EQ(sink->values.count("temporal_local_activity_succeed_endtoend_latency" + labels), 0U);
  fixture.server->Advance(1s);
  EXPECT_EQ(sink->values["temporal_local_activity_succeed_endtoend_latency" + labels], 61s);
  EXPECT_EQ(sink->values["temporal_local_activity_execution_latency" + labels], 1s);
}

TEST(LocalActivity, ResultComesWithAttemptAndRunTime) {
  LocalFixture fixture([](activity_context& context, const Payloads&) {
    EXPECT_TRUE(context.info().is_local);
    EXPECT_EQ(context.info().workflow_id, "wf");
    return encode(5);
  });
  fixture.server->HoldBlocking();
  fixture.Start(fixture.Call(1));
  fixture.server->Advance(3s);
  fixture.server->RunBlocked();
  ASSERT_TRUE(fixture.Outcome<CompletedResult>());
  EXPECT_EQ(fixture.Outcome<CompletedResult>()->value->data, "5");
  EXPECT_EQ(fixture.outcomes[0].attempt, 1);
  EXPECT_EQ(fixture.outcomes[0].run_time, 3s);
  EXPECT_TRUE(fixture.local->idle());
  EXPECT_EQ(fixture.slots.in_use(), 0);
}

TEST(LocalActivity, WaitsForASlotAndTimesOutWaiting) {
  LocalFixture fixture([](auto&, const auto&) { return std::nullopt; }, 1);
  fixture.server->HoldBlocking();
  fixture.Start(fixture.Call(1));
  fixture.Start(fixture.Call(2));
  auto impatient = fixture.Call(3);
  impatient.command.schedule_to_start = 1s;
  fixture.Start(std::move(impatient));
  EXPECT_EQ(fixture.server->blocked(), 1u);
  fixture.server->Advance(2s);
  fixture.server->RunBlocked();
  EXPECT_EQ(fixture.server->blocked(), 1u);
  fixture.server->RunBlocked();
  ASSERT_EQ(fixture.outcomes.size(), 3u);
  const auto* failed = fixture.Outcome<FailedResult>(2);
  ASSERT_TRUE(failed);
  EXPECT_EQ(std::get<TimeoutFailureInfo>(failed->failure->info).type,
            TimeoutType::schedule_to_start);
}

TEST(LocalActivity, UnknownTypeIsTriedAgainAsAnyFailure) {
  LocalFixture fixture(Fails);
  auto call = fixture.Call(1);
  call.command.activity_type = "other";
  call.command.retry_policy = detail::RetryPolicyData{.maximum_attempts = 2};
  fixture.Start(std::move(call));
  EXPECT_TRUE(fixture.outcomes.empty());
  fixture.server->Advance(1s);
  ASSERT_TRUE(fixture.Outcome<FailedResult>());
  EXPECT_EQ(fixture.outcomes[0].attempt, 2);
}

TEST(R42LocalRetry, ShortWaitsAreWaitedHere) {
  LocalFixture fixture(Fails);
  auto call = fixture.Call(1);
  call.command.retry_policy = detail::RetryPolicyData{.maximum_attempts = 3};
  fixture.Start(std::move(call));
  fixture.server->Advance(999ms);
  EXPECT_TRUE(fixture.outcomes.empty());
  fixture.server->Advance(2s + 1ms);
  ASSERT_TRUE(fixture.Outcome<FailedResult>());
  EXPECT_EQ(fixture.outcomes[0].attempt, 3);
  EXPECT_EQ(fixture.outcomes[0].run_time, 3s);
}

TEST(R42LocalRetry, LongWaitsAreTheWorkflows) {
  LocalFixture fixture(Fails);
  auto call = fixture.Call(1);
  call.command.retry_policy = detail::RetryPolicyData{.initial_interval = 90s};
  call.command.attempt = 4;
  const Timestamp scheduled = call.original_schedule_time;
  fixture.Start(std::move(call));
  const auto* backoff = fixture.Outcome<BackoffResult>();
  ASSERT_TRUE(backoff);
  EXPECT_EQ(backoff->attempt, 5);
  EXPECT_EQ(backoff->duration, 720s);
  EXPECT_EQ(backoff->original_schedule_time, scheduled);
}

TEST(R42LocalRetry, NoAttemptBeginsAfterScheduleToClose) {
  LocalFixture fixture(Fails);
  auto call = fixture.Call(1);
  call.command.schedule_to_close = 2500ms;
  fixture.Start(std::move(call));
  fixture.server->Advance(1s);
  ASSERT_TRUE(fixture.Outcome<FailedResult>())
      << "the third attempt would begin after three seconds";
  EXPECT_EQ(fixture.outcomes[0].attempt, 2);
}

TEST(R42LocalRetry, PolicySaysWhetherAndWhen) {
  const auto failure = [](std::string type, bool non_retryable = false) {
    return Failure{.message = "",
                   .info = ApplicationFailureInfo{.type = type, .non_retryable = non_retryable}};
  };
  EXPECT_EQ(LocalRetryDelay(std::nullopt, 1, failure("A")), 1s);
  EXPECT_EQ(LocalRetryDelay(std::nullopt, 3, failure("A")), 4s);
  EXPECT_EQ(LocalRetryDelay(std::nullopt, 5000, failure("A")), 100s);
  EXPECT_EQ(LocalRetryDelay(std::nullopt, 1, failure("A", true)), std::nullopt);
  detail::RetryPolicyData policy{.initial_interval = 2s,
                                 .backoff_coefficient = 3,
                                 .maximum_interval = 10s,
                                 .maximum_attempts = 4,
                                 .non_retryable_error_types = {"B"}};
  EXPECT_EQ(LocalRetryDelay(policy, 2, failure("A")), 6s);
  EXPECT_EQ(LocalRetryDelay(policy, 3, failure("A")), 10s);
  EXPECT_EQ(LocalRetryDelay(policy, 4, failure("A")), std::nullopt);
  EXPECT_EQ(LocalRetryDelay(policy, 1, failure("B")), std::nullopt);
  Failure own = failure("A");
  std::get<ApplicationFailureInfo>(own.info).next_retry_delay = 7s;
  EXPECT_EQ(LocalRetryDelay(policy, 1, own), 7s);
}

TEST(LocalTimeouts, StartToCloseIsAFailureOfTheAttempt) {
  LocalFixture fixture([](auto&, const auto&) { return std::nullopt; });
  fixture.server->HoldBlocking();
  auto call = fixture.Call(1);
  call.command.start_to_close = 5s;
  call.command.retry_policy = detail::RetryPolicyData{.maximum_attempts = 1};
  fixture.Start(std::move(call));
  fixture.server->Advance(5s);
  EXPECT_EQ(fixture.Timeout(), TimeoutType::start_to_close);
  EXPECT_FALSE(fixture.local->idle()) << "the function is still running";
  EXPECT_EQ(fixture.slots.in_use(), 1) << "and so its slot is not free";
  fixture.server->RunBlocked();
  EXPECT_TRUE(fixture.local->idle());
  EXPECT_EQ(fixture.slots.in_use(), 0);
  EXPECT_EQ(fixture.outcomes.size(), 1u);
}

TEST(LocalTimeouts, ScheduleToCloseCountsFromTheFirstSchedule) {
  LocalFixture fixture([](auto&, const auto&) { return std::nullopt; });
  fixture.server->HoldBlocking();
  auto call = fixture.Call(1);
  call.command.schedule_to_close = 10s;
  call.original_schedule_time -= 6s;
  fixture.Start(std::move(call));
  fixture.server->Advance(3s);
  EXPECT_TRUE(fixture.outcomes.empty());
  fixture.server->Advance(1s);
  EXPECT_EQ(fixture.Timeout(), TimeoutType::schedule_to_close);
}

TEST(LocalTimeouts, PassedAlreadyIsAnOutcomeAtOnce) {
  int calls = 0;
  LocalFixture fixture([&calls](auto&, const auto&) {
    ++calls;
    return std::nullopt;
  });
  auto call = fixture.Call(1);
  call.command.schedule_to_close = 10s;
  call.original_schedule_time -= 11s;
  fixture.Start(std::move(call));
  EXPECT_EQ(fixture.Timeout(), TimeoutType::schedule_to_close);
  EXPECT_EQ(calls, 0);
  EXPECT_EQ(fixture.outcomes.size(), 1u);
}

TEST(R43LocalCancel, OneThatRunsIsToldAndItsEndIsTheOutcome) {
  LocalFixture* running = nullptr;
  LocalFixture fixture([&](activity_context& context, const Payloads&) -> std::optional<Payload> {
    running->local->Cancel("run", 1);
    context.throw_if_cancelled();
    return std::nullopt;
  });
  running = &fixture;
  fixture.Start(fixture.Call(1));
  EXPECT_TRUE(fixture.Outcome<CanceledResult>());
}

TEST(R43LocalCancel, OneThatWaitsIsCanceledAtOnce) {
  LocalFixture fixture(Fails);
  fixture.Start(fixture.Call(1));
  fixture.local->Cancel("run", 1);
  EXPECT_TRUE(fixture.Outcome<CanceledResult>());
  EXPECT_TRUE(fixture.local->idle());
  fixture.local->Cancel("run", 1);
  EXPECT_EQ(fixture.outcomes.size(), 1u);
}

TEST(LocalDrop, NobodyHearsOfActivitiesOfARunThatIsGone) {
  LocalFixture fixture([](auto&, const auto&) { return std::nullopt; });
  fixture.server->HoldBlocking();
  fixture.Start(fixture.Call(1));
  fixture.local->Drop("run");
  EXPECT_FALSE(fixture.local->idle());
  fixture.server->RunBlocked();
  EXPECT_TRUE(fixture.outcomes.empty());
  EXPECT_TRUE(fixture.local->idle());
}

// ---- The workflow task that is held open.

core::Step OneLocal(std::uint32_t seq) {
  core::RunLocalActivities step;
  step.start.emplace_back();
  step.start.back().command.seq = seq;
  step.start.back().command.activity_type = "act";
  return step;
}

TEST(R41HeldTask, IsAnsweredWhenTheOutcomeCame) {
  WorkerFixture fixture;
  fixture.AddActivity("act", [](auto&, const auto&) { return encode(1); });
  fixture.script->on_task = [](const auto&) { return OneLocal(1); };
  fixture.server->HoldBlocking();
  fixture.StartWorkflows();
  fixture.Give(fixture.Task("r1", "t1"));
  EXPECT_TRUE(fixture.server->Sent("RespondWorkflowTaskCompleted").empty());
  fixture.server->RunBlocked();
  EXPECT_EQ(fixture.script->outcomes.size(), 1u);
  EXPECT_EQ(fixture.server->Sent("RespondWorkflowTaskCompleted").size(), 1u);
}

TEST(R41HeldTask, HeartbeatsAtFourFifthsOfItsTimeoutAndGoesOnWithTheNewTask) {
  WorkerFixture fixture;
  fixture.AddActivity("act", [](auto&, const auto&) { return encode(1); });
  fixture.script->on_task = [&](const auto&) -> core::Step {
    if (fixture.script->tasks.size() == 1) return OneLocal(1);
    return core::RunLocalActivities{};
  };
  fixture.server->HoldBlocking();
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
  WorkerFixture fixture;
  fixture.AddActivity("act", [](auto&, const auto&) { return encode(1); });
  fixture.script->on_task = [&](const auto&) -> core::Step {
    if (fixture.script->tasks.size() == 1) return OneLocal(1);
    return core::RunLocalActivities{};
  };
  fixture.server->HoldBlocking();
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

TEST(R41LeftByTheCache, TheFirstOfTooManyIsGivenUp) {
  LocalFixture fixture([](auto&, const auto&) { return encode(5); });
  const auto start = [&](const std::string& run_id) {
    fixture.local->Start({run_id, "wf", "Flow"}, fixture.Call(1));
    fixture.server->Run();
  };
  for (std::size_t i = 0; i <= kLeftRunsMax; ++i) {
    start("run" + std::to_string(i));
    fixture.local->Leave("run" + std::to_string(i), false);
  }
  EXPECT_TRUE(fixture.local->idle()) << "outcomes that are kept are no work";
  EXPECT_FALSE(fixture.local->StartOver("run0"));
  EXPECT_TRUE(fixture.local->StartOver("run1"));
  fixture.local->DropLeft();
  EXPECT_FALSE(fixture.local->StartOver("run2"));
  EXPECT_TRUE(fixture.local->StartOver("run1")) << "it is not left any more";
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
