// R57, R58 and the life of an activity that came from the server.
#include "worker-sdk/worker/activity_worker.h"

#include <gtest/gtest.h>

#include "perdure/interceptor.h"
#include "worker-sdk/core/convert.h"
#include "worker-sdk/worker/testing/worker_fixture.h"

namespace perdure::worker {
namespace {

using namespace std::chrono_literals;

std::string greet(std::string name) { return "Hello, " + name; }
struct Counter {
  int total = 0;
  int add(activity_context& context, int amount) {
    context.heartbeat(total);
    return total += amount;
  }
};

// A worker with one activity "act" whose function is held until RunBlocked.
struct ActivityFixture : WorkerFixture {
  explicit ActivityFixture(detail::ActivityFunction call, WorkerOptions options = {})
      : WorkerFixture(std::move(options)) {
    AddActivity("act", std::move(call));
    server->HoldBlocking();
    worker->Start();
    server->Run();
  }
  template <class Request>
  std::vector<Request> Requests(const std::string& method) {
    std::vector<Request> found;
    for (const auto& call : server->Sent(method)) found.push_back(call->as<Request>());
    return found;
  }
  std::vector<api::RecordActivityTaskHeartbeatRequest> Heartbeats() {
    return Requests<api::RecordActivityTaskHeartbeatRequest>("RecordActivityTaskHeartbeat");
  }
  std::vector<api::RespondActivityTaskFailedRequest> Failures() {
    return Requests<api::RespondActivityTaskFailedRequest>("RespondActivityTaskFailed");
  }
};

api::PollActivityTaskQueueResponse TaskWith(const std::string& token, int heartbeat_s,
                                            int close_s = 0) {
  auto task = WorkerFixture::ActivityTask("act", token);
  if (heartbeat_s > 0) task.mutable_heartbeat_timeout()->set_seconds(heartbeat_s);
  if (close_s > 0) task.mutable_start_to_close_timeout()->set_seconds(close_s);
  return task;
}

TEST(Activity, TypedFunctionsGetTheirArgumentsAndGiveTheirResults) {
  WorkerFixture fixture;
  Counter counter;
  fixture.worker->AddActivity(detail::activity_definition<&greet>("greet"));
  fixture.worker->AddActivity(detail::activity_definition<&Counter::add>(counter, "add"));
  fixture.worker->Start();
  fixture.server->Run();
  auto task = fixture.ActivityTask("greet", "1");
  *task.mutable_input()->add_payloads() = core::ToApi(encode(std::string("Ann")));
  fixture.GiveActivity(task);
  task = fixture.ActivityTask("add", "2");
  *task.mutable_input()->add_payloads() = core::ToApi(encode(4));
  fixture.GiveActivity(task);
  const auto answers = fixture.server->Sent("RespondActivityTaskCompleted");
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0]->as<api::RespondActivityTaskCompletedRequest>().result().payloads(0).data(),
            "\"Hello, Ann\"");
  EXPECT_EQ(answers[1]->as<api::RespondActivityTaskCompletedRequest>().result().payloads(0).data(),
            "4");
  EXPECT_EQ(counter.total, 4);
}

TEST(Activity, BadArgumentFailsIt) {
  WorkerFixture fixture;
  fixture.worker->AddActivity(detail::activity_definition<&greet>("greet"));
  fixture.worker->Start();
  fixture.server->Run();
  auto task = fixture.ActivityTask("greet", "1");
  *task.mutable_input()->add_payloads() = core::ToApi(encode(17));
  fixture.GiveActivity(task);
  EXPECT_EQ(fixture.server->Sent("RespondActivityTaskFailed").size(), 1u);
}

TEST(Activity, UnknownTypeFailsWithTheKnownOnes) {
  ActivityFixture fixture([](auto&, const auto&) { return std::nullopt; });
  fixture.GiveActivity(fixture.ActivityTask("other", "1"));
  ASSERT_EQ(fixture.Failures().size(), 1u);
  EXPECT_NE(fixture.Failures()[0].failure().message().find("known: act"), std::string::npos);
}

TEST(Activity, ApplicationErrorKeepsItsFields) {
  ActivityFixture fixture([](auto&, const auto&) -> std::optional<Payload> {
    throw ApplicationError("no money",
                           {.type = "Funds",
                            .non_retryable = true,
                            .next_retry_delay = 5s,
                            .category = FailureCategory::benign},
                           {encode(7)});
  });
  fixture.GiveActivity(fixture.ActivityTask("act", "1"));
  fixture.server->RunBlocked();
  const auto failures = fixture.Failures();
  ASSERT_EQ(failures.size(), 1u);
  const auto& info = failures[0].failure().application_failure_info();
  EXPECT_EQ(failures[0].failure().message(), "no money");
  EXPECT_EQ(info.type(), "Funds");
  EXPECT_TRUE(info.non_retryable());
  EXPECT_EQ(info.next_retry_delay().seconds(), 5);
  EXPECT_EQ(info.category(), temporal::api::enums::v1::APPLICATION_ERROR_CATEGORY_BENIGN);
  EXPECT_EQ(info.details().payloads(0).data(), "7");
}

TEST(Activity, CompletedLaterIsNotAnswered) {
  std::string token;
  ActivityFixture fixture([&](activity_context& context, const auto&) {
    token = context.complete_later();
    return std::nullopt;
  });
  fixture.GiveActivity(fixture.ActivityTask("act", "the-token"));
  fixture.server->RunBlocked();
  EXPECT_EQ(token, "the-token");
  EXPECT_TRUE(fixture.server->Sent("RespondActivityTaskCompleted").empty());
  EXPECT_TRUE(fixture.Failures().empty());
}

TEST(Activity, ContextIsFoundOnItsThreadOnly) {
  bool was_inside = false;
  ActivityFixture fixture([&](activity_context& context, const auto&) {
    was_inside = &activity::context() == &context;
    return std::nullopt;
  });
  fixture.GiveActivity(fixture.ActivityTask("act", "1"));
  fixture.server->RunBlocked();
  EXPECT_TRUE(was_inside);
  EXPECT_FALSE(activity::in_activity());
  EXPECT_THROW(activity::context(), Error);
}

TEST(Activity, InterceptorsStandAroundItInOrder) {
  struct Note : WorkerInterceptor {
    Note(std::string* log, char mark) : log(log), mark(mark) {}
    task<std::optional<Payload>> execute_activity(activity_context& context,
                                                  ExecuteActivityInput input,
                                                  ActivityNext next) override {
      log->push_back(mark);
      input.args.push_back(encode(std::string(1, mark)));
      auto result = co_await next(context, std::move(input));
      log->push_back(mark);
      co_return result;
    }
    std::string* log;
    char mark;
  };
  std::string log;
  ActivityFixture fixture(
      [&](auto&, const Payloads& input) {
        for (const Payload& one : input) log += decode<std::string>(one);
        return std::nullopt;
      },
      {.interceptors = {std::make_shared<Note>(&log, 'a'), std::make_shared<Note>(&log, 'b')}});
  fixture.GiveActivity(fixture.ActivityTask("act", "1"));
  fixture.server->RunBlocked();
  EXPECT_EQ(log, "ababba");
}

TEST(Activity, ResultThatCannotBeSentFailsIt) {
  ActivityFixture fixture([](auto&, const auto&) { return encode(std::string("large")); });
  fixture.refused_type = api::RespondActivityTaskCompletedRequest::descriptor()->name();
  fixture.GiveActivity(fixture.ActivityTask("act", "1"));
  fixture.server->RunBlocked();
  EXPECT_TRUE(fixture.server->Sent("RespondActivityTaskCompleted").empty());
  ASSERT_EQ(fixture.Failures().size(), 1u);
  EXPECT_EQ(fixture.Failures()[0].failure().application_failure_info().type(), "AnswerNotSent");
}

TEST(Activity, InputThatCannotBeDecodedFailsIt) {
  ActivityFixture fixture([](auto&, const auto&) { return std::nullopt; });
  fixture.undecodable_type = api::PollActivityTaskQueueResponse::descriptor()->name();
  fixture.GiveActivity(fixture.ActivityTask("act", "1"));
  ASSERT_EQ(fixture.Failures().size(), 1u);
  EXPECT_EQ(fixture.Failures()[0].failure().application_failure_info().type(),
            "PayloadDecodeError");
}

TEST(R57Heartbeats, IntervalIsAPartOfTheTimeoutWithinTheMaximum) {
  EXPECT_EQ(HeartbeatThrottle::Interval(10s, 30s, 60s), 8s);
  EXPECT_EQ(HeartbeatThrottle::Interval(1000s, 30s, 60s), 60s);
  EXPECT_EQ(HeartbeatThrottle::Interval(std::nullopt, 30s, 60s), 30s);
  EXPECT_EQ(HeartbeatThrottle::Interval(0s, 30s, 20s), 20s);
}

TEST(R57Heartbeats, FirstGoesAtOnceLaterOnesTogetherTheLastWins) {
  FakeServer server;
  std::vector<std::string> sent;
  HeartbeatThrottle throttle(server.loop(), 8s,
                             [&](Payloads details) { sent.push_back(details.at(0).data); });
  throttle.Record({encode(1)});
  throttle.Answered();
  throttle.Record({encode(2)});
  throttle.Record({encode(3)});
  EXPECT_EQ(sent, std::vector<std::string>{"1"});
  server.Advance(8s);
  EXPECT_EQ(sent, (std::vector<std::string>{"1", "3"}));
  throttle.Answered();
  server.Advance(30s);
  throttle.Record({encode(4)});
  EXPECT_EQ(sent.size(), 3u) << "after a quiet interval the next goes at once again";
}

TEST(R57Heartbeats, NoneIsSentWhileOneIsUnderWay) {
  FakeServer server;
  int sent = 0;
  HeartbeatThrottle throttle(server.loop(), 8s, [&](Payloads) { ++sent; });
  throttle.Record({});
  throttle.Record({});
  server.Advance(20s);
  EXPECT_EQ(sent, 1);
  throttle.Answered();
  EXPECT_EQ(sent, 2);
}

TEST(R57Heartbeats, WhatWaitsIsSentBeforeTheFailure) {
  ActivityFixture fixture([](activity_context& context, const auto&) -> std::optional<Payload> {
    context.heartbeat(1);
    context.heartbeat(2);
    throw ApplicationError("stop");
  });
  fixture.server->Hold("RecordActivityTaskHeartbeat");
  fixture.GiveActivity(TaskWith("1", 10));
  fixture.server->RunBlocked();
  ASSERT_EQ(fixture.Heartbeats().size(), 1u);
  EXPECT_EQ(fixture.Heartbeats()[0].details().payloads(0).data(), "2");
  EXPECT_TRUE(fixture.Failures().empty());
  fixture.server->Answer(fixture.server->Open("RecordActivityTaskHeartbeat")[0],
                         api::RecordActivityTaskHeartbeatResponse());
  EXPECT_EQ(fixture.Failures().size(), 1u);
}

TEST(R57Heartbeats, CompletionDoesNotWaitForThem) {
  ActivityFixture fixture([](activity_context& context, const auto&) {
    context.heartbeat(1);
    return std::nullopt;
  });
  fixture.server->Hold("RecordActivityTaskHeartbeat");
  fixture.GiveActivity(TaskWith("1", 10));
  fixture.server->RunBlocked();
  EXPECT_EQ(fixture.server->Sent("RespondActivityTaskCompleted").size(), 1u);
}

// What the function saw and what was answered, when the first heartbeat is answered like this. The
// function runs on a thread of its own here, so that it is inside while the loop works.
struct Answered {
  CancelReason reason;
  std::size_t canceled, failed;
  std::string type;
};
Answered CancelBy(
    const std::function<absl::Status(api::RecordActivityTaskHeartbeatResponse*)>& answer) {
  CancelReason reason = CancelReason::none;
  WorkerFixture* running = nullptr;
  ActivityFixture fixture([&](activity_context& context, const auto&) -> std::optional<Payload> {
    context.heartbeat(1);
    running->server->Run();  // Stands for the loop's thread.
    reason = context.cancel_reason();
    context.throw_if_cancelled();
    return std::nullopt;
  });
  running = &fixture;
  fixture.server->On("RecordActivityTaskHeartbeat", [&](FakeServer::Call& call) {
    return answer(static_cast<api::RecordActivityTaskHeartbeatResponse*>(call.response));
  });
  fixture.GiveActivity(TaskWith("1", 10));
  fixture.server->RunBlocked();
  Answered result{reason, fixture.server->Sent("RespondActivityTaskCanceled").size(),
                  fixture.Failures().size(), ""};
  if (result.failed > 0)
    result.type = fixture.Failures()[0].failure().application_failure_info().type();
  return result;
}

TEST(R57HeartbeatAnswer, CancelRequestReachesTheActivityAndItsEndIsReportedAsCanceled) {
  const Answered result = CancelBy([](auto* response) {
    response->set_cancel_requested(true);
    return absl::OkStatus();
  });
  EXPECT_EQ(result.reason, CancelReason::cancel_requested);
  EXPECT_EQ(result.canceled, 1u);
  EXPECT_EQ(result.failed, 0u);
}

TEST(R57HeartbeatAnswer, PauseAndResetEndTheAttemptAsARetryableFailure) {
  const Answered paused = CancelBy([](auto* response) {
    response->set_activity_paused(true);
    return absl::OkStatus();
  });
  EXPECT_EQ(paused.reason, CancelReason::paused);
  EXPECT_EQ(paused.type, "ActivityPause");
  const Answered reset = CancelBy([](auto* response) {
    response->set_activity_reset(true);
    return absl::OkStatus();
  });
  EXPECT_EQ(reset.reason, CancelReason::reset);
  EXPECT_EQ(reset.type, "ActivityReset");
}

TEST(R57HeartbeatAnswer, NotFoundCancelsAndNothingIsAnswered) {
  const Answered result = CancelBy([](auto*) { return absl::NotFoundError("closed"); });
  EXPECT_EQ(result.reason, CancelReason::not_found);
  EXPECT_EQ(result.canceled + result.failed, 0u);
}

// How long until an activity in its function is told of its timeout; nothing is answered then.
CancelReason ReasonAfter(const api::PollActivityTaskQueueResponse& task, Nanos wait,
                         Nanos then = {}) {
  CancelReason reason = CancelReason::none;
  WorkerFixture* running = nullptr;
  ActivityFixture fixture([&](activity_context& context, const auto&) -> std::optional<Payload> {
    running->server->Advance(wait);
    if (then > Nanos(0)) {
      context.heartbeat();
      running->server->Advance(then);
    }
    reason = context.cancel_reason();
    return std::nullopt;
  });
  running = &fixture;
  fixture.GiveActivity(task);
  fixture.server->RunBlocked();
  const bool is_answered = !fixture.server->Sent("RespondActivityTaskCompleted").empty();
  EXPECT_EQ(is_answered, reason == CancelReason::none);
  return reason;
}

TEST(R58LocalTimeouts, ComeFiveSecondsAfterTheServers) {
  EXPECT_EQ(ReasonAfter(TaskWith("1", 0, 10), 14s), CancelReason::none);
  EXPECT_EQ(ReasonAfter(TaskWith("1", 0, 10), 15s), CancelReason::timed_out);
  EXPECT_EQ(ReasonAfter(TaskWith("1", 3), 7s), CancelReason::none);
  EXPECT_EQ(ReasonAfter(TaskWith("1", 3), 8s), CancelReason::timed_out);
}

TEST(R58LocalTimeouts, HeartbeatBeginsItsTimeoutAnew) {
  EXPECT_EQ(ReasonAfter(TaskWith("1", 3), 7s, 7s), CancelReason::none);
  EXPECT_EQ(ReasonAfter(TaskWith("1", 3, 8), 7s, 7s), CancelReason::timed_out)
      << "but not the one from start to close";
}

TEST(ActivityRate, PollsKeepTheWorkersRate) {
  WorkerFixture fixture({.max_activities_per_second = 2});
  fixture.AddActivity("act", [](auto&, const auto&) { return std::nullopt; });
  fixture.worker->Start();
  fixture.server->Run();
  EXPECT_EQ(fixture.server->Sent("PollActivityTaskQueue").size(), 1u);
  fixture.server->Advance(1s);
  EXPECT_EQ(fixture.server->Sent("PollActivityTaskQueue").size(), 3u);
}

TEST(ActivityRate, TaskQueueRateIsPassedOn) {
  WorkerFixture fixture({.max_task_queue_activities_per_second = 12.5});
  fixture.AddActivity("act", [](auto&, const auto&) { return std::nullopt; });
  fixture.worker->Start();
  fixture.server->Run();
  const auto& request =
      fixture.server->Open("PollActivityTaskQueue")[0]->as<api::PollActivityTaskQueueRequest>();
  EXPECT_EQ(request.task_queue_metadata().max_tasks_per_second().value(), 12.5);
}

}  // namespace
}  // namespace perdure::worker
