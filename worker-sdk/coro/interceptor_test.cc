// Interceptors of workflows, and what travels along.
#include "perdure/interceptor.h"

#include <gtest/gtest.h>

#include "perdure/context_propagator.h"
#include "worker-sdk/coro/scripted_run.h"

namespace perdure::detail {
namespace {

using namespace std::chrono_literals;

std::string echo(std::string text) { return text; }

struct Order {
  task<std::string> run(std::string name) {
    const handle<void> wait = workflow::timer(1h);
    std::string said = co_await workflow::activity<&echo>(name, {.start_to_close = 10s});
    co_await workflow::until([this] { return closed; });
    wait.cancel();
    wait.detach();
    if (said == "again") workflow::continue_as_new<&Order::run>(name);
    co_return said;
  }
  void note(std::string text) { notes += text; }
  task<int> add(int n) {
    co_await workflow::local_activity<&echo>("x", {.start_to_close = 1s});
    co_return n;
  }
  void check(int n) const {
    if (n < 0) throw ApplicationError("negative");
  }
  std::string all() const { return notes; }
  void close() { closed = true; }
  std::string notes;
  bool closed = false;
  using handlers = define<entry<&Order::run>, signal<&Order::note>, signal<&Order::close>,
                          update<&Order::add, &Order::check>, query<&Order::all>>;
};

// Writes down what it sees, and marks what goes in, out and back.
class Marking final : public WorkflowInterceptor {
 public:
  Marking(std::string* log, char mark) : log_(*log), mark_(mark) {}

  task<Payloads> execute_workflow(ExecuteWorkflowInput input, WorkflowInbound& next) override {
    Say("run");
    Payloads args = {encode(decode<std::string>(input.args.at(0)) + mark_)};
    input.args = std::move(args);
    Payloads result = co_await next.execute_workflow(std::move(input));
    Say("ran");
    Payloads marked;
    marked.push_back(encode(decode<std::string>(result.at(0)) + mark_));
    co_return marked;
  }
  task<void> handle_signal(HandleSignalInput input, WorkflowInbound& next) override {
    Say("signal");
    co_await next.handle_signal(std::move(input));
    Say("signaled");
  }
  Payloads handle_query(HandleQueryInput input, WorkflowInbound& next) override {
    Say("query");
    return next.handle_query(std::move(input));
  }
  void validate_update(HandleUpdateInput input, WorkflowInbound& next) override {
    Say("check");
    next.validate_update(std::move(input));
  }
  task<Payloads> handle_update(HandleUpdateInput input, WorkflowInbound& next) override {
    Say("update");
    Payloads result = co_await next.handle_update(std::move(input));
    Say("updated");
    co_return result;
  }
  void start_activity(StartActivityInput& input) override { Mark("activity", &input.headers); }
  void start_local_activity(StartLocalActivityInput& input) override {
    Mark("local", &input.headers);
  }
  void start_child(StartChildInput& input) override {
    Mark("child", &input.headers);
    input.workflow_id += mark_;
  }
  void signal_external(SignalExternalInput& input) override { Mark("external", &input.headers); }
  void continue_as_new(ContinueAsNewInput& input) override { Mark("continue", &input.headers); }
  void start_timer(StartTimerInput& input) override {
    Say("timer");
    input.metadata.summary += mark_;
  }

 private:
  void Say(std::string_view what) { log_ += std::string(what) + mark_ + ' '; }
  void Mark(std::string_view what, PayloadMap* headers) {
    Say(what);
    Payload& header = (*headers)["mark"];
    header.data += mark_;
  }
  std::string& log_;
  const char mark_;
};
class Marks final : public WorkerInterceptor {
 public:
  Marks(std::string* log, char mark) : log_(log), mark_(mark) {}
  std::unique_ptr<WorkflowInterceptor> intercept_workflow() override {
    return std::make_unique<Marking>(log_, mark_);
  }

 private:
  std::string* const log_;
  const char mark_;
};

class Interceptors : public ::testing::Test {
 protected:
  std::string Log() { return std::exchange(log_, {}); }
  template <class C>
  static const C& At(const Completion& completion, std::size_t index) {
    return std::get<C>(completion.commands.at(index));
  }
  std::string log_;
  ScriptedRun run_ = ScriptedRun::Of<Order>(
      {std::make_shared<Marks>(&log_, 'a'), std::make_shared<Marks>(&log_, 'b')});
};

TEST_F(Interceptors, StandAroundTheMainFunctionTheFirstOutermost) {
  Completion started = run_.Start("in");
  EXPECT_EQ(Log(), "runa runb timera timerb activitya activityb ");
  EXPECT_EQ(At<StartTimerCommand>(started, 0).metadata.summary, "ab");
  const auto& activity = At<ScheduleActivityCommand>(started, 1);
  EXPECT_EQ(decode<std::string>(activity.input.at(0)), "inab");
  EXPECT_EQ(activity.headers.at("mark").data, "ab");
  run_.Resolve(2, "out");
  Completion done = run_.Signal("close");
  EXPECT_EQ(Log(), "signala signalb signaledb signaleda ranb rana ");
  EXPECT_EQ(decode<std::string>(At<CompleteWorkflowCommand>(done, 1).result.at(0)), "outba");
}

TEST_F(Interceptors, SeeSignalsQueriesAndUpdates) {
  run_.Start("in");
  Log();
  run_.Signal("note", "x");
  EXPECT_EQ(Log(), "signala signalb signaledb signaleda ");
  EXPECT_EQ(run_.Query<std::string>("all"), "x");
  EXPECT_EQ(Log(), "querya queryb ");
  Completion refused = run_.Update("u1", "add", -1);
  EXPECT_EQ(Kinds(refused), "reject");
  EXPECT_EQ(Log(), "checka checkb ");
  Completion accepted = run_.Update("u2", "add", 1);
  EXPECT_EQ(Kinds(accepted), "accept local");
  EXPECT_EQ(Log(), "checka checkb updatea updateb locala localb ");
}

TEST_F(Interceptors, AnUpdatesInputThatCannotBeReadIsRefused) {
  run_.Start("in");
  EXPECT_EQ(Kinds(run_.Update("u", "add", "no number")), "reject");
}

TEST_F(Interceptors, ASignalsInputThatCannotBeReadIsDropped) {
  run_.Start("in");
  EXPECT_EQ(Kinds(run_.Signal("note", 7)), "");
  ASSERT_EQ(run_.lines().size(), 1u);
  EXPECT_NE(run_.lines()[0].find("dropped a signal note"), std::string::npos) << run_.lines()[0];
}

TEST_F(Interceptors, SeeContinueAsNew) {
  run_.Start("in");
  run_.Resolve(2, "again");
  Log();
  Completion done = run_.Signal("close");
  EXPECT_EQ(Log(), "signala signalb signaledb signaleda continuea continueb ");
  EXPECT_EQ(At<ContinueAsNewCommand>(done, 1).headers.at("mark").data, "ab");
}

TEST_F(Interceptors, AreMadeAnewAndDoTheSameInAReplay) {
  const Completion first = run_.Start("in");
  ScriptedRun again = ScriptedRun::Of<Order>(
      {std::make_shared<Marks>(&log_, 'a'), std::make_shared<Marks>(&log_, 'b')});
  again.replaying = true;
  const Completion second = again.Start("in");
  EXPECT_EQ(Kinds(first), Kinds(second));
  EXPECT_EQ(At<ScheduleActivityCommand>(second, 1).headers.at("mark").data, "ab");
}

struct Starter {
  task<std::string> run(std::string) {
    auto kid = workflow::child<&Order::run>("x", {.id = "kid"});
    co_await kid.signal<&Order::note>("hi");
    co_return kid.id();
  }
  using handlers = define<entry<&Starter::run>>;
};

TEST_F(Interceptors, MayNameAChildAndMarkSignals) {
  ScriptedRun run = ScriptedRun::Of<Starter>({std::make_shared<Marks>(&log_, 'a')});
  Completion started;
  EXPECT_NO_THROW(started = run.Start("in"));
  EXPECT_EQ(Kinds(started), "child signal");
  EXPECT_EQ(At<StartChildCommand>(started, 0).workflow_id, "kida");
  EXPECT_EQ(At<SignalExternalCommand>(started, 1).workflow_id, "kida");
  EXPECT_EQ(At<SignalExternalCommand>(started, 1).headers.at("mark").data, "a");
  EXPECT_EQ(decode<std::string>(
                At<CompleteWorkflowCommand>(run.Do(ResolveSignalExternalJob{2, nullptr}), 0)
                    .result.at(0)),
            "kidaa");
}

struct Refusing final : WorkflowInterceptor, WorkerInterceptor {
  void start_activity(StartActivityInput& input) override {
    throw ApplicationError("no " + input.activity_type);
  }
  std::unique_ptr<WorkflowInterceptor> intercept_workflow() override {
    return std::make_unique<Refusing>();
  }
};

TEST_F(Interceptors, WhatTheyThrowComesOutOfTheCall) {
  ScriptedRun run = ScriptedRun::Of<Order>({std::make_shared<Refusing>()});
  const Completion started = run.Start("in");
  EXPECT_EQ(Kinds(started), "timer fail");
  EXPECT_EQ(At<FailWorkflowCommand>(started, 1).failure->message, "no echo");
}

// ---- What travels along ----

struct Traveler {
  task<std::string> run() {
    workflow::activity<&echo>("main", {.start_to_close = 1s}).detach();
    co_await workflow::until([this] { return closed; });
    workflow::activity<&echo>("end", {.start_to_close = 1s}).detach();
    co_return workflow::propagated<std::string>("tenant").value_or("none");
  }
  task<void> note(std::string) {
    workflow::activity<&echo>("note", {.start_to_close = 1s}).detach();
    co_await workflow::sleep(1s);
    workflow::activity<&echo>("later", {.start_to_close = 1s}).detach();
  }
  void change() {
    workflow::propagate("tenant", "other");
    workflow::activity<&echo>("changed", {.start_to_close = 1s}).detach();
  }
  // Leaves something behind that outlives it.
  void leave() { workflow::spawn(behind()).detach(); }
  task<void> behind() {
    co_await workflow::sleep(1s);
    workflow::activity<&echo>("behind", {.start_to_close = 1s}).detach();
  }
  std::string tenant() const {
    return workflow::propagated<std::string>("tenant").value_or("none");
  }
  void close() { closed = true; }
  bool closed = false;
  using handlers =
      define<entry<&Traveler::run>, signal<&Traveler::note>, signal<&Traveler::change>,
             signal<&Traveler::leave>, signal<&Traveler::close>, query<&Traveler::tenant>>;
};

class Propagation : public ::testing::Test {
 protected:
  static std::string TenantOf(const Completion& completion, std::size_t index) {
    const auto& headers = std::get<ScheduleActivityCommand>(completion.commands.at(index)).headers;
    const auto found = headers.find("tenant");
    return found == headers.end() ? "none" : decode<std::string>(found->second);
  }
  void Send(const char* tenant) {
    run_.headers = {{"tenant", encode(tenant)}, {"other", encode(1)}};
  }
  ScriptedRun run_ = ScriptedRun::Of<Traveler>({}, {"tenant"});
};

TEST_F(Propagation, OfTheWorkflowsStartGoesWithWhatItStarts) {
  Send("acme");
  const Completion started = run_.Start();
  EXPECT_EQ(TenantOf(started, 0), "acme");
  EXPECT_EQ(std::get<ScheduleActivityCommand>(started.commands[0]).headers.size(), 1u);
  run_.headers.clear();
  const Completion done = run_.Signal("close");
  EXPECT_EQ(TenantOf(done, 0), "acme");
}

TEST_F(Propagation, AHandlerHasItsOwnValuesForAsLongAsItRuns) {
  Send("acme");
  run_.Start();
  Send("visitor");
  EXPECT_EQ(TenantOf(run_.Signal("note", "x"), 1 - 1), "visitor");
  run_.headers.clear();
  EXPECT_EQ(TenantOf(run_.Signal("note", "x"), 0), "acme");
  EXPECT_EQ(TenantOf(run_.Fire(3), 0), "visitor");
  EXPECT_EQ(TenantOf(run_.Signal("close"), 0), "acme");
}

TEST_F(Propagation, WhatAHandlerLeavesBehindKeepsItsValues) {
  Send("acme");
  run_.Start();
  Send("visitor");
  run_.Signal("leave");
  EXPECT_EQ(TenantOf(run_.Fire(2), 0), "visitor");
}

TEST_F(Propagation, WorkflowCodeMayChangeThem) {
  Send("acme");
  run_.Start();
  EXPECT_EQ(TenantOf(run_.Signal("change"), 0), "other");
  EXPECT_EQ(TenantOf(run_.Signal("close"), 0), "acme");
}

TEST_F(Propagation, AQuerySeesItsOwn) {
  Send("acme");
  run_.Start();
  EXPECT_EQ(run_.Query<std::string>("tenant"), "acme");
  Send("reader");
  EXPECT_EQ(run_.Query<std::string>("tenant"), "reader");
  run_.headers.clear();
  EXPECT_EQ(run_.Query<std::string>("tenant"), "acme");
}

}  // namespace
}  // namespace perdure::detail
