// What handlers are given: inputs as they are where they take such, and errors that name their
// place.
#include <gtest/gtest.h>

#include "perdure/detail/client_arguments.h"
#include "perdure/workflow.h"
#include "worker-sdk/coro/scripted_run.h"

namespace perdure::detail {
namespace {

struct Raw {
  task<void> run(Payloads inputs) {
    if (inputs.empty()) workflow::continue_as_new<&Raw::run>(Two());
    auto child = workflow::child<&Raw::run>(inputs, {.id = "c"});
    auto named = workflow::child_by_name("Other", {.id = "d"}, inputs);
    auto signaled = workflow::external("e").signal<&Raw::tell>(inputs);
    auto by_name = workflow::external("e").signal_by_name("tell", inputs);
    co_await child;
    co_await named;
    co_await signaled;
    co_await by_name;
  }
  void tell(Payloads) {}
  int ask(Payloads) const { return 0; }
  static Payloads Two() { return {encode(1), encode(std::string("two"))}; }
  using handlers = define<entry<&Raw::run>, signal<&Raw::tell>, query<&Raw::ask>>;
};

TEST(RawInputs, GoOnAsTheyAre) {
  auto run = ScriptedRun::Of<Raw>();
  const Completion started = run.Start(1, "two");
  ASSERT_EQ(Kinds(started), "child child signal signal");
  for (const Command& command : started.commands) {
    const auto* child = std::get_if<StartChildCommand>(&command);
    EXPECT_EQ(child ? child->input : std::get<SignalExternalCommand>(command).input, Raw::Two());
  }
  EXPECT_EQ(encode_arguments<&Raw::run>(Raw::Two()), Raw::Two());
  EXPECT_EQ(encode_arguments<&Raw::ask>(Raw::Two()), Raw::Two());
  EXPECT_EQ(encode_untyped_inputs(Raw::Two()), Raw::Two());
  EXPECT_EQ(encode_untyped_inputs(Raw::Two(), 1).size(), 2u);
}

TEST(RawInputs, ContinueAsNewUnderTheTypeThatTheRunHas) {
  auto run = ScriptedRun::Of<Raw>();
  StartWorkflowJob start;
  start.info.workflow_type = "whatever";
  const Completion continued = run.Do(std::move(start));
  ASSERT_EQ(Kinds(continued), "continue");
  const auto& command = std::get<ContinueAsNewCommand>(continued.commands[0]);
  EXPECT_EQ(command.workflow_type, "whatever");
  EXPECT_EQ(command.input, Raw::Two());
}

struct GoesOn {
  task<void> run(std::string type) {
    workflow::continue_as_new_by_name(type, {.task_queue = "elsewhere"}, 1, "two");
    co_return;
  }
  using handlers = define<entry<&GoesOn::run>>;
};

TEST(ContinueAsNewByName, IsOfTheTypeThatIsGivenWithAnyInputs) {
  for (const char* type : {"Other", "GoesOn", ""}) {
    auto run = ScriptedRun::Of<GoesOn>();
    StartWorkflowJob start;
    start.info.workflow_type = "whatever";
    start.input = EncodeValues(type);
    const Completion continued = run.Do(std::move(start));
    ASSERT_EQ(Kinds(continued), "continue");
    const auto& command = std::get<ContinueAsNewCommand>(continued.commands[0]);
    EXPECT_EQ(command.workflow_type, type);
    EXPECT_EQ(command.task_queue, "elsewhere");
    EXPECT_EQ(command.input, Raw::Two());
  }
}

struct Two {
  task<void> run(int, std::string) {
    co_await workflow::until([] { return false; });
  }
  void tell(int) {}
  int ask(std::string) const { return 0; }
  int change(int, int) { return 0; }
  Two() {
    workflow::on_update("added", [](int n) { return n; });
  }
  using handlers =
      define<entry<&Two::run>, signal<&Two::tell>, query<&Two::ask>, update<&Two::change>>;
};

TEST(DecodeErrors, NameTheArgumentAndWhoseItIs) {
  EXPECT_EQ(Kinds(ScriptedRun::Of<Two>().Start(1, 2)),
            "!argument 2 of Two: cannot convert $: a string was expected, not a number");
  auto run = ScriptedRun::Of<Two>();
  run.Start(1, "two");
  const auto refused = [&](const char* name, auto... inputs) {
    const Completion completion = run.Update("u", name, inputs...);
    return std::get<UpdateRejectedCommand>(completion.commands.at(0)).failure->message;
  };
  EXPECT_EQ(refused("change", 1, "two").find("argument 2 of change: cannot convert $: "), 0u);
  EXPECT_EQ(refused("added", "two").find("argument 1 of added: cannot convert $: "), 0u);
  run.Signal("tell", "x");
  EXPECT_NE(run.lines().back().find("argument 1 of tell: cannot convert $: "), std::string::npos);
  QueryJob job;
  job.name = "ask";
  job.input = EncodeValues(5);
  const Completion answered = run.Do(std::move(job));
  const auto& answer = std::get<QueryResultCommand>(answered.commands.at(0));
  EXPECT_EQ(std::get<FailurePtr>(answer.outcome)->message.find("argument 1 of ask: "), 0u);
}

}  // namespace
}  // namespace perdure::detail
