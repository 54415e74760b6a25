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

}  // namespace
}  // namespace perdure::detail
