// Every thing that workflow code can do, on the real engine: once with runs kept in the worker's
// cache and once with none, so that each step is replayed; and then the whole history replayed from
// each of its tasks.
#include <gtest/gtest.h>

#include "perdure/replayer.h"
#include "perdure/testing.h"
#include "perdure/testing_matchers.h"
#include "perdure/workflow.h"

namespace perdure::testing::features_test {

using namespace std::chrono_literals;

// ---- Activities ----
std::atomic<int> calls{0};
std::string echo(std::string text);
std::string echo(std::string text) { return text; }
int flaky(int fail_times);
int flaky(int fail_times) {
  const int call = ++calls;
  if (call <= fail_times) throw ApplicationError("call " + std::to_string(call), {.type = "Flaky"});
  return call;
}
void refuse(std::string type, bool non_retryable);
void refuse(std::string type, bool non_retryable) {
  throw ApplicationError("refused", {.type = type, .non_retryable = non_retryable}, {encode(7)});
}

// ---- A workflow for each feature ----
struct Failures {
  task<std::string> run() {
    std::string seen;
    try {
      co_await workflow::activity<&refuse>("Bad", true, {.start_to_close = 10s});
    } catch (const ActivityError& error) {
      const auto* cause = error.cause_as<ApplicationFailureInfo>();
      seen += cause->type + " " + decode<std::string>(encode(error.cause()->message)) + " " +
              cause->details.at(0).data;
      seen += error.retry_state() == RetryState::non_retryable_failure ? " final" : " ?";
    }
    try {
      co_await workflow::activity<&refuse>(
          "Again", false, {.start_to_close = 10s, .retry = {.maximum_attempts = 2}});
    } catch (const ActivityError& error) {
      seen += error.retry_state() == RetryState::maximum_attempts_reached ? ", twice" : ", ?";
    }
    try {
      co_await workflow::activity_by_name<void>("nobody-does-this", {.schedule_to_close = 5s});
    } catch (const ActivityError& error) {
      seen += error.retry_state() == RetryState::timeout ? ", unknown" : ", ?";
    }
    try {
      co_await workflow::activity<&echo>("x", {.schedule_to_close = 5s, .task_queue = "nobody"});
    } catch (const ActivityError& error) {
      const auto* cause = error.cause_as<TimeoutFailureInfo>();
      seen += cause != nullptr && cause->type != TimeoutType::unspecified ? ", timeout" : ", ?";
    }
    co_return seen;
  }
  using handlers = define<entry<&Failures::run>>;
};

struct Local {
  task<std::string> run() {
    const std::string first =
        co_await workflow::local_activity<&echo>("one", {.start_to_close = 5s});
    const Timestamp before = workflow::now();
    calls = 0;
    const int called = co_await workflow::local_activity<&flaky>(
        2, {.start_to_close = 5s, .retry = {.initial_interval = 10ms, .maximum_attempts = 5}});
    const bool moved = workflow::now() >= before;
    std::string refused;
    try {
      co_await workflow::local_activity<&refuse>("No", true, {.start_to_close = 5s});
    } catch (const ActivityError& error) {
      refused = error.cause_as<ApplicationFailureInfo>()->type;
    }
    auto both = workflow::local_activity<&echo>("x", {.start_to_close = 5s});
    auto also = workflow::local_activity<&echo>("y", {.start_to_close = 5s});
    const auto [x, y] = co_await workflow::all(both, also);
    co_return first + std::to_string(called > 0) + refused + x + y + (moved ? "" : "!");
  }
  using handlers = define<entry<&Local::run>>;
};

// Its retry waits longer than a worker should hold the task for.
struct LocalBackoff {
  task<int> run() {
    co_return co_await workflow::local_activity<&flaky>(
        1, {.start_to_close = 5s, .retry = {.initial_interval = 1h}, .local_retry_threshold = 10s});
  }
  using handlers = define<entry<&LocalBackoff::run>>;
};

struct Kid {
  task<int> run(int n) {
    if (n < 0) throw ApplicationError("negative", {.type = "Negative"});
    co_await workflow::until_for(1h, [this] { return pokes >= 2; });
    co_return n + pokes;
  }
  void poke() { ++pokes; }
  int pokes = 0;
  using handlers = define<entry<&Kid::run>, signal<&Kid::poke>>;
};
struct Parent {
  task<std::string> run() {
    auto one = workflow::child<&Kid::run>(10, {.id = "kid-1"});
    const std::string run_id = co_await one.started();
    co_await one.signal<&Kid::poke>();
    co_await workflow::external("kid-1").signal<&Kid::poke>();
    std::string seen = std::to_string(co_await one) + (run_id.empty() ? "?" : "");
    try {
      co_await workflow::child<&Kid::run>(-1, {.id = "kid-2"});
    } catch (const ChildWorkflowError& error) {
      seen += " " + error.cause_as<ApplicationFailureInfo>()->type + " " + error.info().workflow_id;
    }
    auto canceled = workflow::child<&Kid::run>(1, {.id = "kid-3"});
    co_await canceled.started();
    canceled.cancel();
    try {
      co_await canceled;
    } catch (const ChildWorkflowError& error) {
      seen += is_cancellation(error.failure_ptr()) ? " canceled" : " ?";
    }
    auto lasting =
        workflow::child<&Kid::run>(1, {.id = "kid-4", .on_parent_close = parent_close::abandon});
    co_await lasting.started();
    try {
      co_await workflow::child<&Kid::run>(1, {.id = "kid-4"});
    } catch (const ChildWorkflowError&) {
      seen += " taken";
    }
    try {
      co_await workflow::external("no-such-workflow").signal<&Kid::poke>();
    } catch (const FailureError&) {
      seen += " nobody";
    }
    lasting.detach();
    co_return seen;
  }
  using handlers = define<entry<&Parent::run>>;
};

struct Continues {
  task<int> run(int left, int sum) {
    if (left > 0) workflow::continue_as_new<&Continues::run>(left - 1, sum + left);
    co_return sum;
  }
  using handlers = define<entry<&Continues::run>>;
};

struct Effects {
  task<std::string> run() {
    const int first = workflow::side_effect([] { return ++calls; });
    co_await workflow::sleep(1s);
    const int second = workflow::side_effect([] { return ++calls; });
    const int a = workflow::mutable_side_effect("level", [] { return 1; });
    co_await workflow::sleep(1s);
    const int b = workflow::mutable_side_effect("level", [] { return 1; });
    const int c = workflow::mutable_side_effect("level", [] { return 2; });
    co_await workflow::sleep(1s);
    const std::string id = workflow::uuid4();
    const auto random = workflow::random()();
    co_await workflow::sleep(1s);
    co_return std::to_string(second - first) + std::to_string(a) + std::to_string(b) +
        std::to_string(c) + (id.size() == 36 && random != 0 ? "" : "?");
  }
  using handlers = define<entry<&Effects::run>>;
};

inline const search_key<std::string> color{"Color"};
inline const search_key<std::int64_t> size_key{"Size"};

struct Shown {
  task<std::string> run() {
    workflow::upsert({color.set("red"), size_key.set(3)});
    workflow::upsert_memo("note", "fragile");
    workflow::set_current_details("half way");
    co_await workflow::sleep(1s);
    workflow::upsert(size_key.unset());
    workflow::remove_memo("note");
    co_await workflow::sleep(1s);
    co_return workflow::search_attribute(color).value_or("?") +
        (workflow::search_attribute(size_key) ? "?" : "");
  }
  using handlers = define<entry<&Shown::run>>;
};

struct Patched {
  task<std::string> run() {
    std::string seen = workflow::patched("first") ? "new" : "old";
    co_await workflow::sleep(1s);
    seen += workflow::patched("first") ? " new" : " old";
    workflow::deprecate_patch("second");
    co_await workflow::sleep(1s);
    co_return seen;
  }
  using handlers = define<entry<&Patched::run>>;
};

struct Canceled {
  task<std::string> run() {
    std::string seen;
    workflow::cancel_scope scope;
    auto inside = scope.spawn(waits());
    co_await workflow::sleep(1s);
    scope.cancel("enough");
    try {
      co_await inside;
    } catch (const CanceledError& error) {
      seen += error.what();
    }
    try {
      co_await workflow::sleep(1h);
    } catch (const CanceledError&) {
      seen += workflow::cancel_requested() ? " asked" : " ?";
    }
    co_await workflow::shield(tidy());
    cleaned = seen;
    throw CanceledError();
  }
  task<void> waits() {
    co_await workflow::until([] { return false; });
  }
  task<void> tidy() { co_await workflow::activity<&echo>("tidy", {.start_to_close = 1s}); }
  std::string what() const { return cleaned; }
  std::string cleaned;
  using handlers = define<entry<&Canceled::run>, query<&Canceled::what>>;
};

struct Cart {
  task<int> run() {
    co_await workflow::until([this] { return is_closed; });
    co_await workflow::until(workflow::all_handlers_finished);
    co_return total;
  }
  task<int> add(int n) {
    co_await workflow::activity<&echo>("added", {.start_to_close = 1s});
    total += n;
    co_return total;
  }
  void check(int n) const {
    if (n <= 0) throw ApplicationError("not positive", {.type = "NotPositive"});
  }
  int twice(int n) {
    if (n == 13) throw ApplicationError("unlucky");
    return 2 * n;
  }
  void other(std::string name, Payloads) { names.push_back(name); }
  std::string any_query(std::string name, Payloads input) const { return name + input.at(0).data; }
  task<std::string> any_update(std::string name, Payloads) { co_return name; }
  std::vector<std::string> signals() const { return names; }
  void close() { is_closed = true; }
  int total = 0;
  bool is_closed = false;
  std::vector<std::string> names;
  using handlers = define<entry<&Cart::run>, update<&Cart::add, &Cart::check>, update<&Cart::twice>,
                          signal<&Cart::close>, query<&Cart::signals>, dynamic_signal<&Cart::other>,
                          dynamic_query<&Cart::any_query>, dynamic_update<&Cart::any_update>>;
};

// ---- The stage ----
class Features : public ::testing::TestWithParam<bool> {
 protected:
  Features()
      : env_({.search_attributes = {{"Color", SearchAttributeType::keyword},
                                    {"Size", SearchAttributeType::int_}}}),
        worker_(env_.client(), Options()) {
    worker_.workflow<Failures>()
        .workflow<Local>()
        .workflow<LocalBackoff>()
        .workflow<Kid>()
        .workflow<Parent>();
    worker_.workflow<Continues>()
        .workflow<Effects>()
        .workflow<Shown>()
        .workflow<Patched>()
        .workflow<Canceled>();
    worker_.workflow<Cart>().activity<&echo>().activity<&flaky>().activity<&refuse>();
    replayer_.workflow<Failures>()
        .workflow<Local>()
        .workflow<LocalBackoff>()
        .workflow<Kid>()
        .workflow<Parent>();
    replayer_.workflow<Continues>()
        .workflow<Effects>()
        .workflow<Shown>()
        .workflow<Patched>()
        .workflow<Canceled>();
    replayer_.workflow<Cart>();
    calls = 0;
    worker_.start();
  }

  WorkerOptions Options() const {
    WorkerOptions options = env_.worker("q");
    if (GetParam()) options.cache.runs = 100;
    return options;
  }
  template <auto Run, class... A>
  handle_of<Run> Start(const A&... inputs) {
    return env_.client().start<Run>({.id = "w", .task_queue = "q"}, inputs...);
  }
  template <class H>
  void ExpectReplays(const H& handle) {
    const ReplayResult result = replayer_.replay(handle.fetch_history());
    EXPECT_TRUE(result.ok) << result.message;
  }

  Environment env_;
  Worker worker_;
  Replayer replayer_{{.at_every_task = true}};
};
INSTANTIATE_TEST_SUITE_P(, Features, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "Cached" : "Replayed"; });

TEST_P(Features, FailuresOfActivitiesAreTypedExceptions) {
  auto run = Start<&Failures::run>();
  EXPECT_EQ(run.result(), "Bad refused 7 final, twice, unknown, timeout");
  ExpectReplays(run);
}

TEST_P(Features, LocalActivitiesRetryInTheWorker) {
  auto run = Start<&Local::run>();
  EXPECT_EQ(run.result(), "one1Noxy");
  ExpectReplays(run);
}

TEST_P(Features, ALocalActivitysLongBackoffWaitsOnATimer) {
  const Timestamp began = env_.now();
  auto run = Start<&LocalBackoff::run>();
  EXPECT_EQ(run.result(), 2);
  EXPECT_GE(env_.now() - began, 1h);
  ExpectReplays(run);
}

TEST_P(Features, ChildrenAndExternalWorkflows) {
  auto run = Start<&Parent::run>();
  EXPECT_EQ(run.result(), "12 Negative kid-2 canceled taken nobody");
  ExpectReplays(run);
}

TEST_P(Features, ContinuesAsNew) {
  auto run = Start<&Continues::run>(3, 0);
  EXPECT_EQ(run.result(), 6);
}

TEST_P(Features, SideEffectsAreRecorded) {
  auto run = Start<&Effects::run>();
  EXPECT_EQ(run.result(), "1112");
  ExpectReplays(run);
}

TEST_P(Features, SearchAttributesMemoAndDetails) {
  auto run = Start<&Shown::run>();
  EXPECT_EQ(run.result(), "red");
  EXPECT_EQ(env_.client().count("Color = 'red'").count, 1);
  ExpectReplays(run);
}

TEST_P(Features, PatchesAreAnsweredAlikeForTheWholeRun) {
  auto run = Start<&Patched::run>();
  EXPECT_EQ(run.result(), "new new");
  ExpectReplays(run);
}

TEST_P(Features, CancellationReachesScopesAndSparesShields) {
  auto run = Start<&Canceled::run>();
  env_.sleep(2s);
  run.cancel("stop");
  try {
    run.result();
    FAIL();
  } catch (const WorkflowFailedError& error) {
    EXPECT_NE(std::string(error.what()).find("cancel"), std::string::npos) << error.what();
  }
  EXPECT_EQ(run.query<&Canceled::what>(), "enough asked");
  ExpectReplays(run);
}

TEST_P(Features, MatchersSayWhatFailsAndWhatHappened) {
  auto run = Start<&Kid::run>(-1);
  EXPECT_THAT([&] { run.result(); }, FailsWith("Negative"));
  EXPECT_THAT([&] { run.result(); }, FailsWith("Negative", ::testing::HasSubstr("neg")));
  EXPECT_THAT([&] { run.result(); }, ::testing::Not(FailsWith("Positive")));
  EXPECT_THAT([&] { run.result(); }, ::testing::Not(IsCanceled()));
  EXPECT_THAT(run.fetch_history(), HasEvents("WorkflowExecutionFailed", 1));
  EXPECT_THAT(run.fetch_history(), HasEvents("TimerStarted", 0));
}

TEST_P(Features, UpdatesSignalsAndQueriesWithDynamicOnes) {
  auto run = Start<&Cart::run>();
  EXPECT_EQ(run.update<&Cart::add>(3), 3);
  EXPECT_EQ(run.update<&Cart::add>(4), 7);
  EXPECT_THROW(run.update<&Cart::add>(-1), UpdateFailedError);
  EXPECT_EQ(run.update<&Cart::twice>(21), 42);
  EXPECT_THROW(run.update<&Cart::twice>(13), UpdateFailedError);
  run.signal_by_name("surprise", 1);
  EXPECT_EQ(run.query<&Cart::signals>(), std::vector<std::string>{"surprise"});
  EXPECT_EQ(run.query_by_name<std::string>("anything", 5), "anything5");
  EXPECT_EQ(run.update_by_name<std::string>("whatever"), "whatever");
  run.signal<&Cart::close>();
  EXPECT_EQ(run.result(), 7);
  ExpectReplays(run);
}

}  // namespace perdure::testing::features_test
