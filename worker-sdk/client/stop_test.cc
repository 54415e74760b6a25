// Calls that another thread ends: Client::with_stop against a scripted server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <ostream>
#include <stop_token>
#include <string>
#include <thread>

#include "perdure/activity_completion.h"
#include "perdure/client.h"
#include "perdure/define.h"
#include "perdure/metrics.h"
#include "perdure/raw.h"
#include "perdure/schedule.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"
#include "worker-sdk/client/retrying_call.h"
#include "worker-sdk/client/scripted_server.h"
#include "worker-sdk/client/transport.h"

namespace perdure {
namespace shop {

struct Cart {
  task<int> run();
  void clear();
  int size() const;
  task<int> add(int count);
  using handlers =
      define<entry<&Cart::run>, signal<&Cart::clear>, query<&Cart::size>, update<&Cart::add>>;
};

}  // namespace shop

namespace {

namespace api = temporal::api::workflowservice::v1;
using client::ScriptedServer;
using shop::Cart;
using ::testing::HasSubstr;

class StopTest : public ::testing::Test {
 protected:
  Client Connect(ClientOptions options = {}) {
    options.target = server_.target();
    options.lazy = true;
    return Client::connect(std::move(options));
  }
  // Once the call is there, the caller is told to stop.
  void StopWhileItWaits(const std::string& method) {
    server_.On(method, [this](const auto&) -> ScriptedServer::Reply {
      stop_.request_stop();
      return std::nullopt;
    });
  }
  template <class Response>
  void Answer(const std::string& method, const Response& response) {
    server_.On(method, [text = response.SerializeAsString()](const auto&) -> ScriptedServer::Reply {
      return text;
    });
  }

  ScriptedServer server_;
  std::stop_source stop_;
};

TEST_F(StopTest, AResultIsWaitedForUntilThen) {
  StopWhileItWaits("GetWorkflowExecutionHistory");
  const auto handle = Connect().handle<&Cart::run>("c");
  try {
    handle.with_stop(stop_.get_token()).result();
    FAIL() << "there is no result";
  } catch (const CallCanceledError& error) {
    EXPECT_EQ(error.code(), RpcCode::canceled);
    EXPECT_THAT(error.what(), HasSubstr("CANCELLED: the call was canceled"));
  }
  EXPECT_TRUE(server_.WaitForCanceled(1));
  EXPECT_EQ(server_.CountOf("GetWorkflowExecutionHistory"), 1);
}

TEST_F(StopTest, TheOutcomeOfAnUpdateIsWaitedForUntilThen) {
  StopWhileItWaits("PollWorkflowExecutionUpdate");
  const auto update = Connect().handle<&Cart::run>("c").update_handle<&Cart::add>("u");
  EXPECT_THROW(update.with_stop(stop_.get_token()).result(), CallCanceledError);
  EXPECT_TRUE(server_.WaitForCanceled(1));
}

TEST_F(StopTest, WhatAStoppableClientMadeIsStoppable) {
  api::StartWorkflowExecutionResponse started;
  started.set_run_id("run-1");
  Answer("StartWorkflowExecution", started);
  StopWhileItWaits("GetWorkflowExecutionHistory");
  const Client client = Connect();
  EXPECT_THROW(
      client.with_stop(stop_.get_token()).execute<&Cart::run>({.id = "c", .task_queue = "q"}),
      CallCanceledError);
  EXPECT_TRUE(server_.WaitForCanceled(1));
  // The client that it came from is not.
  EXPECT_EQ(client.start<&Cart::run>({.id = "c", .task_queue = "q"}).run_id(), "run-1");
}

TEST_F(StopTest, AnotherTokenTakesThePlaceOfTheFirst) {
  Answer("SignalWorkflowExecution", api::SignalWorkflowExecutionResponse());
  stop_.request_stop();
  const auto handle = Connect().with_stop(stop_.get_token()).handle<&Cart::run>("c");
  EXPECT_THROW(handle.signal<&Cart::clear>(), CallCanceledError);
  handle.with_stop({}).signal<&Cart::clear>();
  EXPECT_EQ(server_.CountOf("SignalWorkflowExecution"), 1);
}

// Counts on the client's loop, just before the failed call is put off.
struct StopsAtFailure : MetricsSink {
  explicit StopsAtFailure(std::stop_source* source) : stop(source) {}
  void count(std::string_view name, MetricLabels, double) override {
    if (name == "temporal_request_failure") stop->request_stop();
  }
  void gauge(std::string_view, MetricLabels, double) override {}
  void latency(std::string_view, MetricLabels, std::chrono::nanoseconds) override {}
  std::stop_source* stop;
};

TEST_F(StopTest, BetweenTwoAttemptsItEndsAtOnce) {
  server_.On("DescribeWorkflowExecution", [](const auto&) -> ScriptedServer::Reply {
    return absl::ResourceExhaustedError("busy");
  });
  ClientOptions options;
  options.metrics = std::make_shared<StopsAtFailure>(&stop_);
  const auto handle = Connect(options).handle<&Cart::run>("c");
  try {
    handle.with_stop(stop_.get_token()).describe();
    FAIL() << "the server is busy";
  } catch (const CallCanceledError& error) {
    EXPECT_THAT(error.what(), HasSubstr("after RESOURCE_EXHAUSTED: busy"));
  }
  EXPECT_EQ(server_.CountOf("DescribeWorkflowExecution"), 1);
}

// A server that is away, and a loop without clock: what waits for a timer is seen to.
class AwayTransport final : public client::Transport, public client::Executor {
 public:
  std::unique_ptr<Call> Start(std::string_view, const google::protobuf::Message&,
                              google::protobuf::Message*, const client::CallOptions&,
                              client::Executor*, Done done) override {
    Post([done = std::move(done)]() mutable { done(absl::UnavailableError("away")); });
    return nullptr;
  }
  client::Executor* executor() override { return this; }
  std::unique_ptr<client::Executor> NewExecutor(std::string_view) override { return nullptr; }
  void RunBlocking(absl::AnyInvocable<void()>) override {}
  const std::string& target() const override { return target_; }

  void Post(Task task) override { ready_.push_back(std::move(task)); }
  std::unique_ptr<Timer> PostAfter(client::Nanos, Task task) override {
    timer_ = std::move(task);
    return std::make_unique<Timer>();
  }
  client::Nanos Monotonic() const override { return {}; }
  Timestamp WallClock() const override { return {}; }

  struct RunningEvent final : Event {
    explicit RunningEvent(AwayTransport* transport) : loop(transport) {}
    void Set() override { is_set = true; }
    bool Wait(client::Nanos) override {
      while (!is_set) loop->Step();
      return true;
    }
    AwayTransport* loop;
    bool is_set = false;
  };
  std::shared_ptr<Event> NewEvent() override { return std::make_shared<RunningEvent>(this); }

  std::function<void()> at_rest;
  int timers_run = 0;

 private:
  void Step() {
    if (ready_.empty() && at_rest) std::exchange(at_rest, nullptr)();
    if (ready_.empty() && timer_) {
      ++timers_run;
      Post(std::exchange(timer_, nullptr));
    }
    Task task = std::move(ready_.front());
    ready_.pop_front();
    task();
  }

  const std::string target_ = "away";
  std::deque<Task> ready_;
  Task timer_;
};

TEST(StopBetweenAttempts, WaitsForNoTimer) {
  AwayTransport transport;
  std::stop_source stop;
  transport.at_rest = [&stop] { stop.request_stop(); };
  api::GetSystemInfoRequest request;
  api::GetSystemInfoResponse response;
  const absl::Status status =
      client::CallBlocking(&transport, client::CallKind::kUnary, "/GetSystemInfo", request,
                           &response, {}, {.stop = stop.get_token()});
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(transport.timers_run, 0);
}

TEST_F(StopTest, AConnectionThatIsWaitedForIsGivenUp) {
  ClientOptions options;
  options.target = server_.target();
  options.stop = stop_.get_token();
  StopWhileItWaits("GetSystemInfo");
  try {
    Client::connect(options);
    FAIL() << "the server did not answer";
  } catch (const ConnectError& error) {
    EXPECT_EQ(error.code(), RpcCode::canceled);
  }
  EXPECT_TRUE(server_.WaitForCanceled(1));
}

TEST_F(StopTest, TheServersOwnCancelIsAnotherError) {
  server_.On("QueryWorkflow", [](const auto&) -> ScriptedServer::Reply {
    return absl::CancelledError("the server ends");
  });
  const auto handle = Connect().with_stop(stop_.get_token()).handle<&Cart::run>("c");
  try {
    handle.query<&Cart::size>();
    FAIL() << "it was refused";
  } catch (const CallCanceledError&) {
    FAIL() << "the caller did not end it";
  } catch (const RpcError& error) {
    EXPECT_EQ(error.code(), RpcCode::canceled);
  }
}

TEST_F(StopTest, InterceptorsStayInTheWay) {
  struct Counting : ClientInterceptor {
    void signal_workflow(SignalInput& input, ClientCalls& next) override {
      ++calls;
      next.signal_workflow(input);
    }
    int calls = 0;
  };
  const auto counting = std::make_shared<Counting>();
  ClientOptions options;
  options.interceptors = {counting};
  StopWhileItWaits("SignalWorkflowExecution");
  const auto handle = Connect(options).with_stop(stop_.get_token()).handle<&Cart::run>("c");
  EXPECT_THROW(handle.signal<&Cart::clear>(), CallCanceledError);
  EXPECT_EQ(counting->calls, 1);
}

// The caller's thread and the loop end the call at any step of it.
TEST_F(StopTest, AtAnyMomentItIsAnsweredOnce) {
  Answer("SignalWorkflowExecution", api::SignalWorkflowExecutionResponse());
  const auto handle = Connect().handle<&Cart::run>("c");
  for (int i = 0; i < 200; ++i) {
    std::stop_source stop;
    std::jthread stopper([&] { stop.request_stop(); });
    try {
      handle.with_stop(stop.get_token()).signal<&Cart::clear>();
    } catch (const CallCanceledError&) {
    }
  }
  handle.signal<&Cart::clear>();
}

struct Kind {
  const char* name;
  void (*call)(const Client&);
};
void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }

class EveryCall : public StopTest, public ::testing::WithParamInterface<Kind> {};

TEST_P(EveryCall, IsNotSentOnceItIsToStop) {
  const Client client = Connect();
  stop_.request_stop();
  EXPECT_THROW(GetParam().call(client.with_stop(stop_.get_token())), CallCanceledError);
  EXPECT_TRUE(server_.calls().empty());
  // The same call without a token: it is one that is sent.
  EXPECT_THROW(GetParam().call(client), RpcError);
  EXPECT_EQ(server_.calls().size(), 1u);
}

constexpr start_options kStart{
    .id = "c", .task_queue = "q", .id_conflict = id_conflict_policy::use_existing};

const Kind kKinds[] = {
    {"start", [](const Client& c) { c.start<&Cart::run>(kStart); }},
    {"signal_with_start",
     [](const Client& c) { c.signal_with_start<&Cart::run, &Cart::clear>(kStart, {}, {}); }},
    {"update_with_start",
     [](const Client& c) { c.update_with_start<&Cart::run, &Cart::add>(kStart, {}, {}, args(1)); }},
    {"signal", [](const Client& c) { c.handle<&Cart::run>("c").signal<&Cart::clear>(); }},
    {"query", [](const Client& c) { c.handle<&Cart::run>("c").query<&Cart::size>(); }},
    {"update", [](const Client& c) { c.handle<&Cart::run>("c").update<&Cart::add>(1); }},
    {"outcome",
     [](const Client& c) { c.handle<&Cart::run>("c").update_handle<&Cart::add>("u").result(); }},
    {"cancel", [](const Client& c) { c.handle<&Cart::run>("c").cancel(); }},
    {"terminate", [](const Client& c) { c.handle<&Cart::run>("c").terminate(); }},
    {"describe", [](const Client& c) { c.handle<&Cart::run>("c").describe(); }},
    {"result", [](const Client& c) { c.handle<&Cart::run>("c").result(); }},
    {"history", [](const Client& c) { c.handle<&Cart::run>("c").fetch_history(); }},
    {"list", [](const Client& c) { c.list().begin(); }},
    {"count", [](const Client& c) { c.count(); }},
    {"complete", [](const Client& c) { c.activity("token").complete(); }},
    {"fail", [](const Client& c) { c.activity("c", "", "a").fail(ApplicationError("no")); }},
    {"report_canceled", [](const Client& c) { c.activity("token").report_canceled(); }},
    {"heartbeat", [](const Client& c) { c.activity("c", "", "a").heartbeat(); }},
    {"create_schedule", [](const Client& c) { c.schedules().create<&Cart::run>("s", {}, kStart); }},
    {"describe_schedule", [](const Client& c) { c.schedules().handle("s").describe(); }},
    {"update_schedule",
     [](const Client& c) { c.schedules().handle("s").update([](Schedule&) {}); }},
    {"patch_schedule", [](const Client& c) { c.schedules().handle("s").pause(); }},
    {"delete_schedule", [](const Client& c) { c.schedules().handle("s").remove(); }},
    {"list_schedules", [](const Client& c) { c.schedules().list().begin(); }},
    {"raw",
     [](const Client& c) {
       c.raw().long_poll().workflow_service<api::DescribeNamespaceResponse>(
           "DescribeNamespace", api::DescribeNamespaceRequest());
     }},
};

INSTANTIATE_TEST_SUITE_P(Stop, EveryCall, ::testing::ValuesIn(kKinds),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_F(StopTest, ActivitiesAndSchedulesTakeATokenOfTheirOwn) {
  const Client client = Connect();
  stop_.request_stop();
  EXPECT_THROW(client.activity("token").with_stop(stop_.get_token()).complete(), CallCanceledError);
  EXPECT_THROW(client.schedules().handle("s").with_stop(stop_.get_token()).describe(),
               CallCanceledError);
  EXPECT_TRUE(server_.calls().empty());
}

}  // namespace
}  // namespace perdure
