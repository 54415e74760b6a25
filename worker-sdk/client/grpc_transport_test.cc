#include "worker-sdk/client/grpc_transport.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include "absl/strings/cord.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"
#include "worker-sdk/client/blocking_pool.h"
#include "worker-sdk/client/retrying_call.h"
#include "worker-sdk/client/scripted_server.h"

namespace perdure::client {
namespace {

using namespace std::chrono_literals;
namespace api = temporal::api::workflowservice::v1;
constexpr char kGetSystemInfo[] = "/temporal.api.workflowservice.v1.WorkflowService/GetSystemInfo";
constexpr char kPoll[] = "/temporal.api.workflowservice.v1.WorkflowService/PollWorkflowTaskQueue";

std::unique_ptr<Transport> Connect(const std::string& target, GrpcTransportOptions options = {}) {
  options.target = target;
  auto transport = NewGrpcTransport(std::move(options));
  EXPECT_TRUE(transport.ok()) << transport.status();
  return *std::move(transport);
}

void AnswerSystemInfo(ScriptedServer* server) {
  server->OnCall<api::GetSystemInfoRequest, api::GetSystemInfoResponse>(
      "GetSystemInfo", [](const auto&) -> absl::StatusOr<api::GetSystemInfoResponse> {
        api::GetSystemInfoResponse response;
        response.set_server_version("1.2.3");
        return response;
      });
}

TEST(GrpcTransport, AnswersOnTheExecutorThatStartedTheCall) {
  ScriptedServer server;
  AnswerSystemInfo(&server);
  const auto transport = Connect(server.target());
  const auto loop = transport->NewExecutor("test");
  std::promise<std::thread::id> loop_thread, done_thread;
  loop->Post([&] { loop_thread.set_value(std::this_thread::get_id()); });
  api::GetSystemInfoRequest request;
  api::GetSystemInfoResponse response;
  const auto call = transport->Start(kGetSystemInfo, request, &response, {}, loop.get(),
                                     [&](const absl::Status& status) {
                                       EXPECT_TRUE(status.ok()) << status;
                                       done_thread.set_value(std::this_thread::get_id());
                                     });
  EXPECT_EQ(loop_thread.get_future().get(), done_thread.get_future().get());
  EXPECT_EQ(response.server_version(), "1.2.3");
}

TEST(GrpcTransport, SendsWhoAsksAndForWhom) {
  ScriptedServer server;
  AnswerSystemInfo(&server);
  GrpcTransportOptions options;
  options.namespace_ = "orders";
  options.api_key = "secret";
  options.metadata = {{"x-tenant", "7"}};
  const auto transport = Connect(server.target(), options);
  api::GetSystemInfoRequest request;
  api::GetSystemInfoResponse response;
  CallOptions call;
  call.metadata = {{"x-call", "8"}};
  ASSERT_TRUE(
      CallBlocking(transport.get(), CallKind::kUnary, kGetSystemInfo, request, &response, call)
          .ok());
  using ::testing::Contains;
  using ::testing::Pair;
  const auto metadata = server.calls().at(0).metadata;
  EXPECT_THAT(metadata, Contains(Pair("temporal-namespace", "orders")));
  EXPECT_THAT(metadata, Contains(Pair("authorization", "Bearer secret")));
  EXPECT_THAT(metadata, Contains(Pair("client-name", "perdure-cpp")));
  EXPECT_THAT(metadata, Contains(Pair("client-version", std::string(kClientVersion))));
  EXPECT_THAT(metadata, Contains(Pair("x-tenant", "7")));
  EXPECT_THAT(metadata, Contains(Pair("x-call", "8")));
}

TEST(GrpcTransport, AKeyThatChangesIsAskedForEachCall) {
  ScriptedServer server;
  AnswerSystemInfo(&server);
  std::atomic<int> count = 0;
  GrpcTransportOptions options;
  options.api_key = "not this one";
  options.api_key_provider = [&]() -> std::string {
    if (++count == 3) throw std::runtime_error("no key left");
    return "key-" + std::to_string(count);
  };
  const auto transport = Connect(server.target(), options);
  const auto call = [&] {
    api::GetSystemInfoRequest request;
    api::GetSystemInfoResponse response;
    return CallBlocking(transport.get(), CallKind::kUnary, kGetSystemInfo, request, &response, {});
  };
  EXPECT_TRUE(call().ok());
  EXPECT_TRUE(call().ok());
  for (int i = 0; i < 2; ++i) {
    const auto metadata = server.calls().at(i).metadata;
    EXPECT_EQ(std::count_if(metadata.begin(), metadata.end(),
                            [](const auto& one) { return one.first == "authorization"; }),
              1);
    EXPECT_THAT(metadata, ::testing::Contains(::testing::Pair(
                              "authorization", "Bearer key-" + std::to_string(i + 1))));
  }
  const absl::Status status = call();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(status.message(), "ClientOptions::api_key_provider: no key left");
  EXPECT_EQ(server.calls().size(), 2u);
}

TEST(GrpcTransport, ErrorsCarryTheirDetails) {
  ScriptedServer server;
  server.On("GetSystemInfo", [](const ScriptedCall&) -> ScriptedServer::Reply {
    absl::Status status = absl::NotFoundError("nothing here");
    status.SetPayload("type.googleapis.com/google.rpc.Status",
                      absl::Cord(absl::string_view("bytes\0more", 10)));
    return status;
  });
  const auto transport = Connect(server.target());
  api::GetSystemInfoRequest request;
  api::GetSystemInfoResponse response;
  const absl::Status status =
      CallBlocking(transport.get(), CallKind::kUnary, kGetSystemInfo, request, &response, {});
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "nothing here");
  EXPECT_EQ(std::string(*status.GetPayload("type.googleapis.com/google.rpc.Status")),
            std::string("bytes\0more", 10));
}

TEST(GrpcTransport, ADroppedCallIsCanceledAndAnswered) {
  ScriptedServer server;
  std::promise<void> arrived;
  server.On("PollWorkflowTaskQueue", [&](const ScriptedCall&) -> ScriptedServer::Reply {
    arrived.set_value();
    return std::nullopt;
  });
  const auto transport = Connect(server.target());
  api::PollWorkflowTaskQueueRequest request;
  api::PollWorkflowTaskQueueResponse response;
  std::promise<absl::Status> answered;
  auto call = transport->Start(kPoll, request, &response, {}, transport->executor(),
                               [&](absl::Status status) { answered.set_value(status); });
  arrived.get_future().wait();
  call.reset();
  EXPECT_EQ(answered.get_future().get().code(), absl::StatusCode::kCancelled);
}

TEST(GrpcTransport, ACallEndsAtItsTimeout) {
  ScriptedServer server;
  server.On("PollWorkflowTaskQueue",
            [](const ScriptedCall&) -> ScriptedServer::Reply { return std::nullopt; });
  const auto transport = Connect(server.target());
  api::PollWorkflowTaskQueueRequest request;
  api::PollWorkflowTaskQueueResponse response;
  CallOptions options;
  options.timeout = 50ms;
  const absl::Status status =
      CallBlocking(transport.get(), CallKind::kUnary, kPoll, request, &response, options);
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
}

TEST(GrpcTransport, AForeignExecutorGetsItsAnswersPosted) {
  class Inline final : public Executor {
   public:
    void Post(Task task) override {
      ++posted;
      std::move(task)();
    }
    std::unique_ptr<Timer> PostAfter(Nanos, Task) override { return nullptr; }
    Nanos Monotonic() const override { return {}; }
    Timestamp WallClock() const override { return {}; }
    std::atomic<int> posted{0};
  };
  ScriptedServer server;
  AnswerSystemInfo(&server);
  const auto transport = Connect(server.target());
  Inline foreign;
  api::GetSystemInfoRequest request;
  api::GetSystemInfoResponse response;
  std::promise<void> done;
  const auto call = transport->Start(kGetSystemInfo, request, &response, {}, &foreign,
                                     [&](const absl::Status&) { done.set_value(); });
  done.get_future().wait();
  EXPECT_EQ(foreign.posted, 1);
}

TEST(RetryingCall, TriesAgainUntilItSucceeds) {
  ScriptedServer server;
  int calls = 0;
  server.On("GetSystemInfo", [&](const ScriptedCall&) -> ScriptedServer::Reply {
    if (++calls < 3) return absl::UnavailableError("restarting");
    return std::string();
  });
  const auto transport = Connect(server.target());
  api::GetSystemInfoRequest request;
  api::GetSystemInfoResponse response;
  EXPECT_TRUE(
      CallBlocking(transport.get(), CallKind::kUnary, kGetSystemInfo, request, &response, {}).ok());
  EXPECT_EQ(server.CountOf("GetSystemInfo"), 3);
}

TEST(RetryingCall, TheCallersLimitEndsIt) {
  ScriptedServer server;
  server.On("GetSystemInfo", [](const ScriptedCall&) -> ScriptedServer::Reply {
    return absl::ResourceExhaustedError("busy");
  });
  const auto transport = Connect(server.target());
  api::GetSystemInfoRequest request;
  api::GetSystemInfoResponse response;
  const absl::Status status = CallBlocking(transport.get(), CallKind::kLongPoll, kGetSystemInfo,
                                           request, &response, {}, {.limit = 20ms});
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
}

TEST(RetryingCall, DroppedBetweenAttemptsItIsCanceled) {
  ScriptedServer server;
  std::promise<void> arrived;
  bool is_first = true;
  server.On("GetSystemInfo", [&](const ScriptedCall&) -> ScriptedServer::Reply {
    if (std::exchange(is_first, false)) arrived.set_value();
    return absl::ResourceExhaustedError("busy");
  });
  const auto transport = Connect(server.target());
  api::GetSystemInfoRequest request;
  api::GetSystemInfoResponse response;
  std::promise<absl::Status> answered;
  auto call = StartRetrying(transport.get(), CallKind::kLongPoll, kGetSystemInfo, request,
                            &response, {}, transport->executor(),
                            [&](absl::Status status) { answered.set_value(std::move(status)); });
  arrived.get_future().wait();
  call.reset();
  EXPECT_EQ(answered.get_future().get().code(), absl::StatusCode::kCancelled);
}

TEST(GrpcLoop, RunsWhatIsPostedInOrderFromManyThreads) {
  ScriptedServer server;
  const auto transport = Connect(server.target());
  const auto loop = transport->NewExecutor("order");
  constexpr int kPosts = 2000;
  std::vector<int> seen[4];
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kPosts; ++i) loop->Post([&seen, t, i] { seen[t].push_back(i); });
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::promise<void> done;
  loop->Post([&] { done.set_value(); });
  done.get_future().wait();
  for (const auto& order : seen) {
    ASSERT_EQ(order.size(), std::size_t{kPosts});
    EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  }
}

TEST(GrpcLoop, TimersRunInTheOrderOfTheirTimes) {
  ScriptedServer server;
  const auto transport = Connect(server.target());
  const auto loop = transport->NewExecutor("timers");
  std::vector<int> order;
  std::promise<void> done;
  std::vector<std::unique_ptr<Executor::Timer>> timers;
  timers.push_back(loop->PostAfter(20ms, [&] {
    order.push_back(2);
    done.set_value();
  }));
  timers.push_back(loop->PostAfter(1ms, [&] { order.push_back(1); }));
  timers.push_back(loop->PostAfter(-1ms, [&] { order.push_back(0); }));
  done.get_future().wait();
  EXPECT_THAT(order, ::testing::ElementsAre(0, 1, 2));
}

TEST(GrpcLoop, ATimerThatWasDroppedOnTheLoopDoesNotRun) {
  ScriptedServer server;
  const auto transport = Connect(server.target());
  const auto loop = transport->NewExecutor("drop");
  bool did_run = false;
  std::promise<void> done;
  std::unique_ptr<Executor::Timer> last;
  loop->Post([&] {
    auto timer = loop->PostAfter(0ms, [&] { did_run = true; });
    timer.reset();
    last = loop->PostAfter(1ms, [&] { done.set_value(); });
  });
  done.get_future().wait();
  EXPECT_FALSE(did_run);
}

TEST(GrpcLoop, ATimerMayOutliveItsLoop) {
  ScriptedServer server;
  const auto transport = Connect(server.target());
  auto loop = transport->NewExecutor("outlived");
  const auto timer = loop->PostAfter(1h, [] { FAIL() << "it is not due"; });
  loop.reset();
}

TEST(GrpcLoop, WhatIsPostedRunsBeforeTheLoopEnds) {
  ScriptedServer server;
  const auto transport = Connect(server.target());
  auto loop = transport->NewExecutor("end");
  int runs = 0;
  for (int i = 0; i < 100; ++i) {
    loop->Post([&] { ++runs; });
  }
  loop.reset();
  EXPECT_EQ(runs, 100);
}

TEST(BlockingPool, RunsAsManyAtOnceAsWait) {
  BlockingPool pool;
  constexpr int kTasks = 20;
  std::atomic<int> running{0};
  std::promise<void> all;
  const std::shared_future<void> together = all.get_future().share();
  for (int i = 0; i < kTasks; ++i) {
    pool.Run([&, together] {
      if (++running == kTasks) all.set_value();
      together.wait();
    });
  }
  together.wait();
  EXPECT_EQ(pool.thread_count(), kTasks);
}

TEST(BlockingPool, ThreadsThatIdleEnd) {
  BlockingPool pool({.threads_max = 4, .idle_max = 1ms});
  std::promise<void> done;
  pool.Run([&] { done.set_value(); });
  done.get_future().wait();
  while (pool.thread_count() > 0) std::this_thread::yield();
}

TEST(BlockingPool, AboveItsLimitTasksWait) {
  std::atomic<int> running{0}, most{0};
  {
    BlockingPool pool({.threads_max = 2});
    for (int i = 0; i < 50; ++i) {
      pool.Run([&] {
        most = std::max(most.load(), ++running);
        std::this_thread::yield();
        --running;
      });
    }
  }
  EXPECT_LE(most, 2);
}

TEST(TransportEvent, ALimitEndsTheWait) {
  ScriptedServer server;
  const auto transport = Connect(server.target());
  const auto event = transport->NewEvent();
  EXPECT_FALSE(event->Wait(1ms));
  event->Set();
  EXPECT_TRUE(event->Wait(Nanos::max()));
}

}  // namespace
}  // namespace perdure::client
