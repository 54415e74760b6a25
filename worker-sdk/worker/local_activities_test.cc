// R38 to R45, the worker's part: attempts, waits, timeouts and cancellation of local activities.
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

}  // namespace
}  // namespace perdure::worker
