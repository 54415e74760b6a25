// Interceptors, what travels along, and activities that are coroutines, on the real engine: with
// runs kept in the worker's cache, and with none, so that each step is replayed.
#include "perdure/interceptor.h"

#include <gtest/gtest.h>

#include <thread>

#include "perdure/context_propagator.h"
#include "perdure/replayer.h"
#include "perdure/testing.h"
#include "perdure/workflow.h"

namespace perdure::testing {
namespace {

using namespace std::chrono_literals;

// ---- What travels along ----

thread_local std::string tenant;

struct TenantPropagator final : ContextPropagator {
  std::string_view name() const override { return "tenant"; }
  std::optional<Payload> serialize() override {
    if (tenant.empty()) return std::nullopt;
    return encode(tenant);
  }
  void restore(const Payload* value) override {
    tenant = value == nullptr ? std::string() : decode<std::string>(*value);
  }
};

std::string who() { return tenant; }
task<std::string> who_later(std::string after) {
  co_await activity::sleep(5s);
  co_return tenant + after;
}

struct Kid {
  task<std::string> run() {
    co_await workflow::until([this] { return !poked_by.empty(); });
    const std::string me = co_await workflow::activity<&who>({.start_to_close = 10s});
    co_return me + " poked by " + poked_by;
  }
  void poke() { poked_by = workflow::propagated<std::string>("tenant").value_or("nobody"); }
  std::string poked_by;
  using handlers = define<entry<&Kid::run>, signal<&Kid::poke>>;
};

struct Parent {
  task<std::string> run(bool is_again) {
    std::string seen = co_await workflow::activity<&who>({.start_to_close = 10s});
    seen += ' ' + co_await workflow::local_activity<&who>({.start_to_close = 10s});
    seen += ' ' + co_await workflow::activity<&who_later>("!", {.start_to_close = 60s});
    auto kid = workflow::child<&Kid::run>();
    co_await kid.started();
    co_await kid.signal<&Kid::poke>();
    seen += ' ' + co_await kid;
    co_await workflow::until([this] { return changed; });
    seen += ' ' + co_await workflow::activity<&who>({.start_to_close = 10s});
    if (!is_again) workflow::continue_as_new<&Parent::run>(true);
    co_return seen;
  }
  task<std::string> asked() {
    co_return co_await workflow::activity<&who>({.start_to_close = 10s});
  }
  void change() { changed = true; }
  std::string now() const { return workflow::propagated<std::string>("tenant").value_or("nobody"); }
  bool changed = false;
  using handlers = define<entry<&Parent::run>, signal<&Parent::change>, update<&Parent::asked>,
                          query<&Parent::now>>;
};

class Traveling : public ::testing::TestWithParam<bool> {
 protected:
  Traveling()
      : propagator_(std::make_shared<TenantPropagator>()),
        env_({.context_propagators = {propagator_}}),
        worker_(env_.client(), Options()) {
    worker_.workflow<Kid>().workflow<Parent>().activity<&who>().activity<&who_later>();
    worker_.start();
  }
  ~Traveling() override { tenant.clear(); }
  WorkerOptions Options() const {
    WorkerOptions options = env_.worker("q");
    if (GetParam()) options.cache.runs = 100;
    options.context_propagators = {propagator_};
    return options;
  }
  // As another thread of the program would.
  template <class F>
  auto As(const char* who, F call) {
    tenant = who;
    auto result = call();
    tenant.clear();
    return result;
  }

  std::shared_ptr<TenantPropagator> propagator_;
  Environment env_;
  Worker worker_;
};
INSTANTIATE_TEST_SUITE_P(, Traveling, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "Cached" : "Replayed"; });

TEST_P(Traveling, FromTheClientThroughWorkflowsToAllTheyStart) {
  auto run = As("acme", [&] {
    return env_.client().start<&Parent::run>({.id = "w", .task_queue = "q"}, false);
  });
  EXPECT_EQ(As("asker", [&] { return run.update<&Parent::asked>(); }), "asker");
  EXPECT_EQ(As("reader", [&] { return run.query<&Parent::now>(); }), "reader");
  EXPECT_EQ(run.query<&Parent::now>(), "acme");
  As("visitor", [&] {
    run.signal<&Parent::change>();
    return 0;
  });
  // The next run has its values from the one that continued as it.
  env_.sleep(1h);
  run.signal<&Parent::change>();
  EXPECT_EQ(run.result(), "acme acme acme! acme poked by acme acme");
}

TEST_P(Traveling, NothingIsLeftBehind) {
  As("acme", [&] {
    auto run = env_.client().start<&Parent::run>({.id = "w", .task_queue = "q"}, true);
    return run.update<&Parent::asked>();
  });
  env_.settle();
  // Loops run on this thread.
  EXPECT_EQ(tenant, "");
  auto run = env_.client().start<&Parent::run>({.id = "v", .task_queue = "q"}, true);
  EXPECT_EQ(run.update<&Parent::asked>(), "");
}

struct ByTenant {
  task<void> run() {
    if (workflow::propagated<std::string>("tenant") == "acme") {
      co_await workflow::sleep(1s);
    } else {
      co_await workflow::activity<&who>({.start_to_close = 10s});
    }
  }
  using handlers = define<entry<&ByTenant::run>>;
};

TEST(Replays, GoByWhatTraveledAlong) {
  const auto propagator = std::make_shared<TenantPropagator>();
  Environment env({.context_propagators = {propagator}});
  WorkerOptions options = env.worker("q");
  options.context_propagators = {propagator};
  Worker worker(env.client(), options);
  worker.workflow<ByTenant>().activity<&who>();
  worker.start();
  tenant = "acme";
  auto run = env.client().start<&ByTenant::run>({.id = "w", .task_queue = "q"});
  tenant.clear();
  run.result();
  Replayer with({.context_propagators = {propagator}}), without;
  with.workflow<ByTenant>();
  without.workflow<ByTenant>();
  const ReplayResult result = with.replay(run.fetch_history());
  EXPECT_TRUE(result.ok) << result.message;
  EXPECT_FALSE(without.replay(run.fetch_history()).ok);
}

// ---- Interceptors ----

// Counts what went through it, on the worker's side; adds a header that activities send back.
struct Counting final : WorkerInterceptor {
  struct OfRun final : WorkflowInterceptor {
    explicit OfRun(Counting* all) : all(all) {}
    task<Payloads> execute_workflow(ExecuteWorkflowInput input, WorkflowInbound& next) override {
      if (!workflow::replaying()) ++all->runs;
      ++all->made;
      co_return co_await next.execute_workflow(std::move(input));
    }
    task<void> handle_signal(HandleSignalInput input, WorkflowInbound& next) override {
      co_await workflow::sleep(1s);
      co_await next.handle_signal(std::move(input));
    }
    void start_activity(StartActivityInput& input) override {
      input.headers.insert_or_assign("by", encode(workflow::info().workflow_id));
    }
    Counting* all;
  };
  std::unique_ptr<WorkflowInterceptor> intercept_workflow() override {
    return std::make_unique<OfRun>(this);
  }
  task<std::optional<Payload>> execute_activity(activity_context& context,
                                                ExecuteActivityInput input,
                                                ActivityNext next) override {
    auto result = co_await next(context, std::move(input));
    if (context.info().activity_type == "who") {
      result = encode(decode<std::string>(context.info().headers.at("by")) +
                      decode<std::string>(*result));
    }
    co_return result;
  }
  int runs = 0, made = 0;
};

struct Asking {
  task<std::string> run() {
    co_await workflow::until([this] { return pokes == 2; });
    co_return co_await workflow::activity<&who>({.start_to_close = 10s});
  }
  void poke() { ++pokes; }
  int pokes = 0;
  using handlers = define<entry<&Asking::run>, signal<&Asking::poke>>;
};

TEST(WorkerInterceptors, WaitAndStartTimersOfTheirOwnAndReplay) {
  Environment env;
  const auto counting = std::make_shared<Counting>();
  WorkerOptions options = env.worker("q");
  options.interceptors = {counting};
  Worker worker(env.client(), options);
  worker.workflow<Asking>().activity<&who>();
  worker.start();
  auto run = env.client().start<&Asking::run>({.id = "w", .task_queue = "q"});
  run.signal<&Asking::poke>();
  run.signal<&Asking::poke>();
  EXPECT_EQ(run.result(), "w");
  EXPECT_EQ(counting->runs, 1);
  EXPECT_GT(counting->made, 1);
  // The timers of its signals are the interceptor's: without it, the code is another.
  Replayer without;
  without.workflow<Asking>();
  EXPECT_FALSE(without.replay(run.fetch_history()).ok);
  Replayer with({.at_every_task = true, .interceptors = {counting}});
  with.workflow<Asking>();
  const ReplayResult result = with.replay(run.fetch_history());
  EXPECT_TRUE(result.ok) << result.message;
}

// ---- Handlers added at run time ----

struct Steps {
  task<std::string> run(std::vector<std::string> steps) {
    co_await workflow::sleep(1min);
    for (const std::string& step : steps) {
      workflow::on_signal("finish-" + step, [this, step](std::string how) {
        finished += step + how + ' ';
        --left;
      });
    }
    workflow::on_update("who", [this] { return ask(); });
    left += static_cast<int>(steps.size());
    co_await workflow::until([this] { return left == 0; });
    co_return finished;
  }
  task<std::string> ask() { co_return co_await workflow::activity<&who>({.start_to_close = 10s}); }
  std::string finished;
  int left = 0;
  using handlers = define<entry<&Steps::run>>;
};

TEST(AddedHandlers, GetWhatCameBeforeAndReplay) {
  Environment env;
  Worker worker(env.client(), env.worker("q"));
  worker.workflow<Steps>().activity<&who>();
  worker.start();
  auto run = env.client().start<&Steps::run>({.id = "w", .task_queue = "q"},
                                             std::vector<std::string>{"a", "b"});
  run.signal_by_name("finish-b", "1");
  EXPECT_THROW(run.update_by_name<std::string>("who"), UpdateFailedError);
  env.sleep(2min);
  EXPECT_EQ(run.update_by_name<std::string>("who"), "");
  run.signal_by_name("finish-a", "2");
  EXPECT_EQ(run.result(), "b1 a2 ");
  Replayer replayer({.at_every_task = true});
  replayer.workflow<Steps>();
  const ReplayResult result = replayer.replay(run.fetch_history());
  EXPECT_TRUE(result.ok) << result.message;
}

// ---- Coroutine activities ----

task<std::string> naps(std::chrono::seconds time) {
  co_await activity::sleep(time);
  co_return "rested";
}
// Its answer comes from a thread of real time.
task<std::string> asks_outside() {
  std::jthread other;
  const std::string text =
      co_await activity::async<std::string>([&other](completer<std::string> done) {
        other = std::jthread([done] {
          std::this_thread::sleep_for(20ms);
          done.complete("from outside");
        });
      });
  co_return text;
}
task<void> waits_for_ever(activity_context& context) {
  for (;;) {
    context.heartbeat();
    co_await activity::sleep(1s);
  }
}

struct Napping {
  task<std::string> run() {
    std::string seen = co_await workflow::activity<&naps>(3600s, {.start_to_close = 2h});
    seen += ' ' + co_await workflow::local_activity<&naps>(2s, {.start_to_close = 5s});
    // In virtual time this would be over before the answer, were time not held.
    seen += ' ' + co_await workflow::activity<&asks_outside>(
                      {.start_to_close = 10s, .retry = {.maximum_attempts = 1}});
    workflow::cancel_scope scope;
    auto work = scope.with([] {
      return workflow::activity<&waits_for_ever>(
          {.start_to_close = 1h,
           .heartbeat = 5s,
           .cancellation = activity_cancellation::wait_completed});
    });
    co_await workflow::sleep(10s);
    scope.cancel();
    try {
      co_await work;
    } catch (const ActivityError& error) {
      seen += is_cancellation(error.failure_ptr()) ? " canceled" : " ?";
    }
    try {
      co_await workflow::activity<&naps>(100s,
                                         {.start_to_close = 5s, .retry = {.maximum_attempts = 1}});
    } catch (const ActivityError& error) {
      seen += error.cause_as<TimeoutFailureInfo>() != nullptr ? " timeout" : " ?";
    }
    co_return seen;
  }
  using handlers = define<entry<&Napping::run>>;
};

TEST(CoroutineActivities, WaitInVirtualTime) {
  Environment env;
  Worker worker(env.client(), env.worker("q"));
  worker.workflow<Napping>().activity<&naps>().activity<&asks_outside>();
  worker.activity<&waits_for_ever>();
  worker.start();
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(env.client().execute<&Napping::run>({.id = "w", .task_queue = "q"}),
            "rested rested from outside canceled timeout");
  EXPECT_LT(std::chrono::steady_clock::now() - began, 60s);
}

struct Mocked {
  task<std::string> run() {
    co_return co_await workflow::activity<&naps>(1s, {.start_to_close = 5s});
  }
  using handlers = define<entry<&Mocked::run>>;
};

TEST(CoroutineActivities, AreMockedByFunctions) {
  Environment env;
  Worker worker(env.client(), env.worker("q"));
  worker.workflow<Mocked>();
  mock<&naps>(worker, [](std::chrono::seconds) { return std::string("no nap"); });
  worker.start();
  EXPECT_EQ(env.client().execute<&Mocked::run>({.id = "w", .task_queue = "q"}), "no nap");
}

}  // namespace
}  // namespace perdure::testing
