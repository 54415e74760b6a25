// Worker, client and coroutine workflows together against a running server: only with
// PERDURE_SERVER=host:port in the environment.
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <mutex>

#include "perdure/client.h"
#include "perdure/client_errors.h"
#include "perdure/worker.h"
#include "perdure/workflow.h"

namespace perdure {
namespace {

using namespace std::chrono_literals;

// ---- Activities.

std::string greet(std::string name) { return "Hello, " + name + "!"; }

struct Flaky {
  std::atomic<int> calls{0};
  int last_detail = -1;
  // Fails twice, telling its next attempt how far it came.
  int work(activity_context& context, int input) {
    last_detail = context.details<int>().value_or(0);
    const int call = ++calls;
    context.heartbeat(call);
    if (call < 3) throw ApplicationError("not yet", {.type = "Early"});
    return input * 10 + last_detail;
  }
};

struct Patient {
  std::atomic<CancelReason> reason{CancelReason::none};
  std::atomic<bool> is_running{false};
  // Heartbeats until it is told to stop.
  void wait(activity_context& context) {
    is_running = true;
    for (;;) {
      context.heartbeat();
      try {
        context.sleep_for(50ms);
      } catch (const CanceledError&) {
        reason = context.cancel_reason();
        throw;
      }
    }
  }
  void slow(activity_context& context, int milliseconds) {
    context.sleep_for(std::chrono::milliseconds(milliseconds));
  }
};

struct Later {
  std::mutex mutex;
  std::condition_variable changed;
  std::string token;
  std::string ask(activity_context& context) {
    const std::lock_guard lock(mutex);
    token = context.complete_later();
    changed.notify_all();
    return "not this";
  }
};

// ---- Workflows.

struct Greeting {
  task<std::string> run(std::string name) {
    co_return co_await workflow::activity<&greet>(name, {.start_to_close = 10s});
  }
  using handlers = define<entry<&Greeting::run>>;
};

struct Retried {
  task<int> run(int input) {
    co_return co_await workflow::activity<&Flaky::work>(
        input, {.start_to_close = 10s, .retry = {.initial_interval = 10ms}});
  }
  using handlers = define<entry<&Retried::run>>;
};

struct Canceled {
  task<void> run() {
    co_await workflow::activity<&Patient::wait>(
        {.start_to_close = 60s,
         .heartbeat = 1s,
         .cancellation = activity_cancellation::wait_completed});
  }
  using handlers = define<entry<&Canceled::run>>;
};

struct Deferred {
  task<std::string> run() {
    co_return co_await workflow::activity<&Later::ask>({.start_to_close = 60s});
  }
  using handlers = define<entry<&Deferred::run>>;
};

struct Cart {
  int total = 0;
  bool is_done = false;
  task<int> run() {
    co_await workflow::sleep(1ms);
    co_await workflow::until([&] { return is_done; });
    co_return total;
  }
  void add(int amount) { total += amount; }
  int sum() const { return total; }
  task<int> finish(int tip) {
    co_await workflow::sleep(1ms);
    total += tip;
    is_done = true;
    co_return total;
  }
  void check_finish(int tip) const {
    if (tip < 0) throw ApplicationError("a tip is not negative");
  }
  using handlers = define<entry<&Cart::run>, signal<&Cart::add>, query<&Cart::sum>,
                          update<&Cart::finish, &Cart::check_finish>>;
};

struct Local {
  task<std::string> run() {
    std::string text = co_await workflow::local_activity<&greet>("near", {.start_to_close = 5s});
    co_await workflow::local_activity<&Patient::slow>(2500, {.start_to_close = 10s});
    const int value = co_await workflow::local_activity<&Flaky::work>(
        4, {.start_to_close = 5s, .retry = {.initial_interval = 10ms}});
    co_return text + std::to_string(value);
  }
  using handlers = define<entry<&Local::run>>;
};

struct Loop {
  task<int> run(int rounds) {
    int sum = 0;
    for (int i = 0; i < rounds; ++i) {
      const std::string text = co_await workflow::activity<&greet>("x", {.start_to_close = 10s});
      sum += static_cast<int>(text.size());
      co_await workflow::sleep(1ms);
    }
    co_return sum;
  }
  using handlers = define<entry<&Loop::run>>;
};

struct Immediate {
  task<int> run() { co_return 1; }
  using handlers = define<entry<&Immediate::run>>;
};

// Counts the tasks that polls brought.
struct PollCounter : MetricsSink {
  void count(std::string_view name, MetricLabels labels, double by) override {
    if (name == "temporal_workflow_task_queue_poll_succeed") polled += static_cast<int>(by);
    for (const auto& [label, value] : labels) {
      if (name == "temporal_request" && value == "RespondWorkflowTaskCompleted") ++answered;
    }
  }
  void gauge(std::string_view, MetricLabels, double) override {}
  void latency(std::string_view, MetricLabels, std::chrono::nanoseconds) override {}
  std::atomic<int> polled{0}, answered{0};
};

class WorkerServer : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::getenv("PERDURE_SERVER") == nullptr) GTEST_SKIP() << "PERDURE_SERVER is not set";
    client_.emplace(Client::connect({.target = std::getenv("PERDURE_SERVER")}));
    // A queue of this test and this run of the tests.
    queue_ = std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()) +
             std::to_string(std::chrono::system_clock::now().time_since_epoch().count());
  }
  std::unique_ptr<Worker> MakeWorker(WorkerOptions options = {}) {
    options.task_queue = queue_;
    options.log = [](LogLevel level, std::string_view text, const LogFields& fields) {
      if (std::getenv("PERDURE_LOG") != nullptr) stderr_log(LogLevel::debug)(level, text, fields);
    };
    auto worker = std::make_unique<Worker>(*client_, std::move(options));
    worker->workflow<Greeting>().workflow<Retried>().workflow<Canceled>().workflow<Deferred>();
    worker->workflow<Cart>().workflow<Local>().workflow<Loop>();
    worker->activity<&greet>()
        .activity<&Flaky::work>(flaky_)
        .activity<&Patient::wait>(patient_)
        .activity<&Patient::slow>(patient_)
        .activity<&Later::ask>(later_);
    return worker;
  }
  void UseCart(WorkerOptions options) {
    auto worker = MakeWorker(std::move(options));
    worker->start();
    auto cart = client_->start<&Cart::run>({.task_queue = queue_});
    cart.signal<&Cart::add>(3);
    cart.signal<&Cart::add>(4);
    EXPECT_EQ(cart.query<&Cart::sum>(), 7);
    EXPECT_THROW(cart.update<&Cart::finish>(-1), UpdateFailedError);
    EXPECT_EQ(cart.update<&Cart::finish>(5), 12);
    EXPECT_EQ(cart.result(), 12);
    EXPECT_EQ(cart.query<&Cart::sum>(), 12) << "a closed run is rebuilt from its history";
  }

  std::optional<Client> client_;
  std::string queue_;
  Flaky flaky_;
  Patient patient_;
  Later later_;
};

TEST_F(WorkerServer, RunsAWorkflowAndItsActivity) {
  auto worker = MakeWorker();
  worker->start();
  EXPECT_EQ(client_->execute<&Greeting::run>({.task_queue = queue_}, "Ann"), "Hello, Ann!");
}

TEST_F(WorkerServer, RunsThemWithoutEagerActivitiesAndWithEagerStart) {
  auto worker = MakeWorker({.eager_activities = false});
  worker->start();
  EXPECT_EQ(client_->execute<&Greeting::run>({.task_queue = queue_, .eager = true}, "Ann"),
            "Hello, Ann!");
}

TEST_F(WorkerServer, EagerStartNeedsNoPoll) {
  auto counter = std::make_shared<PollCounter>();
  client_.emplace(Client::connect({.target = std::getenv("PERDURE_SERVER"), .metrics = counter}));
  auto worker = MakeWorker();
  worker->workflow<Immediate>();
  worker->start();
  EXPECT_EQ(client_->execute<&Immediate::run>({.task_queue = queue_, .eager = true}), 1);
  worker.reset();  // The client may have its result before the worker hears that its answer came.
  EXPECT_EQ(counter->answered, 1);
  EXPECT_EQ(counter->polled, 0);
}

TEST_F(WorkerServer, RetriedActivityFindsTheDetailsOfItsLastAttempt) {
  auto worker = MakeWorker();
  worker->start();
  EXPECT_EQ(client_->execute<&Retried::run>({.task_queue = queue_}, 4), 42);
  EXPECT_EQ(flaky_.calls, 3);
}

TEST_F(WorkerServer, CancellationReachesAnActivityByItsHeartbeat) {
  auto worker = MakeWorker();
  worker->start();
  auto handle = client_->start<&Canceled::run>({.task_queue = queue_});
  while (!patient_.is_running) std::this_thread::yield();
  handle.cancel();
  EXPECT_THROW(handle.result(), WorkflowFailedError);
  EXPECT_EQ(patient_.reason, CancelReason::cancel_requested);
}

TEST_F(WorkerServer, ActivityIsCompletedByItsToken) {
  auto worker = MakeWorker();
  worker->start();
  auto handle = client_->start<&Deferred::run>({.task_queue = queue_});
  std::unique_lock lock(later_.mutex);
  later_.changed.wait(lock, [&] { return !later_.token.empty(); });
  client_->activity(later_.token).complete(std::string("done elsewhere"));
  EXPECT_EQ(handle.result(), "done elsewhere");
}

TEST_F(WorkerServer, SignalsQueriesAndUpdatesReachACachedRun) { UseCart({}); }

TEST_F(WorkerServer, SignalsQueriesAndUpdatesReachARunThatIsRebuiltEachTime) {
  UseCart({.cache = {.runs = 0}});
}

TEST_F(WorkerServer, LocalActivitiesOutliveATaskTimeoutByHeartbeats) {
  auto worker = MakeWorker();
  worker->start();
  EXPECT_EQ(client_->execute<&Local::run>({.task_queue = queue_, .task_timeout = 1s}),
            "Hello, near!40");
}

TEST_F(WorkerServer, WorkerThatStopsEndsItsActivitiesAndAnotherGoesOn) {
  auto worker = MakeWorker();
  worker->start();
  auto handle = client_->start<&Canceled::run>({.task_queue = queue_});
  while (!patient_.is_running) std::this_thread::yield();
  worker->stop();
  EXPECT_EQ(patient_.reason, CancelReason::worker_shutdown);
  patient_.is_running = false;
  auto second = MakeWorker();
  second->start();
  while (!patient_.is_running) std::this_thread::yield();
  handle.cancel();
  EXPECT_THROW(handle.result(), WorkflowFailedError);
}

TEST_F(WorkerServer, ManyRunsOnTwoWorkflowThreadsInASmallCache) {
  auto worker = MakeWorker({.cache = {.runs = 20}, .workflow_threads = 2});
  worker->start();
  std::vector<handle_of<&Loop::run>> runs;
  for (int i = 0; i < 60; ++i) {
    runs.push_back(client_->start<&Loop::run>({.task_queue = queue_}, 5));
  }
  for (auto& run : runs) EXPECT_EQ(run.result(), 45);
}

TEST_F(WorkerServer, NamespaceThatDoesNotExistIsAnErrorAtTheStart) {
  Client other = Client::connect(
      {.target = std::getenv("PERDURE_SERVER"), .namespace_ = "nowhere", .lazy = true});
  Worker worker(other, {.task_queue = queue_});
  worker.activity<&greet>();
  EXPECT_THROW(worker.run(), Error);
}

}  // namespace
}  // namespace perdure
