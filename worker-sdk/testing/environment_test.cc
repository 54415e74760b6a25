#include <gtest/gtest.h>

#include <map>
#include <mutex>

#include "perdure/testing.h"
#include "perdure/workflow.h"

namespace perdure::testing::environment_test {

using namespace std::chrono_literals;

std::string greet(std::string name);
std::string greet(std::string name) { return "Hello, " + name + "!"; }

struct Greeting {
  task<std::string> run(std::string name) {
    co_return co_await workflow::activity<&greet>(name, {.start_to_close = 10s});
  }
  using handlers = define<entry<&Greeting::run>>;
};

TEST(Environment, RunsAWorkflowWithAnActivity) {
  Environment env;
  Worker worker(env.client(), env.worker("q"));
  worker.workflow<Greeting>().activity<&greet>();
  worker.start();
  EXPECT_EQ(env.client().execute<&Greeting::run>({.id = "a", .task_queue = "q"}, "Ann"),
            "Hello, Ann!");
}

struct Years {
  task<int> run(int count) {
    for (; done < count; ++done) co_await workflow::sleep(24h * 365);
    co_return done;
  }
  int so_far() const { return done; }
  int done = 0;
  using handlers = define<entry<&Years::run>, query<&Years::so_far>>;
};

TEST(Environment, SkipsYearsOfManyWorkflows) {
  Environment env;
  Worker worker(env.client(), env.worker("q"));
  worker.workflow<Years>();
  worker.start();
  const Timestamp began = env.now();
  std::vector<handle_of<&Years::run>> all;
  for (int i = 0; i < 100; ++i) {
    const std::string id = "y" + std::to_string(i);
    all.push_back(env.client().start<&Years::run>({.id = id, .task_queue = "q"}, 3));
  }
  for (auto& one : all) EXPECT_EQ(one.result(), 3);
  EXPECT_GE(env.now() - began, 3 * 365 * 24h);
  EXPECT_LT(env.now() - began, 3 * 365 * 24h + 1h);
}

TEST(Environment, TimePassesAsTold) {
  Environment env;
  Worker worker(env.client(), env.worker("q"));
  worker.workflow<Years>();
  worker.start();
  auto years = env.client().start<&Years::run>({.id = "y", .task_queue = "q"}, 100);
  EXPECT_EQ(years.query<&Years::so_far>(), 0);
  env.sleep(24h * 366);
  EXPECT_EQ(years.query<&Years::so_far>(), 1);
}

struct Stopped {
  task<std::string> run() {
    std::string greeting = co_await workflow::activity<&greet>("Ann", {.start_to_close = 10s});
    co_await workflow::sleep(24h * 365);
    co_return greeting;
  }
  using handlers = define<entry<&Stopped::run>>;
};

struct Stuck {
  task<void> run() {
    co_await workflow::until([] { return false; });
  }
  using handlers = define<entry<&Stuck::run>>;
};

TEST(Environment, SaysThatNothingCanHappenAnyMore) {
  Environment env;
  Worker worker(env.client(), env.worker("q"));
  worker.workflow<Stuck>();
  worker.start();
  auto stuck = env.client().start<&Stuck::run>({.id = "s", .task_queue = "q"});
  try {
    stuck.result();
    FAIL();
  } catch (const RpcError& error) {
    EXPECT_NE(std::string(error.what()).find("nothing can happen"), std::string::npos)
        << error.what();
  }
}

// A thread that does not drive the environment ends a wait.
TEST(Environment, AWaitEndsWhenAnotherThreadStopsIt) {
  Environment env;
  Worker worker(env.client(), env.worker("q"));
  worker.workflow<Stopped>();
  std::stop_source stop;
  mock<&greet>(worker, [&stop](const std::string& name) -> std::string {
    stop.request_stop();
    return name;
  });
  worker.start();
  const Timestamp began = env.now();
  EXPECT_THROW(env.client()
                   .with_stop(stop.get_token())
                   .execute<&Stopped::run>({.id = "s", .task_queue = "q"}),
               CallCanceledError);
  EXPECT_LT(env.now() - began, 24h);
  // Only the waiting ended.
  EXPECT_EQ(env.client().handle<&Stopped::run>("s").result(), "Ann");
}

TEST(Environment, ActivitiesAreMockedByFunction) {
  Environment env;
  Worker worker(env.client(), env.worker("q"));
  worker.workflow<Greeting>();
  int calls = 0;
  mock<&greet>(worker, [&calls](const std::string& name) -> std::string {
    if (++calls < 3) throw std::runtime_error("not yet");
    return "mocked " + name;
  });
  worker.start();
  EXPECT_EQ(env.client().execute<&Greeting::run>({.id = "a", .task_queue = "q"}, "Ann"),
            "mocked Ann");
  EXPECT_EQ(calls, 3);
}

// Activities whose client speaks to the workflow that they belong to.
struct Counter;
int tell(std::string id);
const Client* client_of_tell = nullptr;  // Of the test that runs.

struct Counter {
  task<int> run(int activities) {
    const std::string id = workflow::info().workflow_id;
    std::vector<handle<int>> all;
    for (int i = 0; i < activities; ++i) {
      all.push_back(workflow::activity<&tell>(id, {.start_to_close = 10s}));
    }
    co_await workflow::all(all);
    co_await workflow::until([this, activities] { return told == activities; });
    co_return told;
  }
  void be_told() { ++told; }
  int told = 0;
  using handlers = define<entry<&Counter::run>, signal<&Counter::be_told>>;
};

int tell(std::string id) {
  client_of_tell->handle<&Counter::run>(id).signal<&Counter::be_told>();
  return 1;
}

TEST(Environment, ActivitiesMayHaveAClient) {
  for (int i = 0; i < 30; ++i) {
    Environment env;
    client_of_tell = &env.client();
    Worker worker(env.client(), env.worker("q"));
    worker.workflow<Counter>().activity<&tell>();
    worker.start();
    EXPECT_EQ(env.client().execute<&Counter::run>({.id = "c", .task_queue = "q"}, 20), 20);
  }
}

// How often each was told.
struct CountingSink : MetricsSink {
  void count(std::string_view name, MetricLabels labels, double by) override {
    Add(name, labels, by);
  }
  void gauge(std::string_view, MetricLabels, double) override {}
  void latency(std::string_view name, MetricLabels labels, std::chrono::nanoseconds) override {
    Add(name, labels, 1);
  }
  void Add(std::string_view name, MetricLabels labels, double by) {
    const std::lock_guard lock(mutex);
    std::string type;
    for (const auto& [label, value] : labels) {
      if (label == "workflow_type") type = value;
    }
    values[std::string(name) + " " + type] += by;
  }
  std::mutex mutex;  // Activities have threads of their own.
  std::map<std::string, double> values;
};

struct Steps {
  task<void> run() {
    for (int i = 0; i < 3; ++i) {
      workflow::metrics().count("steps");
      co_await workflow::sleep(1min);
    }
  }
  using handlers = define<entry<&Steps::run>>;
};

// What the sink was told of one run of Steps.
std::map<std::string, double> MeasuredSteps(std::int64_t cached_runs) {
  const auto sink = std::make_shared<CountingSink>();
  Environment env({.metrics = sink});
  WorkerOptions options = env.worker("q");
  options.cache.runs = cached_runs;
  Worker worker(env.client(), options);
  worker.workflow<Steps>();
  worker.start();
  env.client().execute<&Steps::run>({.id = "s", .task_queue = "q"});
  worker.stop();
  return sink->values;
}

TEST(Environment, NumbersOfAWorkflowAreToldOnceHoweverOftenItIsReplayed) {
  const auto replayed = MeasuredSteps(0);
  EXPECT_EQ(replayed.at("steps Steps"), 3);
  EXPECT_EQ(replayed.at("temporal_workflow_task_replay_latency Steps"), 3);
  EXPECT_EQ(replayed.at("temporal_workflow_endtoend_latency Steps"), 1);
  EXPECT_EQ(replayed.at("temporal_request "), replayed.at("temporal_request_latency "));
  const auto cached = MeasuredSteps(10);
  EXPECT_EQ(cached.at("steps Steps"), 3);
  EXPECT_EQ(cached.count("temporal_workflow_task_replay_latency Steps"), 0U);
}

struct Basket {
  task<std::string> run(std::string text) {
    co_await workflow::until([this] { return !added.empty(); });
    if (text == "again") workflow::continue_as_new_by_name("Basket", {}, added);
    co_return text + "+" + added;
  }
  void add(std::string what) { added = what; }
  std::string put(std::string what) { return added = what; }
  std::string added;
  using handlers = define<entry<&Basket::run>, signal<&Basket::add>, update<&Basket::put>>;
};

TEST(Environment, WorkflowsAndHandlersAreReachedByNameAlone) {
  Environment env;
  Worker worker(env.client(), env.worker("q"));
  worker.workflow<Basket>();
  worker.start();
  const Client& client = env.client();
  auto signaled = client.signal_with_start_by_name<std::string>(
      "Basket", "add", {.id = "s", .task_queue = "q"}, args("again"), args("tea"));
  env.settle();
  signaled.signal_by_name("add", "milk");
  EXPECT_EQ(signaled.result(), "tea+milk");
  const auto both = client.update_with_start_by_name<std::string, std::string>(
      "Basket", "put",
      {.id = "u", .task_queue = "q", .id_conflict = id_conflict_policy::use_existing},
      {.id = "first"}, args("cup"), args("tea"));
  EXPECT_EQ(both.update.result(), "tea");
  EXPECT_EQ(both.workflow.result(), "cup+tea");
  EXPECT_EQ(both.workflow.update_handle_by_name<std::string>("first").result(), "tea");
}

// Workflow code that has a client, and must not use it.
struct Calling {
  task<std::string> run() {
    std::string text;
    try {
      client_of_tell->handle<&Calling::run>("other").cancel();
    } catch (const WorkflowContextError& error) {
      text = error.what();
    }
    co_return text;
  }
  using handlers = define<entry<&Calling::run>>;
};

TEST(Environment, AClientsCallsAreRefusedInWorkflowCode) {
  Environment env;
  client_of_tell = &env.client();
  Worker worker(env.client(), env.worker("q"));
  worker.workflow<Calling>();
  worker.start();
  EXPECT_EQ(env.client().execute<&Calling::run>({.id = "c", .task_queue = "q"}),
            "workflow code called RequestCancelWorkflowExecution of a client, which blocks and "
            "which no replay repeats: let an activity do it, or use what perdure::workflow has "
            "for it, as child(), external() and handlers");
}

}  // namespace perdure::testing::environment_test
