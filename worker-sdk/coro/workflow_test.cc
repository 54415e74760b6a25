#include "perdure/workflow.h"

#include <gtest/gtest.h>

#include "perdure/saga.h"
#include "worker-sdk/coro/scripted_run.h"

// Named, for activities that are only declared: GCC wants what is unnamed defined.
namespace perdure::detail::workflow_test {

using namespace std::chrono_literals;

struct Cart {
  std::string id;
  int items = 0;
};
struct Receipt {
  std::string text;
  int price = 0;
};
Receipt charge(const Cart& cart);
void refund(const Receipt& receipt);
void ship(std::string address, int weight);

template <class C>
const C& Get(const Completion& completion, std::size_t index = 0) {
  return std::get<C>(completion.commands.at(index));
}
template <class T>
T ResultOf(const Completion& completion) {
  return decode_result<T>(std::get<CompleteWorkflowCommand>(completion.commands.back()).result);
}

struct Buy {
  task<std::string> run(Cart cart) {
    Receipt receipt =
        co_await workflow::activity<&charge>(cart, {.start_to_close = 30s, .summary = "pay"});
    co_await workflow::sleep(1h);
    co_return receipt.text + "!";
  }
  using handlers = define<entry<&Buy::run>>;
};

TEST(Workflow, RunsActivitiesAndTimersToItsResult) {
  auto run = ScriptedRun::Of<Buy>();
  const Completion started = run.Start(Cart{"c", 2});
  ASSERT_EQ(Kinds(started), "activity");
  const auto& activity = Get<ScheduleActivityCommand>(started);
  EXPECT_EQ(activity.activity_type, "charge");
  EXPECT_EQ(activity.start_to_close, 30s);
  EXPECT_EQ(activity.input.at(0).data, R"({"id":"c","items":2})");
  EXPECT_EQ(activity.metadata.summary, "pay");
  const Completion paid = run.Resolve(1, Receipt{"paid", 5});
  ASSERT_EQ(Kinds(paid), "timer");
  EXPECT_EQ(Get<StartTimerCommand>(paid).duration, 1h);
  const Completion done = run.Fire(2);
  ASSERT_EQ(Kinds(done), "complete");
  EXPECT_EQ(ResultOf<std::string>(done), "paid!");
}

TEST(Workflow, WrongResultFailsTheTaskAndNamesThePath) {
  auto run = ScriptedRun::Of<Buy>();
  run.Start(Cart{});
  ResolveActivityJob job{1, CompletedResult{Payload{"json/plain", R"({"text":5})"}}, false};
  EXPECT_EQ(Kinds(run.Do(std::move(job))),
            "!cannot convert $.text: a string was expected, not a number");
}

struct Talk {
  task<int> run() {
    co_await workflow::until([this] { return done; });
    co_await workflow::until(workflow::all_handlers_finished);
    co_return total;
  }
  void close() { done = true; }
  task<void> slow_add(int n) {
    co_await workflow::sleep(1s);
    total += n;
  }
  task<int> add(int n) {
    const std::string id = workflow::current_update()->id;
    co_await workflow::sleep(2s);
    EXPECT_EQ(workflow::current_update()->id, id);
    total += n;
    co_return total;
  }
  void check_add(int n) const {
    if (n < 0) throw ApplicationError("must not be negative", {.type = "Negative"});
  }
  int set(int n) { return total = n; }
  int sum() const { return total; }
  bool done = false;
  int total = 0;
  using handlers =
      define<entry<&Talk::run, "talk">, signal<&Talk::close>, signal<&Talk::slow_add, "slow">,
             update<&Talk::add, &Talk::check_add>, update<&Talk::set>, query<&Talk::sum>>;
};

TEST(Handlers, SignalsUpdatesAndQueries) {
  auto run = ScriptedRun::Of<Talk>();
  EXPECT_EQ(Kinds(run.Start()), "");
  EXPECT_EQ(Kinds(run.Signal("slow", 3)), "timer");
  EXPECT_EQ(Kinds(run.Update("u1", "add", 4)), "accept timer");
  EXPECT_EQ(run.Query<int>("sum"), 0);
  EXPECT_EQ(Kinds(run.Fire(1)), "");
  EXPECT_EQ(run.Query<int>("sum"), 3);
  EXPECT_EQ(Kinds(run.Signal("close")), "");
  const Completion done = run.Fire(2);
  EXPECT_EQ(Kinds(done), "update-done complete");
  EXPECT_EQ(ResultOf<int>(done), 7);
}

TEST(Handlers, AValidatorRefusesWithoutATrace) {
  auto run = ScriptedRun::Of<Talk>();
  run.Start();
  const Completion refused = run.Update("u1", "add", -4);
  ASSERT_EQ(Kinds(refused), "reject");
  EXPECT_EQ(Get<UpdateRejectedCommand>(refused).failure->message, "must not be negative");
  EXPECT_EQ(Kinds(run.Update("u2", "add", "x")), "reject");
  EXPECT_EQ(Kinds(run.Update("u3", "set", "x")), "reject") << "without a validator, too";
  EXPECT_EQ(Kinds(run.Update("u4", "nothing")), "reject");
  EXPECT_EQ(Kinds(run.Update("u5", "set", 9)), "accept update-done");
}

TEST(Handlers, ShowWhereTheRunWaits) {
  auto run = ScriptedRun::Of<Talk>();
  run.Start();
  EXPECT_NE(run.Query<std::string>("__stack_trace").find("workflow_test.cc"), std::string::npos);
}

struct Order {
  std::vector<std::string> seen;
  task<std::string> run() {
    seen.push_back("main");
    co_await workflow::until([this] { return seen.size() == 3; });
    std::string all;
    for (const auto& one : seen) all += one + " ";
    co_return all;
  }
  void a() { seen.push_back("a"); }
  task<void> b() {
    seen.push_back("b");
    co_return;
  }
  using handlers = define<entry<&Order::run, "order">, signal<&Order::a>, signal<&Order::b>>;
};

TEST(R14HandlersFirst, TheySeeTheObjectBeforeTheMainFunctionDoes) {
  auto run = ScriptedRun::Of<Order>();
  SignalWorkflowJob a, b;
  a.name = "a";
  b.name = "b";
  StartWorkflowJob start;
  EXPECT_EQ(ResultOf<std::string>(run.Do(std::move(start), std::move(b), std::move(a))),
            "b a main ");
}

struct Cleanup {
  task<std::string> run() {
    std::exception_ptr failure;
    try {
      co_await workflow::activity<&ship>("x", 3, {.start_to_close = 1s});
    } catch (const ActivityError& error) {
      if (is_cancellation(error)) failure = std::current_exception();
    }
    co_await workflow::shield(tidy());
    // Begun where all is canceled already, it has no ids or attempts to tell of.
    try {
      co_await workflow::activity<&ship>("y", 3, {.start_to_close = 1s});
    } catch (const CanceledError& error) {
      if (is_cancellation(error)) std::rethrow_exception(failure);
    }
    co_return "";
  }
  task<void> tidy() { co_await workflow::sleep(1s); }
  using handlers = define<entry<&Cleanup::run, "cleanup">>;
};

TEST(Cancellation, IsAnExceptionAtTheAwaitAndShieldedWorkGoesOn) {
  auto run = ScriptedRun::Of<Cleanup>();
  run.Start();
  ASSERT_EQ(Kinds(run.Do(CancelWorkflowJob{"enough"})), "cancel-activity");
  // As the core tells it (OfActivity in core/outcome.cc).
  Failure canceled;
  canceled.message = "activity canceled";
  canceled.info = ActivityFailureInfo{};
  canceled.cause = CanceledError("enough").failure_ptr();
  ResolveActivityJob job{1, CanceledResult{std::make_shared<const Failure>(canceled)}, false};
  ASSERT_EQ(Kinds(run.Do(std::move(job))), "timer");
  EXPECT_EQ(Kinds(run.Fire(2)), "cancel");
}

struct CanceledWithDetails {
  task<void> run() {
    try {
      co_await workflow::sleep(1h);
    } catch (const CanceledError&) {
    }
    throw CanceledError("swept", {encode(7)});
  }
  using handlers = define<entry<&CanceledWithDetails::run, "canceled-with-details">>;
};

TEST(Cancellation, CarriesTheDetailsThatTheWorkflowGives) {
  auto run = ScriptedRun::Of<CanceledWithDetails>();
  run.Start();
  const Completion completion = run.Do(CancelWorkflowJob{"enough"});
  const auto* command = std::get_if<CancelWorkflowCommand>(&completion.commands.back());
  ASSERT_NE(command, nullptr);
  ASSERT_EQ(command->details.size(), 1u);
  EXPECT_EQ(command->details[0].data, "7");
}

struct Race {
  task<int> run() {
    std::vector<task<int>> all;
    for (int i = 1; i <= 3; ++i) all.push_back(one(i));
    co_return co_await workflow::race(std::move(all));
  }
  task<int> one(int i) {
    co_await workflow::sleep(std::chrono::seconds(i));
    co_return i;
  }
  using handlers = define<entry<&Race::run, "race">>;
};

TEST(Waiting, ARaceCancelsTheOthers) {
  auto run = ScriptedRun::Of<Race>();
  EXPECT_EQ(Kinds(run.Start()), "timer timer timer");
  const Completion done = run.Fire(2);
  EXPECT_EQ(Kinds(done), "cancel-timer cancel-timer complete");
  EXPECT_EQ(ResultOf<int>(done), 2);
}

struct Limits {
  task<std::string> run() {
    const bool met = co_await workflow::until_for(10s, [this] { return go; });
    std::string text = met ? "met" : "late";
    try {
      co_await workflow::with_timeout(5s, never());
    } catch (const TimeoutError&) {
      text += " timeout";
    }
    co_return text;
  }
  task<void> never() {
    co_await workflow::until([] { return false; });
  }
  void start() { go = true; }
  bool go = false;
  using handlers = define<entry<&Limits::run, "limits">, signal<&Limits::start>>;
};

TEST(Waiting, ConditionsAndWorkWithALimit) {
  auto run = ScriptedRun::Of<Limits>();
  EXPECT_EQ(Kinds(run.Start()), "timer");
  EXPECT_EQ(Kinds(run.Signal("start")), "cancel-timer timer");
  EXPECT_EQ(ResultOf<std::string>(run.Fire(2)), "met timeout");
  auto late = ScriptedRun::Of<Limits>();
  late.Start();
  EXPECT_EQ(Kinds(late.Fire(1)), "timer");
  EXPECT_EQ(ResultOf<std::string>(late.Fire(2)), "late timeout");
}

struct Locked {
  task<std::string> run() {
    std::vector<handle<void>> all;
    for (int i = 0; i < 3; ++i) all.push_back(workflow::spawn(one(i)));
    co_await workflow::all(std::move(all));
    std::string text;
    while (out.size() > 0) text += std::to_string(*co_await out.pop());
    co_return text;
  }
  task<void> one(int i) {
    auto permit = co_await lock.lock();
    co_await workflow::sleep(1s);
    EXPECT_EQ(inside++, 0);
    --inside;
    co_await out.push(i);
  }
  workflow::mutex lock;
  workflow::channel<int> out;
  int inside = 0;
  using handlers = define<entry<&Locked::run, "locked">>;
};

TEST(Waiting, AMutexServesInOrder) {
  auto run = ScriptedRun::Of<Locked>();
  EXPECT_EQ(Kinds(run.Start()), "timer");
  EXPECT_EQ(Kinds(run.Fire(1)), "timer");
  EXPECT_EQ(Kinds(run.Fire(2)), "timer");
  EXPECT_EQ(ResultOf<std::string>(run.Fire(3)), "012");
}

struct Undo {
  task<void> run(Receipt receipt) {
    saga undo;
    undo.undo<&refund>({.start_to_close = 1s}, receipt);
    undo.undo<&ship>({.start_to_close = 1s}, "back", 1);
    std::exception_ptr failure;
    try {
      co_await workflow::activity<&ship>("there", 1, {.start_to_close = 1s});
    } catch (const ActivityError&) {
      failure = std::current_exception();
    }
    if (failure) {
      co_await undo.compensate();
      std::rethrow_exception(failure);
    }
  }
  using handlers = define<entry<&Undo::run, "undo">>;
};

TEST(Saga, UndoesInReverse) {
  auto run = ScriptedRun::Of<Undo>();
  run.Start(Receipt{"r", 1});
  Failure failure;
  failure.info = ActivityFailureInfo{};
  failure.cause = ApplicationError("no ship").failure_ptr();
  ResolveActivityJob job{1, FailedResult{std::make_shared<const Failure>(failure)}, false};
  const Completion first = run.Do(std::move(job));
  EXPECT_EQ(Get<ScheduleActivityCommand>(first).activity_type, "ship");
  const Completion second = run.Resolve(2, nullptr);
  EXPECT_EQ(Get<ScheduleActivityCommand>(second).activity_type, "refund");
  EXPECT_EQ(Kinds(run.Resolve(3, nullptr)), "fail");
}

struct Guard {
  std::string* log;
  const char* name;
  ~Guard() {
    *log += name;
    // Nothing of this may reach the server, nor throw.
    workflow::upsert_memo("closed", true);
    workflow::timer(1s).detach();
  }
};
std::string destroyed;
struct Nested {
  task<void> run() {
    Guard guard{&destroyed, "outer "};
    auto beside = workflow::spawn(inner("beside "));
    co_await inner("inner ");
    co_await beside;
  }
  task<void> inner(const char* name) {
    Guard guard{&destroyed, name};
    co_await workflow::sleep(1h);
  }
  using handlers = define<entry<&Nested::run, "nested">>;
};

TEST(Eviction, DestroysFramesAndCommandsNothing) {
  destroyed.clear();
  auto run = ScriptedRun::Of<Nested>();
  EXPECT_EQ(Kinds(run.Start()), "timer timer");
  EXPECT_LT(run.memory_bytes(), 8192);
  run.Evict();
  EXPECT_EQ(destroyed, "beside inner outer ");
}

struct Odd {
  task<int> run(int how) {
    if (how == 0) throw std::runtime_error("bug");
    if (how == 1) throw ApplicationError("failed", {.type = "Odd"});
    if (how == 2) workflow::continue_as_new<&Odd::run>(7);
    if (how == 3) throw 5;
    co_return static_cast<int>(workflow::random()() % 100);
  }
  using handlers = define<entry<&Odd::run, "odd">>;
};

TEST(R51Failures, EachExceptionMeansItsOwn) {
  EXPECT_EQ(Kinds(ScriptedRun::Of<Odd>().Start(0)), "!bug");
  EXPECT_EQ(Kinds(ScriptedRun::Of<Odd>().Start(1)), "fail");
  const Completion continued = ScriptedRun::Of<Odd>().Start(2);
  EXPECT_EQ(Get<ContinueAsNewCommand>(continued).input.at(0).data, "7");
  EXPECT_EQ(Kinds(ScriptedRun::Of<Odd>().Start(3)),
            "!something was thrown that is no std::exception");
  EXPECT_EQ(ResultOf<int>(ScriptedRun::Of<Odd>().Start(4)),
            ResultOf<int>(ScriptedRun::Of<Odd>().Start(4)));
}

struct Counts {
  task<int> run(int n) { co_return done + n; }
  int done = 0;
  using handlers = define<entry<&Counts::run>>;
};
class Begins {
 public:
  explicit Begins(std::string name) : seen_(name + " first") {}
  task<std::string> run(std::string name) { co_return seen_ + ", then " + name; }
  using handlers = define<entry<&Begins::run>>;

 private:
  std::string seen_;
};

TEST(Construction, GivesTheInputToAConstructorButNotToFields) {
  EXPECT_EQ(ResultOf<int>(ScriptedRun::Of<Counts>().Start(3)), 3);
  EXPECT_EQ(ResultOf<std::string>(ScriptedRun::Of<Begins>().Start("n")), "n first, then n");
}

TEST(Outside, NothingWorks) {
  EXPECT_THROW(workflow::now(), WorkflowContextError);
  EXPECT_THROW(static_cast<void>(workflow::sleep(1s)), WorkflowContextError);
}

}  // namespace perdure::detail::workflow_test
