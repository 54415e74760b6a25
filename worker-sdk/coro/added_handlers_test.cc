// Handlers that a workflow adds while it runs, and what a run shows of itself.
#include "perdure/added_handlers.h"

#include <gtest/gtest.h>

#include "perdure/interceptor.h"
#include "perdure/json.h"
#include "worker-sdk/coro/scripted_run.h"

namespace perdure::detail {
namespace {

using namespace std::chrono_literals;

struct Adding {
  Adding() {
    workflow::on_update("early", [](int n) { return n + 1; });
  }
  task<std::string> run(std::string name) {
    co_await workflow::until([this] { return told > 0; });
    workflow::on_signal(name, [this, name](std::string text) { said += name + text; });
    workflow::on_query("said", [this] { return said; });
    workflow::on_update(
        "double", [this](int n) { return add(n); },
        [](int n) {
          if (n < 0) throw ApplicationError("negative");
        });
    co_await workflow::until([this] { return told > 1; });
    workflow::on_signal(name, [this](std::string text) { said += "new" + text; });
    co_await workflow::until([this] { return told > 2; });
    co_return said;
  }
  task<int> add(int n) {
    co_await workflow::sleep(1s);
    said += std::to_string(n);
    co_return 2 * n;
  }
  void tell() { ++told; }
  std::string said;
  int told = 0;
  using handlers = define<entry<&Adding::run>, signal<&Adding::tell>>;
};

class AddedHandlers : public ::testing::Test {
 protected:
  ScriptedRun run_ = ScriptedRun::Of<Adding>();
};

TEST_F(AddedHandlers, GetTheSignalsThatCameBeforeThemInOrder) {
  run_.Start("late");
  run_.Signal("late", "1");
  run_.Signal("other", "x");
  run_.Signal("late", "2");
  ASSERT_EQ(run_.lines().size(), 3u);
  EXPECT_NE(run_.lines()[0].find("kept until a handler is added: late"), std::string::npos);
  run_.Signal("tell");
  EXPECT_EQ(run_.Query<std::string>("said"), "late1late2");
  run_.Signal("late", "3");
  EXPECT_EQ(run_.Query<std::string>("said"), "late1late2late3");
}

TEST_F(AddedHandlers, ASignalOfTheFirstTaskIsKeptToo) {
  StartWorkflowJob start;
  start.input = EncodeValues(std::string("late"));
  SignalWorkflowJob late{"late", EncodeValues(std::string("0")), "", {}};
  SignalWorkflowJob tell{"tell", {}, "", {}};
  run_.Do(std::move(start), std::move(late), std::move(tell));
  EXPECT_EQ(run_.Query<std::string>("said"), "late0");
}

TEST_F(AddedHandlers, ALaterOneHidesAnEarlierOne) {
  run_.Start("late");
  run_.Signal("tell");
  run_.Signal("tell");
  run_.Signal("late", "1");
  EXPECT_EQ(run_.Query<std::string>("said"), "new1");
}

TEST_F(AddedHandlers, UpdatesWaitAndAreValidated) {
  run_.Start("late");
  EXPECT_EQ(Kinds(run_.Update("u0", "double", 4)), "reject");
  run_.Signal("tell");
  EXPECT_EQ(Kinds(run_.Update("u1", "double", -4)), "reject");
  EXPECT_EQ(Kinds(run_.Update("u2", "double", 4)), "accept timer");
  EXPECT_EQ(Kinds(run_.Fire(1)), "update-done");
}

TEST_F(AddedHandlers, OfTheConstructorAreThereForTheFirstTask) {
  StartWorkflowJob start;
  start.input = EncodeValues(std::string("late"));
  DoUpdateJob update;
  update.id = update.protocol_instance_id = "u";
  update.name = "early";
  update.input = EncodeValues(1);
  EXPECT_EQ(Kinds(run_.Do(std::move(start), std::move(update))), "accept update-done");
}

TEST_F(AddedHandlers, DropASignalThatCannotBeRead) {
  run_.Start("late");
  run_.Signal("tell");
  EXPECT_EQ(Kinds(run_.Signal("late", 7)), "");
  EXPECT_NE(run_.lines().back().find("dropped a signal late"), std::string::npos);
}

struct AtOnce {
  task<void> run() {
    workflow::on_update("now", [](int n) { return n + 1; });
    co_await workflow::until([] { return false; });
  }
  using handlers = define<entry<&AtOnce::run>>;
};
TEST_F(AddedHandlers, OfTheMainFunctionAreThereForTheFirstTask) {
  ScriptedRun run = ScriptedRun::Of<AtOnce>();
  const auto update = [](const char* name) {
    DoUpdateJob job;
    job.id = job.protocol_instance_id = name;
    job.name = name;
    job.input = EncodeValues(1);
    return job;
  };
  const Completion done = run.Do(StartWorkflowJob(), update("now"), update("never"));
  EXPECT_EQ(Kinds(done), "accept update-done reject");
}

struct Forbidden {
  task<void> run() {
    co_await workflow::until([] { return false; });
  }
  int ask() const {
    workflow::on_query("more", [] { return 1; });
    return 1;
  }
  using handlers = define<entry<&Forbidden::run>, query<&Forbidden::ask>>;
};
TEST_F(AddedHandlers, AreNotAddedByQueries) {
  ScriptedRun run = ScriptedRun::Of<Forbidden>();
  run.Start();
  EXPECT_THROW(run.Query<int>("ask"), FailureError);
}

// ---- What a run shows ----

struct Definition {
  std::string name;
};
struct Definitions {
  std::string type;
  std::vector<Definition> queryDefinitions, signalDefinitions, updateDefinitions;
};
struct Metadata {
  Definitions definition;
};

TEST_F(AddedHandlers, AreShownInTheMetadata) {
  run_.Start("late");
  run_.Signal("tell");
  run_.Signal("tell");
  const auto shown =
      decode<Metadata>(
          Payload{"json/plain", run_.QueryPayload("__temporal_workflow_metadata").data})
          .definition;
  ASSERT_EQ(shown.signalDefinitions.size(), 2u);
  EXPECT_EQ(shown.signalDefinitions[1].name, "late");
  ASSERT_EQ(shown.queryDefinitions.size(), 1u);
  EXPECT_EQ(shown.queryDefinitions[0].name, "said");
  ASSERT_EQ(shown.updateDefinitions.size(), 2u);
}

struct Location {
  std::string filePath;
  int line = 0;
  std::string functionName;
  bool internalCode = false;
};
struct Stack {
  std::vector<Location> locations;
};
struct Sdk {
  std::string name, version;
};
struct EnhancedStackTrace {
  Sdk sdk;
  std::vector<Stack> stacks;
};

TEST_F(AddedHandlers, TheEnhancedStackTraceHasEachWaitingCoroutine) {
  run_.Start("late");
  run_.Signal("tell");
  run_.Update("u", "double", 4);
  const Payload payload = run_.QueryPayload("__enhanced_stack_trace");
  EXPECT_EQ(payload.metadata.at(0).second, "temporal.api.sdk.v1.EnhancedStackTrace");
  const auto trace = decode<EnhancedStackTrace>(Payload{"json/plain", payload.data});
  EXPECT_EQ(trace.sdk.name, "perdure-cpp");
  ASSERT_EQ(trace.stacks.size(), 2u);
  const auto has = [&](const Stack& stack, std::string_view function) {
    for (const Location& one : stack.locations) {
      if (!one.internalCode && one.functionName.find(function) != std::string::npos)
        return one.line > 0 && one.filePath.ends_with("added_handlers_test.cc");
    }
    return false;
  };
  EXPECT_TRUE(has(trace.stacks[0], "run")) << payload.data;
  EXPECT_TRUE(has(trace.stacks[1], "add")) << payload.data;
}

class Passing : public WorkerInterceptor {
 public:
  std::unique_ptr<WorkflowInterceptor> intercept_workflow() override {
    return std::make_unique<WorkflowInterceptor>();
  }
};

struct Keeping {
  task<void> run() {
    workflow::on_update("sum", [kept = std::vector<int>{1, 2, 3}](int n) {
      return static_cast<int>(kept.size()) + n;
    });
    co_await workflow::until([] { return false; });
  }
  using handlers = define<entry<&Keeping::run>>;
};

TEST(AddedUpdates, RunOnTheirOwnObjectBehindInterceptors) {
  auto run = ScriptedRun::Of<Keeping>({std::make_shared<Passing>()});
  run.Start();
  const Completion done = run.Update("u", "sum", 4);
  ASSERT_EQ(Kinds(done), "accept update-done");
  const auto& update = std::get<UpdateCompletedCommand>(done.commands[1]);
  EXPECT_EQ(std::get<Payloads>(update.outcome).at(0).data, "7");
}

}  // namespace
}  // namespace perdure::detail
